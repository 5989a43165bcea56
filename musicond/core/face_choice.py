"""The choice of the face whose mood counts, with `faces.policy: largest`.

The rules
  1. With no face chosen, the largest one is chosen.
  2. The chosen face stays chosen. In the next frame it is the nearest one, if that is near enough and of a similar
     size, whether it was detected there or only coasted.
  3. Another face is chosen once it has been clearly larger for `LARGER_S`: its side more than `LARGER` times as long.
  4. When the chosen face is gone, the largest of the others is chosen: at once if there is another, after `GONE_S` if
     there is none.
  5. Each choice of another face has another number, at which the smoothing and the dwell of the mood start again.

The cases (A is chosen)
  frame                                          | chosen | read
  A, and B smaller or up to 1.25 times as large  | A      | A
  A, and B more than 1.25 times as large, < 1 s  | A      | A
  A, and B more than 1.25 times as large, >= 1 s | B      | B
  A coasted, B detected                          | A      | nothing
  B alone, or at another place than A            | B      | B
  no face, for up to 2 s; then one at A's place  | A      | A
  no face for more than 2 s; then any            | that   | that
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from musicond.core.models import Box, EmotionEstimate, Faces, Frame
from musicond.core.ports import EmotionClassifier

LARGER = 1.25
"""Ratio of the sides of two faces above which one is clearly larger; boxes of one face vary by up to a tenth."""
LARGER_S = 1.0
GONE_S = 2.0
NEAR, NEAR_PER_S, NEAR_MAX = 0.5, 0.5, 1.0
"""Longest way of a face's centre between two frames, in sides of its box: at once, more for each second, at most."""
SIMILAR = 1.6
"""Largest ratio of the sides of one face in two frames."""
TOLERANCE_S = 1e-6


@dataclass(frozen=True, slots=True)
class ChosenFace:
    """The chosen face where it was seen last."""

    box: Box
    at: float
    """Monotonic seconds of that frame."""
    person: int = 1
    """Number of the choice."""
    larger_since: float | None = None
    """Monotonic seconds since which another face has been clearly larger."""


def choose(chosen: ChosenFace | None, faces: Faces, at: float, *, missed: bool = True) -> ChosenFace | None:
    """Return the chosen face after a frame; None if none has ever been there.

    `missed`: there may have been a frame without it since then. A slow machine has fewer frames than one in `GONE_S`.
    """
    boxes = (*faces.confirmed, *faces.coasted)
    box = None if chosen is None or (missed and at - chosen.at > GONE_S) else _find(chosen, boxes, at)
    if chosen is None or box is None:
        if not faces.confirmed:
            return chosen
        return ChosenFace(faces.confirmed[0], at, 1 if chosen is None else chosen.person + 1)
    larger = [other for other in faces.confirmed if _side(other) > LARGER * _side(box)]
    if not larger:
        return replace(chosen, box=box, at=at, larger_since=None)
    since = at if chosen.larger_since is None else chosen.larger_since
    if at - since >= LARGER_S - TOLERANCE_S:
        return ChosenFace(larger[0], at, chosen.person + 1)
    return replace(chosen, box=box, at=at, larger_since=since)


class ChosenFaceClassifier:
    """Reads the chosen face alone; implements core.ports.EmotionClassifier."""

    def __init__(self, classifier: EmotionClassifier) -> None:
        self._classifier = classifier
        self._chosen: ChosenFace | None = None
        self._missed = False
        """Whether a frame had no face since the chosen one was seen."""

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        """Return the scores of the chosen face; None if it was not detected in this frame, or is not sharp enough."""
        self._chosen = choose(self._chosen, faces, frame.captured_at, missed=self._missed)
        self._missed = False
        if self._chosen is None or self._chosen.box not in faces.confirmed:
            return None
        estimate = self._classifier.classify(frame, replace(faces, confirmed=(self._chosen.box,)))
        return None if estimate is None else replace(estimate, person=self._chosen.person)

    def reset(self) -> None:
        """Drop every picture of a face; the place of the chosen one is kept for `GONE_S`."""
        self._missed = True
        self._classifier.reset()


def _find(chosen: ChosenFace, boxes: tuple[Box, ...], at: float) -> Box | None:
    """Return the nearest box that may be the chosen face; None for none."""
    side = _side(chosen.box)
    reach = side * min(NEAR + NEAR_PER_S * (at - chosen.at), NEAR_MAX)
    similar = [box for box in boxes if max(_side(box), side) <= SIMILAR * min(_side(box), side)]
    nearest = min(similar, key=lambda box: _distance(box, chosen.box), default=None)
    return nearest if nearest is not None and _distance(nearest, chosen.box) <= reach else None


def _side(box: Box) -> float:
    return math.sqrt(box.area)


def _distance(a: Box, b: Box) -> float:
    return math.hypot(a.x + a.w / 2 - b.x - b.w / 2, a.y + a.h / 2 - b.y - b.h / 2)
