"""The built-in demo: composite faces, cross-faded through all seven moods in a drawn room that is empty at the end."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import EMOTIONS, Mood
from musicond.errors import SourceLost

WIDTH, HEIGHT = 640, 480
FACE = 220
"""Side of a composite in pixels."""
HOLD_S = 7.0
"""Seconds from one cross-fade to the next."""
FADE_S = 1.0
EMPTY_S = 10.0
"""Seconds of empty room at the end."""
ORDER = (Mood.NEUTRAL, Mood.HAPPY, Mood.SURPRISE, Mood.FEAR, Mood.SAD, Mood.DISGUST, Mood.ANGRY)
"""The blend of two neighbours in this order looks like no third mood."""
NOISE = 1.5
"""Standard deviation of the drawn sensor noise in grey levels."""


class DemoClip:
    """A recording that is drawn while it plays, by its `script`.

    The composites are in `models/demo.png`; `tools/make_demo.py` makes them. They show no real person.
    """

    name = "demo"
    fps = 15.0
    bad_frames = 0

    def __init__(self, folder: Path) -> None:
        path = folder / "demo.png"
        strip = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.exists() else None
        if strip is None or strip.shape[1] != len(EMOTIONS) * strip.shape[0]:
            raise SourceLost(f"{path}: the demo's faces are missing or damaged; install musicond's models again")
        faces = np.split(np.asarray(strip, np.uint8), len(EMOTIONS), axis=1)
        self._room = _room()
        self._faces = {emotion.value: with_face(face) for emotion, face in zip(EMOTIONS, faces, strict=True)}
        grain = np.random.default_rng(1).normal(0, NOISE, (HEIGHT * 2, WIDTH * 2))
        self._grain = grain.astype(np.float32)

    @property
    def script(self) -> list[tuple[float, float, Mood]]:
        """For each mood: start and end of its cross-fade in seconds, and the mood; the last is `nobody`."""
        starts = [number * HOLD_S for number in range(len(ORDER) + 1)]
        return [(start, start + FADE_S, mood) for start, mood in zip(starts, (*ORDER, Mood.NOBODY), strict=True)]

    @property
    def duration_s(self) -> float:
        """Duration with the empty room at the end."""
        return len(ORDER) * HOLD_S + EMPTY_S

    def frames(self, *, colour: bool = False) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield (seconds from the start, grey uint8 (480, 640)), 15 per second; the composites have no colours."""
        del colour
        for number in range(round(self.duration_s * self.fps)):
            yield number / self.fps, self.frame_at(number / self.fps)

    def frame_at(self, t: float) -> NDArray[np.uint8]:
        """Draw the picture at `t` seconds, the same for the same time."""
        number = min(int(t / HOLD_S), len(ORDER))
        current, previous = self._face(number), self._face(number - 1)
        share = min(1.0, (t - number * HOLD_S) / FADE_S)
        picture = current * share + previous * (1 - share)
        # Sway a little, as a head is never quite still.
        matrix = np.array([[1, 0, 5 * math.sin(0.9 * t)], [0, 1, 3 * math.sin(0.6 * t + 1)]], np.float32)
        moved = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        shift = round(t * self.fps) * 977
        top, left = shift % HEIGHT, (shift // 3) % WIDTH
        noisy = moved + self._grain[top : top + HEIGHT, left : left + WIDTH]
        return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)

    def _face(self, number: int) -> NDArray[np.float32]:
        """Return the room with face `number` of ORDER, or the empty room before the first and after the last."""
        if not 0 <= number < len(ORDER):
            return self._room
        return self._faces[ORDER[number].value]


def with_face(face: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the demo's room, float32 (480, 640), with a square composite in its middle and a soft edge."""
    picture = np.full((HEIGHT, WIDTH), float(face.mean()), np.float32)
    left, top = (WIDTH - FACE) // 2, (HEIGHT - FACE) // 2
    large = cv2.resize(face.astype(np.float32), (FACE, FACE), interpolation=cv2.INTER_CUBIC)
    picture[top : top + FACE, left : left + FACE] = large
    mask = _mask()
    return np.asarray(_room() * (1 - mask) + picture * mask, np.float32)


@cache
def _room() -> NDArray[np.float32]:
    """Draw a wall, lighter towards a window on the left, and the edge of a table."""
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    room = 128 - 34 * x + 10 * (1 - y)
    room = np.where(y > 0.88, 78 - 14 * x, room)  # noqa: PLR2004 - the table's edge
    return np.asarray(cv2.GaussianBlur(room.astype(np.float32), (0, 0), 2), np.float32)


@cache
def _mask() -> NDArray[np.float32]:
    """Return the mask of the face, float32 (480, 640): 1 in an oval, fading to 0 around it."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    axes = (round(FACE * 0.43), round(FACE * 0.49))
    cv2.ellipse(mask, (WIDTH // 2, HEIGHT // 2), axes, 0, 0, 360, (1.0,), -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), FACE * 0.03), np.float32)
