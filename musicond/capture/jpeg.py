"""JPEG pictures: their size without decoding, and decoding to grey first, as colours are rarely needed."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

START, END = b"\xff\xd8", b"\xff\xd9"
PADDING = 64
"""Bytes after the end of a JPEG that some drivers add."""
SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the segment that holds the size (SOF0 to SOF15; ITU-T T.81, table B.1)."""


def picture_size(jpeg: bytes) -> tuple[int, int] | None:
    """Return width and height by the head of a JPEG; None where it has none."""
    place = 2 if jpeg.startswith(START) else len(jpeg)
    while place + 9 <= len(jpeg) and jpeg[place] == 0xFF:  # noqa: PLR2004 - begins each marker
        if jpeg[place + 1] in SIZES:
            height, width = (int.from_bytes(jpeg[at : at + 2], "big") for at in (place + 5, place + 7))
            return width, height
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return None


def decode(jpeg: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Callable[[], NDArray[np.uint8]]] | None:
    """Return the grey picture of the bytes of a JPEG, and a function that returns the BGR picture; None if broken.

    Raises cv2.error.
    """
    whole = END in jpeg[-PADDING:].tobytes()
    grey = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION) if whole else None
    if grey is None:
        return None

    def colour() -> NDArray[np.uint8]:
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION), np.uint8)

    return np.asarray(grey, np.uint8), colour
