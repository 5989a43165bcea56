"""Reach of a camera: the distance at which a face is just large enough to be found."""

from __future__ import annotations

import math

FACE_M = 0.2
"""Side in metres of the square that the cascade marks on a grown-up's face."""


def face_share(vertical_deg: float, distance_m: float) -> float:
    """Return the side of a face's box at a distance as a fraction of the picture's height.

    `vertical_deg` is the camera's vertical angle of view. At the distance d the picture is 2 d tan(angle / 2) high.
    """
    return FACE_M / (2 * distance_m * math.tan(math.radians(vertical_deg) / 2))


def rounded_reach_m(vertical_deg: float | None, min_size: float) -> float | None:
    """Return the reach in metres to a tenth; None where the camera's angle of view is unknown."""
    return None if vertical_deg is None else round(reach_m(vertical_deg, min_size), 1)


def reach_m(vertical_deg: float, min_size: float) -> float:
    """Return the distance in metres at which a face fills just `min_size` of the picture's height."""
    return face_share(vertical_deg, 1.0) / min_size
