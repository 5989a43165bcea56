"""Rotation, mirroring and scaling of pictures as configured."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def orient(picture: NDArray[np.uint8], rotation: int = 0, *, mirror: bool = False) -> NDArray[np.uint8]:
    """Return uint8 (h, w) or (h, w, 3) rotated clockwise by `rotation` degrees (0, 90, 180, 270), then mirrored."""
    if rotation in ROTATIONS:
        picture = np.asarray(cv2.rotate(picture, ROTATIONS[rotation]), np.uint8)
    if mirror:
        picture = np.asarray(cv2.flip(picture, 1), np.uint8)
    return picture


def rotation_hint(rotation: int, turned: int, *, mirror: bool) -> int | None:
    """Return the `rotation` for `orient` that turns its picture by `turned` degrees clockwise; None for no turn."""
    return (rotation + (-turned if mirror else turned)) % 360 if turned else None


def vertical_angle(sensor_deg: float, ratio: float, rotation: int, *, near: bool) -> float:
    """Return the vertical angle of view in degrees of a picture that was rotated, and cut to its middle for `near`.

    `sensor_deg` is the vertical angle of the whole sensor, `ratio` its width divided by its height.
    """
    extent = math.tan(math.radians(sensor_deg) / 2) * (ratio if rotation in (90, 270) else 1) * (0.5 if near else 1)
    return math.degrees(2 * math.atan(extent))


def fit(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return uint8 (h, w) or (h, w, 3) shrunk to fit into `size` (width, height), with the same aspect ratio."""
    height, width = picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    if scale >= 1:
        return picture
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, target, interpolation=cv2.INTER_AREA), np.uint8)


def middle_half(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle of a picture, half of its width and height, without a copy."""
    height, width = picture.shape[:2]
    return picture[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2]
