"""Finds faces: Haar on a small picture, then tracking near the last face; gates for darkness and stillness.

Haar sees faces in posters and curtains. What tells them apart is how many of its windows agree (the
neighbours of `detectMultiScale`) when a candidate is looked at again at several sizes and mirrored: that
sum is a candidate's evidence. A face counts from `ENTER` on, twice or strongly once, and is looked at again
once a second; where its evidence falls below `STAY` it is dropped, so nothing false lives on by tracking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from musicond.core.messages import Box, Faces
from musicond.core.ports import ModelError
from musicond.vision.gates import StillGate, is_dark, thumbnail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from musicond.core.messages import Frame

SCAN_HEIGHT = 240
"""Rows of the picture that full scans search."""
SCAN_STEP = 1.2
"""Ratio of one searched size to the next, in full scans."""
LOOK_STEP = 1.1
"""The same, where a face is looked for near its last place."""
NEIGHBOURS = 3
"""Windows that must agree at the least."""
LOOKS = ((36, False), (48, False), (48, True), (64, False))
"""Sizes in pixels to which a candidate is brought, and whether mirrored, to gather evidence."""
# Chosen on the shared clips (least evidence of a face: 61) and on drawn rooms, posters with faces of blobs
# among them (95 % of the false candidates: below 75); `tests/vision/test_faces.py` holds both.
ENTER = 60.0
STRONG = 115.0
STAY = 45.0
FULL_S = 1.0
"""Seconds between full scans while a face is tracked."""
COAST_S = 0.7
"""Seconds for which a face that is not found again is kept."""
SUSPECT_S = 1.0
"""Seconds for which a candidate that is not a face yet is remembered."""


@dataclass(slots=True)
class Track:
    """A face, or a candidate for one."""

    box: Box
    seen_at: float
    evidence: float
    looks: int = 1
    confirmed: bool = False

    def add(self, evidence: float) -> None:
        """Take one more gathering of evidence into a mean that forgets slowly."""
        self.looks += 1
        self.evidence += (evidence - self.evidence) / min(self.looks, 3)


class HaarFinder:
    """Implements `core.ports.FaceFinder`; not thread-safe. Loading the cascade raises ModelError.

    `min_size` and `max_size` are fractions of the frame's height. Without `track` every frame is scanned
    whole; without `gate` an unchanged empty room is scanned again in every frame.
    """

    def __init__(
        self, cascade: Path, *, min_size: float, max_size: float, track: bool = True, gate: bool = True
    ) -> None:
        self._cascade = cv2.CascadeClassifier(str(cascade))
        if self._cascade.empty():
            raise ModelError(f"{cascade}: missing or damaged; install musicond's models anew")
        self._min_size, self._max_size, self._track = min_size, max_size, track
        self._gate = StillGate() if gate else None
        self._tracks: list[Track] = []
        self._scanned_at = -np.inf

    def reset(self) -> None:
        """Forget all faces and the last picture."""
        self._tracks.clear()
        self._scanned_at = -np.inf
        if self._gate:
            self._gate.reset()

    def find(self, frame: Frame) -> Faces:
        """Return the faces of the frame, in its pixels, largest first."""
        small = thumbnail(frame.grey)
        if is_dark(small):
            self._tracks.clear()
            return Faces(dark=True)
        if self._gate and not self._tracks and self._gate.still(small, frame.captured_at):
            return Faces()
        found = self._follow(frame) if self._track else []
        sure = any(track.confirmed for track in found) and len(found) == len(self._tracks)
        if not sure or frame.captured_at - self._scanned_at >= FULL_S:
            found += self._scan(frame, found)
        self._forget(frame.captured_at)
        if self._gate:
            self._gate.analysed(small, frame.captured_at)
        return self._faces(found)

    def _follow(self, frame: Frame) -> list[Track]:
        """Look for each track near its last place; return those found."""
        found = []
        for track in self._tracks:
            seen = self._look(frame.grey, track.box, 48)
            if seen is not None:
                track.box, track.seen_at = seen, frame.captured_at
                found.append(track)
        return found

    def _scan(self, frame: Frame, found: Sequence[Track]) -> list[Track]:
        """Search the whole picture and weigh all that is there; return the tracks that `found` lacks."""
        self._scanned_at = frame.captured_at
        grey, height = frame.grey, frame.grey.shape[0]
        factor = max(1.0, height / SCAN_HEIGHT)
        picture = _resized(grey, 1 / factor)
        least = max(20, round(self._min_size * height / factor))
        most = max(least + 1, round(self._max_size * height / factor))
        boxes, _ = self._cascade.detectMultiScale2(picture, SCAN_STEP, NEIGHBOURS, 0, (least, least), (most, most))
        known, more = list(self._tracks), list[Track]()
        for x, y, w, h in np.asarray(boxes).reshape(-1, 4).tolist():
            box = Box(round(x * factor), round(y * factor), round(w * factor), round(h * factor))
            track = next((track for track in self._tracks if overlap(track.box, box)), None)
            if track is None:
                evidence = self._evidence(grey, box)
                more.append(Track(box, frame.captured_at, evidence, looks=2 if evidence >= STRONG else 1))
                self._tracks.append(more[-1])
            elif track not in found and track not in more:
                track.box, track.seen_at = box, frame.captured_at
                more.append(track)
        for track in known:
            if track in found or track in more:
                track.add(self._evidence(grey, track.box))
        return more

    def _evidence(self, grey: NDArray[np.uint8], box: Box) -> float:
        """Return the sum of agreeing windows over `LOOKS`."""
        return float(sum(max(self._windows(grey, box, size, mirror=mirror)[1], default=0) for size, mirror in LOOKS))

    def _look(self, grey: NDArray[np.uint8], box: Box, size: int) -> Box | None:
        """Return the face near `box`, the one with the most agreeing windows."""
        boxes, counts = self._windows(grey, box, size)
        return boxes[counts.index(max(counts))] if boxes else None

    def _windows(
        self, grey: NDArray[np.uint8], box: Box, size: int, *, mirror: bool = False
    ) -> tuple[list[Box], list[int]]:
        """Search around `box`, brought to `size` pixels; return boxes in the frame's pixels and their counts."""
        margin = 0.35 * box.w
        left, top = max(0, round(box.x - margin)), max(0, round(box.y - margin))
        cut = grey[top : round(box.y + box.h + margin), left : round(box.x + box.w + margin)]
        scale = size / box.w
        picture = _resized(cut, scale)
        if mirror:
            picture = np.ascontiguousarray(picture[:, ::-1])
        least, most = round(size * 0.72), round(size * 1.4)
        boxes, counts = self._cascade.detectMultiScale2(
            picture, LOOK_STEP, NEIGHBOURS - 1, 0, (least, least), (most, most)
        )
        found = [
            Box(round(left + x / scale), round(top + y / scale), round(w / scale), round(h / scale))
            for x, y, w, h in np.asarray(boxes).reshape(-1, 4).tolist()
        ]
        return found, [int(count) for count in counts]

    def _forget(self, now: float) -> None:
        kept: list[Track] = []
        for track in sorted(self._tracks, key=lambda track: (-track.confirmed, -track.evidence)):
            if track.confirmed and track.evidence < STAY:
                continue
            track.confirmed = track.confirmed or (track.looks > 1 and track.evidence >= ENTER)
            patience = COAST_S if track.confirmed else SUSPECT_S
            if now - track.seen_at < patience and not any(overlap(track.box, other.box) for other in kept):
                kept.append(track)
        self._tracks = kept

    def _faces(self, found: Sequence[Track]) -> Faces:
        ordered = sorted((track for track in self._tracks if track.confirmed), key=lambda track: -track.box.area)
        return Faces(
            confirmed=tuple(track.box for track in ordered if track in found),
            coasted=tuple(track.box for track in ordered if track not in found),
            suspected=any(not track.confirmed and track.evidence >= STAY for track in self._tracks),
        )


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes are about the same face: they share more than 0.3 of what they cover together."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    shared = max(0, width) * max(0, height)
    return shared > 0.3 * (one.area + other.area - shared) or shared > 0.6 * min(one.area, other.area)


def _resized(grey: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Return the picture scaled, averaged over areas where it shrinks."""
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=how), np.uint8)
