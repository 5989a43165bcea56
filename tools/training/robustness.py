"""Realistic degradations of pictures, to measure the cost of each; all uint8 (48, 48) to the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from musicond.vision.preprocess import INPUT_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


def moved(image: Picture, degrees: float = 0.0, scale: float = 1.0, right: float = 0.0, down: float = 0.0) -> Picture:
    """Turn, scale about the middle and shift (as fractions of the side); the edge is repeated."""
    middle = (INPUT_SIZE - 1) / 2
    matrix: NDArray[Any] = cv2.getRotationMatrix2D((middle, middle), degrees, scale)
    matrix[:, 2] += np.array([right, down]) * INPUT_SIZE
    return _u8(cv2.warpAffine(image, matrix, (INPUT_SIZE, INPUT_SIZE), borderMode=cv2.BORDER_REPLICATE))


def noisy(image: Picture) -> Picture:
    """Add noise with a standard deviation of 10 grey levels, the same for the same picture."""
    rng = np.random.default_rng(int(image.sum()))
    return _u8(np.clip(image + rng.normal(0, 10, image.shape), 0, 255))


def packed(image: Picture) -> Picture:
    """Go through JPEG at quality 30."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])
    return _u8(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "half brightness": lambda image: _u8(image * 0.5),
    "double brightness": lambda image: _u8(np.minimum(image * 2.0, 255)),
    "blur, sigma 1": lambda image: _u8(cv2.GaussianBlur(image, (0, 0), 1.0)),
    "noise, sigma 10": noisy,
    "turned +15 degrees": lambda image: moved(image, degrees=15),
    "turned -15 degrees": lambda image: moved(image, degrees=-15),
    "shifted right and down 8 %": lambda image: moved(image, right=0.08, down=0.08),
    "shifted left and up 8 %": lambda image: moved(image, right=-0.08, down=-0.08),
    "crop 12 % tighter": lambda image: moved(image, scale=1.12),
    "crop 12 % wider": lambda image: moved(image, scale=0.88),
    "JPEG, quality 30": packed,
}


def _u8(image: Any) -> Picture:
    return np.asarray(image, dtype=np.uint8)
