"""The live picture: the newest frame alone, drawn and encoded only while there are viewers."""

from __future__ import annotations

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Box, Frame
from musicond.core.outcome import Outcome

RATE = 5.0
"""Pictures a second at most."""
MAX_VIEWERS = 4
QUALITY = 75
"""Of the JPEG, 1 to 100."""
WIDTH = 640
"""Pixels; a wider picture is shrunk."""
MIN_CONFIDENCE = 0.1
"""Below this confidence a mood is about to change: "sad 0%" would be absurd."""
CONFIRMED, COASTED = (120, 220, 90), (150, 150, 150)
"""Colours (BGR) of the boxes of confirmed and coasted faces."""


class Preview:
    """The live picture; the watch loop calls `show` and `clear`, the web thread all other methods."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.viewers = 0
        """Number of viewers."""
        self._newest: tuple[Frame, Outcome] | None = None
        self._encoded: tuple[int, bytes] | None = None

    def show(self, frame: Frame, outcome: Outcome) -> None:
        """Replace the newest frame, if there are viewers."""
        if self.viewers:
            with self._lock:
                self._newest = (frame, outcome) if self.viewers else None

    def clear(self) -> None:
        """Drop the frame: no frames are read now."""
        with self._lock:
            self._newest = self._encoded = None

    def add_viewer(self) -> bool:
        """Add a viewer; return False where there are MAX_VIEWERS already."""
        with self._lock:
            if self.viewers >= MAX_VIEWERS:
                return False
            self.viewers += 1
            return True

    def remove_viewer(self) -> None:
        """Remove a viewer; the last one takes the frame along."""
        with self._lock:
            self.viewers -= 1
            if not self.viewers:
                self._newest = self._encoded = None

    def jpeg(self, seen: int) -> tuple[int, bytes] | None:
        """Return the number of the newest frame and its JPEG, encoded once for all viewers.

        None where the newest frame is `seen`, or there is none. For one thread.
        """
        newest = self._newest
        if newest is None or newest[1].seq == seen:
            return None
        frame, outcome = newest
        encoded = self._encoded
        if encoded is None or encoded[0] != outcome.seq:
            encoded = (outcome.seq, draw(frame, outcome))
            with self._lock:
                if self._newest is None:  # cleared meanwhile: privacy is on, or the last viewer has gone
                    return None
                self._encoded = encoded if self._newest is newest else None
        return encoded


def draw(frame: Frame, outcome: Outcome) -> bytes:
    """Return the JPEG of a frame, in colour where it has any, with a box around each face and the mood as a label."""
    picture = cv2.cvtColor(frame.grey, cv2.COLOR_GRAY2BGR) if frame.colour is None else frame.colour().copy()
    scale = min(1.0, WIDTH / picture.shape[1])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.ascontiguousarray(picture, np.uint8)
    for box in outcome.faces.coasted:
        _draw_box(picture, box, scale, COASTED)
    for box in outcome.faces.confirmed:
        _draw_box(picture, box, scale, CONFIRMED)
    faces = (*outcome.faces.confirmed, *outcome.faces.coasted)
    if faces:
        sure = outcome.mood.emotion is not None and outcome.confidence >= MIN_CONFIDENCE
        _draw_label(picture, faces[0], scale, f"{outcome.mood} {outcome.confidence:.0%}" if sure else outcome.mood)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def _draw_box(picture: NDArray[np.uint8], box: Box, scale: float, colour: tuple[int, int, int]) -> None:
    x, y, w, h = (round(length * scale) for length in (box.x, box.y, box.w, box.h))
    cv2.rectangle(picture, (x, y), (x + w, y + h), colour, 2, cv2.LINE_AA)


def _draw_label(picture: NDArray[np.uint8], box: Box, scale: float, text: str) -> None:
    """Draw a text on a dark ground above the box, or within it where there is no room above."""
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)
    tall = height + below + 8
    x = min(max(0, round(box.x * scale)), max(0, picture.shape[1] - width - 12))
    y = max(tall, round(box.y * scale))
    cv2.rectangle(picture, (x, y - tall), (x + width + 12, y), (30, 30, 30), -1)
    cv2.putText(picture, text, (x + 6, y - below - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
