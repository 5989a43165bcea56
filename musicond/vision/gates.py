"""Two cheap looks at a thumbnail before any search: is it too dark, and has anything changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (80, 60)
"""Width and height of the thumbnail; averaging takes most of the noise out."""
DARK_MEAN = 20.0
DARK_HIGH = 55.0
"""Grey levels: a frame is too dark if its mean and its 98th percentile lie below these."""
CHANGE = 10
"""Grey levels by which a thumbnail's pixel must differ to have changed."""
SHARE = 0.004
"""Share of changed pixels from which the room is not still: about a quarter of the smallest face."""
HOLD_S = 5.0
"""Even a still room is searched again after this many seconds."""


def thumbnail(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (60, 80), averaged over areas."""
    return np.asarray(cv2.resize(grey, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def is_dark(small: NDArray[np.uint8]) -> bool:
    """Whether nothing can be found in this light; a lamp in the picture does not make it bright."""
    return float(small.mean()) < DARK_MEAN and float(np.percentile(small, 98)) < DARK_HIGH


class StillGate:
    """Compares with the last picture that was searched, so that slow changes add up."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last picture."""
        self._last: NDArray[np.uint8] | None = None
        self._at = 0.0

    def analysed(self, small: NDArray[np.uint8], at: float) -> None:
        """Remember the thumbnail of a picture that was searched."""
        self._last, self._at = small, at

    def still(self, small: NDArray[np.uint8], at: float) -> bool:
        """Whether this picture need not be searched."""
        if self._last is None or at - self._at >= HOLD_S:
            return False
        changed = cv2.absdiff(small, self._last) > CHANGE
        return float(np.mean(changed)) < SHARE
