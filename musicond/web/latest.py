"""The latest outcome, swapped by reference from the watch loop and read by the web thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicond.core.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An outcome, and when it came (monotonic seconds of this process)."""

    outcome: Outcome
    at: float


class LatestOutcome:
    """Holds one immutable outcome; whoever waits for news is woken, and the latest wins."""

    def __init__(self) -> None:
        self.latest: Snapshot | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._waking = False

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Name the loop in whose thread `news` is awaited; None when it ends."""
        self._loop = loop
        self._waking = False

    def set(self, outcome: Outcome) -> None:
        """Take the place of the outcome before; from any thread, never waits, never raises."""
        self.latest = Snapshot(outcome, time.monotonic())
        loop = self._loop
        if loop is None or self._waking:  # a wake-up under way reads what was posted above
            return
        self._waking = True
        with contextlib.suppress(RuntimeError):  # the loop has just been closed: nobody waits any more
            loop.call_soon_threadsafe(self._wake)

    def age_s(self) -> float:
        """Return the seconds since the latest outcome came; 0 before the first."""
        return time.monotonic() - self.latest.at if self.latest else 0.0

    async def news(self, seen: Snapshot | None, wait_s: float) -> bool:
        """Return True once there is something other than `seen`, False after `wait_s` seconds."""
        if self.latest is not seen:
            return True
        try:
            async with asyncio.timeout(wait_s):  # wait_for of Python 3.11 can swallow a cancellation
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._waking = False
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
