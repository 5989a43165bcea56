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
    """Holder of the latest outcome; whoever waits for a change sees the latest, never those in between."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        """None before the first outcome."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._waking = False

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Set the loop in whose thread `wait_for_change` is awaited; None when it ends."""
        self._loop = loop
        self._waking = False

    def set(self, outcome: Outcome) -> None:
        """Replace the outcome; from any thread, never waits, never raises."""
        self.snapshot = Snapshot(outcome, time.monotonic())
        loop = self._loop
        if loop is None or self._waking:  # a wake-up under way reads the snapshot set above
            return
        self._waking = True
        with contextlib.suppress(RuntimeError):  # the loop has just been closed: nobody waits any more
            loop.call_soon_threadsafe(self._wake)

    def age_s(self) -> float:
        """Return the seconds since the latest outcome came; 0 before the first."""
        return time.monotonic() - self.snapshot.at if self.snapshot else 0.0

    async def wait_for_change(self, seen: Snapshot | None, limit_s: float) -> bool:
        """Return True once the snapshot is another than `seen`, False after `limit_s` seconds."""
        if self.snapshot is not seen:
            return True
        try:
            async with asyncio.timeout(limit_s):  # wait_for of Python 3.11 can swallow a cancellation
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        self._waking = False
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
