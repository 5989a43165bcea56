"""Recordings: a video clip or a folder of images, frame by frame, or in a loop like a camera."""

from __future__ import annotations

import logging
import stat
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Frame, SourceStatus
from musicond.errors import SourceLost, clean_text, error_text
from musicond.runtime.systemd import remedy_for
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

TimedPicture = tuple[float, NDArray[np.uint8]]

MIN_FPS, MAX_FPS, USUAL_FPS = 1.0, 240.0, 25.0
"""Rates that are plausible in a header, and the one that is used instead of others."""
FOLDER_FPS = 10.0
"""Rate of the images of a folder."""
CATCH_UP_S = 0.5
"""Longest time in seconds that one capture spends on overdue frames; a clip that needs longer plays slower."""
COLOUR_NDIM = 3
"""Number of dimensions of a colour picture."""
MOST_FAILED = 30
"""Failed reads in a row that count as the end of a clip."""
MOST_MISSING_S = 1.0
"""Seconds by which a clip may end before its header says so."""
MOST_ASPECT = 4.0
"""Widest plausible pixel, and the inverse of the tallest."""
PNG = b"\x89PNG\r\n\x1a\n"
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm"}


class Recording(Protocol):
    """A recording that can be played from its start."""

    @property
    def name(self) -> str:
        """Name for display."""

    @property
    def fps(self) -> float:
        """Frames per second."""

    @property
    def bad_frames(self) -> int:
        """Frames that could not be decoded, and were skipped, since the recording was opened."""

    def frames(self, *, colour: bool = False) -> Iterator[TimedPicture]:
        """Yield seconds from the start and uint8 (h, w), or BGR (h, w, 3) with `colour` if any; raise SourceLost."""


class Clip:
    """A video file, decoded by OpenCV's FFmpeg, upright and with square pixels."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, display_name(path)
        self.bad_frames = 0
        self._warnings = WarnOnce(log)
        with _open_video(path) as capture:
            rate = float(capture.get(cv2.CAP_PROP_FPS))
            self._aspect = _pixel_aspect(capture)
            if _read(capture)[0] is None:
                raise SourceLost(f"{self.name}: no picture can be decoded; convert it, to H.264 for example")
            frames = float(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        plausible = MIN_FPS <= rate <= MAX_FPS
        self.fps = rate if plausible else USUAL_FPS
        self._end_s = frames / rate if plausible else 0.0

    def frames(self, *, colour: bool = False) -> Iterator[TimedPicture]:
        """Yield every frame at the container's own time; where it has none that rises, one interval after the last."""
        at = -1 / self.fps
        first_s, skipped = None, 0
        with _open_video(self.path) as capture:
            while True:
                image, failed = _read(capture)
                skipped += failed if image is not None else 0
                if image is None:
                    break
                own_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                first_s = own_s if first_s is None else first_s
                at = own_s - first_s if own_s - first_s > at else at + 1 / self.fps
                picture = self._with_square_pixels(np.asarray(image, np.uint8))
                yield at, picture if colour else to_grey(picture)
        self._report(skipped, at)
        if at < 0:
            raise SourceLost(f"{self.name}: no picture could be decoded; give another clip")

    def _with_square_pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        wide, tall = self._aspect
        if wide == tall:
            return picture
        size = round(picture.shape[1] * max(1.0, wide / tall)), round(picture.shape[0] * max(1.0, tall / wide))
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)

    def _report(self, skipped: int, at: float) -> None:
        """Count what could not be decoded, and log it the first time."""
        if self._end_s > MOST_MISSING_S + at:
            text = "%s ends after %.1f s of %.1f s: the rest can't be decoded"
            self._warnings.warn(text, self.name, max(0.0, at), self._end_s)
            skipped = max(skipped, round((self._end_s - at) * self.fps))
        elif skipped:
            self._warnings.warn("%s: %d frames can't be decoded; they are skipped", self.name, skipped)
        self.bad_frames += skipped


class ImageFolder:
    """A folder of images in the order of their names; hidden files, such as ._a.jpg, are no images."""

    fps = FOLDER_FPS

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, display_name(path)
        self.bad_frames = 0
        self._warnings = WarnOnce(log)
        try:
            self._files = sorted(
                file for file in path.iterdir() if file.suffix.lower() in IMAGES and not file.name.startswith(".")
            )
        except OSError as exc:
            raise SourceLost(f"{self.name}: {exc.strerror}; give a folder that can be read") from None
        if not self._files:
            raise SourceLost(f"{self.name}: no images in it; give a clip or a folder with {', '.join(sorted(IMAGES))}")

    def frames(self, *, colour: bool = False) -> Iterator[TimedPicture]:
        """Yield every image that can be decoded. None is read before: a file may hang its reader, but not the start."""
        bad = []
        for number, file in enumerate(self._files):
            picture = _decoded(file, cv2.IMREAD_ANYCOLOR if colour else cv2.IMREAD_GRAYSCALE)
            if picture is None:
                bad.append(file)
            else:
                yield number / self.fps, picture
        if len(bad) == len(self._files):
            raise SourceLost(f"{self.name}: none of its images can be decoded; give other ones")
        if bad:
            text = "%s: %d images can't be decoded, such as %s"
            self._warnings.warn(text, self.name, len(bad), display_name(bad[0]))
        self.bad_frames += len(bad)


def display_name(path: Path) -> str:
    """Return the name of a file for display; it may have bytes that are no UTF-8."""
    return clean_text(path.name)


def _decoded(file: Path, mode: int) -> NDArray[np.uint8] | None:
    try:
        content = file.read_bytes()
        picture = None if _is_cut_png(content) else cv2.imdecode(np.frombuffer(content, np.uint8), mode)
    except (OSError, cv2.error):  # an empty file is a cv2.error
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _is_cut_png(content: bytes) -> bool:
    """Return whether a PNG has a chunk that is longer than the file: OpenCV 4.11 would reserve memory for it."""
    place, kind = len(PNG), b""
    while content.startswith(PNG) and kind != b"IEND" and place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        place += 12 + size
    return place > len(content)


def to_grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (h, w) of a picture that is grey or BGR."""
    if picture.ndim != COLOUR_NDIM:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def open_clip(path: Path) -> Clip | ImageFolder:
    """Return the recording at `path`; raise SourceLost."""
    usual, reason = "give a clip, or a folder of images", "no such file or folder"
    try:
        mode = path.stat().st_mode
    except PermissionError as exc:
        mode, usual, reason = 0, "give the user of musicond access", error_text(exc)
    except (OSError, ValueError) as exc:
        mode, reason = 0, reason if isinstance(exc, FileNotFoundError) else error_text(exc)
    if stat.S_ISDIR(mode):
        return ImageFolder(path)
    if stat.S_ISREG(mode):
        return Clip(path)
    raise SourceLost(f"{clean_text(path)}: {reason}; {remedy_for(path, usual)}")


class RecordedSource:
    """A recording that plays in a loop in real time; frames that are not captured in time are skipped."""

    def __init__(self, name: str, opener: Callable[[], Recording]) -> None:
        self.name, self._opener = name, opener
        self._recording: Recording | None = None
        self._frames: Iterator[TimedPicture] | None = None
        self._started_at = 0.0
        self._next: TimedPicture | None = None

    def get_status(self) -> SourceStatus:
        """Return how many frames could not be decoded."""
        return SourceStatus(bad_frames=self._recording.bad_frames if self._recording else 0)

    def open(self) -> None:
        """Start the recording; raise SourceLost."""
        self._recording = self._opener()
        self._frames = _loop(self._recording)
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
    """Open a video by its descriptor: OpenCV takes no name that is not UTF-8, and a colon for the end of a scheme."""
    name = display_name(path)
    try:
        with path.open("rb") as file:
            capture = cv2.VideoCapture(f"/proc/self/fd/{file.fileno()}", cv2.CAP_FFMPEG)
            try:
                if not capture.isOpened():
                    raise SourceLost(f"{name}: not a video that can be decoded; give another clip")
                capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
                yield capture
            finally:
                capture.release()
    except OSError as exc:
        raise SourceLost(f"{name}: {exc.strerror}; give a clip that can be read") from None
    except cv2.error as exc:
        raise SourceLost(f"{name}: can't be decoded ({exc.err or exc}); give another clip") from None


def _read(capture: cv2.VideoCapture) -> tuple[NDArray[np.uint8] | None, int]:
    """Return the next frame that can be decoded and how many could not; None after MOST_FAILED, as at the end."""
    for failed in range(MOST_FAILED):
        ok, image = capture.read()
        if ok and image is not None and image.size:
            return np.asarray(image, np.uint8), failed
    return None, MOST_FAILED


def _pixel_aspect(capture: cv2.VideoCapture) -> tuple[float, float]:
    """Return width and height of a pixel in the upright picture."""
    wide, tall = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if not (wide > 0 and tall > 0 and 1 / MOST_ASPECT <= wide / tall <= MOST_ASPECT):
        return 1.0, 1.0
    turned = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 180 != 0
    return (tall, wide) if turned else (wide, tall)
