"""The searches of a whole frame: near and far, upright and tilted, without thin lines, and in a window's shadow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.config.limits import WINDOW_PX

ROLL = 25
"""Degrees of roll of the tilted searches: the cascade finds faces up to about 12 degrees to either side of them."""
NEAR_SIZE = 0.12
"""Smallest face of the near and of the tilted searches, as a fraction of the frame's height."""
FAR_SIZE = 0.15
"""Largest face of the far search, which overlaps the near one."""
EDGE = 0.1
"""Columns that the near search adds to the left and to the right, as a fraction of the frame's height.

They repeat the frame's edge, so that the cascade's window fits around a face that is cut off by it.
"""
LEAST_SPAN = 150
"""Grey levels from the 1st to the 99th percentile below which a picture is stretched before a search.

OpenCV's evaluator rejects each window with a standard deviation under 10 grey levels.
"""
SHADOW_GAIN = 3.0
"""Factor by which the search in the shadow brightens the picture; what is bright then is plain white."""
CLOSED_SIZES, CLOSED_STEP = (0.08, 0.52), 1.6
"""Smallest and largest face of the closed search, as fractions of the frame's height, and the ratio within a part."""
CLOSED_PX, CLOSING, LINE_LEVEL = 60, 0.14, 0.35
"""Pixels of the smallest face in each part of a closed search, and the side of the closing as a fraction of that face.

The closing brightens thinner dark things. Only those darker than this share of the brightened level are taken off, such
as the frames of glasses: eyes are mostly not so dark.
"""
SHADOW_LEVEL, BRIGHT_LEVEL, LEAST_SHARE = 70, 150, 0.1
"""There is a shadow where at least this share of the pixels is darker than the first, and as many are brighter."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search of the whole frame; sizes are fractions of the frame's height."""

    min_size: float
    max_size: float
    roll: int = 0
    """Degrees clockwise of the faces that are found."""
    gain: float = 1.0
    edge: float = 0.0
    closed: bool = False
    """Whether thin dark lines are taken off the picture first."""

    def rows(self, height: int) -> int:
        """Return the rows of the reduced picture, in which the smallest face just fills the cascade's window.

        In those of a closed search it has more pixels.
        """
        return min(height, math.ceil((CLOSED_PX if self.closed else WINDOW_PX) / self.min_size))

    def parts(self) -> list[Search]:
        """Return a closed search as several of few sizes each, because a closing fits to few; any other as it is."""
        if not self.closed:
            return [self]
        ratio = self.max_size / self.min_size
        count = math.ceil(round(math.log(ratio, CLOSED_STEP), 3))
        sizes = [self.min_size * ratio ** (number / count) for number in range(count + 1)]
        return [replace(self, min_size=small, max_size=large) for small, large in pairwise(sizes)]


class SearchSchedule:
    """The searches that each scan runs: the near one and one of the others by turns, until all have had their turn.

    After that, while nothing changes, it is the one that has waited longest.
    """

    def __init__(self, min_size: float, max_size: float) -> None:
        near = max(min_size, min(NEAR_SIZE, max_size))
        self._near = Search(near, max_size, edge=EDGE)
        self._far = [Search(min_size, min(max_size, max(FAR_SIZE, min_size)))] if min_size < NEAR_SIZE else []
        self._rolled = [Search(near, max_size, roll=roll) for roll in (ROLL, -ROLL)]
        smallest, largest = max(min_size, CLOSED_SIZES[0]), min(max_size, CLOSED_SIZES[1])
        self._closed = [Search(smallest, largest, closed=True)] if smallest < largest else []
        self._shadow = Search(near, max_size, gain=SHADOW_GAIN)
        self._turn = self._scans = 0
        self._last: dict[Search, int] = {}
        """The number of the last scan that ran each search."""
        self._scans_left: int | None = None
        """Scans until all searches have run since the last change; None before the first scan after it."""

    @property
    def is_complete(self) -> bool:
        """Whether all searches have run since the last change."""
        return self._scans_left == 0

    def begin(self) -> None:
        """Let all searches have their turn again, because something has changed."""
        if self.is_complete:
            self._turn = 0
        self._scans_left = None

    def next(self, *, empty: bool, shadow: bool, alone: bool = False) -> list[Search]:
        """Return the searches of the next scan; only near and far ones while a face is known.

        `alone`: the search that has waited longest, but not the closed one, which costs most.
        """
        others = self._others(empty=empty, shadow=shadow)
        if alone:
            waiting = [self._near, *(search for search in others if search and not search.closed)]
            searches = [min(waiting, key=lambda search: self._last.get(search, 0))]
        else:
            extra = others[self._turn % len(others)]
            self._turn += 1
            searches = [self._near, extra] if extra else [self._near]
        self._scans += 1
        self._last.update(dict.fromkeys(searches, self._scans))
        self._scans_left = max(0, (len(others) if self._scans_left is None else self._scans_left) - 1)
        return searches

    def _others(self, *, empty: bool, shadow: bool) -> list[Search | None]:
        if not empty:
            return [*self._far, None]
        pairs = [other for roll in self._rolled for other in (*self._far, roll)]
        return [*pairs, *self._closed, self._shadow] if shadow else [*pairs, *self._closed]

    def reset(self) -> None:
        """Begin with the far search again."""
        self._turn, self._scans_left = 0, None
        self._last.clear()


def closed(picture: NDArray[np.uint8], face: int) -> NDArray[np.uint8]:
    """Return uint8 (height, width) without very dark lines that are thin beside a face of `face` pixels."""
    side = max(1, round(CLOSING * face))
    brightened = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    lines = cv2.compare(picture, cv2.convertScaleAbs(brightened, alpha=LINE_LEVEL), cv2.CMP_LT)
    return np.asarray(cv2.copyTo(brightened, cv2.dilate(lines, np.ones((3, 3), np.uint8)), picture.copy()), np.uint8)


def stretched(
    picture: NDArray[np.uint8], levels: NDArray[np.float32], least_span: int = LEAST_SPAN
) -> NDArray[np.uint8]:
    """Return uint8 (height, width) with its grey levels stretched to 0..255 if they span less than `least_span`.

    `levels` is its histogram, or that of the part which counts, float32 (256,).
    """
    low, high = percentiles(levels, 0.01, 0.99)
    if high - low >= least_span:
        return picture
    table = np.clip((np.arange(256) - low) * (255.0 / max(1, high - low)), 0, 255)
    return np.asarray(cv2.LUT(picture, table.astype(np.uint8)), np.uint8)


def histogram(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how many pixels of uint8 (height, width) have each grey level, float32 (256,)."""
    return np.asarray(cv2.calcHist([picture], [0], None, [256], [0, 256]), np.float32).ravel()


def percentiles(levels: NDArray[np.float32], *shares: float) -> list[int]:
    """Return for each share the grey level below which it is of the pixels of a histogram."""
    sums = levels.cumsum()
    return [int(sums.searchsorted(share * sums[-1])) for share in shares]


def has_shadow(levels: NDArray[np.float32]) -> bool:
    """Return whether a picture with this histogram has large parts that are dark and large parts that are bright."""
    dim, bright = percentiles(levels, LEAST_SHARE, 1 - LEAST_SHARE)
    return dim < SHADOW_LEVEL and bright > BRIGHT_LEVEL
