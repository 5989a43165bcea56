"""The face detector: a cascade scans the whole frame now and then, tracks are followed in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box, Faces, Frame
from musicond.vision.cascade import QUICK, USUAL, Cascade, Detection
from musicond.vision.gates import DarknessDetector, MotionDetector, Thumbnail, thumbnail
from musicond.vision.search import ROLL, SearchSchedule, has_shadow, histogram
from musicond.vision.tracker import FaceTrack, is_same_face, is_steady, merge_tracks

COAST_S = 0.6
"""Seconds for which a face that was not detected is kept."""
SCAN_EVERY_S = 3.0
"""Seconds after which the whole frame is scanned although all tracks were detected."""
REFINE_EVERY_S = 0.7
"""Seconds after which a face that seems not to have moved is detected with more effort."""
FINE_ROLL = 9
"""Degrees by which the roll of a face is tried more and less once a tilted search has found it."""
HOLD_S = 8.0
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
        min_size: float = 0.055,
        max_size: float = 1.0,
        *,
        track: bool = True,
        motion_gate: bool = True,
    ) -> None:
        self._cascade = Cascade(xml)
        self._verifier = verifier
        self._schedule = SearchSchedule(min_size, max_size)
        self._tracking = track
        self._dark = DarknessDetector()
        self._motion = MotionDetector(HOLD_S) if motion_gate else None
        self._tracks: list[FaceTrack] = []
        self._scanned_at: float | None = None
        self._scans_left = 0
        """Scans that an empty room needs before it may count as still."""

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of `frame`, largest first; boxes are in its pixels."""
        at = frame.captured_at
        thumb = thumbnail(frame.grey)
        if self._dark.is_dark(thumb):
            self._drop_tracks()
            return Faces(dark=True)
        if not self._tracks and self._is_still(thumb, at):
            return Faces()
        if self._tracking:
            self._follow(frame)
        if self._scan_is_due(at):
            self._scan(frame, thumb)
            self._scanned_at = at
            self._scans_left -= 1
        self._tracks = merge_tracks([track for track in self._tracks if not track.is_expired(at, COAST_S)])
        self._update_motion(thumb, at)
        return self._report(at)

    def reset(self) -> None:
        """Drop all tracks, and the states of motion and darkness."""
        self._drop_tracks()
        self._dark = DarknessDetector()

    def _is_still(self, thumb: Thumbnail, at: float) -> bool:
        """Return whether an empty room needs no scan: all searches have looked at it, and nothing has changed since."""
        if self._motion is None:
            return False
        if self._motion.has_changed(thumb):
            self._scans_left = self._schedule.round
        elif self._motion.is_over(at):
            self._scans_left = max(1, self._scans_left)
        return self._scans_left <= 0

    def _drop_tracks(self) -> None:
        self._tracks = []
        self._scanned_at = None
        self._schedule.reset()
        if self._motion:
            self._motion.reset()

    def _follow(self, frame: Frame) -> None:
        for track in self._tracks:
            detection = self._followed(track, frame)
            if detection:
                self._update(track, frame, detection)

    def _followed(self, track: FaceTrack, frame: Frame) -> Detection | None:
        """Return the face of a track in this frame: as it was turned before, or else turned by one step."""
        if track.is_face and frame.captured_at - track.refined_at < REFINE_EVERY_S:
            detection = self._cascade.detect_near(frame.grey, track.box, QUICK)
            if detection and is_steady(track.box, detection.box):
                return replace(detection, box=track.box)
        detection = self._cascade.detect_near(frame.grey, track.box)
        if detection or not track.is_face:
            track.refined_at = frame.captured_at
            return detection
        for roll in (ROLL, -ROLL) if track.box.roll == 0 else (0,):
            detection = detection or self._cascade.detect_near(frame.grey, replace(track.box, roll=roll), USUAL)
        return detection

    def _scan_is_due(self, at: float) -> bool:
        if not self._tracking or not self._tracks or self._scanned_at is None:
            return True
        lost = any(track.is_face and track.seen_at < at for track in self._tracks)
        return lost or not 0 <= at - self._scanned_at < SCAN_EVERY_S

    def _scan(self, frame: Frame, thumb: Thumbnail) -> None:
        shadow = has_shadow(histogram(thumb.astype(np.uint8)))
        searches = self._schedule.next(empty=not self._tracks, shadow=shadow)
        for box in self._cascade.scan(frame.grey, searches):
            self._examine(frame, box)

    def _examine(self, frame: Frame, box: Box) -> None:
        """Take over what a scan has found, unless it is known already or the fine detection does not find it."""
        at = frame.captured_at
        track = next((track for track in self._tracks if is_same_face(track.box, box)), None)
        if track and track.seen_at == at:
            return
        rolls = (box.roll,) if box.roll == 0 else (box.roll, box.roll - FINE_ROLL, box.roll + FINE_ROLL)
        found = [self._cascade.detect_near(frame.grey, replace(box, roll=roll)) for roll in rolls]
        detection = max(filter(None, found), key=lambda detection: detection.weight, default=None)
        if detection is None:
            return
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
            self._scans_left = self._schedule.round  # for the room once it is empty
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
