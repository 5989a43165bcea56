"""USB webcams and other V4L2 devices, through OpenCV."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.capture.jpeg import decode
from musicond.capture.transform import fit, middle_half, orient, vertical_angle
from musicond.capture.video_nodes import cameras
from musicond.core.models import Frame, SourceStatus
from musicond.errors import BadFrame, NoFrame, SourceLost

# Wait at most 1 s for a frame: OpenCV's default of 10 s would notice a lost camera late.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")

BUFFERED_S = 0.004
"""Seconds; a grab that takes less returned a frame that was waiting in the driver's queue."""
MOST_BUFFERED = 8
"""Most grabs for one frame; V4L2 drivers usually queue four frames."""
OPEN_S = 8.0
"""Seconds for all devices together."""
MJPEG = cv2.VideoWriter.fourcc(*"MJPG")
TYPICAL_DEG = 47
"""Vertical angle of view in degrees of many webcams: 72 degrees from corner to corner, at 4:3."""
REMEDY = "check its cable"


class Webcam:
    """A V4L2 device: `device`, or else the first one that gives pictures.

    It gives JPEGs wherever it can. They are decoded here: OpenCV would repeat the last picture instead of a broken one,
    and would decode the colours, which are needed for the live picture alone.
    """

    def __init__(
        self,
        device: str | None,
        size: tuple[int, int],
        rate: float,
        *,
        rotation: int = 0,
        mirror: bool = False,
        view: Literal["wide", "near"] = "wide",
        find: Callable[[], Sequence[Path]] = cameras,
        driver: Callable[[str, int], cv2.VideoCapture] = cv2.VideoCapture,
    ) -> None:
        self._device, self._size, self._rate = device, size, rate
        self._rotation, self._mirror, self._near = rotation, mirror, view == "near"
        self._find, self._driver = find, driver
        self._capture: cv2.VideoCapture | None = None

    @property
    def name(self) -> str:
        """Name for display."""
        return f"webcam {self._device}" if self._device else "webcam"

    def get_status(self) -> SourceStatus:
        """Return a typical angle of view: a webcam does not say how much it shows."""
        ratio = self._size[0] / self._size[1]
        return SourceStatus(vertical_deg=vertical_angle(TYPICAL_DEG, ratio, self._rotation, near=self._near))

    def open(self) -> None:
        """Open the device; raise SourceLost."""
        candidates = [Path(self._device)] if self._device else self._find()
        if not candidates:
            raise SourceLost("no webcam: no /dev/video* is a camera; plug one in")
        errors = []
        deadline = time.monotonic() + OPEN_S
        for device in candidates:
            if time.monotonic() > deadline:
                errors.append(f"{device} and those after it were not tried; name one in camera.source")
                break
            error = self._open_device(device)
            if error is None:
                return
            errors.append(error)
        raise SourceLost("; ".join(dict.fromkeys(errors)))

    def capture(self, wait_s: float) -> Frame:
        """Return the newest frame; skip older ones in the driver's queue. Raises BadFrame, NoFrame and SourceLost."""
        del wait_s  # see OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT above
        if self._capture is None:
            raise SourceLost(f"{self.name} is not open")
        try:
            self._grab_newest(self._capture)
            captured_at, wall_time = time.monotonic(), datetime.now().astimezone()
            ok, image = self._capture.retrieve()
            if not ok or image is None or image.size == 0:
                raise BadFrame(f"{self.name} gives broken pictures; {REMEDY}")
            grey, colour = self._decode(np.asarray(image, np.uint8))
        except cv2.error as exc:
            raise BadFrame(f"{self.name} gives broken pictures ({exc.err or exc}); {REMEDY}") from None
        return Frame(self._transform(grey), captured_at, wall_time, lambda: self._transform(colour()))

    def _grab_newest(self, capture: cv2.VideoCapture) -> None:
        for _ in range(MOST_BUFFERED):
            started = time.monotonic()
            if not capture.grab():
                raise NoFrame(f"{self.name} gives no pictures; {REMEDY}")
            if time.monotonic() - started > BUFFERED_S:
                break

    def _decode(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Callable[[], NDArray[np.uint8]]]:
        """Return the grey picture, and a function that returns the BGR picture, of one row of JPEG or of a picture."""
        if image.ndim == 3:  # noqa: PLR2004 - rows, columns and colours
            return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8), lambda: image
        if image.shape[0] > 1:
            raise BadFrame(f"{self.name} gives pictures in an unknown format; name another device in camera.source")
        decoded = decode(image[0])
        if decoded is None:
            raise BadFrame(f"{self.name} gives broken pictures; {REMEDY}")
        return decoded

    def _transform(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._near:
            picture = middle_half(picture)
        return orient(fit(picture, self._size), self._rotation, mirror=self._mirror)

    def close(self) -> None:
        """Close the device."""
        capture, self._capture = self._capture, None
        if capture is not None:
            with suppress(cv2.error):
                capture.release()

    def _open_device(self, device: Path) -> str | None:
        """Open one device; return the error, if any."""
        if not device.exists():
            return f"{device} does not exist; plug the webcam in, or name another in camera.source"
        if not os.access(device, os.R_OK | os.W_OK):
            return f"{device} may not be opened by this user; add it to the group video"
        zoom = 2 if self._near else 1
        try:
            capture = self._driver(str(device), cv2.CAP_V4L2)
            capture.set(cv2.CAP_PROP_FOURCC, MJPEG)
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0] * zoom)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1] * zoom)
            capture.set(cv2.CAP_PROP_FPS, max(5.0, self._rate))
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            if int(capture.get(cv2.CAP_PROP_FOURCC)) == MJPEG:
                capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
            if capture.isOpened() and capture.grab():
                self._capture = capture
                return None
            capture.release()
        except cv2.error as exc:
            return f"{device} can't be opened ({exc.err or exc}); name another in camera.source"
        return f"{device} gives no pictures: it is in use by another program, or no camera"
