"""Gradual changes of the volume, in steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from musicond.errors import PlaybackError

STEPS = 4
STEP_S = 0.6
"""Four requests in two seconds are far from any service's limit."""
RETRY_S = 5.0
MAX_TRIES = 3
"""Attempts to set the last volume of a fade: later, a person may have set another one."""


class VolumeFader:
    """Changes the volume in steps; for one thread.

    `set_volume` takes percent; it and `pause` may raise PlaybackError.
    """

    def __init__(
        self,
        set_volume: Callable[[int], None],
        pause: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._set_volume, self._pause, self._clock = set_volume, pause, clock
        self._due: list[tuple[float, int | None]] = []
        """The steps: when, and the volume to set; None: pause. The last one sets the volume in which the fade ends."""
        self._tries = 0

    def cancel(self) -> None:
        """Cancel the rest of a fade: the next `run_due` sets the volume in which it was to end."""
        self._due = [(self._clock(), percent) for _, percent in self._due[-1:]]

    def fade_to(self, before: int | None, percent: int) -> None:
        """Change the volume from `before`, in one step where that is None; raise PlaybackError."""
        self._due.clear()
        if before is None:
            self._set_volume(percent)
        else:
            self._schedule(before, percent, STEPS)

    def fade_out(self, before: int) -> None:
        """Fade the music out from `before`, pause it, and restore the volume, unless that is under way.

        The volume to restore is that in which a fade was to end, if its last step is still due. Where the volume can't
        be changed, pause the music at once. Raises PlaybackError.
        """
        if any(percent is None for _, percent in self._due):
            return
        restored = self._due[-1][1] if self._due else before
        try:
            self._schedule(before, 0, STEPS - 1)
        except PlaybackError:
            self.cancel()
            self._pause()
            return
        at = self._due[-1][0] + STEP_S if self._due else self._clock()
        self._due += [(at, None), (at, restored)]

    def due_s(self, now: float) -> float | None:
        """Return the seconds until `run_due` has something to do; None: nothing is due. For any thread."""
        first = self._due[:1]
        return first[0][0] - now if first else None

    def run_due(self, now: float) -> PlaybackError | None:
        """Take the steps that are due; return the error of a pause that failed.

        After a step that fails, only the pause and the last volume are still tried.
        """
        error = None
        while self._due and self._due[0][0] <= now:
            _, percent = self._due.pop(0)
            try:
                self._take(percent)
            except PlaybackError as exc:
                error = exc if percent is None else error
                self._skip_to_end(now, percent)
        return error

    def finish(self) -> bool:
        """Pause the music if it was to be, and set the last volume of a fade, both once; return whether it paused."""
        steps = [percent for _, percent in self._due]
        self._due.clear()
        paused = False
        for percent in [*(percent for percent in steps if percent is None), *steps[-1:]]:
            with suppress(PlaybackError):
                self._take(percent)
                paused |= percent is None
        return paused

    def _take(self, percent: int | None) -> None:
        if percent is None:
            self._pause()
        else:
            self._set_volume(percent)

    def _skip_to_end(self, now: float, failed: int | None) -> None:
        """Leave out what follows a failed step, but for the pause and the last volume, which is tried again."""
        self._tries += 1
        if not self._due and self._tries < MAX_TRIES:
            self._due = [(now + RETRY_S, failed)]
        self._due = [step for step in self._due[:-1] if step[1] is None] + self._due[-1:]

    def _schedule(self, before: int, after: int, steps: int) -> None:
        """Take the first step now, and schedule the others."""
        now = self._clock()
        first, *rest = dict.fromkeys(round(before + (after - before) * part / STEPS) for part in range(1, steps + 1))
        self._set_volume(first)
        self._tries = 0
        self._due = [(now + number * STEP_S, percent) for number, percent in enumerate(rest, 1)]
