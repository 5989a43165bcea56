"""Memory of candidates that turned out to be no faces, so that the same pixels are not examined in each scan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box, Frame
from musicond.vision.preprocess import cells
from musicond.vision.tracker import is_same_face

REFUSED_S = 10.0
"""Seconds after which a refused candidate is examined again although its pixels are the same."""
SAME_PIXELS = 3.0
"""Mean difference in grey levels below which the pixels of a candidate are the same; noise averages to about 1."""
SAME_SIZE = 1.6
"""Ratio of sizes up to which two boxes are one candidate: a face may lie in a larger one that was refused."""
SIDE = 16
"""Side of the square to which the pixels are averaged."""


class RefusedCandidates:
    """The candidates that were refused in the last seconds, each with its pixels."""

    def __init__(self) -> None:
        self._refused: list[tuple[float, Box, NDArray[np.uint8]]] = []

    def add(self, frame: Frame, boxes: Iterable[Box]) -> None:
        """Remember candidates of this frame."""
        self._refused = [entry for entry in self._refused if 0 <= frame.captured_at - entry[0] < REFUSED_S]
        self._refused += [(frame.captured_at, box, _pixels(frame, box)) for box in boxes]

    def has(self, frame: Frame, box: Box) -> bool:
        """Return whether a candidate at this place was refused, and looks as it did then."""
        return any(
            0 <= frame.captured_at - at < REFUSED_S
            and is_same_face(refused, box)
            and max(refused.w, box.w) < SAME_SIZE * min(refused.w, box.w)
            and cv2.norm(_pixels(frame, refused), pixels, cv2.NORM_L1) < SAME_PIXELS * pixels.size
            for at, refused, pixels in self._refused
        )

    def clear(self) -> None:
        """Forget all candidates and their pixels."""
        self._refused = []


def _pixels(frame: Frame, box: Box) -> NDArray[np.uint8]:
    return cells(frame.grey, replace(box, roll=0), SIDE)
