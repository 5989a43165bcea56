#!/usr/bin/env python3
"""Draw the icons of the page for phones: python tools/make_icons.py.

The picture is that of musicond/web/static/icon.svg: a happy face on a square of 64.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STATIC = Path(__file__).resolve().parent.parent / "musicond/web/static"
FACE, INK, GROUND = (163, 227, 255), (0, 77, 122), (222, 242, 255)
"""Colours of the face, its lines and the ground, in the order blue, green, red."""
SIDE = 64
SMOOTH = 4
"""Pixels drawn for each pixel of the icon, in each direction."""
ICONS = (
    ("icon-192.png", 192, 1.0, False),
    ("icon-512.png", 512, 1.0, False),
    ("icon-maskable.png", 512, 0.72, True),
    ("apple-touch-icon.png", 180, 0.84, True),
)
"""Name, size in pixels, size of the face, and whether the ground is filled: a maskable icon may be cut to a circle."""


def draw(size: int, share: float, *, filled: bool) -> NDArray[np.uint8]:
    """Return the icon in BGRA, uint8 of shape (size, size, 4)."""
    side = size * SMOOTH
    picture = np.zeros((side, side, 4), np.uint8)
    if filled:
        picture[:] = (*GROUND, 255)
    scale = side * share / SIDE

    def at(x: float, y: float) -> tuple[int, int]:
        return round(side / 2 + (x - SIDE / 2) * scale), round(side / 2 + (y - SIDE / 2) * scale)

    def curve(start: tuple[float, float], control: tuple[float, float], end: tuple[float, float]) -> None:
        steps = np.linspace(0, 1, 60)[:, None]
        points = (1 - steps) ** 2 * start + 2 * steps * (1 - steps) * control + steps**2 * np.array(end)
        for x, y in points:  # round ends and joints
            cv2.circle(picture, at(x, y), round(2.25 * scale), (*INK, 255), -1)

    cv2.circle(picture, at(32, 32), round(31 * scale), (*INK, 255), -1)
    cv2.circle(picture, at(32, 32), round(27 * scale), (*FACE, 255), -1)
    curve((19, 28), (24, 22), (29, 28))
    curve((35, 28), (40, 22), (45, 28))
    curve((19, 38), (32, 53), (45, 38))
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)


def main() -> int:
    """Write the icons."""
    for name, size, share, filled in ICONS:
        cv2.imwrite(str(STATIC / name), draw(size, share, filled=filled), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(f"musicond/web/static/{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
