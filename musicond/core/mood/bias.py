"""A household's correction of the scores: shifts of the log-odds, bounded to limit the error that they can cause.

For two classes a shift of d turns p into sigmoid(logit p + d), which moves it by at most tanh(d / 4). With seven
classes each score is shifted against a mean of the others' shifts, so by no more than the largest difference of two
shifts, and that is at most sqrt(2) times their length (Euclidean norm). With a length of `reach` no score moves by
more than tanh(sqrt(2) * reach / 4): 0.088 with REACH, 0.34 with CALIBRATED_REACH.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CLASSES = 7
REACH = 0.25
"""Maximum length of the shifts that `WrongMood` commands cause, or that they leave of a calibration.

None of these costs more than one point of accuracy on PublicTest, as tools/evaluate_bias.py measures.
"""
CALIBRATED_REACH = 1.0
"""Maximum length of the shifts that a calibration learns; tools/evaluate_calibration.py measures what it brings."""
STEPS = 4
"""Number of `WrongMood` commands for one pair of emotions after which REACH is used up."""


@dataclass(frozen=True, slots=True)
class Bias:
    """Shifts of the log-odds (natural logarithm) in the order of `EMOTIONS`, with mean 0."""

    shifts: tuple[float, ...] = (0.0,) * CLASSES

    def __bool__(self) -> bool:
        return any(self.shifts)

    def apply(self, scores: tuple[float, ...]) -> tuple[float, ...]:
        """Return the corrected scores, which still sum to 1."""
        if not self:
            return scores
        weighted = [score * math.exp(shift) for score, shift in zip(scores, self.shifts, strict=True)]
        total = sum(weighted)
        return tuple(score / total for score in weighted)

    def corrected(self, wrong: int | None, right: int | None) -> Bias:
        """Return the bias after a correction: class `wrong` was announced instead of class `right` (indices).

        It is no longer than REACH. After a calibration each correction shortens it by a step until it is.
        """
        step = REACH / STEPS / math.sqrt(2)
        shifts = list(self.shifts)
        if wrong is not None:
            shifts[wrong] -= step
        if right is not None:
            shifts[right] += step
        return bounded(shifts, max(REACH, math.hypot(*self.shifts) - REACH / STEPS))


def bounded(shifts: Sequence[float], reach: float) -> Bias:
    """Return the bias with these shifts, centred and shortened to `reach` if they are longer."""
    mean = sum(shifts) / len(shifts)
    length = math.hypot(*(shift - mean for shift in shifts))
    scale = min(1.0, reach / length) if length > 0 else 1.0
    return Bias(tuple(round((shift - mean) * scale, 4) for shift in shifts))
