"""The Raspberry Pi camera, through picamera2: frames are the Y plane of a YUV stream, without conversion."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.capture.transform import orient
from musicond.core.models import Frame
from musicond.errors import SourceLost

FORMATS = {"YUV420": cv2.COLOR_YUV2BGR_I420, "NV12": cv2.COLOR_YUV2BGR_NV12}
"""Formats whose first rows are the Y plane, with OpenCV's conversion to BGR; libcamera may choose either."""
REMEDY = "check the ribbon cable, and that `rpicam-hello --list-cameras` shows the camera"


class PiCamera:
    """A CSI camera; `open` imports picamera2."""

    name = "Pi camera"

    def __init__(self, size: tuple[int, int], rate: float, *, rotation: int = 0, mirror: bool = False) -> None:
        self._size, self._rate, self._rotation, self._mirror = size, rate, rotation, mirror
        self._camera: Any = None

    def open(self) -> None:
        """Configure and start the camera; raise SourceLost."""
        try:
            library = import_module("picamera2")
        except ImportError:
            raise SourceLost(
                "picamera2 is missing; run: sudo apt install python3-picamera2 --no-install-recommends"
            ) from None
        except Exception as exc:  # a broken extension module raises anything
            raise SourceLost(f"picamera2 does not load ({exc}); run: musicond doctor") from None
        try:
            self._camera = library.Picamera2()
            self._start()
        except Exception as exc:  # libcamera's bindings raise RuntimeError, OSError and their own
            self.close()
            raise _explain(exc) from None

    def _start(self) -> None:
        config = self._camera.create_video_configuration(
            main={"size": self._size, "format": "YUV420"},
            controls={"FrameRate": float(self._rate)},
            buffer_count=4,
            queue=False,
        )
        self._camera.configure(config)
        main = self._camera.camera_configuration()["main"]
        if main["format"] not in FORMATS:
            raise SourceLost(f"the Pi camera gives {main['format']}, which has no Y plane; give another camera.size")
        # The size that libcamera has chosen: the rows in memory are longer.
        self._actual_size = int(main["size"][0]), int(main["size"][1])
        self._format = str(main["format"])
        self._camera.start()

    def capture(self, wait_s: float) -> Frame:
        """Return the newest frame; raise SourceLost after `wait_s` without one."""
        if self._camera is None:
            raise SourceLost("the Pi camera is not open")
        try:
            with self._camera.captured_request(wait=wait_s) as request:
                captured_at, wall_time = time.monotonic(), datetime.now().astimezone()
                array = request.make_array("main")
                width, height = self._actual_size
                grey: NDArray[np.uint8] = np.array(array[:height, :width], np.uint8)
        except TimeoutError:
            raise SourceLost(f"the Pi camera stalled: no picture for {wait_s:.0f} s; {REMEDY}") from None
        except RuntimeError as exc:
            raise _explain(exc) from None
        grey = orient(grey, self._rotation, mirror=self._mirror)
        return Frame(grey, captured_at, wall_time, lambda: self._colour(array))

    def _colour(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the BGR picture of a YUV array with its full rows."""
        width, height = self._actual_size
        picture = np.asarray(cv2.cvtColor(array, FORMATS[self._format]), np.uint8)
        return orient(picture[:height, :width], self._rotation, mirror=self._mirror)

    def close(self) -> None:
        """Stop and close the camera in any state."""
        camera, self._camera = self._camera, None
        if camera is None:
            return
        for method in (camera.stop, camera.close):
            with suppress(Exception):  # closing a broken camera must not hide the first error
                method()


def _explain(exc: Exception) -> SourceLost:
    """Return the error of picamera2 with its remedy."""
    if isinstance(exc, SourceLost):
        return exc
    text = str(exc) or type(exc).__name__
    if isinstance(exc, IndexError):
        return SourceLost(f"no Pi camera found; {REMEDY}")
    if "__init__ sequence did not complete" in text or "Device or resource busy" in text:
        return SourceLost("the Pi camera is in use by another program; stop that one")
    return SourceLost(f"the Pi camera failed ({text}); {REMEDY}")
