"""The rare search of turned pictures, for a camera that hangs upside down or on its side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Frame
from musicond.vision.cascade import Cascade
from musicond.vision.search import NEAR_SIZE, Search
from musicond.vision.tracker import CLEAR, FaceVerifier, evidence_of

ALONE_S, EVERY_S = 60.0, 10.0
"""Seconds without an upright face before the first search, and from one search to the next."""
HITS = 3
"""Searches with the same turn that must find a face, none upright between them, so that the camera counts as turned."""
TURNS = {180: cv2.ROTATE_180, 90: cv2.ROTATE_90_CLOCKWISE, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
"""Degrees clockwise by which the picture is turned for a search; the likeliest first."""


class TurnedSearch:
    """Finds out whether faces are upright only in a turned picture; nothing is read from them."""

    def __init__(self, cascade: Cascade, verifier: FaceVerifier, max_size: float) -> None:
        self._cascade, self._verifier = cascade, verifier
        self._search = Search(min(NEAR_SIZE, max_size), max_size)
        self._turns = list(TURNS)
        self._due: float | None = None
        self._hits = dict.fromkeys(TURNS, 0)
        self.turned = 0
        """Degrees clockwise by which the picture has to be turned so that faces are upright; 0 while unknown."""

    def see_upright(self, at: float) -> None:
        """Note that an upright face was there at `at` (monotonic seconds)."""
        self._due, self.turned = at + ALONE_S, 0
        self._hits = dict.fromkeys(TURNS, 0)

    def look(self, frame: Frame) -> None:
        """Search one turned picture, if it is time; the same one again once a face was found in it."""
        if self._due is None:
            self._due = frame.captured_at + ALONE_S
        if self.turned or frame.captured_at < self._due:
            return
        self._due = frame.captured_at + EVERY_S
        turn = self._turns[0]
        if self._shows_face(np.asarray(cv2.rotate(frame.grey, TURNS[turn]), np.uint8)):
            self._hits[turn] += 1
            self.turned = turn if self._hits[turn] >= HITS else 0
        else:
            self._turns = [*self._turns[1:], turn]

    def _shows_face(self, grey: NDArray[np.uint8]) -> bool:
        """Return whether the largest candidate in uint8 (height, width) is a face, by the evidence of one frame."""
        for near in self._cascade.scan(grey, [self._search])[:1]:
            if (detection := self._cascade.detect_near(grey, near)) is None:
                return False
            weight, logit = self._cascade.score(grey, detection.box), self._verifier.face_logit(grey, detection.box)
            return evidence_of(weight, logit) >= CLEAR
        return False
