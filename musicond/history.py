"""The history, where it is switched on: minutes of each mood and day, a small file for each month."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections import defaultdict, deque
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from musicond.core.models import Mood, Watching
from musicond.errors import ListError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from musicond.core.outcome import Outcome

log = logging.getLogger(__name__)

FOLDER = "history"
FLUSH_S = 900.0
"""For so long minutes may wait to be stored."""
LONGEST_TURN_S = 10.0
"""Between two outcomes; what is longer was no watching."""
FILE = re.compile(r"^\d{4}-\d{2}\.json$")

Days = dict[str, dict[str, float]]
"""By day (YYYY-MM-DD) and mood: minutes."""


class HistoryBook:
    """The files; for one thread at a time. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def days(self) -> Days:
        """Return all that is kept, in the order of days."""
        found: Days = {}
        for file in self._files():
            found.update(self._month(file))
        return dict(sorted(found.items()))

    def add(self, minutes: Mapping[tuple[str, str], float], oldest: date) -> None:
        """Add minutes by day and mood, and drop days before `oldest`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        months: dict[str, Days] = defaultdict(dict)
        for (day, mood), more in minutes.items():
            month = months[day[:7]] = months[day[:7]] or self._month(self._folder / f"{day[:7]}.json")
            moods = month.setdefault(day, {})
            moods[mood] = round(moods.get(mood, 0.0) + more, 2)
        for name, days in months.items():
            self._write(self._folder / f"{name}.json", days)
        for file in self._files():
            if file.stem <= oldest.isoformat()[:7]:
                self._prune(file, oldest)

    def delete(self) -> int:
        """Delete everything; return how many days it was."""
        count = len(self.days())
        for file in [*self._files(), *self._folder.glob("*.damaged")]:
            file.unlink()
        if self._folder.exists():
            self._folder.rmdir()
        return count

    def _files(self) -> list[Path]:
        return sorted(each for each in self._folder.glob("*.json") if FILE.match(each.name))

    def _month(self, file: Path) -> Days:
        try:
            found = json.loads(file.read_text("utf-8"))
            return {
                date.fromisoformat(day).isoformat(): {Mood(mood).value: float(each) for mood, each in moods.items()}
                for day, moods in found.items()
            }
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, TypeError):
            log.warning("%s was damaged; it is kept as %s.damaged", file, file.stem)
            file.replace(file.with_suffix(".damaged"))
            return {}

    def _prune(self, file: Path, oldest: date) -> None:
        days = self._month(file)
        kept = {day: moods for day, moods in days.items() if day >= oldest.isoformat()}
        if not kept:
            file.unlink(missing_ok=True)
        elif len(kept) < len(days):
            self._write(file, kept)

    def _write(self, file: Path, days: Days) -> None:
        new = file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as out:
            json.dump(days, out, sort_keys=True, indent=0)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)


class HistoryOutput:
    """Counts; implements core.ports.Output. `tick` and `do` belong to the thread `jobs`."""

    name = "history"

    def __init__(self, book: HistoryBook, keep_days: int) -> None:
        self._book, self._keep_days = book, keep_days
        self._last: Outcome | None = None
        self._counted: deque[tuple[tuple[str, str], float]] = deque()
        """From the watch loop to whoever flushes; day and mood, minutes."""
        self._flushed_at = time.monotonic()
        self._trouble: str | None = None

    def start(self) -> None:
        """Nothing to start."""

    def accept(self, outcome: Outcome) -> None:
        """Count the time since the outcome before for its mood."""
        last, self._last = self._last, outcome
        if last is None or last.watching is not Watching.YES or last.mood is Mood.NOBODY:
            return
        seconds = outcome.captured_at - last.captured_at
        if 0 < seconds <= LONGEST_TURN_S:
            key = (last.wall_time.date().isoformat(), last.mood.value)
            self._counted.append((key, seconds / 60))

    def tick(self) -> None:
        """Store what has waited for FLUSH_S."""
        if time.monotonic() - self._flushed_at >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Store what waits; what can't be stored goes on waiting."""
        self._flushed_at = time.monotonic()
        taken: dict[tuple[str, str], float] = defaultdict(float)
        for _ in range(len(self._counted)):
            key, minutes = self._counted.popleft()
            taken[key] += minutes
        if not taken:
            return
        newest = date.fromisoformat(max(day for day, _ in taken))
        try:
            self._book.add(taken, newest - timedelta(days=self._keep_days - 1))
            self._trouble = None
        except OSError as fault:
            self._counted.extend(taken.items())
            if self._trouble is None:
                log.warning("the history can't be stored (%s); make room on the disk", fault.strerror)
            self._trouble = str(fault.strerror)

    def forget(self) -> None:
        """Drop what waits."""
        self._counted.clear()

    def status(self) -> str:
        """Return one plain line."""
        return f"not stored: {self._trouble}" if self._trouble else f"kept for {self._keep_days} days"

    def stop(self) -> None:
        """Store what waits."""
        self.flush()


def do(book: HistoryBook, output: HistoryOutput | None, action: str, _: Mapping[str, Any]) -> dict[str, object]:
    """Do what the command line asks: days or delete; raise ListError for anything else, OSError."""
    if action == "days":
        if output is not None:
            output.flush()
        return {"days": book.days()}
    if action == "delete":
        if output is not None:
            output.forget()
        return {"deleted": book.delete()}
    raise ListError(f"there is no action {action!r}; give days or delete")
