"""Recordings: a video clip or a folder of images, frame by frame, or played in a loop as if it were a camera."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from musicond.core.models import Frame
from musicond.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FOLDER_FPS = 10.0
"""Images of a folder follow one another at this rate."""
CATCH_UP_S = 0.5
"""Seconds for which one read may decode frames that are overdue; a clip too heavy for that plays slower."""
COLOURED = 3
"""Dimensions of a picture in colour."""
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm"}


class Recording(Protocol):
    """Something that can be played from its start."""

    @property
    def name(self) -> str:
        """What a person calls it."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield (seconds from the start, grey uint8 (h, w)); raise SourceLost."""

    def pictures(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield the same, in colour (BGR, uint8 (h, w, 3)) where it has colours; raise SourceLost."""


class Clip:
    """A video file, decoded by OpenCV's FFmpeg."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        with _Capture(path) as capture:
            rate = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if 1 <= rate <= 240 else 25.0  # noqa: PLR2004 - what a header may sensibly say

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield every frame, evenly spaced at the clip's rate."""
        for at, picture in self.pictures():
            yield at, to_grey(picture)

    def pictures(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield every frame in colour, if it has colours."""
        with _Capture(self.path) as capture:
            number = 0
            while True:
                found, picture = capture.read()
                if not found:
                    break
                yield number / self.fps, np.asarray(picture, np.uint8)
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
        except OSError as fault:
            raise SourceLost(f"{path}: {fault.strerror}; give a folder that can be read") from None
        if not self._files:
            raise SourceLost(f"{path}: no images in it; give a clip or a folder with {', '.join(sorted(IMAGES))}")

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield every image."""
        return self._decoded(cv2.IMREAD_GRAYSCALE)

    def pictures(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield every image, in colour if it has colours."""
        return self._decoded(cv2.IMREAD_ANYCOLOR)

    def _decoded(self, how: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        for number, file in enumerate(self._files):
            try:
                picture = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), how)
            except (OSError, cv2.error):
                picture = None
            if picture is None:
                raise SourceLost(f"{file}: not an image that can be decoded; remove or replace it")
            yield number / self.fps, np.asarray(picture, np.uint8)


def to_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (h, w) of a picture that is grey or BGR."""
    if picture.ndim != COLOURED:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def open_clip(path: Path) -> Clip | ImageFolder:
    """Return the recording at `path`; raise SourceLost if there is none."""
    if path.is_dir():
        return ImageFolder(path)
    if not path.is_file():
        raise SourceLost(f"{path}: no such file or folder; give a clip, or a folder of images")
    return Clip(path)


class RecordedSource:
    """Plays a recording in a loop in real time; frames that nobody fetched in time are skipped."""

    def __init__(self, name: str, opener: Callable[[], Recording]) -> None:
        self.name, self._opener = name, opener
        self._frames: Iterator[tuple[float, NDArray[np.uint8]]] | None = None
        self._recording: Recording | None = None
        self._began = 0.0
        self._next: tuple[float, NDArray[np.uint8]] | None = None

    def open(self) -> None:
        """Begin at the start; raise SourceLost."""
        self._recording = self._opener()
        self._restart(time.monotonic())

    def capture(self, wait_s: float) -> Frame:
        """Return the frame that is due now, waiting for the next one if there is none."""
        if self._next is None:
            raise SourceLost(f"{self.name} is not open")
        latest = self._next
        now = time.monotonic()
        if self._began + latest[0] > now:
            time.sleep(min(wait_s, self._began + latest[0] - now))
        until = time.monotonic() + CATCH_UP_S
        while self._next is not None and self._began + self._next[0] <= time.monotonic():
            latest = self._next
            self._advance()
            if time.monotonic() > until:
                self._began = time.monotonic() - self._next[0]
                break
        picture = latest[1]
        colour = (lambda: picture) if picture.ndim == COLOURED else None
        return Frame(to_grey(picture), time.monotonic(), datetime.now().astimezone(), colour)

    def close(self) -> None:
        """Stop."""
        self._frames = self._next = self._recording = None

    def _restart(self, began: float) -> None:
        assert self._recording is not None
        self._began, self._frames = began, self._recording.pictures()
        self._next = next(self._frames, None)

    def _advance(self) -> None:
        assert self._frames is not None
        assert self._next is not None
        assert self._recording is not None
        last = self._next[0]
        self._next = next(self._frames, None)
        if self._next is None:
            self._restart(self._began + last + 1 / self._recording.fps)


class _Capture:
    """An open video file, closed at the end of the block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> cv2.VideoCapture:
        self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise SourceLost(f"{self._path}: not a video that can be decoded; give another clip")
        return self._capture

    def __exit__(self, *_: object) -> None:
        self._capture.release()
