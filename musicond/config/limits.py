"""Limits that depend on several values of the configuration."""

from __future__ import annotations

import math

WINDOW_PX = 24
"""Side in pixels of the Haar cascade's window, the smallest face that it can detect."""


def face_size_problem(height: int, share: float, key: str = "min_size") -> str | None:
    """Return why a face of this share of a picture's height (pixels) can't be detected, with what would be right."""
    if share * height >= WINDOW_PX:
        return None
    least = math.ceil(WINDOW_PX / height * 100) / 100
    return (
        f"a face of {share:g} of {height} pixels is smaller than the {WINDOW_PX} pixels that the detector needs; "
        f"give a larger size, or faces.{key}: {least:g}"
    )
