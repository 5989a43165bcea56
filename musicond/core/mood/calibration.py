"""Calibration: learn a bias from ten seconds of a neutral face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from musicond.core.models import EMOTIONS, Emotion
from musicond.core.mood.bias import CALIBRATED_REACH, Bias, bounded
from musicond.core.outcome import CalibrationProgress

DURATION_S = 10.0
"""Seconds from the first scores to the last."""
TIMEOUT_S = 40.0
MIN_READINGS = 20
TARGET_SCORE = 0.85
"""Mean score of neutral at which the bias suffices; tools/evaluate_calibration.py shows what others do."""
STEPS = 20
"""Lengths of the bias that are tried, up to CALIBRATED_REACH."""
NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration in progress; it stores scores only, and only until it ends."""

    started_at: float
    """Monotonic seconds."""
    readings: tuple[tuple[float, tuple[float, ...]], ...] = ()
    """Monotonic seconds, and scores without a bias."""
    number: int = 1
    """Counts the calibrations since the start."""

    def update(self, at: float, scores: tuple[float, ...] | None) -> Calibration:
        """Return the calibration after one more frame; None: no face was classified."""
        return self if scores is None else replace(self, readings=(*self.readings, (at, scores)))

    def progress(self, at: float) -> CalibrationProgress:
        """Return the progress at a time."""
        if not self.readings:
            return CalibrationProgress(0.0, self._error(at), self.number)
        elapsed_s = self.readings[-1][0] - self.readings[0][0]
        share = min(elapsed_s / DURATION_S, len(self.readings) / MIN_READINGS, 1.0)
        return CalibrationProgress(share, self._error(at) if share < 1 else None, self.number)

    def _error(self, at: float) -> str | None:
        if at - self.started_at < TIMEOUT_S:
            return None
        return "no face could be read for long enough; look into the camera, with light on the face, and try again"

    def bias(self) -> Bias:
        """Return the bias that the readings require."""
        return neutral_bias([scores for _, scores in self.readings])


def neutral_bias(readings: Sequence[tuple[float, ...]]) -> Bias:
    """Return the least bias that raises the mean neutral score of a neutral face to TARGET_SCORE, or the longest one.

    It raises neutral, and lowers each other emotion in proportion to its mean score.
    """
    means = [sum(column) / len(readings) for column in zip(*readings, strict=True)]
    highest = max(mean for index, mean in enumerate(means) if index != NEUTRAL)
    direction = [1.0 if index == NEUTRAL else -mean / highest for index, mean in enumerate(means)]
    middle = sum(direction) / len(direction)
    length = sum((value - middle) ** 2 for value in direction) ** 0.5
    bias = Bias()
    for step in range(STEPS + 1):
        bias = bounded([value * CALIBRATED_REACH * step / STEPS / length for value in direction], CALIBRATED_REACH)
        if sum(bias.apply(scores)[NEUTRAL] for scores in readings) / len(readings) >= TARGET_SCORE:
            break
    return bias
