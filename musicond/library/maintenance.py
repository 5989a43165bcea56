"""Maintenance of the catalogue: scheduled refreshes, backups, and the actions of the page and the command line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

from musicond.config.schema import STARTER
from musicond.core.models import Emotion
from musicond.core.schedule import Schedule
from musicond.errors import CatalogueError, ListError, MusicondError, StateDirError, error_text
from musicond.library.actions import JsonObject, parse_emotion, run
from musicond.library.database import BACKUP, back_up, sqlite_errors
from musicond.library.editor import CatalogueEditor
from musicond.library.recovery import keep_unreadable_backup
from musicond.library.refresh import Refresh, RefreshCancelledError, RefreshReport
from musicond.library.selection import FILE_NAME, ListSelection, save_object
from musicond.library.sorted_library import LIBRARY
from musicond.library.sources import SourceBuilders
from musicond.runtime.backoff import Backoff
from musicond.runtime.json_file import JsonFile

log = logging.getLogger(__name__)

JITTER_S = 1800.0
"""Longest random delay of a scheduled refresh, so that not all devices ask a source at the same moment."""
BACKUP_AGE = timedelta(days=7)
RETRY_S = (15.0, 60.0, 300.0, 1800.0, 3600.0)
"""Seconds before a refresh that failed as a whole is tried again, on a full disk for example, or one of whose lists
may soon be readable."""


class LibraryMaintenance:
    """For one thread, except for `reconfigure` and the action `progress`, which any thread may call."""

    def __init__(
        self,
        path: Path,
        wanted: Mapping[Emotion, Sequence[str]],
        schedule: Schedule,
        file: JsonFile,
        *,
        jitter_s: float = 0.0,
        builders: SourceBuilders | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._path, self._builders = path, builders
        self.source_ids: Mapping[str, str] = {}
        """By the prefix of a list's name: the server or account that the list is read from, such as mpd's address.

        A list of the same name from another one is another list.
        """
        self._selection = ListSelection(wanted, JsonFile(file.path.with_name(FILE_NAME)), tuple(builders or ()))
        self._schedule, self._jitter_s, self._file = schedule, jitter_s, file
        self._should_stop, self._now = should_stop, now
        self._requested = self._chosen = False
        """Whether a refresh is wanted; whether lists were chosen or configured during the one that runs."""
        self._running: Refresh | None = None
        self._failed, self._backoff, self._again = False, Backoff(RETRY_S), Backoff((0.0, *RETRY_S))
        self._again_at: float | None = None
        """Monotonic seconds at which a list that could not be read is tried again."""
        self._errors: list[str] = []
        """Of the last refresh."""
        self._report: JsonObject | None = None
        self._actions: Mapping[str, Callable[[Mapping[str, Any]], JsonObject]] = {
            "refresh": self._request_refresh,
            "progress": self._progress,
            "sources": lambda _: self._selection.to_json(),
            "source": self._select,
        }
        """Actions that need the daemon's state; the others are those of actions.py."""

    def tick(self) -> None:
        """Refresh if it is due, requested or was interrupted."""
        if self._is_requested() or self._was_interrupted() or self.is_due():
            self.refresh()
        while (self._is_requested() or (self._chosen and not self._failed)) and not self._should_stop():
            self.refresh()

    def reconfigure(self, wanted: Mapping[Emotion, Sequence[str]], schedule: Schedule) -> None:
        """Use another configuration from now on; other lists are read at the next `tick`, whatever the schedule."""
        is_changed = wanted != self._selection.configured
        self._selection.configured, self._schedule = wanted, schedule
        if is_changed:
            self._again_at, self._chosen = None, self._running is not None

    def is_due(self) -> bool:
        """Return whether a refresh is due: by its schedule, for other lists than the last one, or after a failure."""
        if self._failed:
            return self._backoff.wait_s() <= 0
        if self._again_at is None and self._is_changed():
            return True
        if self._again_at is not None and time.monotonic() >= self._again_at:
            return True
        last, now = self._refreshed_at(), self._now()
        if last is not None and last > now + timedelta(days=1):
            last = None  # the clock was wrong then
        return self._schedule.due(last, now, self._jitter_s)

    def refresh(self, on_list_done: Callable[[Refresh], None] = lambda _: None) -> RefreshReport | None:
        """Refresh all lists; return None if it is interrupted.

        After an interrupted refresh only the rest of its lists are read, unless a person has asked for a refresh since.
        """
        requested, self._chosen, self._failed = self._requested, False, False
        try:
            report = self._run_refresh(on_list_done, requested=requested)
            self._report = report.to_json()
        except RefreshCancelledError:
            return None
        except Exception as exc:  # a bug, too, must leave an answer and the next refresh
            expected = isinstance(exc, MusicondError | OSError)
            wait_s = self._backoff.fail()
            text = "the catalogue was not refreshed: %s; tried again in %.0f s"
            log.warning(text, exc, wait_s, exc_info=not expected)
            self._failed, self._report = True, {"error": error_text(exc)}
            self._requested = requested or self._requested  # the next attempt reads all lists, too
            return None
        finally:
            self._running = None
        self._backoff.reset()
        self._again_at = None
        if report.again_s is None:
            self._again.reset()
        else:
            self._again_at = time.monotonic() + self._again.fail(report.again_s)
        self._log(report)
        return report

    def _log(self, report: RefreshReport) -> None:
        """Log a refresh; one that leaves the same lists unread as the one before is no news."""
        level = logging.WARNING if report.errors else logging.INFO
        if report.errors and report.errors == self._errors:
            level = logging.DEBUG
        self._errors = report.errors
        remedy = "; musicond catalogue refresh names them" if report.errors else ""
        log.log(level, "refreshed: %s%s", report.summary(), remedy)

    def _run_refresh(self, on_list_done: Callable[[Refresh], None], *, requested: bool) -> RefreshReport:
        wanted = self._selection.wanted()
        self._running = refresh = Refresh(wanted, self._builders, lambda: self._should_stop() or self._chosen)
        self._requested = False  # only now: `progress` comes from another thread
        state, mark = self._state(), self._mark(wanted)
        first = int(state.get("done") or 0) if state.get("mark") == mark and not requested else 0
        state["read"] = mark if state.get("read") == mark else None  # else, a part of the lists is of another refresh

        def finish_list(count: int) -> None:
            if not self._requested:
                save_object(self._file, {**state, "done": count, "mark": mark})
            on_list_done(refresh)

        report = refresh.run(self._path, first=first, on_list_done=finish_list)
        done = {"done": 0, "mark": mark} if self._requested else {"done": None, "mark": None}
        read = mark if report.again_s is None else None
        save_object(self._file, {"refreshed": self._now().isoformat(), "read": read, **done})
        return report

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> JsonObject:
        """Run an action of the page or the command line; raise ListError for wrong arguments, CatalogueError."""
        if action in self._actions:
            return self._actions[action](arguments)
        return run(self._path, action, arguments)

    def _request_refresh(self, arguments: Mapping[str, Any]) -> JsonObject:
        """Let the next `tick` read all lists, in this life of the daemon or the next; raise CatalogueError.

        A refresh that is running may have read a list before it was changed.
        """
        if_due = bool(arguments.get("if_due"))
        wanted = not if_due or self.is_due()
        if wanted and (self._running is None or not if_due):
            try:
                save_object(self._file, {**self._state(), "done": 0, "mark": self._mark(self._selection.wanted())})
            except (CatalogueError, StateDirError) as exc:
                raise CatalogueError(f"the refresh was not started: {exc}") from exc
            self._request()
        return {"started": wanted}

    def _select(self, arguments: Mapping[str, Any]) -> JsonObject:
        """Choose other lists for a mood, and let the next `tick` read them."""
        if (emotion := parse_emotion(arguments)) is None:
            raise ListError("give the mood")
        if "lists" not in arguments:
            raise ListError("give the lists; null stands for those of the configuration")
        self._selection.select(emotion, arguments.get("lists"))
        self._request()  # other lists than the last ones are read after a restart, too
        self._chosen = self._running is not None
        return self._selection.to_json()

    def _request(self) -> None:
        """Let the next `tick` read all lists."""
        self._requested, self._failed, self._report = True, False, None

    def _is_requested(self) -> bool:
        return self._requested and not self._failed

    def _progress(self, _: Mapping[str, Any]) -> JsonObject:
        running = self._running
        if running is not None:
            return {"running": True, **asdict(running.progress)}
        return {"running": self._is_requested(), "report": self._report}

    def _mark(self, wanted: Mapping[Emotion, Sequence[str]]) -> float:
        """Return a checksum of lists and their sources: a refresh is continued, or need not be made, for the same."""
        names = [(emotion, name, self._source_id(name)) for emotion, names in wanted.items() for name in names]
        return float(crc32(repr(names).encode()))

    def _source_id(self, name: str) -> str | None:
        return self.source_ids.get(name.removeprefix(LIBRARY).partition(":")[0])

    def _was_interrupted(self) -> bool:
        return not self._failed and self._state().get("mark") == self._mark(self._selection.wanted())

    def _is_changed(self) -> bool:
        """Return whether other lists are wanted than those last read; the first catalogue has the starter."""
        wanted = self._selection.wanted()
        first = self._mark(dict.fromkeys(wanted, (STARTER,)))
        return bool(self._state().get("read", first) != self._mark(wanted))

    def _state(self) -> dict[str, Any]:
        return dict(self._file.load(default={}))

    def _refreshed_at(self) -> datetime | None:
        try:
            refreshed_at = datetime.fromisoformat(str(self._state().get("refreshed")))
        except ValueError:
            return None
        return refreshed_at if refreshed_at.tzinfo else refreshed_at.astimezone()

    def back_up(self) -> None:
        """Copy the catalogue once a week if it has changed since; raise CatalogueError."""
        target = self._path.with_name(BACKUP)
        try:
            if target.exists():
                backed_up_at = target.stat().st_mtime
                age_s = time.time() - backed_up_at  # less than 0 after a wrong clock
                if age_s >= 0 and (age_s < BACKUP_AGE.total_seconds() or self._changed_at() <= backed_up_at):
                    return
            with CatalogueEditor(self._path) as editor, sqlite_errors(editor.name):
                keep_unreadable_backup(target, editor.name)
                back_up(editor.connection, target)
        except (CatalogueError, OSError) as exc:
            raise CatalogueError(f"the catalogue was not backed up: {error_text(exc)}") from exc

    def _changed_at(self) -> float:
        files = [self._path, self._path.with_name(f"{self._path.name}-wal")]
        return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
