"""The face detector: a cascade scans the whole frame now and then, tracks are followed in between."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box, Faces, Frame
from musicond.vision.cascade import Cascade, Detection
from musicond.vision.gates import DarknessDetector, MotionDetector, Thumbnail, thumbnail
from musicond.vision.tracker import FaceTrack, is_same_face, merge_tracks

COAST_S = 0.6
"""Seconds for which a face that was not detected is kept."""
SCAN_EVERY_S = 1.0
"""Seconds after which the whole frame is scanned although all tracks were detected."""
HOLD_S = 5.0
"""Longest time in seconds for which a still and empty room is not scanned."""


class FaceVerifier(Protocol):
    """A second check of the faces that the cascade detects."""

    def face_logit(self, grey: NDArray[np.uint8], box: Box) -> float:
        """Return the log odds that `box` of uint8 (height, width) frames a face."""


class HaarFaceDetector:
    """A `FaceDetector` that verifies each new face, and then follows it.

    `xml` is OpenCV's frontal face cascade; `min_size` and `max_size` are fractions of the frame's height. Without
    `track` each frame is scanned as a whole; without `motion_gate` an empty room is scanned in each frame too.
    `verifier` checks new faces. Raises ModelError if the cascade can't be loaded.
    """

    def __init__(
        self,
        xml: Path,
        verifier: FaceVerifier,
        min_size: float = 0.12,
        max_size: float = 1.0,
        *,
        track: bool = True,
        motion_gate: bool = True,
    ) -> None:
        self._cascade = Cascade(xml)
        self._verifier = verifier
        self._sizes = (min_size, max_size)
        self._tracking = track
        self._dark = DarknessDetector()
        self._motion = MotionDetector(HOLD_S) if motion_gate else None
        self._tracks: list[FaceTrack] = []
        self._scanned_at: float | None = None

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of `frame`, largest first; boxes are in its pixels."""
        at = frame.captured_at
        thumb = thumbnail(frame.grey)
        if self._dark.is_dark(thumb):
            self._drop_tracks()
            return Faces(dark=True)
        if not self._tracks and self._motion and self._motion.is_still(thumb, at):
            return Faces()
        if self._tracking:
            self._follow(frame)
        if self._scan_is_due(at):
            self._scan(frame)
            self._scanned_at = at
        self._tracks = merge_tracks([track for track in self._tracks if not track.is_expired(at, COAST_S)])
        self._update_motion(thumb, at)
        return self._report(at)

    def reset(self) -> None:
        """Drop all tracks, and the states of motion and darkness."""
        self._drop_tracks()
        self._dark = DarknessDetector()

    def _drop_tracks(self) -> None:
        self._tracks = []
        self._scanned_at = None
        if self._motion:
            self._motion.reset()

    def _follow(self, frame: Frame) -> None:
        for track in self._tracks:
            detection = self._cascade.detect_near(frame.grey, track.box)
            if detection:
                self._update(track, frame, detection)

    def _scan_is_due(self, at: float) -> bool:
        if not self._tracking or not self._tracks or self._scanned_at is None:
            return True
        lost = any(track.is_face and track.seen_at < at for track in self._tracks)
        return lost or not 0 <= at - self._scanned_at < SCAN_EVERY_S

    def _scan(self, frame: Frame) -> None:
        at = frame.captured_at
        for box in self._cascade.detect(frame.grey, *self._sizes):
            track = next((track for track in self._tracks if is_same_face(track.box, box)), None)
            if track and track.seen_at == at:
                continue
            detection = self._cascade.detect_near(frame.grey, box)
            if detection is None:
                continue
            if track is None:
                track = FaceTrack(detection.box, born_at=at, seen_at=at, sure_at=at)
                self._tracks.append(track)
            self._update(track, frame, detection)

    def _update(self, track: FaceTrack, frame: Frame, detection: Detection) -> None:
        track.update(detection, frame.captured_at)
        if not track.is_face:
            logit = self._verifier.face_logit(frame.grey, detection.box)
            track.add_evidence(self._cascade.score(frame.grey, detection.box), logit)

    def _update_motion(self, thumb: Thumbnail, at: float) -> None:
        if self._motion is None:
            return
        if self._tracks:
            self._motion.reset()
        elif self._scanned_at == at:
            self._motion.set_reference(thumb, at)

    def _report(self, at: float) -> Faces:
        faces = [track for track in self._tracks if track.is_face]
        faces.sort(key=lambda track: track.box.area, reverse=True)
        return Faces(
            confirmed=tuple(track.box for track in faces if track.seen_at == at),
            coasted=tuple(track.box for track in faces if track.seen_at != at),
            tentative=len(faces) < len(self._tracks),
        )
