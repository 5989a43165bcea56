"""Volume in steps: our music comes and goes softly, and what a person sets is reached without a jump."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from musicond.errors import PlaybackError

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 4
STEP_S = 0.6
"""Four requests in two seconds are far from any service's limit."""


class VolumeFader:
    """For one thread; `turn` does what is due. `level` sets percent, `halt` pauses; both may raise SpeakerError."""

    def __init__(self, level: Callable[[int], None], halt: Callable[[], None]) -> None:
        self._level, self._halt = level, halt
        self._due: list[tuple[float, Callable[[], None]]] = []

    def forget(self) -> None:
        """Leave the rest of a fade undone."""
        self._due.clear()

    def up(self, percent: int, *, slowly: bool) -> None:
        """Play on at a volume, reached from below where `slowly`; raise SpeakerError."""
        self._run(0, percent) if slowly else self._level(percent)

    def to(self, before: int | None, percent: int) -> None:
        """Reach a volume from the one before; raise SpeakerError."""
        if before is None:
            self.forget()
            self._level(percent)
        else:
            self._run(before, percent)

    def out(self, before: int) -> None:
        """Let the music fade, halt it, and set the volume back; raise SpeakerError."""
        self._run(before, 0, last=False)
        at = self._due[-1][0] + STEP_S if self._due else time.monotonic()
        self._due += [(at, self._halt), (at, lambda: self._level(before))]

    def due_s(self, now: float) -> float | None:
        """Return the seconds until `turn` has something to do; None: nothing."""
        return self._due[0][0] - now if self._due else None

    def turn(self, now: float) -> None:
        """Do what is due; a step that fails ends the fade, but never leaves music on that was to be halted."""
        while self._due and self._due[0][0] <= now:
            _, act = self._due.pop(0)
            try:
                act()
            except PlaybackError:
                self._due = [each for each in self._due if each[1] == self._halt]

    def _run(self, before: int, after: int, *, last: bool = True) -> None:
        """Take the first step now and the others in time."""
        self.forget()
        now = time.monotonic()
        levels = [round(before + (after - before) * part / STEPS) for part in range(1, STEPS + (1 if last else 0))]
        for number, percent in enumerate(dict.fromkeys(levels)):
            if number:
                self._due.append((now + number * STEP_S, lambda percent=percent: self._level(percent)))  # type: ignore[misc]
            else:
                self._level(percent)
