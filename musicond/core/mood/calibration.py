"""Ten seconds of a neutral face: what bias makes this household's neutral be read as neutral."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from musicond.core.models import EMOTIONS, Emotion
from musicond.core.mood.bias import REACH, Bias, bounded
from musicond.core.outcome import CalibrationProgress

if TYPE_CHECKING:
    from collections.abc import Sequence

DURATION_S = 10.0
"""Seconds from the first reading to the last."""
TIMEOUT_S = 40.0
MIN_READINGS = 20
"""Readings."""
TARGET_SCORE = 0.55
"""Mean score of neutral that is enough."""
PARTS = 20
NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)


@dataclass(frozen=True, slots=True)
class Calibration:
    """One under way; only scores are held, and only until it ends."""

    started_at: float
    """Monotonic seconds."""
    readings: tuple[tuple[float, tuple[float, ...]], ...] = ()
    """When, and the scores without any bias."""

    def update(self, at: float, scores: tuple[float, ...] | None) -> Calibration:
        """Return it after one more frame; None: no face was read."""
        return self if scores is None else replace(self, readings=(*self.readings, (at, scores)))

    def progress(self, at: float) -> CalibrationProgress:
        """Return how far it is."""
        if not self.readings:
            return CalibrationProgress(0.0, self._fault(at))
        lasted = self.readings[-1][0] - self.readings[0][0]
        done = min(lasted / DURATION_S, len(self.readings) / MIN_READINGS, 1.0)
        return CalibrationProgress(done, self._fault(at) if done < 1 else None)

    def _fault(self, at: float) -> str | None:
        if at - self.started_at < TIMEOUT_S:
            return None
        return "no face could be read for long enough; look into the camera, with light on the face, and try again"

    def bias(self) -> Bias:
        """Return what the readings teach."""
        return neutral_bias([scores for _, scores in self.readings])


def neutral_bias(readings: Sequence[tuple[float, ...]]) -> Bias:
    """Return the least bias with which these readings of a neutral face have a mean neutral score of GOAL, or REACH.

    It raises neutral and lowers the others, each by its share in what neutral was taken for.
    """
    means = [sum(column) / len(readings) for column in zip(*readings, strict=True)]
    worst = max(mean for place, mean in enumerate(means) if place != NEUTRAL)
    direction = [1.0 if place == NEUTRAL else -mean / worst for place, mean in enumerate(means)]
    middle = sum(direction) / len(direction)
    length = sum((each - middle) ** 2 for each in direction) ** 0.5
    bias = Bias()
    for part in range(PARTS + 1):
        bias = bounded([REACH * part / PARTS * each / length for each in direction])
        if sum(bias.apply(each)[NEUTRAL] for each in readings) / len(readings) >= TARGET_SCORE:
            break
    return bias
