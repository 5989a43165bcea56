"""Recordings: a video clip or a folder of images, frame by frame, or in a loop like a camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Frame
from musicond.errors import SourceLost

TimedPicture = tuple[float, NDArray[np.uint8]]

FOLDER_FPS = 10.0
"""Rate of the images of a folder."""
CATCH_UP_S = 0.5
"""Longest time in seconds that one capture spends on overdue frames; a clip that needs longer plays slower."""
COLOUR_NDIM = 3
"""Number of dimensions of a colour picture."""
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm"}


class Recording(Protocol):
    """A recording that can be played from its start."""

    @property
    def name(self) -> str:
        """Name for display."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    def frames(self, *, colour: bool = False) -> Iterator[TimedPicture]:
        """Yield seconds from the start and uint8 (h, w), or BGR (h, w, 3) with `colour` if any; raise SourceLost."""


class Clip:
    """A video file, decoded by OpenCV's FFmpeg."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        with _open_video(path) as capture:
            rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if 1 <= rate <= 240 else 25.0  # noqa: PLR2004 - a plausible value in the header

    def frames(self, *, colour: bool = False) -> Iterator[TimedPicture]:
        """Yield every frame, evenly spaced at the clip's rate."""
        number = 0
        with _open_video(self.path) as capture:
            while True:
                ok, image = capture.read()
                if not ok:
                    break
                picture = np.asarray(image, np.uint8)
                yield number / self.fps, picture if colour else to_grey(picture)
                number += 1
        if number == 0:
            raise SourceLost(f"{self.path}: no picture could be decoded; give another clip")


class ImageFolder:
    """A folder of images in the order of their names."""

    fps = FOLDER_FPS

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        try:
            self._files = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGES)
        except OSError as exc:
            raise SourceLost(f"{path}: {exc.strerror}; give a folder that can be read") from None
        if not self._files:
            raise SourceLost(f"{path}: no images in it; give a clip or a folder with {', '.join(sorted(IMAGES))}")

    def frames(self, *, colour: bool = False) -> Iterator[TimedPicture]:
        """Yield every image."""
        mode = cv2.IMREAD_ANYCOLOR if colour else cv2.IMREAD_GRAYSCALE
        for number, file in enumerate(self._files):
            try:
                picture = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), mode)
            except (OSError, cv2.error):
                picture = None
            if picture is None:
                raise SourceLost(f"{file}: not an image that can be decoded; remove or replace it")
            yield number / self.fps, np.asarray(picture, np.uint8)


def to_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (h, w) of a picture that is grey or BGR."""
    if picture.ndim != COLOUR_NDIM:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def open_clip(path: Path) -> Clip | ImageFolder:
    """Return the recording at `path`; raise SourceLost."""
    if path.is_dir():
        return ImageFolder(path)
    if not path.is_file():
        raise SourceLost(f"{path}: no such file or folder; give a clip, or a folder of images")
    return Clip(path)


class RecordedSource:
    """A recording that plays in a loop in real time; frames that are not captured in time are skipped."""

    def __init__(self, name: str, opener: Callable[[], Recording]) -> None:
        self.name, self._opener = name, opener
        self._frames: Iterator[TimedPicture] | None = None
        self._started_at = 0.0
        self._next: TimedPicture | None = None

    def open(self) -> None:
        """Start the recording; raise SourceLost."""
        self._frames = _loop(self._opener())
        self._next = next(self._frames, None)
        self._started_at = time.monotonic()

    def capture(self, wait_s: float) -> Frame:
        """Return the frame that is due now, or wait for the next one."""
        if self._next is None or self._frames is None:
            raise SourceLost(f"{self.name} is not open")
        latest = self._next
        now = time.monotonic()
        if self._started_at + latest[0] > now:
            time.sleep(min(wait_s, self._started_at + latest[0] - now))
        until = time.monotonic() + CATCH_UP_S
        while self._next is not None and self._started_at + self._next[0] <= time.monotonic():
            latest, self._next = self._next, next(self._frames, None)
            if self._next is not None and time.monotonic() > until:
                self._started_at = time.monotonic() - self._next[0]
                break
        picture = latest[1]
        colour = (lambda: picture) if picture.ndim == COLOUR_NDIM else None
        return Frame(to_grey(picture), time.monotonic(), datetime.now().astimezone(), colour)

    def close(self) -> None:
        """Stop the recording."""
        self._frames = self._next = None


def _loop(recording: Recording) -> Iterator[TimedPicture]:
    """Yield the frames of a recording again and again, with their seconds from the first start."""
    start_s = 0.0
    while True:
        at = 0.0
        for at, picture in recording.frames(colour=True):
            yield start_s + at, picture
        start_s += at + 1 / recording.fps


@contextmanager
def _open_video(path: Path) -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise SourceLost(f"{path}: not a video that can be decoded; give another clip")
    try:
        yield capture
    finally:
        capture.release()
