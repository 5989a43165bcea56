"""The preprocessing of faces, shared by the training tools and the daemon."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box
from musicond.runtime.stages import stage

INPUT_SIZE = 48
"""Side of the model's square input in pixels; the size of FER2013's images."""
SPREAD = 52.0
"""Grey levels of one standard deviation after `normalise`: +-2.4 sigma fit in 0..255."""
MIN_STD = 4.0
"""Least standard deviation (grey levels), so that a flat picture does not become noise."""
DIAGONAL = 1.42
"""Diagonal of a square as a multiple of its side, rounded up."""
MODEL_SCALE = 1.0 / 128.0
"""Real value of one step of the model's input; a float model takes `normalise(face) / 128`."""


def chip(grey: NDArray[np.uint8], box: Box, scale: float) -> NDArray[np.uint8]:
    """Return the face in `box` upright, uint8 of shape (48, 48), area-averaged where it shrinks.

    `grey` is uint8 of shape (height, width); `box` is in pixels of `grey`; `scale` widens (> 1) or tightens the box
    about its centre. Pixels outside the frame repeat its edge.
    """
    side = max(2.0, max(box.w, box.h) * scale)
    return upright(grey, (box.x + box.w / 2, box.y + box.h / 2), side, box.roll, INPUT_SIZE, exact=True)


def cells(grey: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.uint8]:
    """Return what `box` shows in uint8 (height, width), upright and averaged to uint8 (side, side)."""
    return upright(grey, (box.x + box.w / 2, box.y + box.h / 2), box.w, box.roll, side)


@stage("scale")
def upright(
    grey: NDArray[np.uint8], centre: tuple[float, float], side: float, roll: int, size: int, *, exact: bool = False
) -> NDArray[np.uint8]:
    """Return a square of a picture, uint8 of shape (size, size), turned back by `roll` degrees.

    `grey` is uint8 of shape (height, width); the square has its `centre` (x, y) and its `side` in pixels of it, and
    is turned clockwise by `roll` degrees. Pixels outside the frame repeat its edge. `exact`: averaged in one step.
    """
    if roll == 0:
        return _scaled(cut_square(grey, centre, side), size, exact=exact)
    # Shrink an upright square that holds the turned one, then turn it: so that nothing is skipped in shrinking.
    wider = _scaled(cut_square(grey, centre, side * DIAGONAL), round(size * DIAGONAL), exact=exact)
    middle = (wider.shape[0] - 1) / 2
    matrix = np.asarray(cv2.getRotationMatrix2D((middle, middle), roll, 1.0), np.float64)
    matrix[:, 2] += (size - 1) / 2 - middle
    return np.asarray(cv2.warpAffine(wider, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def cut_square(grey: NDArray[np.uint8], centre: tuple[float, float], side: float) -> NDArray[np.uint8]:
    """Return a square of uint8 (height, width) by its centre (x, y) and side; outside, the edge is repeated."""
    left, top, size = round(centre[0] - side / 2), round(centre[1] - side / 2), round(side)
    height, width = grey.shape
    above, below = max(0, -top), max(0, top + size - height)
    before, after = max(0, -left), max(0, left + size - width)
    cut = grey[max(0, top) : min(height, top + size), max(0, left) : min(width, left + size)]
    if cut.size == 0:
        raise ValueError(f"a square at {centre} lies outside a frame of {width}x{height}")
    if above or below or before or after:
        cut = np.asarray(cv2.copyMakeBorder(cut, above, below, before, after, cv2.BORDER_REPLICATE), np.uint8)
    return cut


def shrunk(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return uint8 (height, width) area-averaged to a smaller size.

    It is halved as often as possible first: OpenCV halves with a tenth of the instructions of another ratio. To
    interpolate the rest would take a quarter of the time, but leave more noise, in which the cascade works longer.
    """
    while picture.shape[0] >= 2 * height and picture.shape[1] >= 2 * width:
        rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
        even = picture[: 2 * rows, : 2 * columns]
        picture = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    if picture.shape == (height, width):
        return picture
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(square: NDArray[np.uint8], size: int, *, exact: bool) -> NDArray[np.uint8]:
    if square.shape[0] > size and not exact:
        return shrunk(square, size, size)
    interpolation = cv2.INTER_AREA if square.shape[0] > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=interpolation), np.uint8)


def normalise(face: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Remove brightness and contrast: zero mean, one standard deviation at `SPREAD` levels.

    `face` is uint8 of shape (48, 48). Returns int8 of shape (48, 48), clipped to -128..127: the model's quantised
    input with scale 1/128 and zero point 0 (`MODEL_SCALE`).
    """
    mean, spread = spread_of(face)
    scale = SPREAD / max(spread, MIN_STD)
    return np.asarray(cv2.addWeighted(face, scale, face, 0.0, -mean * scale, dtype=cv2.CV_8S), np.int8)


def spread_of(picture: NDArray[Any]) -> tuple[float, float]:
    """Return the mean and the standard deviation of a picture with one channel."""
    mean, spread = cv2.meanStdDev(picture)
    return float(mean[0, 0]), float(spread[0, 0])
