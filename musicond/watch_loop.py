"""The watch loop: commands, camera, one step, outputs, watchdog - one turn after the other in one thread.

A turn is a frame, an attempt to open the camera, or a bounded wait. Only the loop feeds the watchdog, once a turn.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial

from musicond.core.commands import OVERTAKING, Command, ConfigUpdate
from musicond.core.outcome import Outcome
from musicond.core.ports import FrameSource, TurnHandler
from musicond.errors import CatalogueError, CommandError, Connecting, Interrupted, PasswordRefused, SourceLost
from musicond.runtime.backoff import Backoff
from musicond.runtime.inbox import Inbox, settle
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

FRAME_WAIT_S = 3.0
"""Longest wait for a frame, in seconds, before the source counts as lost."""
MAX_WAIT_S = 5.0
"""Longest wait within a turn."""
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Waits between attempts to open the source; the last one repeats."""
REFUSED_S = 600.0
"""Wait after a refused password: after many attempts a camera may lock the account."""
STEADY_S = 30.0
"""A source that worked this long is retried from the shortest wait on."""

Handled = tuple[Future[None], Future[None] | None]


class WatchLoop:
    """Runs the turns; `emit` takes every outcome, and `beat` feeds the watchdog."""

    def __init__(
        self,
        source: FrameSource,
        controller: TurnHandler,
        inbox: Inbox[Command | ConfigUpdate],
        emit: Callable[[Outcome], None],
        beat: Callable[[], None],
        *,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._source, self._controller, self._inbox = source, controller, inbox
        self._emit, self._beat = emit, beat
        self._max_wait_s = min(max_wait_s, MAX_WAIT_S)
        self._stop = threading.Event()
        self._open = self._announced = False
        self._opened_at = 0.0
        self._warnings = WarnOnce(log)
        self._backoff = Backoff(BACKOFF_S)
        self._next_at = 0.0
        self.busy_since: float | None = None
        """Monotonic seconds, set during a turn but while it waits: the supervisor's deadline."""
        self.busy_with = ""
        """The part of the turn in progress: the watch loop hangs in it if it does not end."""
        self.trouble: str | None = None
        """Why the source gives no frames; None while it does."""

    def run(self) -> None:
        """Run turns until stopped, then close the source."""
        try:
            while not self._stop.is_set():
                self.turn()
        finally:
            self._close()

    def stop(self) -> None:
        """End after the turn in progress."""
        self._stop.set()
        self._inbox.end()

    def take_waiting(self) -> None:
        """Carry out the urgent commands that still wait at the end, when no turn comes for them any more."""
        self._settle(self._handle([item for item in self._inbox.drain() if isinstance(item[0], OVERTAKING)]))

    def turn(self) -> None:
        """Run one turn: commands, then a frame, an attempt to open the source, or a wait."""
        self.busy_since, self.busy_with = time.monotonic(), "a command"
        handled = self._handle(self._inbox.drain())
        watched = self._watch()
        if watched is None and not handled and self._stop.is_set():  # nothing has changed
            self.busy_since = None
            return
        if watched is None:
            handled += self._handle(self._inbox.drain())
            watched = self._watch()
        outcome, wait_s = watched or (self._controller.idle(), 0.0)
        self.busy_with = "the outputs"
        self._emit(outcome)  # first: who got an answer finds it in the state
        self._settle(handled)
        self._beat()
        self.busy_since = None
        if not self._stop.is_set():
            self._inbox.wait(min(wait_s, self._max_wait_s))

    def _handle(self, items: Iterable[tuple[Command | ConfigUpdate, Future[None]]]) -> list[Handled]:
        """Carry out commands; return the future of each that succeeds, with that of what it stores."""
        handled: list[Handled] = []
        for command, future in items:
            try:
                handled.append((future, self._controller.handle(command)))
            except (CatalogueError, CommandError) as exc:
                settle(future, exc)
        return handled

    def _settle(self, handled: Iterable[Handled]) -> None:
        for future, stored in handled:
            if stored is None:
                settle(future)
            else:
                stored.add_done_callback(partial(_settle_with, future))

    def _watch(self) -> tuple[Outcome, float] | None:
        """Return the outcome of this turn, and the seconds to the next; None if a command interrupted the capture."""
        wants_frames = self._controller.wants_frames()
        self.busy_with = "the camera"
        if not self._controller.wants_camera():
            self._close()
            self._backoff.reset()
            self._warnings.clear()
            self.trouble = None
        elif not self._ready():
            return self._controller.idle(), self._backoff.wait_s()
        elif wants_frames:
            return self._step()
        return self._controller.idle(), self._max_wait_s

    def _step(self) -> tuple[Outcome, float] | None:
        started = time.monotonic()
        try:
            frame = self._source.capture(FRAME_WAIT_S)
        except Interrupted:
            return None
        except Connecting as exc:
            self.trouble = self.trouble or str(exc)
            return self._controller.idle(), 0.0
        except SourceLost as exc:
            self._lose(exc)
            return self._controller.idle(), self._backoff.wait_s()
        if (lasted_s := self._warnings.clear()) is not None:
            log.info("%s back after %.0f s", self._source.name, lasted_s)
        elif not self._announced:
            log.info("%s opened", self._source.name)
        self._announced = True
        self.trouble, self.busy_with = None, "the reading of a frame"
        outcome = self._controller.step(frame)
        # An absolute schedule keeps the rate; a step that took too long is not made up for.
        self._next_at = max(self._next_at + self._controller.interval_s(), started)
        return outcome, self._next_at - time.monotonic()

    def _ready(self) -> bool:
        """Return whether the source is open, after an attempt to open it if one is due."""
        if self._open:
            return True
        if self._backoff.wait_s() > 0:
            return False
        try:
            self._source.open()
        except SourceLost as exc:
            self._lose(exc)
            return False
        self._open, self._opened_at = True, time.monotonic()
        self._announced = not self._source.get_status().connecting
        if self._announced and self._warnings.lasted_s is None:
            log.info("%s opened", self._source.name)
        return True

    def _lose(self, error: SourceLost) -> None:
        if self._open and time.monotonic() - self._opened_at >= STEADY_S:
            self._backoff.reset()
        self._warnings.warn("%s lost: %s; retrying", self._source.name, error)
        self.trouble = str(error)
        self._close()
        self._backoff.fail(REFUSED_S if isinstance(error, PasswordRefused) else 0.0)

    def _close(self) -> None:
        if self._open:
            self._source.close()
            self._open = False


def _settle_with(future: Future[None], stored: Future[None]) -> None:
    settle(future, stored.exception())
