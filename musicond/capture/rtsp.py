"""RTSP: OpenCV's FFmpeg decodes the stream, over a connection that is made and watched here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import cv2
import numpy as np
from pydantic import SecretStr

from musicond.capture.connection import CameraConnection
from musicond.capture.network import NewestPicture, check_size
from musicond.capture.rtsp_relay import RtspRelay
from musicond.config.camera_url import CameraUrl
from musicond.errors import SourceLost

OPTIONS = "rtsp_transport;tcp|allowed_media_types;video|fflags;nobuffer|flags;low_delay|analyzeduration;1000000"
"""FFmpeg's options: by TCP, as with UDP the pictures would come beside the relay; with the least delay."""
# FFmpeg would write addresses to standard error.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

OPEN_MS, READ_MS = 12_000, 10_000
"""Time limits of FFmpeg, which the watch loop's are within."""
PARAMETERS = (
    (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS),
    (cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS),
    (cv2.CAP_PROP_N_THREADS, 1),  # each further thread would hold a picture back
)
NO_VIDEO = "it gives no video that can be decoded; set it to H.264, or choose another path"
LATE_S = 3.0
"""Delay from which the pictures count as too late."""
DRIFT = 0.001
"""Seconds by which the clock of a camera may be off in a second."""


class RtspStream:
    """The stream of a camera at `url`, with its name and password, if it asks for them."""

    def __init__(self, url: CameraUrl, credentials: tuple[str, SecretStr] | None, *, allow_public: bool) -> None:
        self._url, self._credentials = url, credentials
        self._connection = CameraConnection(url, allow_public=allow_public)

    def read(self, newest: NewestPicture) -> None:
        """Put a picture whenever one is wanted, until the stream ends; raise SourceLost."""
        with RtspRelay(self._connection.open(), has_credentials=self._credentials is not None) as relay:
            with _ffmpeg_options():
                capture = cv2.VideoCapture(
                    self._local_url(relay.port), cv2.CAP_FFMPEG, [value for pair in PARAMETERS for value in pair]
                )
            try:
                if not capture.isOpened():
                    raise relay.problem or SourceLost(NO_VIDEO)
                check_size(int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
                _pass_on(capture, newest)
                if relay.problem is not None:
                    raise relay.problem
            except cv2.error:
                raise SourceLost(NO_VIDEO) from None
            finally:
                capture.release()

    def close(self) -> None:
        """Close the connection at once; the relay, and with it FFmpeg, then ends too."""
        self._connection.close()

    def _local_url(self, port: int) -> str:
        """Return the relay's address for FFmpeg; it stays in this process."""
        user = ""
        if self._credentials is not None:
            name, password = self._credentials
            user = f"{quote(name, safe='')}:{quote(password.get_secret_value(), safe='')}@"
        return f"rtsp://{user}127.0.0.1:{port}{self._url.target}"


class Delay:
    """How much later than at first pictures come, by their own clock."""

    def __init__(self) -> None:
        self._least: float | None = None
        self._at, self._picture_s = 0.0, float("-inf")

    def get(self, picture_s: float, now: float) -> float:
        """Return the delay in seconds of a picture whose own time is `picture_s`; 0 where that does not advance."""
        if picture_s <= self._picture_s:  # this camera gives no times
            return 0.0
        self._picture_s = picture_s
        offset = now - picture_s
        self._least = offset if self._least is None else min(offset, self._least + DRIFT * (now - self._at))
        self._at = now
        return offset - self._least


@contextmanager
def _ffmpeg_options() -> Iterator[None]:
    """Set OPTIONS, which OpenCV reads from the environment at each opening; recordings would lose frames by them."""
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    own = os.environ.get(name)
    os.environ[name] = OPTIONS if own is None else own
    try:
        yield
    finally:
        if own is None:
            del os.environ[name]


def _pass_on(capture: cv2.VideoCapture, newest: NewestPicture) -> None:
    delay = Delay()
    while capture.grab():
        if delay.get(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, time.monotonic()) > LATE_S:
            raise SourceLost(
                "its pictures come later and later; choose its second stream (sub stream), or fewer pictures a second"
            )
        if newest.wanted:
            ok, image = capture.retrieve()
            if ok and image is not None and image.size:
                newest.put(np.asarray(image, np.uint8))
