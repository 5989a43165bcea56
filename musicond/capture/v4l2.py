"""USB webcams and other V4L2 devices, through OpenCV."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.capture.transform import fit, orient
from musicond.core.models import Frame
from musicond.errors import SourceLost

# Wait at most 2 s for a frame: OpenCV's default of 10 s would notice a lost camera late.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")

BUFFERED_S = 0.004
"""Seconds; a grab that takes less returned a frame that was waiting in the driver's queue."""
MOST_BUFFERED = 8
"""Most grabs for one frame; V4L2 drivers usually queue four frames."""
DEVICES = Path("/dev")


class Webcam:
    """A V4L2 device: `device`, or else the first one that gives pictures."""

    def __init__(
        self,
        device: str | None,
        size: tuple[int, int],
        rate: float,
        *,
        rotation: int = 0,
        mirror: bool = False,
        devices: Path = DEVICES,
    ) -> None:
        self._device, self._size, self._rate = device, size, rate
        self._rotation, self._mirror, self._devices = rotation, mirror, devices
        self._capture: cv2.VideoCapture | None = None

    @property
    def name(self) -> str:
        """Name for display."""
        return f"webcam {self._device}" if self._device else "webcam"

    def open(self) -> None:
        """Open the device; raise SourceLost."""
        candidates = [Path(self._device)] if self._device else sorted(self._devices.glob("video*"), key=_number)
        if not candidates:
            raise SourceLost(f"no webcam: there is no {self._devices}/video*; plug one in")
        errors = []
        for device in candidates:
            error = self._open_device(device)
            if error is None:
                return
            errors.append(error)
        raise SourceLost("; ".join(dict.fromkeys(errors)))

    def capture(self, wait_s: float) -> Frame:
        """Return the newest frame; skip older ones in the driver's queue. Raises SourceLost."""
        del wait_s  # see OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT above
        if self._capture is None:
            raise SourceLost(f"{self.name} is not open")
        for _ in range(MOST_BUFFERED):
            started = time.monotonic()
            if not self._capture.grab():
                raise SourceLost(f"{self.name} gives no pictures; check its cable")
            if time.monotonic() - started > BUFFERED_S:
                break
        captured_at, wall_time = time.monotonic(), datetime.now().astimezone()
        ok, image = self._capture.retrieve()
        if not ok or image is None or image.size == 0:
            raise SourceLost(f"{self.name} gives no pictures; check its cable")
        picture = np.asarray(image, np.uint8)
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        return Frame(self._transform(grey), captured_at, wall_time, lambda: self._transform(picture))

    def _transform(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
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
        capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
        capture.set(cv2.CAP_PROP_FPS, max(5.0, self._rate))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if capture.isOpened() and capture.grab():
            self._capture = capture
            return None
        capture.release()
        return f"{device} gives no pictures: it is in use by another program, or no camera"


def _number(device: Path) -> tuple[int, str]:
    digits = device.name.removeprefix("video")
    return (int(digits) if digits.isdigit() else 1000, device.name)
