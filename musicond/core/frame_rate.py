"""The frames per second that are analysed: by presence, and by how steady the mood is."""

from __future__ import annotations

from dataclasses import dataclass

from musicond.core.heat import MIN_RATE
from musicond.core.models import EMOTIONS, Mood
from musicond.core.outcome import Outcome

STEADY_RATE, CALM_RATE = 5.0, 2.5
"""Frames per second while each frame confirms the announced mood: with a face that moves, and with a still one.

The first one counts, too, while the face of an announced mood is out of sight.
"""
STEADY_SCORE = 0.45
"""Score of the announced mood in the last frame from which that frame confirms it, if that mood leads."""
LEAST_INTERVAL_S = 0.001
"""Seconds between two frames at least, where the second is due because the mood may change then."""


@dataclass(frozen=True, slots=True)
class FrameRate:
    """Frames per second with a person present, and in an empty room."""

    rate: float
    idle_rate: float

    def slowed(self, share: float) -> FrameRate:
        """Return this share (0..1) of both rates, MIN_RATE at least where more is configured."""
        return FrameRate(
            max(self.rate * share, min(self.rate, MIN_RATE)), max(self.idle_rate * share, min(self.idle_rate, MIN_RATE))
        )

    def interval_s(self, last: Outcome | None) -> float:
        """Return the seconds from the start of the last step to the start of the next.

        A frame is due, too, at the time at which the announced mood may change: then the change is announced at once.
        """
        if last is None:
            return 1.0 / self.rate
        interval = 1.0 / self._rate(last)
        until_change = interval if last.changes_at is None else last.changes_at - last.captured_at
        return min(interval, until_change) if until_change >= LEAST_INTERVAL_S else interval

    def _rate(self, last: Outcome) -> float:
        faces = last.faces
        in_sight = bool(faces.count or faces.tentative)
        if last.mood is Mood.NOBODY and not in_sight:
            return self.idle_rate
        if in_sight and not _is_steady(last):
            return self.rate
        return min(self.rate, CALM_RATE if faces.still else STEADY_RATE)


def _is_steady(last: Outcome) -> bool:
    """Return whether the last frame was read as the announced mood, which leads."""
    if last.raw_scores is None or last.scores is None or last.mood.emotion is None:
        return False
    index = EMOTIONS.index(last.mood.emotion)
    leads = all(scores[index] == max(scores) for scores in (last.raw_scores, last.scores))
    return leads and last.raw_scores[index] >= STEADY_SCORE
