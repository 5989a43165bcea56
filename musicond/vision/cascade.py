"""OpenCV's Haar cascade: coarse detection in the whole frame, fine detection near a face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box
from musicond.errors import ModelError

WINDOW = 24
"""Side in pixels of the cascade's window, the smallest face that it can detect."""
FACE = 48
"""Side in pixels to which a face is scaled for the quick fine detection."""
CAREFUL_FACE = 64
"""The same for the careful one, which also tries twice as many sizes: three times the work."""
COARSE_STEP, COARSE_NEIGHBOURS = 1.2, 1
"""Ratio between the sizes that the coarse detection tries, and its least number of hits in one place."""
MARGIN = 0.3
"""Margin of the fine detection around the face, as a fraction of the face's side."""
RANGE = (0.75, 1.35)
"""Sizes that the fine detection tries, as fractions of the face's side."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that the fine detection has found."""

    box: Box
    """In pixels of the frame."""
    weight: float
    """Output of the cascade's last stage: about 3..10 for faces, mostly under 3 for other things."""


class Cascade:
    """The cascade of one XML file, applied to grey pictures."""

    def __init__(self, xml: Path) -> None:
        """Load `xml`; raise ModelError."""
        self._cascade = _load(xml)

    def detect(self, grey: NDArray[np.uint8], min_size: float, max_size: float) -> list[Box]:
        """Return the possible faces of the whole frame, largest first, with false positives.

        `grey` is uint8 (height, width); the sizes are fractions of its height. The frame is first shrunk until the
        smallest face just fills the cascade's window.
        """
        height, width = grey.shape
        shrink = min(1.0, 1.05 * WINDOW / min_size / height)
        small = cv2.resize(
            grey, (max(1, round(width * shrink)), max(1, round(height * shrink))), interpolation=cv2.INTER_AREA
        )
        smallest, largest = ((max(WINDOW, round(size * height * shrink)),) * 2 for size in (min_size, max_size))
        rectangles = self._cascade.detectMultiScale(
            small, scaleFactor=COARSE_STEP, minNeighbors=COARSE_NEIGHBOURS, minSize=smallest, maxSize=largest
        )
        boxes = [_box(rectangle, 0, 0, 1 / shrink) for rectangle in np.asarray(rectangles).reshape(-1, 4)]
        return sorted(boxes, key=lambda box: box.area, reverse=True)

    def detect_near(self, grey: NDArray[np.uint8], near: Box) -> Detection | None:
        """Return the face at or close to `near` in uint8 (height, width): detect quickly, else carefully."""
        return self._fine(grey, near, FACE, 1.1) or self._fine(grey, near, CAREFUL_FACE, 1.05)

    def score(self, grey: NDArray[np.uint8], box: Box) -> float:
        """Return the mean weight of careful detections in a box and in its mirror image."""
        detections = (self._fine(grey, box, CAREFUL_FACE, 1.05, mirror=mirror) for mirror in (False, True))
        return sum(detection.weight for detection in detections if detection) / 2

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
        smallest, largest = ((round(face * part),) * 2 for part in RANGE)
        rectangles, _, weights = self._cascade.detectMultiScale3(
            window, scaleFactor=step, minNeighbors=3, minSize=smallest, maxSize=largest, outputRejectLevels=True
        )
        if len(rectangles) == 0:
            return None
        best = int(np.argmax(weights))
        rectangle = np.asarray(rectangles)[best]
        if mirror:
            rectangle[0] = size[0] - rectangle[0] - rectangle[2]
        return Detection(_box(rectangle, left, top, 1 / scale), float(np.ravel(weights)[best]))


def _box(rectangle: NDArray[np.int32], left: int, top: int, scale: float) -> Box:
    x, y, w, h = (float(value) * scale for value in rectangle)
    return Box(left + round(x), top + round(y), round(w), round(h))


def _load(xml: Path) -> cv2.CascadeClassifier:
    if not hasattr(cv2, "CascadeClassifier"):
        raise ModelError(f"OpenCV {cv2.__version__} has no Haar cascades; install opencv-python-headless older than 5")
    if not xml.is_file():
        raise ModelError(f"{xml}: the face cascade is missing; install musicond anew")
    try:
        cascade = cv2.CascadeClassifier(str(xml))
        usable = not cascade.empty()
    except (cv2.error, SystemError):  # the position of the damage in a file decides between these and `empty`
        usable = False
    if not usable:
        raise ModelError(f"{xml}: not a usable face cascade; install musicond anew")
    return cascade
