"""Cheap checks of a frame before the detector runs: darkness and motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box
from musicond.runtime.stages import stage
from musicond.vision.preprocess import shrunk

THUMB = (40, 30)
"""Width and height of the thumbnail that both gates use: a cell of 640x480 is 16x16 pixels."""
MIDDLE = THUMB[0] // 2
ROWS = 240
"""Rows of a frame that are read for its thumbnail, or few more: to read all pixels would take longer than the rest."""
DARK_SPAN, LIGHT_SPAN = 6.0, 8.0
"""Grey levels between the dimmest and the brightest parts of a dim picture below which it is dark, and light again.

With fewer levels nothing is left to stretch. The second is higher so that noise causes no flicker.
"""
DIM_BELOW = 40.0
"""Grey level below which the brightest parts of a dim picture lie; limited-range video has its black at 16."""
OUTLIERS = THUMB[0] * THUMB[1] // 50
"""Cells brighter than the brightest parts, and cells dimmer than the dimmest: a lit face counts, a pilot lamp not."""
CHANGED_LEVELS = 6.0
"""Grey levels by which a cell must differ to count as changed; noise averages to under 1."""
FULL_SPAN, LEAST_CHANGE = 128.0, 1.5
"""In a picture whose levels span less than the first, fewer levels count as a change, down to the second."""
AROUND, ABOVE = 1.2, 0.6
"""How far a person reaches to either side of the face and above it, in sides of the face; downwards to the floor."""

Thumbnail = NDArray[np.float32]


@stage("gates")
def thumbnail(grey: NDArray[np.uint8]) -> Thumbnail:
    """Return some rows of `grey`, uint8 (height, width), averaged to float32 (30, 40)."""
    return shrunk(grey[:: max(1, grey.shape[0] // ROWS)], *THUMB).astype(np.float32)


def cells_of_people(faces: Sequence[Box], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the cells of a thumbnail that the people with these faces may cover, bool (30, 40).

    The faces are in pixels of a frame of `shape` (height, width, ...).
    """
    cells = np.zeros(THUMB[::-1], np.bool_)
    across, down = THUMB[0] / shape[1], THUMB[1] / shape[0]
    for face in faces:
        left, right = face.x - AROUND * face.w, face.x + (1 + AROUND) * face.w
        top = face.y - ABOVE * face.h
        cells[max(0, int(top * down)) :, max(0, int(left * across)) : max(0, int(right * across)) + 1] = True
    return cells


def _dim_and_bright(thumb: Thumbnail) -> tuple[float, float]:
    """Return the grey levels of the dimmest and of the brightest parts."""
    cells = np.partition(thumb, (OUTLIERS, thumb.size - 1 - OUTLIERS), axis=None)
    return float(cells[OUTLIERS]), float(cells[-1 - OUTLIERS])


class DarknessDetector:
    """A detector of frames that are too dark for a face, with hysteresis."""

    def __init__(self) -> None:
        self._dark = False

    @stage("gates")
    def is_dark(self, thumb: Thumbnail) -> bool:
        """Return whether a frame is dark, by its thumbnail."""
        if np.count_nonzero(thumb >= DIM_BELOW) > OUTLIERS:  # the usual case, so without a sort
            self._dark = False
            return False
        dim, bright = _dim_and_bright(thumb)
        self._dark = bool(bright < DIM_BELOW and bright - dim < (LIGHT_SPAN if self._dark else DARK_SPAN))
        return self._dark


class MotionDetector:
    """A detector of changes in an empty room.

    It measures the largest change of a thumbnail's cell since the last frame that was scanned, not since the last
    frame, so that slow changes add up. What changes in whole rows of the picture at once is the light: lamps flicker
    with the mains.
    """

    def __init__(self) -> None:
        self._reference: Thumbnail | None = None
        self._hidden: NDArray[np.bool_] | None = None
        """Cells of the reference that do not count."""
        self._least_change = CHANGED_LEVELS

    @stage("gates")
    def has_changed(self, thumb: Thumbnail, hidden: NDArray[np.bool_] | None = None) -> bool:
        """Return whether a frame differs from the reference, or there is none; `hidden` cells do not count."""
        if self._reference is None:
            return True
        change = thumb - self._reference
        for cells in (hidden, self._hidden):
            if cells is not None:
                change[cells] = 0
        ordered = np.sort(change, axis=1)  # in a tenth of the time of np.median
        change -= (ordered[:, MIDDLE - 1 : MIDDLE] + ordered[:, MIDDLE : MIDDLE + 1]) / 2
        return float(max(change.max(), -change.min())) >= self._least_change

    @stage("gates")
    def set_reference(self, thumb: Thumbnail, hidden: NDArray[np.bool_] | None = None) -> None:
        """Take a frame that was scanned as the reference; its `hidden` cells do not count."""
        self._reference, self._hidden = thumb, hidden
        dim, bright = _dim_and_bright(thumb)
        self._least_change = max(LEAST_CHANGE, CHANGED_LEVELS * min(1.0, float(bright - dim) / FULL_SPAN))

    def reset(self) -> None:
        """Drop the reference: the next frame is not still."""
        self._reference = None
