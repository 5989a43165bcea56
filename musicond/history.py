"""The history: minutes of each mood and day, in one small file a month."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from musicond.core.models import Mood, Watching
from musicond.core.outcome import Outcome
from musicond.core.ports import Output
from musicond.errors import ListError, bounded_number, counted
from musicond.runtime.json_file import DamagedFileError, JsonFile, delete_file, sync_folder
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

FOLDER = "history"
FLUSH_S = 900.0
"""Longest wait of minutes before they are stored."""
MAX_TURN_S = 10.0
"""Longest time between two outcomes that counts; in a longer one nothing was watched."""
MAX_MINUTES = 1e4
"""Far more than a day has, also where the clock was set back."""
FILE = re.compile(r"^\d{4}-\d{2}\.json$")

Days = dict[str, dict[str, float]]
"""Minutes by day (YYYY-MM-DD) and mood."""
Hours = dict[str, dict[str, float]]
"""Minutes by hour (0 to 23) and mood."""


class HistoryBook:
    """The files of the history; for one thread at a time. Raises OSError."""

    def __init__(self, folder: Path, copies: Sequence[Path] = ()) -> None:
        self._folder, self._copies = folder, copies

    def days(self) -> Days:
        """Return the whole history, in the order of days."""
        days: Days = {}
        for file in self._files():
            days.update(self._load(file))
        return dict(sorted(days.items()))

    def add(self, minutes: Mapping[tuple[str, str], float], oldest: date) -> None:
        """Add minutes by day and mood, and delete the days before `oldest`, and copies that were made before it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        months: dict[str, Days] = defaultdict(dict)
        for (day, mood), amount in minutes.items():
            month = months[day[:7]] = months[day[:7]] or self._load(self._folder / f"{day[:7]}.json")
            moods = month.setdefault(day, {})
            moods[mood] = round(moods.get(mood, 0.0) + amount, 2)
        for name, days in months.items():
            self._save(self._folder / f"{name}.json", days)
        for file in self._files():
            if file.stem <= oldest.isoformat()[:7]:
                self._prune(file, oldest)
        for file in self._leftovers():
            if file.name[:7] < oldest.isoformat()[:7]:
                delete_file(file)
        for copy in self._copies:
            if copy.exists() and datetime.fromtimestamp(copy.stat().st_mtime).astimezone().date() < oldest:
                _delete(copy)

    def delete(self) -> int:
        """Delete the whole history, and the files and folders that hold copies; return the number of days in it."""
        count = len(self.days())
        for copy in self._copies:
            _delete(copy)
        for file in [*self._files(), *self._leftovers()]:
            delete_file(file)
        if self._folder.exists():
            self._folder.rmdir()
            sync_folder(self._folder.parent)
        return count

    def _files(self) -> list[Path]:
        return sorted(file for file in self._folder.glob("*.json") if FILE.match(file.name))

    def _leftovers(self) -> list[Path]:
        """Return the copies of damaged months, and the new file of a save that was interrupted."""
        return [*self._folder.glob("*.damaged"), *self._folder.glob("*.new")]

    def _load(self, path: Path) -> Days:
        """Return the days of a month; after damage those that can be read, which replace the file."""
        file = JsonFile(path)
        try:
            stored = file.parse(lambda _: True)  # an invalid key is found below
            days = _valid(stored, path.stem)
            if len(days) == len(stored):
                return days
        except DamagedFileError as exc:
            days = _valid(exc.readable, path.stem)
        log.warning("%s was damaged; it is kept as %s.damaged; days that are left: %d", path, path.stem, len(days))
        file.keep_copy()
        if days:
            self._save(path, days)
        else:
            path.unlink()
        return days

    def _save(self, path: Path, days: Days) -> None:
        JsonFile(path).save({day: dict(sorted(moods.items())) for day, moods in sorted(days.items())})

    def _prune(self, path: Path, oldest: date) -> None:
        days = self._load(path)
        remaining = {day: moods for day, moods in days.items() if day >= oldest.isoformat()}
        if not remaining:
            path.unlink(missing_ok=True)
        elif len(remaining) < len(days):
            self._save(path, remaining)


def _delete(path: Path) -> None:
    """Delete a file or a folder, if there is one; on return that is on the disk."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        sync_folder(path.parent)
    else:
        delete_file(path)


def _valid(stored: Mapping[str, Any], month: str) -> Days:
    """Return the stored days of a month that are valid."""
    days: Days = {}
    for day, moods in stored.items():
        with suppress(ValueError, AttributeError, TypeError):
            if date.fromisoformat(day).isoformat() == day and day.startswith(month):
                days[day] = {Mood(mood).value: _minutes(value) for mood, value in moods.items()}
    return days


def _minutes(value: object) -> float:
    """Return the minutes of a day; raise ValueError for what can be none, such as NaN."""
    if (minutes := bounded_number(value, 0, MAX_MINUTES)) is None:
        raise ValueError(value)
    return minutes


class HistoryOutput(Output):
    """Counts the minutes. `tick`, `flush` and `discard` are for the thread `jobs`."""

    name = "history"

    def __init__(
        self,
        book: HistoryBook,
        keep_days: int,
        may_delete: Callable[[], bool] = lambda: True,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._book, self._keep_days, self._may_delete, self._today = book, keep_days, may_delete, today
        self._last: Outcome | None = None
        self._counted: deque[tuple[datetime, str, float]] = deque()
        """Time, mood, minutes; from the watch loop to `flush`."""
        self._unsaved: dict[tuple[str, str], float] = defaultdict(float)
        """Minutes by day and mood."""
        self._hours: tuple[str, Hours] | None = None
        """The last day, and its minutes by hour and mood; in memory only, as hours show when somebody is at home."""
        self._flushed_at = time.monotonic()
        self._warnings = WarnOnce(log)
        self._trouble: str | None = None

    def accept(self, outcome: Outcome) -> None:
        """Count the time since the last outcome for its mood."""
        last, self._last = self._last, outcome
        if last is None or last.watching is not Watching.YES or last.mood is Mood.NOBODY or outcome.demo:
            return
        seconds = outcome.captured_at - last.captured_at
        if 0 < seconds <= MAX_TURN_S:
            self._counted.append((last.wall_time, last.mood.value, seconds / 60))

    def tick(self) -> None:
        """Store what has waited for FLUSH_S."""
        if time.monotonic() - self._flushed_at >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Store the counted minutes; after an error they wait for the next time."""
        self._flushed_at = time.monotonic()
        for _ in range(len(self._counted)):
            self._add(*self._counted.popleft())
        if not self._unsaved:
            return
        # The minutes may have been counted by a wrong clock, before it was set.
        newest = min(self._today(), date.fromisoformat(max(day for day, _ in self._unsaved)))
        try:
            oldest = newest - timedelta(days=self._keep_days - 1) if self._may_delete() else date.min
            self._book.add(self._unsaved, oldest)
            self._unsaved.clear()
            self._trouble = None
            self._warnings.clear()
        except OSError as exc:
            self._warnings.warn("the history can't be stored (%s); make room on the disk", exc.strerror)
            self._trouble = str(exc.strerror)

    def _add(self, at: datetime, mood: str, minutes: float) -> None:
        day = at.date().isoformat()
        self._unsaved[day, mood] += minutes
        if self._hours is None or self._hours[0] != day:
            self._hours = (day, {})
        moods = self._hours[1].setdefault(str(at.hour), {})
        moods[mood] = moods.get(mood, 0.0) + minutes

    def last_day(self) -> dict[str, object] | None:
        """Return the last day that was counted since the start, with its minutes by hour (0..23) and mood."""
        if self._hours is None:
            return None
        day, hours = self._hours
        rounded = {hour: {mood: round(minutes, 2) for mood, minutes in moods.items()} for hour, moods in hours.items()}
        return {"day": day, "hours": rounded}

    def discard(self) -> None:
        """Discard the minutes that are not stored yet, and those of the hours."""
        self._counted.clear()
        self._unsaved.clear()
        self._hours = None

    def status(self) -> str:
        """Return one plain line."""
        return f"not stored: {self._trouble}" if self._trouble else f"kept for {counted(self._keep_days, 'day')}"

    def stop(self) -> None:
        """Store the counted minutes."""
        self.flush()


def run_action(book: HistoryBook, output: HistoryOutput | None, action: str, _: Mapping[str, Any]) -> dict[str, object]:
    """Run the action days or delete of the command line; raise ListError for any other, and OSError."""
    if action == "days":
        if output is not None:
            output.flush()
        return {"days": book.days(), "last_day": output and output.last_day()}
    if action == "delete":
        if output is not None:
            output.discard()
        return {"deleted": book.delete()}
    raise ListError(f"there is no action {action!r}; give days or delete")
