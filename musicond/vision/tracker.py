"""What is remembered of a face from frame to frame: when it counts, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicond.core.models import Box
    from musicond.vision.cascade import Detection

CLEAR = 8.5
"""Proof at which a face counts from its first frame."""

LIKELY = 6.5
"""Mean proof over at least two frames at which a face counts."""

OPINION = 0.5
"""What a log odd of the emotion model's second output is worth in proof, beside the cascade's mean weight."""

SURE = 2.5
"""Weight that a face must reach again and again to be kept."""

SURE_EVERY_S = 1.0
"""Seconds within which it must."""

CANDIDATE_S = 1.0
"""Seconds that a candidate has to become a face."""

SAME = 0.3
"""Overlap (intersection over union) from which two boxes are one face."""


@dataclass(slots=True)
class FaceTrack:
    """One face, or a candidate for one; times are `captured_at` of frames."""

    box: Box
    born_at: float
    seen_at: float
    sure_at: float
    evidence: float = 0.0
    """Sum over the frames in which it was a candidate."""
    frames: int = 0
    is_face: bool = False

    def update(self, sighting: Detection, at: float) -> None:
        """Take over where the face was found in this frame."""
        self.box, self.seen_at = sighting.box, at
        if sighting.weight >= SURE:
            self.sure_at = at

    def add_evidence(self, weight: float, opinion: float) -> None:
        """Count what speaks for a candidate in this frame, and say whether it is a face by now.

        `weight` is what the cascade gives it (`Cascade.weigh`), `opinion` the log odds of `Opinion`.
        """
        proof = weight + OPINION * opinion
        self.evidence += proof
        self.frames += 1
        self.is_face = proof >= CLEAR or (self.frames > 1 and self.evidence >= LIKELY * self.frames)

    def is_expired(self, at: float, coast_s: float) -> bool:
        """Whether it is to be forgotten: unseen for too long, doubtful for too long, or never a face."""
        if self.is_face:
            return at - self.seen_at > coast_s or at - self.sure_at > SURE_EVERY_S + (at - self.seen_at)
        return self.seen_at < at or at - self.born_at > CANDIDATE_S


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.area + other.area - shared)


def is_same_face(one: Box, other: Box) -> bool:
    """Whether two boxes are one face: they overlap well, or a centre lies inside the other box."""
    return overlap(one, other) > SAME or _holds(one, other) or _holds(other, one)


def _holds(outer: Box, inner: Box) -> bool:
    x, y = inner.x + inner.w / 2, inner.y + inner.h / 2
    return outer.x < x < outer.x + outer.w and outer.y < y < outer.y + outer.h


def merge_tracks(tracks: list[FaceTrack]) -> list[FaceTrack]:
    """Keep one track of those that have come to lie on one face: faces first, then the older."""
    kept: list[FaceTrack] = []
    for track in sorted(tracks, key=lambda track: (not track.is_face, track.born_at)):
        if not any(is_same_face(track.box, other.box) for other in kept):
            kept.append(track)
    return kept
