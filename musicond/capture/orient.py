"""Turns and fits a picture to what the configuration asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def orient(grey: NDArray[np.uint8], rotation: int = 0, *, mirror: bool = False) -> NDArray[np.uint8]:
    """Return uint8 (h, w) turned clockwise by `rotation` degrees (0, 90, 180, 270), then mirrored."""
    if rotation in TURNS:
        grey = np.asarray(cv2.rotate(grey, TURNS[rotation]), np.uint8)
    if mirror:
        grey = np.asarray(cv2.flip(grey, 1), np.uint8)
    return grey


def fit(grey: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return uint8 shrunk, its shape kept, so that it is no larger than `size` (width, height)."""
    height, width = grey.shape
    scale = min(size[0] / width, size[1] / height)
    if scale >= 1:
        return grey
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(grey, target, interpolation=cv2.INTER_AREA), np.uint8)
