"""OpenCV's Haar cascade: a coarse search of the whole frame, a fine one around a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from musicond.core.models import Box
from musicond.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WINDOW = 24
"""Side in pixels of the cascade's window: no smaller face can be found."""

FACE = 48
"""Side in pixels to which a face is brought for the quick fine search."""

CAREFUL_FACE = 64
"""The same for the careful one, which also tries twice as many sizes: three times the work."""

COARSE_STEP, COARSE_NEIGHBOURS = 1.2, 1
"""Ratio of the sizes that the coarse search tries, and how many hits on one place it wants."""

MARGIN = 0.3
"""How far the fine search looks beyond the face on each side, as a fraction of its side."""

RANGE = (0.75, 1.35)
"""Sizes of the fine search, as fractions of the face's side."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that the fine search has found."""

    box: Box
    """In pixels of the frame."""
    weight: float
    """What the cascade's last stage gave it: about 3..10 for faces, mostly under 3 for the rest."""


class Cascade:
    """The cascade of one XML file; finds squares in grey pictures."""

    def __init__(self, xml: Path) -> None:
        """Load `xml`; raise ModelError if that can't be done."""
        self._cascade = _load(xml)

    def detect(self, grey: NDArray[np.uint8], min_size: float, max_size: float) -> list[Box]:
        """Find what looks like a face in the whole frame, largest first.

        `grey` is uint8 (height, width), the sizes are fractions of its height. The frame is first
        shrunk until the smallest face just fills the cascade's window. Coarse: expect false ones.
        """
        height, width = grey.shape
        shrink = min(1.0, 1.05 * WINDOW / min_size / height)
        small = cv2.resize(
            grey, (max(1, round(width * shrink)), max(1, round(height * shrink))), interpolation=cv2.INTER_AREA
        )
        least, most = (max(WINDOW, round(size * height * shrink)) for size in (min_size, max_size))
        found = self._cascade.detectMultiScale(
            small, scaleFactor=COARSE_STEP, minNeighbors=COARSE_NEIGHBOURS, minSize=(least, least), maxSize=(most, most)
        )
        boxes = [_box(rectangle, 0, 0, 1 / shrink) for rectangle in np.asarray(found).reshape(-1, 4)]
        return sorted(boxes, key=lambda box: box.area, reverse=True)

    def detect_near(self, grey: NDArray[np.uint8], near: Box) -> Detection | None:
        """Find the face at or close to `near` in uint8 (height, width): quickly, else carefully."""
        return self._fine(grey, near, FACE, 1.1) or self._fine(grey, near, CAREFUL_FACE, 1.05)

    def score(self, grey: NDArray[np.uint8], sighting: Detection) -> float:
        """Look again carefully, and once more at the mirror image; return the mean weight of the two looks."""
        looks = (self._fine(grey, sighting.box, CAREFUL_FACE, 1.05, mirror=mirror) for mirror in (False, True))
        return sum(look.weight if look else 0.0 for look in looks) / 2

    def _fine(
        self, grey: NDArray[np.uint8], near: Box, face: int, step: float, *, mirror: bool = False
    ) -> Detection | None:
        height, width = grey.shape
        margin = round(near.w * MARGIN)
        left, top = max(0, near.x - margin), max(0, near.y - margin)
        cut = grey[top : min(height, near.y + near.h + margin), left : min(width, near.x + near.w + margin)]
        scale = face / near.w
        size = round(cut.shape[1] * scale), round(cut.shape[0] * scale)
        if min(size) < WINDOW:
            return None
        window = cv2.resize(cut, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        if mirror:
            window = cv2.flip(window, 1)
        least, most = (round(face * part) for part in RANGE)
        found, _, weights = self._cascade.detectMultiScale3(
            window,
            scaleFactor=step,
            minNeighbors=3,
            minSize=(least, least),
            maxSize=(most, most),
            outputRejectLevels=True,
        )
        if len(found) == 0:
            return None
        best = int(np.argmax(weights))
        rectangle = np.asarray(found)[best]
        if mirror:
            rectangle[0] = size[0] - rectangle[0] - rectangle[2]
        return Detection(_box(rectangle, left, top, 1 / scale), float(np.ravel(weights)[best]))


def _box(rectangle: NDArray[np.int32], left: int, top: int, scale: float) -> Box:
    x, y, w, h = (float(value) * scale for value in rectangle)
    return Box(left + round(x), top + round(y), round(w), round(h))


def _load(xml: Path) -> cv2.CascadeClassifier:
    if not hasattr(cv2, "CascadeClassifier"):
        msg = f"OpenCV {cv2.__version__} has no Haar cascades; install opencv-python-headless older than 5"
        raise ModelError(msg)
    if not xml.is_file():
        msg = f"{xml}: the face cascade is missing; install musicond anew"
        raise ModelError(msg)
    try:
        cascade = cv2.CascadeClassifier(str(xml))
        usable = not cascade.empty()
    except (cv2.error, SystemError):  # how a damaged file shows depends on where the damage lies
        usable = False
    if not usable:
        msg = f"{xml}: not a usable face cascade; install musicond anew"
        raise ModelError(msg)
    return cascade
