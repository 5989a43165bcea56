"""OpenCV's Haar cascade: coarse detection in the whole frame, fine detection near a face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.config.limits import WINDOW_PX
from musicond.core.models import Box
from musicond.errors import ModelError
from musicond.runtime.stages import bare_call, stage
from musicond.vision.preprocess import shrunk, upright
from musicond.vision.search import Search, closed, histogram, stretched

COARSE_STEP, COARSE_NEIGHBOURS = 1.2, 1
"""Ratio between the sizes that the coarse detection tries, and its least number of hits in one place."""
HISTOGRAM_ROWS = 100
"""Rows, or few more, from which the levels of a picture are taken before a search."""
FACE_SPAN = 110
"""Grey levels that a face spans at least; a fine detection stretches those that span less."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Effort of a fine detection: the scale of the face, its sizes and the least number of hits."""

    face: int
    """Side in pixels to which the face is scaled."""
    step: float
    """Ratio between the sizes that are tried."""
    neighbours: int
    sizes: tuple[float, float]
    """Smallest and largest size, as fractions of the face's side."""
    margin: float
    """Margin around the face, as a fraction of its side."""
    closed: bool = False
    """Whether thin dark lines are taken off the picture first."""


QUICK = Effort(36, 1.15, 2, (0.8, 1.25), 0.2)
USUAL = Effort(48, 1.1, 3, (0.75, 1.35), 0.3)
CAREFUL = Effort(64, 1.05, 3, (0.75, 1.35), 0.3)
EFFORTS = (QUICK, USUAL, CAREFUL)
CLOSED = Effort(80, 1.05, 2, (0.75, 1.35), 0.3, closed=True)
"""Effort for a face that only a closed search finds."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that the fine detection has found."""

    box: Box
    """In pixels of the frame."""
    weight: float
    """Output of the cascade's last stage: about 3..10 for faces, mostly under 3 for other things."""
    effort: Effort


class Cascade:
    """The cascade of one XML file, applied to grey pictures."""

    def __init__(self, xml: Path) -> None:
        """Load `xml`; raise ModelError."""
        self._cascade = _load(xml)

    def scan(self, grey: NDArray[np.uint8], searches: Sequence[Search]) -> list[Box]:
        """Return the possible faces of the whole frame by each search in turn, largest first, with false positives.

        `grey` is uint8 (height, width). It is first shrunk until a search's smallest face just fills the cascade's
        window, once for all searches of the same size.
        """
        searches = [part for search in searches for part in search.parts()]
        all_rows = [search.rows(grey.shape[0]) for search in searches]
        pictures = {rows: reduced(grey, rows) for rows in all_rows}
        found = (self._search(grey, pictures[rows], search) for rows, search in zip(all_rows, searches, strict=True))
        return [box for boxes in found for box in boxes]

    def _search(self, grey: NDArray[np.uint8], small: NDArray[np.uint8], search: Search) -> list[Box]:
        """Return the possible faces that one search finds in `small`, the reduced picture of `grey`."""
        rows = small.shape[0]
        shrink = rows / grey.shape[0]
        if search.gain != 1:
            small = np.asarray(cv2.convertScaleAbs(small, alpha=search.gain), np.uint8)
        else:
            small = stretched(small, histogram(small[:: max(1, rows // HISTOGRAM_ROWS)]))
        if search.closed:
            small = closed(small, round(search.min_size * rows))
        edge = round(search.edge * rows)
        if edge:
            small = np.asarray(cv2.copyMakeBorder(small, 0, 0, edge, edge, cv2.BORDER_REPLICATE), np.uint8)
        turned, back = _turned(small, search.roll)
        smallest, largest = ((max(WINDOW_PX, round(size * rows)),) * 2 for size in (search.min_size, search.max_size))
        rectangles = _haar_coarse(self._cascade, turned, smallest, largest)
        boxes = []
        for x, y, w, h in np.asarray(rectangles, np.float64).reshape(-1, 4):
            across, down = (back @ np.array([x + w / 2, y + h / 2, 1.0]) - (edge, 0)) / shrink
            if _contains(grey, across, down):
                boxes.append(_box(across, down, w / shrink, search.roll))
        return sorted(boxes, key=lambda box: box.area, reverse=True)

    def detect_near(self, grey: NDArray[np.uint8], near: Box, *efforts: Effort) -> Detection | None:
        """Return the face at or close to `near` in uint8 (height, width), by the first effort that finds one."""
        found = (self._fine(grey, near, effort) for effort in efforts or (USUAL, CAREFUL))
        return next((detection for detection in found if detection), None)

    def score(self, grey: NDArray[np.uint8], box: Box, effort: Effort = CAREFUL) -> float:
        """Return the mean weight of careful detections in a box and in its mirror image."""
        detections = (self._fine(grey, box, effort, mirror=mirror) for mirror in (False, True))
        return sum(detection.weight for detection in detections if detection) / 2

    def _fine(self, grey: NDArray[np.uint8], near: Box, effort: Effort, *, mirror: bool = False) -> Detection | None:
        side, centre = near.w * (1 + 2 * effort.margin), (near.x + near.w / 2, near.y + near.h / 2)
        size = round(effort.face * (1 + 2 * effort.margin))
        window = upright(grey, centre, side, near.roll, size)
        inset = round(effort.face * effort.margin)
        window = stretched(window, histogram(window[inset:-inset, inset:-inset]), FACE_SPAN)
        if effort.closed:
            window = closed(window, round(effort.face * effort.sizes[0]))
        if mirror:
            window = np.asarray(cv2.flip(window, 1), np.uint8)
        smallest, largest = ((max(WINDOW_PX, round(effort.face * part)),) * 2 for part in effort.sizes)
        rectangles, _, weights = _haar_fine(self._cascade, window, effort, smallest, largest)
        if len(rectangles) == 0:
            return None
        best = int(np.argmax(weights))
        x, y, w, _ = (float(value) for value in np.asarray(rectangles)[best])
        across, down = (x + w / 2 - size / 2) * (-1 if mirror else 1), y + w / 2 - size / 2
        scale, angle = side / size, math.radians(near.roll)
        dx = (across * math.cos(angle) - down * math.sin(angle)) * scale
        dy = (across * math.sin(angle) + down * math.cos(angle)) * scale
        if not _contains(grey, centre[0] + dx, centre[1] + dy):
            return None
        box = _box(centre[0] + dx, centre[1] + dy, w * scale, near.roll)
        return Detection(box, float(np.ravel(weights)[best]), effort)


@bare_call
def _haar_coarse(
    cascade: cv2.CascadeClassifier, picture: NDArray[np.uint8], smallest: tuple[int, int], largest: tuple[int, int]
) -> Sequence[cv2.typing.Rect]:
    return cascade.detectMultiScale(
        picture, scaleFactor=COARSE_STEP, minNeighbors=COARSE_NEIGHBOURS, minSize=smallest, maxSize=largest
    )


@bare_call
def _haar_fine(
    cascade: cv2.CascadeClassifier,
    window: NDArray[np.uint8],
    effort: Effort,
    smallest: tuple[int, int],
    largest: tuple[int, int],
) -> tuple[Sequence[cv2.typing.Rect], Sequence[int], Sequence[float]]:
    return cascade.detectMultiScale3(
        window,
        scaleFactor=effort.step,
        minNeighbors=effort.neighbours,
        minSize=smallest,
        maxSize=largest,
        outputRejectLevels=True,
    )


@stage("scale")
def reduced(grey: NDArray[np.uint8], rows: int) -> NDArray[np.uint8]:
    """Return uint8 (height, width) area-averaged to `rows` rows."""
    height, width = grey.shape
    if rows >= height:
        return grey
    return shrunk(grey, max(1, round(width * rows / height)), rows)


def _turned(small: NDArray[np.uint8], roll: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return a picture turned back by `roll` degrees as a whole, and the matrix (2, 3) from its pixels to `small`'s."""
    if roll == 0:
        return small, np.eye(2, 3)
    height, width = small.shape
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), roll, 1.0), np.float64)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned = np.asarray(cv2.warpAffine(small, matrix, size), np.uint8)
    return turned, np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _contains(grey: NDArray[np.uint8], x: float, y: float) -> bool:
    """Return whether a point, the centre of a face, lies within the frame."""
    return bool(0 <= x < grey.shape[1] and 0 <= y < grey.shape[0])


def _box(x: float, y: float, side: float, roll: int) -> Box:
    """Return the box of a face by its centre and side."""
    size = round(side)
    return Box(round(x - side / 2), round(y - side / 2), size, size, roll)


def _load(xml: Path) -> cv2.CascadeClassifier:
    if not hasattr(cv2, "CascadeClassifier"):
        raise ModelError(f"OpenCV {cv2.__version__} has no Haar cascades; install opencv-python-headless older than 5")
    if not xml.is_file():
        raise ModelError(f"{xml}: the face cascade is missing; install musicond again")
    try:
        cascade = cv2.CascadeClassifier(str(xml))
        usable = not cascade.empty()
    except (cv2.error, SystemError):  # the position of the damage in a file decides between these and `empty`
        usable = False
    if not usable:
        raise ModelError(f"{xml}: not a usable face cascade; install musicond again")
    return cascade
