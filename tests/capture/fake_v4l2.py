"""A stand-in for cv2.VideoCapture over V4L2, as OpenCV 4.8 to 4.13 behaves.

With CAP_PROP_CONVERT_RGB at 0, `retrieve` gives the driver's bytes as one row; else a BGR picture. `grab` waits for the
select timeout and returns False where no frame comes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MJPEG = cv2.VideoWriter.fourcc(*"MJPG")
NOISE = np.random.default_rng(3)


def picture(size: tuple[int, int] = (640, 480)) -> NDArray[np.uint8]:
    """Return a BGR picture with the noise of a sensor."""
    return NOISE.integers(90, 110, (size[1], size[0], 3), dtype=np.uint8)


def jpeg(size: tuple[int, int] = (640, 480)) -> bytes:
    """Return the JPEG of a picture with noise."""
    return cv2.imencode(".jpg", picture(size))[1].tobytes()


class Driver:
    """A webcam that gives the frames of `frames`: bytes for JPEG, None for a frame that does not come."""

    def __init__(self, frames: Callable[[], Iterator[bytes | cv2.error | None]], *, mjpeg: bool = True) -> None:
        self._frames, self._mjpeg = frames, mjpeg
        self.opened: list[str] = []
        self.timeout_s = 0.02
        self.set_values: dict[int, float] = {}
        self._next: bytes | cv2.error | None = None

    def __call__(self, device: str, api: int) -> Driver:
        assert api == cv2.CAP_V4L2
        self.opened.append(device)
        self._iterator = self._frames()
        return self

    def set(self, key: int, value: float) -> bool:
        self.set_values[key] = value
        return True

    def get(self, key: int) -> float:
        return MJPEG if key == cv2.CAP_PROP_FOURCC and self._mjpeg else 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def grab(self) -> bool:
        self._next = next(self._iterator)
        time.sleep(0.006 if self._next is not None else self.timeout_s)
        return self._next is not None

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        if isinstance(self._next, cv2.error):
            raise self._next
        assert self._next is not None
        row = np.frombuffer(self._next, np.uint8).copy()
        if self.set_values.get(cv2.CAP_PROP_CONVERT_RGB) == 0:
            return True, row[None, :]
        return True, np.asarray(cv2.imdecode(row, cv2.IMREAD_COLOR), np.uint8)

    def release(self) -> None:
        self.opened.append("released")
