"""The thread `storage`: all writes of the watch loop, so that the loop never waits for a disk or a lock.

The rules
  1. The settings go before everything else; only the newest are stored. Where that fails, whoever waits for them gets
     the error, and they are stored again and again until it succeeds; `unsaved` says so meanwhile.
  2. Other writes keep their order. While the catalogue is locked, one stays pending and is repeated, for WRITE_WAIT_S.
     After that, or after any other error, whoever waits gets the error, and the write is dropped. A write that raises
     has changed nothing, so none is done twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from musicond.errors import CatalogueLocked, error_text
from musicond.runtime.backoff import Backoff
from musicond.runtime.inbox import InboxFull, settle
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

MAX_WAITING = 64
WRITE_WAIT_S = 120.0
RETRY_S = 0.2
"""Wait before a write to a locked catalogue is repeated."""
SETTINGS_RETRY_S = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0)
"""Waits between attempts to store the settings; the last one repeats."""
SLOW_S = 2.0
"""Settings that wait longer than this are reported as not saved."""
JOIN_S = 2.0
SETTINGS_JOIN_S = 8.0
"""Longest wait of `stop` for a slow disk to store the newest settings; systemd allows 15 s."""


@dataclass(eq=False)
class _Write:
    run: Callable[[], None]
    future: Future[None] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class StorageWriter:
    """A service of the supervisor; before its start and after its stop, it writes in the caller's thread, once."""

    name = "storage"

    def __init__(self) -> None:
        self.last_submitted: Future[None] | None = None
        """The future of the last `submit`."""
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._waiting: deque[_Write] = deque()
        self._settings: _Write | None = None
        """The newest settings, until they are stored."""
        self._unanswered: list[_Write] = []
        """All settings that were not tried yet, for those who wait for them."""
        self._unsaved_since = 0.0
        self._error: BaseException | None = None
        self._backoff = Backoff(SETTINGS_RETRY_S)
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.busy_since: float | None = None
        self._warnings = WarnOnce(log)

    def start(self) -> None:
        """Start the thread."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Try once more to write all that waits; may be called twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            if not self.saved:
                self._thread.join(SETTINGS_JOIN_S)

    def is_alive(self) -> bool:
        """Return whether the thread runs; true before its start."""
        return self._thread is None or self._thread.is_alive()

    def submit(self, run: Callable[[], None]) -> Future[None]:
        """Write in order; the future fails where nothing was written, with InboxFull where too many wait."""
        write = _Write(run)
        self.last_submitted = write.future
        with self._changed:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append(write)
                self._changed.notify_all()
            else:
                write.future.set_exception(InboxFull("too many changes wait for the disk; try again in a moment"))
        self._write_without_thread()
        return write.future

    def save_settings(self, run: Callable[[], None]) -> Future[None]:
        """Store the newest settings; the future fails after a failed attempt, and they are stored later."""
        write = _Write(run)
        with self._changed:
            self._unsaved_since = write.since if self._settings is None else self._unsaved_since
            self._settings = write
            self._backoff.reset()
            self._unanswered.append(write)
            self._changed.notify_all()
        self._write_without_thread()
        return write.future

    @property
    def saved(self) -> bool:
        """Whether the newest settings are on the disk."""
        return self._settings is None

    @property
    def unsaved(self) -> str | None:
        """Why the newest settings are not on the disk, in a plain sentence; None while they are, or soon will be."""
        error = self._error
        if self.saved or not (error or time.monotonic() - self._unsaved_since > SLOW_S):
            return None
        reason = error_text(error) if error else "the disk does not answer"
        remedy = "make room on the disk, or check it: dmesg | tail"
        return f"privacy and settings are in force, but not saved yet ({reason}); {remedy}"

    @property
    def reported(self) -> bool:
        """Whether the newest settings are on the disk, or `unsaved` says that they are not."""
        return self.saved or self.unsaved is not None

    def _write_without_thread(self) -> None:
        if self._thread is None or self._stopping:
            self._write(last=True)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._stopping or bool(self._waiting) or self._wait_s() == 0, self._wait_s()
                )
                stopping = self._stopping
            self.busy_since = time.monotonic()
            self._write(last=stopping)
            self.busy_since = None

    def _wait_s(self) -> float | None:
        return None if self._settings is None else max(0.0, self._backoff.wait_s())

    def _write(self, *, last: bool) -> None:
        """Store the settings if it is time, then one of the other writes; with `last`, all that waits."""
        with self._writing:
            if self._settings is not None and (last or self._wait_s() == 0):
                self._store_settings()
            while self._waiting and (self._write_next(last=last) and last):
                pass

    def _store_settings(self) -> None:
        with self._changed:
            newest, unanswered, self._unanswered = self._settings, self._unanswered, []
        assert newest is not None, "only the holder of _writing removes it"
        self._error = _attempt(newest.run)
        with self._changed:
            if self._error is None:
                self._backoff.reset()
                self._settings = None if self._settings is newest else self._settings
            elif self._settings is newest:
                self._backoff.fail()
        if self._error is not None:
            self._warnings.warn("%s", self.unsaved)
        elif (lasted_s := self._warnings.clear()) is not None:
            log.info("privacy and settings are saved, after %.0f s", lasted_s)
        for write in unanswered:
            settle(write.future, self._error)

    def _write_next(self, *, last: bool) -> bool:
        """Try the oldest write; return whether it is finished, one way or the other."""
        write = self._waiting[0]
        error = _attempt(write.run)
        if isinstance(error, CatalogueLocked) and not last and time.monotonic() - write.since < WRITE_WAIT_S:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or bool(self._unanswered), RETRY_S)
            return False
        self._waiting.popleft()
        settle(write.future, error)
        return True


def _attempt(run: Callable[[], None]) -> Exception | None:
    try:
        run()
    except Exception as exc:  # whoever waits for it decides what it means
        return exc
    return None
