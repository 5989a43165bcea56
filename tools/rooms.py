"""Rooms with one person at a known place: real faces composited into drawn rooms as a given camera would see them."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np

from musicond.capture.recorded import open_clip, to_grey
from musicond.config.paths import models_dir
from musicond.core.models import Box
from musicond.vision.cascade import Cascade
from musicond.vision.reach import FACE_M, face_share
from musicond.vision.search import Search
from tools.training import fer2013, photos

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.float32]

LABELS = ("neutral", "happy")
"""Moods whose labels are reliable in all three sources."""
PATCH = 256
"""Side in pixels to which pictures of faces are scaled; the camera sees them smaller or larger."""
CLIP_FPS, CLIP_S = 8.0, 8.0
ROOMS = 3
CLIPS = ("d0", "d3", "s32")
NOISE = 2.0
"""Standard deviation of the sensor noise in ordinary light, in grey levels."""
HEAD = (0.56, 0.70)
"""Half the width and half the height of a head, as fractions of the side of the cascade's box."""
EYES = ((0.31, 0.40), (0.69, 0.40))
"""Places of the eyes in the cascade's box, as fractions of its side."""


@dataclass(frozen=True)
class Camera:
    """A camera: angles of view in degrees, and the size of its picture in pixels."""

    name: str
    horizontal_deg: float
    vertical_deg: float
    size: tuple[int, int]


CAMERAS = (
    Camera("Camera Module 3", 66, 41, (1280, 720)),
    Camera("Camera Module 3 Wide", 102, 67, (1280, 720)),
    Camera("Camera Module 2", 62, 49, (1280, 960)),
    Camera("640x480 webcam", 60, 47, (640, 480)),
)
"""Angles as Raspberry Pi states them; those of a webcam with a diagonal of 72 degrees."""


@dataclass(frozen=True)
class Person:
    """A person: square grey pictures of the head, the face in them, and the mood that they show."""

    name: str
    pictures: list[NDArray[np.uint8]]
    """One for each eighth of a second; a photograph has one."""
    face: Box
    label: str | None
    """None for a clip, whose mood changes."""


@dataclass(frozen=True)
class Light:
    """A condition: functions that change the head (its picture, its face) and the frame, and the sensor noise."""

    head: Callable[[Picture, Box], Picture] | None = None
    frame: Callable[[Picture], Picture] | None = None
    noise: float = NOISE
    window: bool = False
    """Whether the person sits before a bright window, with the face at 0.15 of its brightness."""
    cut: float = 0.0
    """Share of the face's width that lies outside the frame."""


def half_lit(picture: Picture, face: Box) -> Picture:
    """Let the light fall off to a fifth across the face."""
    across = np.clip((np.arange(picture.shape[1], dtype=np.float32) - face.x) / face.w, 0, 1)
    return np.asarray(picture * (1 - 0.8 * across), np.float32)


def glasses(picture: Picture, face: Box) -> Picture:
    """Draw glasses with thick dark frames."""
    picture = picture.copy()
    thick = max(2, round(0.045 * face.w))
    centres = [(round(face.x + x * face.w), round(face.y + y * face.h)) for x, y in EYES]
    half = (round(0.145 * face.w), round(0.10 * face.h))
    for x, y in centres:
        cv2.rectangle(picture, (x - half[0], y - half[1]), (x + half[0], y + half[1]), (25.0,), thick, cv2.LINE_AA)
    (left, y), (right, _) = centres
    cv2.line(picture, (left + half[0], y), (right - half[0], y), (25.0,), thick, cv2.LINE_AA)
    return picture


def hat(picture: Picture, face: Box) -> Picture:
    """Draw a dark hat down to the brows."""
    picture = picture.copy()
    picture[: max(1, round(face.y + 0.22 * face.h))] = 45
    return picture


LIGHTS: dict[str, Light] = {
    "ordinary": Light(),
    "tenth": Light(frame=lambda frame: frame * np.float32(0.1), noise=1.0),
    "third": Light(frame=lambda frame: frame * np.float32(0.3)),
    "haze": Light(frame=lambda frame: 128 + (frame - 128) * np.float32(0.2), noise=1.0),
    "window": Light(window=True),
    "half-lit": Light(head=half_lit),
    "noise": Light(noise=25.0),
    "blur": Light(frame=lambda frame: np.asarray(cv2.blur(frame, (7, 3)), np.float32)),
    "glasses": Light(head=glasses),
    "hat": Light(head=hat),
    "edge": Light(cut=0.2),
}


class RoomWithPerson:
    """A drawn room in which one person sits, as a camera sees it at a distance, roll and light."""

    def __init__(
        self, person: Person, camera: Camera, distance_m: float, roll_deg: float, light: Light, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        self._person, self._light, self._roll = person, light, roll_deg
        width, height = camera.size
        self.side = face_share(camera.vertical_deg, distance_m) * height
        """Side of the cascade's box in pixels."""
        self._room = draw_room(camera.size, rng)
        reach_x, reach_y = (max(1.0, (size - 1.5 * self.side) / 2) for size in camera.size)
        self._x = width / 2 + float(rng.uniform(-0.8, 0.8)) * reach_x
        self._y = height / 2 + float(rng.uniform(-0.7, 0.3)) * reach_y
        if light.cut:
            self._x = (0.5 - light.cut) * self.side
        if light.window:
            self._room = 215 + 0.15 * self._room
        self._phase = float(rng.uniform(0, 6))
        self._rng = rng
        self._bare = self._room.copy()
        self._draw_body(rng)
        # A few pictures of the room with noise, by turns: drawing each frame as a whole would take most of the time.
        self._rooms = [self._developed(self._room) for _ in range(ROOMS)]
        self._shown = 0

    def empty(self) -> NDArray[np.uint8]:
        """Return the room without the person, uint8 (height, width)."""
        return self._developed(self._bare)

    def frame(self, t: float) -> tuple[NDArray[np.uint8], tuple[float, float]]:
        """Return the picture at `t` seconds, uint8 (height, width), and the centre of the face in it."""
        x = self._x + 0.04 * self.side * math.sin(0.9 * t + self._phase) * (0 if self._light.cut else 1)
        y = self._y + 0.03 * self.side * math.sin(0.6 * t + 2 * self._phase)
        pictures = self._person.pictures
        self._shown = (self._shown + 1) % len(self._rooms)
        frame = self._rooms[self._shown].copy()
        self._paste(frame, pictures[int(t * CLIP_FPS) % len(pictures)], x, y)
        return frame, (x, y)

    def _draw_body(self, rng: np.random.Generator) -> None:
        middle = round(self._x), round(self._y + 1.75 * self.side)
        axes = round(1.05 * self.side), round(1.15 * self.side)
        level = float(rng.uniform(30, 60 if self._light.window else 190))
        cv2.ellipse(self._room, middle, axes, 0, 0, 360, (level,), -1, cv2.LINE_AA)
        self._room = np.asarray(cv2.GaussianBlur(self._room, (0, 0), 1.0), np.float32)

    def _paste(self, frame: NDArray[np.uint8], picture: NDArray[np.uint8], x: float, y: float) -> None:
        face, level = self._person.face, picture.astype(np.float32)
        if self._light.head:
            level = self._light.head(level, face)
        if self._light.window:
            inside = level[max(0, face.y) : face.y + face.h, max(0, face.x) : face.x + face.w]
            level = level * np.float32(0.15 * 230 / max(20.0, float(inside.mean())))
        half = math.ceil(0.9 * self.side)
        left, top = round(x) - half, round(y) - half
        scale, size = self.side / face.w, 2 * half
        # Shrink by area first: an affine warp alone would alias.
        if scale < 0.7:
            level = np.asarray(cv2.resize(level, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
            centre, scale = ((face.x + face.w / 2) * scale, (face.y + face.h / 2) * scale), 1.0
        else:
            centre = face.x + face.w / 2, face.y + face.h / 2
        matrix = np.asarray(cv2.getRotationMatrix2D(centre, -self._roll, scale), np.float64)
        matrix[:, 2] += np.array([x - left, y - top]) - np.array(centre)
        head = cv2.warpAffine(level, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = _mask(size, round(self.side), round(self._roll))
        height, width = frame.shape
        rows = slice(max(0, top), min(height, top + size))
        columns = slice(max(0, left), min(width, left + size))
        part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        room = self._room[rows, columns]
        frame[rows, columns] = self._developed(room + (head[part] - room) * mask[part])

    def _developed(self, frame: Picture) -> NDArray[np.uint8]:
        if self._light.frame:
            frame = self._light.frame(frame)
        height, width = frame.shape
        top, left = self._rng.integers(0, 200, 2)
        noisy = cv2.scaleAdd(_grain()[top : top + height, left : left + width], self._light.noise, frame)
        return np.asarray(cv2.convertScaleAbs(np.maximum(noisy, 0)), np.uint8)


def draw_room(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Return an empty room, float32 (height, width): an unevenly lit wall, shelves, a picture and texture."""
    width, height = size
    corners = rng.uniform(60, 200, (2, 3)).astype(np.float32)
    room = np.asarray(cv2.resize(corners, size, interpolation=cv2.INTER_CUBIC), np.float32)
    for _ in range(14):
        left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
        right, bottom = left + int(rng.integers(8, width // 6)), top + int(rng.integers(8, height // 4))
        cv2.rectangle(room, (left, top), (right, bottom), (float(rng.uniform(30, 225)),), -1)
    texture = rng.normal(0, 8, (height // 16, width // 16)).astype(np.float32)
    room += np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), 1.2), np.float32)


def load_people(data: Path, count: int, seed: int) -> list[Person]:
    """Return `count` people from the clips, photographs and FER2013 below `data`, in an order that `seed` decides.

    They are those in whose own picture the cascade finds an upright face, so frontal ones; most are photographs.
    """
    rng = np.random.default_rng(seed)
    cascade = Cascade(models_dir() / "haarcascade_frontalface_default.xml")
    clips = [_from_clip(cascade, data / "clips" / f"{name}.mp4") for name in CLIPS]
    people = [person for person in clips if person][: max(1, count // 6)]
    shots = photos.load(data / "data" / "photos.zip", "test")
    named = zip(shots.images, [name.partition("/")[0] for name in shots.names], shots.names, strict=True)
    tight = fer2013.load(data / "data" / "fer2013.zip", "test")
    small = zip(tight.images, [fer2013.LABELS[at] for at in tight.labels], map(str, tight.numbers), strict=True)
    for pictures, share in ((list(named), 0.7), (list(small), 1.0)):
        usable = [item for item in pictures if item[1] in LABELS]
        until = len(people) + round((count - len(people)) * share)
        for at in rng.permutation(len(usable)):
            if len(people) >= until:
                break
            image, label, name = usable[at]
            if label == LABELS[len(people) % 2] and (person := _person(cascade, name, [image], label)):
                people.append(person)
    return people


def _from_clip(cascade: Cascade, path: Path) -> Person | None:
    pictures: list[NDArray[np.uint8]] = []
    for at, picture in open_clip(path).frames():
        if at >= len(pictures) / CLIP_FPS:
            pictures.append(to_grey(picture))
        if at >= CLIP_S:
            break
    return _person(cascade, path.stem, pictures, None)


def _person(cascade: Cascade, name: str, pictures: list[NDArray[np.uint8]], label: str | None) -> Person | None:
    """Return the person of square or oblong pictures, or None unless the cascade finds one clear face in the first."""
    height, width = pictures[0].shape
    scale = PATCH / height
    size = round(width * scale), PATCH
    scaled = [np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8) for picture in pictures]
    edge = PATCH // 4
    wide = np.asarray(cv2.copyMakeBorder(scaled[0], *(edge,) * 4, cv2.BORDER_REPLICATE), np.uint8)
    for box in cascade.scan(wide, [Search(0.35, 0.75)]):
        found = cascade.detect_near(wide, box)
        if found and found.weight >= 5:
            face = found.box
            return Person(name, scaled, Box(face.x - edge, face.y - edge, face.w, face.h), label)
    return None


@cache
def _mask(size: int, side: int, roll_deg: int) -> Picture:
    """Return the mask of a head, float32 (size, size): 1 in an oval, fading to 0 around it."""
    mask = np.zeros((size, size), np.float32)
    axes = round(HEAD[0] * side), round(HEAD[1] * side)
    cv2.ellipse(mask, (size // 2, size // 2), axes, roll_deg, 0, 360, (1.0,), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.6, 0.03 * side)), np.float32)


@cache
def _grain() -> Picture:
    """Return a large sheet of noise, of which each frame shows another part."""
    sheet = np.random.default_rng(0).normal(0, 1, (960 + 200, 1280 + 200))
    return np.asarray(sheet, np.float32)


__all__ = ["CAMERAS", "FACE_M", "LIGHTS", "Camera", "Light", "Person", "RoomWithPerson", "load_people"]
