"""The face detector: a cascade scans the whole frame now and then, tracks are followed in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box, Faces, Frame
from musicond.runtime.stages import stage
from musicond.vision.candidates import RefusedCandidates
from musicond.vision.cascade import CLOSED, EFFORTS, QUICK, USUAL, Cascade, Detection
from musicond.vision.gates import DarknessDetector, MotionDetector, Thumbnail, cells_of_people, thumbnail
from musicond.vision.preprocess import cells
from musicond.vision.search import ROLL, SearchSchedule, has_shadow, histogram
from musicond.vision.tracker import (
    CELLS,
    HOPELESS,
    LIKELY,
    SURE,
    FaceTrack,
    FaceVerifier,
    evidence_of,
    is_of_same_size,
    is_same_face,
    is_steady,
    is_unchanged,
    merge_tracks,
    midway,
    moved,
    tight_evidence_of,
)
from musicond.vision.turned import TurnedSearch

COAST_S = 0.6
"""Seconds for which a face that was not detected is kept."""
SCAN_EVERY_S, LOST_EVERY_S = 3.0, 0.2
"""Least seconds between two scans of the whole frame: while all faces are detected, and while one is lost."""
REFINE_EVERY_S = 1.4
"""Seconds after which a face that seems not to have moved is detected with more effort."""
TRIES_BESIDE = 3
"""Frames in which a candidate beside a known face is examined, at most."""
FINE_ROLL = 9
"""Degrees by which the roll of a face is tried more and less once a tilted search has found it."""
HOLD_S, LONGEST_HOLD_S = 8.0, 64.0
"""Longest times in seconds for which nothing is scanned because nothing but known faces has changed.

In an empty room the first one doubles with each scan, up to the second.
"""


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
        self._motion = MotionDetector() if motion_gate else None
        self._tracks: list[FaceTrack] = []
        self._refused, self._refused_closed = RefusedCandidates(), RefusedCandidates()
        """Those of the usual searches and of the closed one: neither must hide a face from the other."""
        self._turned = TurnedSearch(self._cascade, verifier, max_size)
        self._scanned_at: float | None = None
        self._changed = True
        """Whether something but known faces has changed since the last scan."""
        self._may_repeat = True
        """Whether all searches run again once a candidate has turned out to be no face: once after each change."""
        self._hold_s = HOLD_S

    @stage("detect")
    def detect(self, frame: Frame) -> Faces:
        """Return the faces of `frame`, largest first; boxes are in its pixels."""
        at = frame.captured_at
        thumb = thumbnail(frame.grey)
        if self._dark.is_dark(thumb):
            self._drop_tracks()
            return Faces(dark=True)
        known, examined = self._knows_face(), bool(self._tracks)
        still = self._tracking and self._follow(frame)
        if self._scan_is_due(frame, thumb):
            self._scan(frame, thumb)
            self._scanned_at = at
        self._drop_expired(frame)
        if self._motion and self._scanned_at == at and self._changed:
            self._turned.look(frame)
        if examined and not self._tracks and self._may_repeat:
            self._may_repeat = False
            self._schedule.begin()
        self._update_motion(frame, thumb, known=known)
        return self._report(at, still=still)

    def reset(self) -> None:
        """Drop all tracks, and the states of motion and darkness."""
        self._drop_tracks()
        self._dark = DarknessDetector()

    def _note_change(self, frame: Frame, thumb: Thumbnail) -> None:
        """Let all searches run again if something but known faces has changed since the last scan."""
        if self._motion is None:
            return
        self._changed = self._motion.has_changed(thumb, self._people(frame))
        if self._changed:
            self._schedule.begin()
            self._may_repeat, self._hold_s = True, HOLD_S

    def _people(self, frame: Frame) -> NDArray[np.bool_] | None:
        """Return the cells of a thumbnail around known faces; None if there are none."""
        boxes = [track.box for track in self._tracks if track.is_face]
        return cells_of_people(boxes, frame.grey.shape) if boxes else None

    def _drop_tracks(self) -> None:
        self._tracks = []
        self._refused.clear()
        self._refused_closed.clear()
        self._scanned_at, self._changed, self._may_repeat, self._hold_s = None, True, True, HOLD_S
        self._schedule.reset()
        if self._motion:
            self._motion.reset()

    @stage("track")
    def _follow(self, frame: Frame) -> bool:
        """Detect the faces of all tracks; return whether there are any, and all are where they were."""
        still = bool(self._tracks)
        for track in self._tracks:
            detection = self._followed(track, frame)
            still = still and detection is not None and is_steady(track.box, detection.box)
            if detection:
                self._update(track, frame, detection)
        return still

    def _followed(self, track: FaceTrack, frame: Frame) -> Detection | None:
        """Return the face of a track in this frame: as it was turned before, or else turned by one step.

        A face of which its box shows the same as at the last detection is not detected again before it is refined.
        """
        if track.is_face and frame.captured_at - track.refined_at < REFINE_EVERY_S:
            if track.last and track.last[0].weight >= SURE and is_unchanged(track.last[1], _cells(frame, track.box)):
                return track.last[0]
            efforts = (CLOSED,) if track.closed else EFFORTS[EFFORTS.index(track.effort) :]
            detection = self._cascade.detect_near(frame.grey, track.box, *efforts)
            if detection and is_of_same_size(track.box, detection.box):
                track.effort = detection.effort
                steady = is_steady(track.box, detection.box)
                return replace(detection, box=track.box if steady else moved(track.box, detection.box))
            if detection is None or detection.effort is not QUICK:
                return self._refined(track, frame, detection)
        efforts = (CLOSED,) if track.closed else ()
        return self._refined(track, frame, self._cascade.detect_near(frame.grey, track.box, *efforts))

    def _refined(self, track: FaceTrack, frame: Frame, detection: Detection | None) -> Detection | None:
        """Return what a detection with more effort has found; the face at another tilt if it has found nothing."""
        if detection or not track.is_face:
            track.refined_at, track.effort = frame.captured_at, QUICK
            if detection and is_steady(track.box, detection.box):
                detection = replace(detection, box=midway(track.box, detection.box))
            return detection
        for roll in (ROLL, -ROLL) if track.box.roll == 0 else (0,):
            detection = detection or self._cascade.detect_near(frame.grey, replace(track.box, roll=roll), USUAL)
        return detection

    def _scan_is_due(self, frame: Frame, thumb: Thumbnail) -> bool:
        """Return whether to scan the whole frame: not where all searches have looked and nothing has changed since."""
        at = frame.captured_at
        if self._scanned_at is None or (self._tracks and not self._tracking):
            return True
        lost = self._has_lost_one(at)
        if self._tracks and 0 <= at - self._scanned_at < (LOST_EVERY_S if lost else SCAN_EVERY_S):
            return False
        if lost:
            return True
        self._note_change(frame, thumb)
        complete = self._motion is not None and self._schedule.is_complete
        return not (complete and 0 <= at - self._scanned_at < self._hold_s)

    def _knows_face(self) -> bool:
        return any(track.is_face for track in self._tracks)

    def _has_lost_one(self, at: float) -> bool:
        return any(track.is_face and track.seen_at < at for track in self._tracks)

    def _scan(self, frame: Frame, thumb: Thumbnail) -> None:
        shadow = has_shadow(histogram(thumb.astype(np.uint8)))
        empty = not self._tracks
        alone = self._motion is not None and self._schedule.is_complete and not self._has_lost_one(frame.captured_at)
        if alone:  # nothing has changed for `_hold_s`
            self._hold_s = min(2 * self._hold_s, LONGEST_HOLD_S) if empty else HOLD_S
        searches = self._schedule.next(empty=empty, shadow=shadow, alone=alone)
        for closed in (False, True):
            for box in self._cascade.scan(frame.grey, [search for search in searches if search.closed is closed]):
                self._examine(frame, box, closed=closed)

    def _examine(self, frame: Frame, box: Box, *, closed: bool) -> None:
        """Take over what a scan has found, unless it is known already or the fine detection does not find it."""
        at, refused = frame.captured_at, self._refused_closed if closed else self._refused
        track = next((track for track in self._tracks if is_same_face(track.box, box)), None)
        if (track and track.seen_at == at) or (track is None and refused.has(frame, box)):
            return
        turn = ROLL if closed else FINE_ROLL if box.roll else 0
        rolls = (box.roll, box.roll - turn, box.roll + turn) if turn else (box.roll,)
        found = [self._cascade.detect_near(frame.grey, replace(box, roll=roll)) for roll in rolls]
        detection = max(filter(None, found), key=lambda detection: detection.weight, default=None)
        if closed and (detection is None or self._evidence(frame, detection) < LIKELY):
            detection = self._cascade.detect_near(frame.grey, box, CLOSED)
            if detection is None or self._evidence(frame, detection) < HOPELESS:
                refused.add(frame, [box])
                return
        if detection is None:
            return
        if track is None:
            track = FaceTrack(detection.box, born_at=at, seen_at=at, sure_at=at, closed=detection.effort is CLOSED)
            self._tracks.append(track)
        self._update(track, frame, detection)

    def _update(self, track: FaceTrack, frame: Frame, detection: Detection) -> None:
        track.update(detection, frame.captured_at)
        if track.is_doubtful(frame.captured_at):
            track.doubt(frame.captured_at)
        if track.is_face and (track.last is None or detection is not track.last[0]):
            track.last = detection, _cells(frame, detection.box)
        if not track.is_face:
            track.add_evidence(self._evidence(frame, detection))

    def _evidence(self, frame: Frame, detection: Detection) -> float:
        """Return the evidence of one frame that a detection is a face: the lower one of two pictures.

        Some posters look like a face only in the wider one. Behind glasses, faces look like one in the tighter one.
        """
        grey, box = frame.grey, detection.box
        if detection.effort is CLOSED:
            logit = self._verifier.face_logit(grey, box, tight=True)
            return tight_evidence_of(self._cascade.score(grey, box, CLOSED), logit, closed=True)
        weight = self._cascade.score(grey, box)
        evidence = evidence_of(weight, self._verifier.face_logit(grey, box))
        if evidence < HOPELESS:
            return evidence
        return min(evidence, tight_evidence_of(weight, self._verifier.face_logit(grey, box, tight=True)))

    def _drop_expired(self, frame: Frame) -> None:
        tries = TRIES_BESIDE if self._knows_face() else None
        expired = [track for track in self._tracks if track.is_expired(frame.captured_at, COAST_S, tries)]
        refused = [track for track in expired if not (track.is_face or track.doubted)]
        self._refused.add(frame, [track.box for track in refused if not track.closed])
        self._refused_closed.add(frame, [track.box for track in refused if track.closed])
        self._tracks = merge_tracks([track for track in self._tracks if track not in expired])

    def _update_motion(self, frame: Frame, thumb: Thumbnail, *, known: bool) -> None:
        """Take a frame that was scanned as the reference; let all searches have their turn if people came or went."""
        if self._motion is None:
            return
        if known != self._knows_face():
            self._motion.reset()
            self._schedule.begin()
        elif self._scanned_at == frame.captured_at:
            self._motion.set_reference(thumb, self._people(frame))

    def _report(self, at: float, *, still: bool) -> Faces:
        faces = [track for track in self._tracks if track.is_face]
        faces.sort(key=lambda track: track.box.area, reverse=True)
        if faces:
            self._turned.see_upright(at)
        return Faces(
            confirmed=tuple(track.box for track in faces if track.seen_at == at),
            coasted=tuple(track.box for track in faces if track.seen_at != at),
            tentative=len(faces) < len(self._tracks),
            still=still,
            turned=self._turned.turned,
        )


def _cells(frame: Frame, box: Box) -> NDArray[np.uint8]:
    return cells(frame.grey, box, CELLS)
