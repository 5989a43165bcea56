"""The track of a face over several frames: when it is confirmed, and when it expires."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box
from musicond.vision.cascade import QUICK, Detection, Effort
from musicond.vision.preprocess import MIN_STD, spread_of

CLEAR = 8.5
"""Evidence of one frame at which a face is confirmed."""
LIKELY = 6.5
"""Mean evidence over at least two frames at which a face is confirmed."""
HOPELESS, HOPELESS_FRAMES = 4.5, 3
"""Mean evidence over this many frames below which a candidate is given up: while it is examined, nothing is scanned."""
LOGIT_WEIGHT = 0.5
"""Weight of the emotion model's second output (log-odds) in the evidence, beside the cascade's mean weight of 1."""
TIGHT_LOGIT_WEIGHT, TIGHT_LOSS = 1.5, 3.5
"""Weight of the log-odds of a tighter picture in the evidence, and what is taken off it."""
CLOSED_LOGIT_WEIGHT, CLOSED_LOSS = 1.25, 2.0
"""The same for a face that was found without thin lines: its weights tell less, and the model sees it as it is."""
SURE = 2.5
"""Weight that a face must reach every SURE_EVERY_S, or else it needs the evidence of a new one."""
SURE_EVERY_S = 1.0
CANDIDATE_S = 1.0
"""Seconds after which a candidate that is not confirmed expires."""
SHIFT, GROWTH = 0.05, 0.08
"""Differences of place and size, as fractions of the side, that the steps of a quick detection explain."""
SAME_CELL, CELLS = 0.35, 16
"""Difference of a cell, in standard deviations of all, below which a box shows what it has shown; it has 16 x 16 cells.

A face that moves by more than `SHIFT`, or changes its expression, changes some cells by more.
"""
SAME = 0.3
"""Intersection over union above which two boxes are one face."""


class FaceVerifier(Protocol):
    """A second check of the faces that the cascade detects."""

    def face_logit(self, grey: NDArray[np.uint8], box: Box, *, tight: bool = False) -> float:
        """Return the log odds that `box` of uint8 (height, width) frames a face; `tight`: by a tighter picture."""


@dataclass(slots=True)
class FaceTrack:
    """The track of a face or of a candidate; times are `captured_at` of frames."""

    box: Box
    born_at: float
    seen_at: float
    sure_at: float
    evidence: float = 0.0
    """Sum over the frames of the candidate."""
    frames: int = 0
    is_face: bool = False
    refined_at: float = 0.0
    """Time of the last detection with full effort; in between, only its place changes."""
    effort: Effort = QUICK
    """Least effort that has found it since then."""
    closed: bool = False
    """Whether a closed search has found it, so that it is followed in closed pictures."""
    doubted: bool = False
    """Whether it was a face, and has to be verified again."""
    last: tuple[Detection, NDArray[np.uint8]] | None = None
    """The last detection of a confirmed face, and the cells of its box."""

    def update(self, detection: Detection, at: float) -> None:
        """Take over the detection of this frame."""
        self.box, self.seen_at = detection.box, at
        if detection.weight >= SURE:
            self.sure_at = at

    def is_doubtful(self, at: float) -> bool:
        """Return whether a face that is still detected has had no sure detection for too long."""
        return self.is_face and at - self.sure_at > SURE_EVERY_S

    def doubt(self, at: float) -> None:
        """Make a doubtful face a candidate, so that it needs the evidence of a new one in this frame."""
        self.born_at = self.sure_at = at
        self.evidence, self.frames, self.is_face, self.doubted, self.last = 0.0, 0, False, True, None

    def add_evidence(self, evidence: float) -> None:
        """Add the evidence of this frame for a candidate, and confirm it if that suffices."""
        self.evidence += evidence
        self.frames += 1
        self.is_face = evidence >= CLEAR or (self.frames > 1 and self.evidence >= LIKELY * self.frames)
        self.doubted = self.doubted and not self.is_face

    def is_expired(self, at: float, coast_s: float, tries: int | None = None) -> bool:
        """Return whether the track is over: lost for too long, doubted, or not confirmed in `tries` frames."""
        if self.is_face:
            return at - self.seen_at > coast_s
        hopeless = self.frames >= HOPELESS_FRAMES and self.evidence < HOPELESS * self.frames
        if self.doubted or hopeless:
            return True
        return self.seen_at < at or at - self.born_at > CANDIDATE_S or (tries is not None and self.frames >= tries)


def evidence_of(weight: float, face_logit: float) -> float:
    """Return the evidence of one frame: `weight` is that of `Cascade.score`, `face_logit` that of `FaceVerifier`."""
    return weight + LOGIT_WEIGHT * face_logit


def tight_evidence_of(weight: float, face_logit: float, *, closed: bool = False) -> float:
    """Return the same by a tighter picture, of which `face_logit` is; `closed`: found without thin lines."""
    if closed:
        return weight + CLOSED_LOGIT_WEIGHT * face_logit - CLOSED_LOSS
    return weight + TIGHT_LOGIT_WEIGHT * face_logit - TIGHT_LOSS


def is_unchanged(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> bool:
    """Return whether no cell of a box differs by more than a part of the contrast within it."""
    return cv2.norm(before, now, cv2.NORM_INF) < SAME_CELL * max(spread_of(before)[1], MIN_STD)


def merge_tracks(tracks: list[FaceTrack]) -> list[FaceTrack]:
    """Return one track of those that lie on the same face: confirmed ones first, then the older."""
    merged: list[FaceTrack] = []
    for track in sorted(tracks, key=lambda track: (not track.is_face, track.born_at)):
        if not any(is_same_face(track.box, other.box) for other in merged):
            merged.append(track)
    return merged


def is_steady(a: Box, b: Box) -> bool:
    """Return whether two boxes differ by no more than the jitter of a quick detection."""
    shift = max(abs(a.x + a.w / 2 - b.x - b.w / 2), abs(a.y + a.h / 2 - b.y - b.h / 2))
    return a.roll == b.roll and shift <= SHIFT * a.w and is_of_same_size(a, b)


def is_of_same_size(a: Box, b: Box) -> bool:
    """Return whether the sizes of two boxes differ by no more than the jitter of a quick detection."""
    return abs(a.w - b.w) <= GROWTH * a.w


def moved(box: Box, to: Box) -> Box:
    """Return a box with its own size at the centre of another."""
    return replace(box, x=round(to.x + (to.w - box.w) / 2), y=round(to.y + (to.h - box.h) / 2))


def midway(a: Box, b: Box) -> Box:
    """Return the box midway between two of the same face and roll."""
    size = round((a.w + b.w) / 2)
    return replace(
        a,
        x=round((2 * a.x + a.w + 2 * b.x + b.w) / 4 - size / 2),
        y=round((2 * a.y + a.h + 2 * b.y + b.h) / 4 - size / 2),
        w=size,
        h=size,
    )


def is_same_face(a: Box, b: Box) -> bool:
    """Return whether two boxes are one face: they overlap, or the centre of one lies in the other."""
    return _overlap(a, b) > SAME or _contains_centre(a, b) or _contains_centre(b, a)


def _overlap(a: Box, b: Box) -> float:
    """Return the intersection over union, 0..1."""
    width = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    height = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    shared = max(0, width) * max(0, height)
    return shared / (a.area + b.area - shared)


def _contains_centre(outer: Box, inner: Box) -> bool:
    x, y = inner.x + inner.w / 2, inner.y + inner.h / 2
    return outer.x < x < outer.x + outer.w and outer.y < y < outer.y + outer.h
