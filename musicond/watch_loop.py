"""The watch loop: commands, camera, one step, outputs, watchdog - one turn after the other in one thread.

A turn is a frame stepped, a (re)open tried, or a bounded wait. The watchdog is fed once per turn and by
nothing else. What is in a frame or an outcome, the loop does not know.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.runtime.inbox import Inbox

log = logging.getLogger(__name__)

F = TypeVar("F")
C = TypeVar("C")
O = TypeVar("O")  # noqa: E741 - frame, command, outcome
F_co = TypeVar("F_co", covariant=True)
F_contra = TypeVar("F_contra", contravariant=True)
C_contra = TypeVar("C_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)

READ_WAIT_S = 2.0
"""How long a frame may take before the source counts as lost."""
MAX_WAIT_S = 5.0
"""Longest wait within a turn."""
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Waits between tries to open the source; the last one repeats."""
STEADY_S = 30.0
"""A source that held this long starts the back-off anew when it is lost."""


class Source(Protocol[F_co]):
    """Where frames come from; see `core.ports.FrameSource`."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    def open(self) -> None:
        """Take the device."""

    def capture(self, wait_s: float) -> F_co:
        """Return the newest frame."""

    def close(self) -> None:
        """Give the device back."""


class Brain(Protocol[F_contra, C_contra, O_co]):
    """What happens to frames and commands."""

    def step(self, frame: F_contra) -> O_co:
        """Take one frame."""

    def idle(self) -> O_co:
        """Tell that no frame is read in this turn."""

    def handle(self, command: C_contra) -> None:
        """Do as a command says; what must last has been stored when this returns."""

    def wants_camera(self) -> bool:
        """Whether the device may be open."""

    def wants_frames(self) -> bool:
        """Whether frames are to be read."""

    def interval_s(self) -> float:
        """Seconds from the start of this step to the start of the next."""


class WatchLoop(Generic[F, C, O]):
    """Runs the turns; `lost` is the error by which a source says that it gives no frames.

    An error among `refused` is handed to whoever sent the command that raised it.
    """

    def __init__(
        self,
        source: Source[F],
        brain: Brain[F, C, O],
        inbox: Inbox[C],
        *,
        emit: Callable[[O], None],
        lost: type[Exception],
        beat: Callable[[], None],
        refused: tuple[type[Exception], ...] = (OSError,),
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._source, self._brain, self._inbox = source, brain, inbox
        self._emit, self._lost, self._beat, self._refused = emit, lost, beat, refused
        self._max_wait_s = min(max_wait_s, MAX_WAIT_S)
        self._stop = threading.Event()
        self._open = False
        self._opened_at = 0.0
        self._lost_at: float | None = None
        self._retry_at = 0.0
        self._tries = 0
        self._next_at = 0.0
        self.opening_since: float | None = None
        """Set (monotonic seconds) while the device is being opened or closed: the supervisor's deadline."""
        self.trouble: str | None = None
        """Why the source gives nothing; None while it is well."""

    def run(self) -> None:
        """Turn until stopped; the source is closed at the end."""
        try:
            while not self._stop.is_set():
                self.turn()
        finally:
            self._close()

    def stop(self) -> None:
        """End after the turn in progress."""
        self._stop.set()
        self._inbox.wake()

    def turn(self) -> None:
        """Take one turn: commands, then a frame, a try to open or a wait."""
        items = self._inbox.drain()
        for command, future in items:
            try:
                self._brain.handle(command)
            except self._refused as fault:
                if not future.done():  # whoever asked may have given up
                    future.set_exception(fault)
        wants_frames = self._brain.wants_frames()
        if not self._brain.wants_camera():
            self._close()
            self._retry_at, self._tries, self.trouble = 0.0, 0, None
            outcome, wait_s = self._brain.idle(), self._max_wait_s
        elif not self._ready():
            outcome, wait_s = self._brain.idle(), self._retry_at - time.monotonic()
        elif not wants_frames:
            outcome, wait_s = self._brain.idle(), self._max_wait_s
        else:
            outcome, wait_s = self._step()
        for _, future in items:
            if not future.done():
                future.set_result(None)
        self._emit(outcome)
        self._beat()
        if not self._stop.is_set():
            self._inbox.wait(min(wait_s, self._max_wait_s))

    def _step(self) -> tuple[O, float]:
        started = time.monotonic()
        try:
            frame = self._source.capture(READ_WAIT_S)
        except self._lost as fault:
            self._lose(fault)
            return self._brain.idle(), self._retry_at - time.monotonic()
        if self._lost_at is not None:
            log.info("%s back after %.0f s", self._source.name, started - self._lost_at)
            self._lost_at = None
        self.trouble = None
        outcome = self._brain.step(frame)
        # An absolute schedule keeps the rate; a step that took too long is not made up for.
        self._next_at = max(self._next_at + self._brain.interval_s(), started)
        return outcome, self._next_at - time.monotonic()

    def _ready(self) -> bool:
        """Whether the source is open, after a try to open it where one is due."""
        if self._open:
            return True
        if time.monotonic() < self._retry_at:
            return False
        self.opening_since = time.monotonic()
        try:
            self._source.open()
        except self._lost as fault:
            self._lose(fault)
            return False
        finally:
            self.opening_since = None
        self._open, self._opened_at = True, time.monotonic()
        if self._lost_at is None:
            log.info("%s opened", self._source.name)
        return True

    def _lose(self, fault: Exception) -> None:
        now = time.monotonic()
        if self._open and now - self._opened_at >= STEADY_S:
            self._tries = 0
        if self._lost_at is None:
            self._lost_at = now
        if str(fault) != self.trouble:
            log.warning("%s lost: %s; retrying", self._source.name, fault)
        self.trouble = str(fault)
        self._close()
        self._retry_at = time.monotonic() + BACKOFF_S[min(self._tries, len(BACKOFF_S) - 1)]
        self._tries += 1

    def _close(self) -> None:
        if not self._open:
            return
        self.opening_since = time.monotonic()
        self._source.close()
        self.opening_since = None
        self._open = False
