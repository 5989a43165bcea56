"""Finds faces: a cascade over the whole frame now and then, tracking in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from musicond.core.models import Faces
from musicond.vision.cascade import Cascade
from musicond.vision.gates import DarknessDetector, MotionDetector, Thumbnail, thumbnail
from musicond.vision.tracker import FaceTrack, is_same_face, merge_tracks

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from musicond.core.models import Box, Frame
    from musicond.vision.cascade import Detection

COAST_S = 0.6
"""Seconds for which a face that was missed is kept."""

SCAN_EVERY_S = 1.0
"""Seconds after which the whole frame is searched although all known faces were found."""

HOLD_S = 5.0
"""Longest time in seconds for which a still and empty room is not searched."""


class FaceVerifier(Protocol):
    """A second opinion on what the cascade takes for a face."""

    def face_logit(self, grey: NDArray[np.uint8], box: Box) -> float:
        """Return the log odds that `box` of uint8 (height, width) frames a face."""


class HaarFaceDetector:
    """A `FaceFinder`. Of each new face it wants proof; known faces it follows.

    `xml` is OpenCV's frontal face cascade; `min_size` and `max_size` are fractions of the frame's
    height. With `track` off each frame is searched as a whole; with `motion_gate` off an empty room
    is searched in each frame too. `opinion` is asked about new faces. Raises ModelError where the
    cascade can't be loaded.
    """

    def __init__(
        self,
        xml: Path,
        opinion: FaceVerifier,
        min_size: float = 0.12,
        max_size: float = 1.0,
        *,
        track: bool = True,
        motion_gate: bool = True,
    ) -> None:
        self._cascade = Cascade(xml)
        self._opinion = opinion
        self._sizes = (min_size, max_size)
        self._tracking = track
        self._dark = DarknessDetector()
        self._motion = MotionDetector(HOLD_S) if motion_gate else None
        self._tracks: list[FaceTrack] = []
        self._searched_at: float | None = None

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of `frame`, largest first; boxes are in its pixels."""
        at = frame.captured_at
        thumb = thumbnail(frame.grey)
        if self._dark.is_dark(thumb):
            self._forget()
            return Faces(dark=True)
        if not self._tracks and self._motion and self._motion.is_still(thumb, at):
            return Faces()
        if self._tracking:
            self._follow(frame)
        if self._search_is_due(at):
            self._search(frame)
            self._searched_at = at
        self._tracks = merge_tracks([track for track in self._tracks if not track.is_expired(at, COAST_S)])
        self._note_emptiness(thumb, at)
        return self._report(at)

    def reset(self) -> None:
        """Forget all faces, and that the room was still or dark."""
        self._forget()
        self._dark = DarknessDetector()

    def _forget(self) -> None:
        self._tracks = []
        self._searched_at = None
        if self._motion:
            self._motion.reset()

    def _follow(self, frame: Frame) -> None:
        for track in self._tracks:
            sighting = self._cascade.detect_near(frame.grey, track.box)
            if sighting:
                track.update(sighting, frame.captured_at)
                self._judge(track, frame, sighting)

    def _search_is_due(self, at: float) -> bool:
        if not self._tracking or not self._tracks or self._searched_at is None:
            return True
        lost = any(track.is_face and track.seen_at < at for track in self._tracks)
        return lost or not 0 <= at - self._searched_at < SCAN_EVERY_S

    def _search(self, frame: Frame) -> None:
        at = frame.captured_at
        for box in self._cascade.detect(frame.grey, *self._sizes):
            known = next((track for track in self._tracks if is_same_face(track.box, box)), None)
            if known and known.seen_at == at:
                continue
            sighting = self._cascade.detect_near(frame.grey, box)
            if sighting is None:
                continue
            if known is None:
                known = FaceTrack(sighting.box, born_at=at, seen_at=at, sure_at=at)
                self._tracks.append(known)
            known.update(sighting, at)
            self._judge(known, frame, sighting)

    def _judge(self, track: FaceTrack, frame: Frame, sighting: Detection) -> None:
        if not track.is_face:
            opinion = self._opinion.face_logit(frame.grey, sighting.box)
            track.add_evidence(self._cascade.score(frame.grey, sighting), opinion)

    def _note_emptiness(self, thumb: Thumbnail, at: float) -> None:
        if self._motion is None:
            return
        if self._tracks:
            self._motion.reset()
        elif self._searched_at == at:
            self._motion.set_reference(thumb, at)

    def _report(self, at: float) -> Faces:
        def boxes(*, seen: bool) -> tuple[Box, ...]:
            chosen = [track.box for track in self._tracks if track.is_face and (track.seen_at == at) == seen]
            return tuple(sorted(chosen, key=lambda box: box.area, reverse=True))

        suspected = any(not track.is_face for track in self._tracks)
        return Faces(confirmed=boxes(seen=True), coasted=boxes(seen=False), tentative=suspected)
