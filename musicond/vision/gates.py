"""Cheap looks at a frame that spare the detector its work: is it dark, and has anything changed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THUMB = (40, 30)
"""Width and height of the thumbnail that both gates look at: a cell of 640x480 is 16x16 pixels."""

DARK_BELOW = 30.0
"""Grey level (0..255) under which the brightest parts must lie for a frame to be dark.

Limited-range video has its black at 16; what is left above holds too few levels to read a face."""

DARK_UNTIL = 35.0
"""Grey level at which a dark frame is light again; above `DARK_BELOW`, so that noise can't flicker."""

BRIGHT_PART = 98.0
"""Percentile that stands for the brightest parts: a lit face counts, a pilot lamp does not."""

CHANGED_LEVELS = 6.0
"""Grey levels by which one cell must differ to count as a change; noise averages to under 1."""

Thumbnail = NDArray[np.float32]


def thumbnail(grey: NDArray[np.uint8]) -> Thumbnail:
    """Average `grey`, uint8 (height, width), down to float32 (30, 40)."""
    return np.asarray(cv2.resize(grey, THUMB, interpolation=cv2.INTER_AREA), np.float32)


class DarknessDetector:
    """Says whether a frame is too dark to find a face in, with hysteresis."""

    def __init__(self) -> None:
        self._dark = False

    def is_dark(self, thumb: Thumbnail) -> bool:
        """Judge one frame by its thumbnail."""
        bright = float(np.percentile(thumb, BRIGHT_PART))
        self._dark = bright < (DARK_UNTIL if self._dark else DARK_BELOW)
        return self._dark


class MotionDetector:
    """Says whether an empty room must be looked at again.

    The measure is the largest change of a thumbnail's cell against the last frame that was
    ANALYSED, not the last one seen: slow changes add up. After `hold_s` seconds it opens anyway.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._reference: Thumbnail | None = None
        self._analysed_at = 0.0

    def is_still(self, thumb: Thumbnail, captured_at: float) -> bool:
        """Whether nothing has changed since `analysed`, and that was less than `hold_s` ago."""
        if self._reference is None or not 0 <= captured_at - self._analysed_at < self._hold_s:
            return False
        return float(np.abs(thumb - self._reference).max()) < CHANGED_LEVELS

    def set_reference(self, thumb: Thumbnail, captured_at: float) -> None:
        """Remember a frame in which the whole picture was searched and nobody found."""
        self._reference = thumb
        self._analysed_at = captured_at

    def reset(self) -> None:
        """Open: the next frame is looked at."""
        self._reference = None
