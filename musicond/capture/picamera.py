"""The Raspberry Pi camera, through picamera2: frames are the Y plane of a YUV stream, without conversion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.capture.transform import orient, vertical_angle
from musicond.core.models import Frame, SourceStatus
from musicond.errors import BadFrame, NoFrame, SourceLost, error_text

FORMATS = {"YUV420": cv2.COLOR_YUV2BGR_I420, "NV12": cv2.COLOR_YUV2BGR_NV12}
"""Formats whose first rows are the Y plane, with OpenCV's conversion to BGR; libcamera may choose either."""
REMEDY = "check the ribbon cable, and that `rpicam-hello --list-cameras` shows the camera"
MODELS = {
    "ov5647": "Camera Module 1",
    "imx219": "Camera Module 2",
    "imx708": "Camera Module 3",
    "imx477": "HQ Camera",
    "imx500": "AI Camera",
    "imx296": "Global Shutter Camera",
}
"""Names of Raspberry Pi's cameras by their sensor."""
UNOPENED = "__init__ sequence did not complete"
"""picamera2's error when it can't open a camera; its cause says why, and without one another program has the camera."""
VERTICAL_DEG = {"ov5647": 41, "imx219": 49, "imx708": 41, "imx708_wide": 67, "imx500": 52}
"""Vertical angles of view in degrees of the cameras that have their own lens, as Raspberry Pi states them."""
CROP = "ScalerCrop"
"""The control by which libcamera cuts the picture."""
AF_CONTINUOUS = 2
"""libcamera's AfModeContinuous."""
SAME_RATIO = 0.99
"""Two ratios of width to height are the same from this quotient on."""
NEAR_SHARE = 0.5
"""Share of the sensor's width and height in the view `near`."""

Rectangle = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the sensor."""


class PiCamera:
    """A CSI camera; `open` imports picamera2.

    The picture is as large as `size` allows, in the sensor's own ratio. No exposure is longer than `exposure_max_ms`.
    """

    def __init__(
        self,
        size: tuple[int, int],
        rate: float,
        *,
        rotation: int = 0,
        mirror: bool = False,
        view: Literal["wide", "near"] = "wide",
        exposure_max_ms: float = 33,
    ) -> None:
        self._size, self._rate, self._rotation, self._mirror = size, rate, rotation, mirror
        self._view, self._exposure_max_ms = view, exposure_max_ms
        self._camera: Any = None
        self._job: Any = None
        """The request for a picture that has not come yet."""
        self.name = "Pi camera"
        self.width_seen: float | None = None
        """Share of the sensor's width that the picture shows; None while closed."""
        self._vertical_deg: float | None = None

    def get_status(self) -> SourceStatus:
        """Return how much of the sensor's width is seen, and the angle of view."""
        return SourceStatus(width_seen=self.width_seen, vertical_deg=self._vertical_deg)

    def open(self) -> None:
        """Configure and start the camera; raise SourceLost."""
        self.configure()
        try:
            self._camera.start()
        except Exception as exc:  # libcamera's bindings raise RuntimeError, OSError and their own
            self.close()
            raise _explain(exc) from None

    def configure(self) -> None:
        """Open the camera and set `name` and `width_seen`, without a picture; raise SourceLost."""
        try:
            library = import_module("picamera2")
        except ImportError:
            raise SourceLost(
                "picamera2 is missing; on Raspberry Pi OS: sudo apt install --no-install-recommends python3-picamera2"
            ) from None
        except Exception as exc:  # a broken extension module raises anything
            raise SourceLost(f"picamera2 does not load ({exc}); run: musicond doctor") from None
        try:
            self._camera = library.Picamera2()
            self._configure(self._camera)
        except Exception as exc:  # as in `open`
            self.close()
            raise _explain(exc) from None

    def _configure(self, camera: Any) -> None:
        if "ColorFilterArrangement" not in camera.camera_properties:  # a webcam, which libcamera lists too
            raise SourceLost(f"no Pi camera found; {REMEDY}")
        self.name = model_name(str(camera.camera_properties.get("Model", "")))
        resolution = camera.sensor_resolution
        self._vertical_deg = self._angle(camera, resolution)
        # With `raw`, picamera2 would choose the mode of the sensor by the size of the picture, which may be a cut-out.
        config = camera.create_video_configuration(
            main={"size": in_ratio(self._size, resolution), "format": "YUV420"},
            raw=None,
            sensor={"output_size": (resolution[0] // 2, resolution[1] // 2)},
            controls=self._controls(camera.camera_controls),
            buffer_count=4,
            queue=False,
        )
        camera.configure(config)
        main = camera.camera_configuration()["main"]
        if main["format"] not in FORMATS:
            raise SourceLost(f"the Pi camera gives {main['format']}, which has no Y plane; give another camera.size")
        # The size that libcamera has chosen: the rows in memory are longer.
        self._actual_size = int(main["size"][0]), int(main["size"][1])
        self._format = str(main["format"])
        self._choose_view(camera)

    def _angle(self, camera: Any, resolution: tuple[int, int]) -> float | None:
        """Return the vertical angle of view of the picture; None for a camera whose lens is not known."""
        model = str(camera.camera_properties.get("Model", ""))
        sensor_deg = VERTICAL_DEG.get(model.removesuffix("_noir"))
        if sensor_deg is None:
            return None
        ratio = resolution[0] / resolution[1]
        return vertical_angle(
            sensor_deg, ratio, self._rotation, near=self._view == "near" and CROP in camera.camera_controls
        )

    def _controls(self, available: Mapping[str, object]) -> dict[str, object]:
        """Return the controls that this camera has.

        libcamera has no limit of the exposure but the duration of a frame.
        """
        duration_us = round(min(1e6 / self._rate, 1e3 * self._exposure_max_ms))
        wanted = {"FrameDurationLimits": (duration_us, duration_us), "AfMode": AF_CONTINUOUS}
        return {name: value for name, value in wanted.items() if name in available}

    def _choose_view(self, camera: Any) -> None:
        """Cut out the middle in the view `near`; set `width_seen`."""
        controls, whole = camera.camera_controls, camera.camera_properties.get("PixelArraySize")
        if CROP not in controls:
            return
        crop: Rectangle = controls[CROP][2]
        if self._view == "near":
            crop = middle(crop, NEAR_SHARE)
            # Where libcamera has ScalerCrops, picamera2 has set it, and it comes first.
            name, value = ("ScalerCrops", [crop]) if "ScalerCrops" in controls else (CROP, crop)
            camera.set_controls({name: value})
        self.width_seen = crop[2] / whole[0] if whole else None

    def capture(self, wait_s: float) -> Frame:
        """Return the newest frame; raise NoFrame after `wait_s` without one, BadFrame and SourceLost."""
        if self._camera is None:
            raise SourceLost("the Pi camera is not open")
        # A job that timed out is waited for again: a second one beside it would leave the first one's buffer taken.
        self._job = self._job or self._camera.capture_request(wait=False)
        try:
            request = self._job.get_result(timeout=wait_s)
        except TimeoutError:
            raise NoFrame(f"the Pi camera stalled: no picture came; {REMEDY}") from None
        except RuntimeError as exc:
            raise _explain(exc) from None
        self._job = None
        try:
            captured_at, wall_time = time.monotonic(), datetime.now().astimezone()
            array = request.make_array("main")
            width, height = self._actual_size
            grey: NDArray[np.uint8] = np.array(array[:height, :width], np.uint8)
        except Exception as exc:  # a buffer of an unexpected form raises ValueError or another
            raise BadFrame(f"the Pi camera gives broken pictures ({error_text(exc)}); {REMEDY}") from None
        finally:
            request.release()
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
        self.width_seen = self._vertical_deg = None
        if camera is None:
            return
        stalled, self._job = self._job is not None, None
        for method in (*((camera.cancel_all_and_flush,) if stalled else ()), camera.stop, camera.close):
            with suppress(Exception):  # closing a broken camera must not hide the first error
                method()


def in_ratio(size: tuple[int, int], resolution: tuple[int, int]) -> tuple[int, int]:
    """Return the largest even width and height within `size` that have the ratio of `resolution`.

    A `size` whose ratio differs by less than a hundredth is returned as it is.
    """
    scale = min(size[0] / resolution[0], size[1] / resolution[1])
    width, height = (2 * round(length * scale / 2) for length in resolution)
    return size if min(width / size[0], height / size[1]) > SAME_RATIO else (width, height)


def middle(crop: Rectangle, share: float) -> Rectangle:
    """Return the middle of a rectangle, `share` of its width and height."""
    left, top, width, height = crop
    new_width, new_height = round(width * share), round(height * share)
    return left + (width - new_width) // 2, top + (height - new_height) // 2, new_width, new_height


def model_name(model: str) -> str:
    """Return the name of the camera with the sensor `model`, such as imx708_wide_noir."""
    sensor, *kinds = model.split("_")
    words = [{"noir": "NoIR"}.get(kind, kind.capitalize()) for kind in kinds]
    return " ".join([MODELS.get(sensor, f"Pi camera {sensor}".strip()), *words])


def _explain(exc: Exception) -> SourceLost:
    """Return the error of picamera2 with its remedy."""
    if isinstance(exc, SourceLost):
        return exc
    text = str(exc) or type(exc).__name__
    if isinstance(exc, IndexError) or "No camera" in text:
        return SourceLost(f"no Pi camera found; {REMEDY}")
    if UNOPENED in text and (cause := exc.__cause__ or exc.__context__):
        text = error_text(_innermost(cause))
    if UNOPENED in text or "Device or resource busy" in text:
        return SourceLost("the Pi camera is in use by another program; stop that one")
    return SourceLost(f"the Pi camera failed ({text}); {REMEDY}")


def _innermost(exc: BaseException) -> BaseException:
    """Return the error from which others came."""
    while (cause := exc.__cause__ or exc.__context__) is not None:
        exc = cause
    return exc
