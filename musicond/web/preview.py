"""The live picture: the newest frame alone, drawn and encoded only while someone looks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musicond.core.models import Box, Frame
    from musicond.core.outcome import Outcome

RATE = 5.0
"""Pictures a second at most."""
MAX_WATCHERS = 4
QUALITY = 75
"""Of the JPEG, 1 to 100."""
WIDTH = 640
"""Pixels; a wider picture is shrunk."""
CHANGING = 0.1
"""Confidence below which a mood is about to change: "sad 0%" would be absurd."""
FOUND, KEPT = (120, 220, 90), (150, 150, 150)
"""Colours (BGR) of a face found in this frame, and of one kept from a moment ago."""


class Preview:
    """From the watch loop, which calls `show` and `clear`, to the web thread, which calls the others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers = 0
        self._newest: tuple[Frame, Outcome] | None = None
        self._made: tuple[int, bytes] | None = None

    @property
    def watchers(self) -> int:
        """How many look."""
        return self._watchers

    def show(self, frame: Frame, outcome: Outcome) -> None:
        """Keep this frame instead of the one before, if someone looks."""
        if self._watchers:
            with self._lock:
                self._newest = (frame, outcome) if self._watchers else None

    def clear(self) -> None:
        """Let go of the frame: none is read now."""
        with self._lock:
            self._newest = self._made = None

    def enter(self) -> bool:
        """Begin to look; False where too many do."""
        with self._lock:
            if self._watchers >= MAX_WATCHERS:
                return False
            self._watchers += 1
            return True

    def leave(self) -> None:
        """Look no more."""
        with self._lock:
            self._watchers -= 1
            if not self._watchers:
                self._newest = self._made = None

    def jpeg(self, seen: int) -> tuple[int, bytes] | None:
        """Return the number of the newest frame and its JPEG, made once for all who look.

        None where there is none other than `seen`. In one thread alone.
        """
        newest = self._newest
        if newest is None or newest[1].seq == seen:
            return None
        frame, outcome = newest
        made = self._made
        if made is None or made[0] != outcome.seq:
            made = (outcome.seq, drawn(frame, outcome))
            with self._lock:
                if self._newest is None:  # cleared meanwhile: privacy is on, or nobody looks any more
                    return None
                self._made = made if self._newest is newest else None
        return made


def drawn(frame: Frame, outcome: Outcome) -> bytes:
    """Return the JPEG of a frame, in colour where it has any, with boxes about the faces and what is announced."""
    picture = cv2.cvtColor(frame.grey, cv2.COLOR_GRAY2BGR) if frame.colour is None else frame.colour().copy()
    scale = min(1.0, WIDTH / picture.shape[1])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.ascontiguousarray(picture, np.uint8)
    for box in outcome.faces.coasted:
        _frame(picture, box, scale, KEPT)
    for box in outcome.faces.confirmed:
        _frame(picture, box, scale, FOUND)
    faces = (*outcome.faces.confirmed, *outcome.faces.coasted)
    if faces:
        sure = outcome.mood.emotion is not None and outcome.confidence >= CHANGING
        _label(picture, faces[0], scale, f"{outcome.mood} {outcome.confidence:.0%}" if sure else outcome.mood)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def _frame(picture: NDArray[np.uint8], box: Box, scale: float, colour: tuple[int, int, int]) -> None:
    x, y, w, h = (round(each * scale) for each in (box.x, box.y, box.w, box.h))
    cv2.rectangle(picture, (x, y), (x + w, y + h), colour, 2, cv2.LINE_AA)


def _label(picture: NDArray[np.uint8], box: Box, scale: float, text: str) -> None:
    """Write on a dark ground above the box, or within it where there is no room above."""
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)
    tall = height + below + 8
    x = min(max(0, round(box.x * scale)), max(0, picture.shape[1] - width - 12))
    y = max(tall, round(box.y * scale))
    cv2.rectangle(picture, (x, y - tall), (x + width + 12, y), (30, 30, 30), -1)
    cv2.putText(picture, text, (x + 6, y - below - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
