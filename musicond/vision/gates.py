"""Cheap checks of a frame before the detector runs: darkness and motion."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THUMB = (40, 30)
"""Width and height of the thumbnail that both gates use: a cell of 640x480 is 16x16 pixels."""
DARK_BELOW = 30.0
"""Grey level (0..255) below which the brightest parts of a dark frame lie.

Limited-range video has its black at 16, which leaves too few levels to classify a face.
"""
DARK_UNTIL = 35.0
"""Grey level at which a dark frame is light again; above `DARK_BELOW` so that noise causes no flicker."""
BRIGHT_PART = 98.0
"""Percentile of the brightest parts: a lit face counts, a pilot lamp does not."""
CHANGED_LEVELS = 6.0
"""Grey levels by which a cell must differ to count as changed; noise averages to under 1."""

Thumbnail = NDArray[np.float32]


def thumbnail(grey: NDArray[np.uint8]) -> Thumbnail:
    """Return `grey`, uint8 (height, width), averaged to float32 (30, 40)."""
    return np.asarray(cv2.resize(grey, THUMB, interpolation=cv2.INTER_AREA), np.float32)


class DarknessDetector:
    """A detector of frames that are too dark for a face, with hysteresis."""

    def __init__(self) -> None:
        self._dark = False

    def is_dark(self, thumb: Thumbnail) -> bool:
        """Return whether a frame is dark, by its thumbnail."""
        bright = float(np.percentile(thumb, BRIGHT_PART))
        self._dark = bright < (DARK_UNTIL if self._dark else DARK_BELOW)
        return self._dark


class MotionDetector:
    """A detector of changes in an empty room.

    It measures the largest change of a thumbnail's cell since the last frame that was scanned, not since the last
    frame, so that slow changes add up. After `hold_s` seconds the room no longer counts as still.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._reference: Thumbnail | None = None
        self._scanned_at = 0.0

    def is_still(self, thumb: Thumbnail, captured_at: float) -> bool:
        """Return whether nothing has changed since `set_reference`, less than `hold_s` ago."""
        if self._reference is None or not 0 <= captured_at - self._scanned_at < self._hold_s:
            return False
        return float(np.abs(thumb - self._reference).max()) < CHANGED_LEVELS

    def set_reference(self, thumb: Thumbnail, captured_at: float) -> None:
        """Take a frame that was scanned without a face as the reference."""
        self._reference = thumb
        self._scanned_at = captured_at

    def reset(self) -> None:
        """Drop the reference: the next frame is not still."""
        self._reference = None
