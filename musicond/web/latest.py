"""The latest outcome, swapped by reference from the watch loop and read by the web thread."""

from __future__ import annotations

import asyncio
import contextlib
import time

from musicond.core.outcome import Outcome


class LatestOutcome:
    """Holder of the latest outcome; whoever waits for a change sees the latest, never those in between."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        """None before the first outcome."""
        self._set_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._waking = False
        self._waiting = 0
        """Tasks that wait for a change; without any, the web thread is not woken."""

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Set the loop in whose thread `wait_for_change` is awaited; None when it ends."""
        self._loop = loop
        self._waking = False

    def set(self, outcome: Outcome) -> None:
        """Replace the outcome; from any thread, never waits, never raises."""
        self._set_at, self.outcome = time.monotonic(), outcome
        loop = self._loop
        if loop is None or self._waking or not self._waiting:  # a wake-up under way reads the outcome set above
            return
        self._waking = True
        with contextlib.suppress(RuntimeError):  # the loop has just been closed: nobody waits any more
            loop.call_soon_threadsafe(self._wake)

    def age_s(self) -> float:
        """Return the seconds since the latest outcome came; 0 before the first."""
        return time.monotonic() - self._set_at if self.outcome else 0.0

    async def wait_for_change(self, seen: Outcome | None, limit_s: float) -> bool:
        """Return True once the outcome is another than `seen`, False after `limit_s` seconds."""
        self._waiting += 1  # before the look at the outcome: one that comes after it wakes this task
        try:
            if self.outcome is not seen:
                return True
            async with asyncio.timeout(limit_s):  # wait_for of Python 3.11 can swallow a cancellation
                await self._changed.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    def _wake(self) -> None:
        self._waking = False
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
