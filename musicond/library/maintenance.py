"""Looks after the catalogue: refreshes when it is time, backs it up, does what the command line asks."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from musicond.errors import CatalogueError, ListError
from musicond.library.actions import emotion_of, run
from musicond.library.database import BACKUP, back_up, sqlite_errors
from musicond.library.editor import CatalogueEditor
from musicond.library.refresh import Refresh, Stopped
from musicond.library.selection import FILE_NAME, ListSelection
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from musicond.core.models import Emotion
    from musicond.core.schedule import Schedule
    from musicond.library.refresh import Builders, RefreshReport

log = logging.getLogger(__name__)

JITTER_S = 1800.0
"""Most by which a scheduled refresh is put off, so that not all devices ask a source at once."""
BACKUP_AGE = timedelta(days=7)
RETRY_S = 3600.0
"""After a refresh that failed as a whole."""


class LibraryMaintenance:
    """For one thread, but for `progress`, which any may look at."""

    def __init__(
        self,
        path: Path,
        wanted: Mapping[Emotion, Sequence[str]],
        schedule: Schedule,
        store: JsonFile,
        *,
        jitter_s: float = 0.0,
        others: Builders | None = None,
        breathe: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._path, self._others = path, others
        self._lists = ListSelection(wanted, JsonFile(store.path.with_name(FILE_NAME)), tuple(others or ()))
        self._schedule, self._jitter_s, self._store = schedule, jitter_s, store
        self._breathe, self._now = breathe, now
        self._asked = False
        self._running: Refresh | None = None
        self._failed_at: float | None = None
        self._again_at: float | None = None
        """When a list that asked for a rest may be read."""
        self._report: dict[str, object] | None = None

    def tick(self) -> None:
        """Refresh if it is time or asked for, or was cut off; back up what has changed."""
        if self._asked or self._cut_off() or self.due():
            self._asked = False
            self.refresh()
        self._back_up()

    def reconfigure(self, wanted: Mapping[Emotion, Sequence[str]], schedule: Schedule) -> None:
        """Take over a changed configuration: what is due is decided by it from now on."""
        self._lists.configured, self._schedule = wanted, schedule

    def due(self) -> bool:
        """Whether the schedule says that it is time."""
        if self._failed_at is not None and time.monotonic() - self._failed_at < RETRY_S:
            return False
        if self._again_at is not None and time.monotonic() >= self._again_at:
            return True
        return self._schedule.due(self._refreshed(), self._now(), self._jitter_s)

    def refresh(self, tell: Callable[[Refresh], None] = lambda _: None) -> RefreshReport | None:
        """Refresh all lists, or those left of a refresh that was cut off; None where it was cut off itself."""
        refresh = Refresh(self._lists.wanted(), self._others)
        kept = self._state()
        first = int(kept.get("done") or 0) if kept.get("mark") == refresh.mark else 0
        self._running, self._failed_at = refresh, None

        def finished(count: int) -> None:
            self._save({**kept, "done": count, "mark": refresh.mark})
            tell(refresh)

        try:
            report = refresh.run(self._path, first=first, finished=finished, stopped=self._breathe)
        except Stopped:
            return None
        except (CatalogueError, OSError) as fault:
            log.warning("the catalogue was not refreshed: %s; tried again in an hour", fault)
            self._failed_at, self._report = time.monotonic(), {"error": str(fault)}
            return None
        finally:
            self._running = None
        self._save({"refreshed": self._now().isoformat(), "done": None, "mark": None})
        self._again_at = None if report.again_s is None else time.monotonic() + report.again_s
        self._report = report.as_json()
        remedy = "; musicond catalogue refresh names them" if report.faults else ""
        log.log(logging.WARNING if report.faults else logging.INFO, "refreshed: %s%s", report.summary(), remedy)
        return report

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> dict[str, object]:
        """Do what the command line asks; raise ListError for what makes no sense, CatalogueError."""
        if action == "refresh":
            return self._ask_for_refresh(if_due=bool(arguments.get("if_due")))
        if action == "progress":
            return self._progress()
        if action == "sources":
            return self._lists.to_json()
        if action == "source":
            return self._choose(arguments)
        return run(self._path, action, arguments)

    def _ask_for_refresh(self, *, if_due: bool) -> dict[str, object]:
        """Have `tick` refresh in a moment."""
        wanted = not if_due or self.due()
        if self._running is None and wanted:
            self._asked, self._report = True, None
        return {"started": wanted}

    def _choose(self, arguments: Mapping[str, Any]) -> dict[str, object]:
        """Take other lists for a mood, and read them in a moment."""
        if (emotion := emotion_of(arguments)) is None:
            raise ListError("say for which emotion")
        if "lists" not in arguments:
            raise ListError("say which lists; null stands for those of the configuration")
        self._lists.select(emotion, arguments.get("lists"))
        self._asked, self._report = True, None
        return self._lists.to_json()

    def _progress(self) -> dict[str, object]:
        running = self._running
        if running is not None:
            return {"running": True, **asdict(running.progress)}
        return {"running": self._asked, "report": self._report}

    def _state(self) -> dict[str, Any]:
        return dict(self._store.load(default={}))

    def _refreshed(self) -> datetime | None:
        try:
            found = datetime.fromisoformat(str(self._state().get("refreshed")))
        except ValueError:
            return None
        return found if found.tzinfo else found.astimezone()

    def _cut_off(self) -> bool:
        return self._failed_at is None and self._state().get("mark") == Refresh(self._lists.wanted(), self._others).mark

    def _save(self, state: dict[str, Any]) -> None:
        try:
            self._store.save(state)
        except OSError as fault:
            raise CatalogueError(f"{self._store.path}: {fault.strerror}; make room on the disk") from None

    def _back_up(self) -> None:
        """Copy the catalogue once a week, if it was changed since."""
        target = self._path.with_name(BACKUP)
        try:
            if target.exists():
                made = target.stat().st_mtime
                if time.time() - made < BACKUP_AGE.total_seconds() or self._changed_at() <= made:
                    return
            with CatalogueEditor.open(self._path) as lists, sqlite_errors(lists.name):
                back_up(lists.connection, target)
        except (CatalogueError, OSError) as fault:
            log.debug("no backup of the catalogue: %s", fault)

    def _changed_at(self) -> float:
        names = (self._path.name, f"{self._path.name}-wal")
        files = [self._path.with_name(name) for name in names]
        return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
