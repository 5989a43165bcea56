"""A camera in the network: a thread reads its stream and keeps the newest picture only.

The watch loop never waits for the network. It waits for a picture for a bounded time, and closes the connection of a
camera that gives none; that ends the thread, whatever it waits for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.capture import jpeg
from musicond.capture.transform import fit, middle_half, orient
from musicond.core.models import Frame, SourceStatus
from musicond.errors import BadFrame, Connecting, Interrupted, NoFrame, SourceLost, error_text

log = logging.getLogger(__name__)

OPEN_S = 12.0
"""Longest time from the first attempt to connect to the first picture."""
TURN_S = 1.0
"""Longest wait of one capture while the camera is being connected."""
LOOK_S = 0.05
"""Time between two looks for an urgent command."""
JOIN_S = 0.5
"""Longest wait for the end of a thread whose connection was closed; usually it takes some milliseconds."""
MOST_PIXELS = 1280 * 720

Picture = bytes | NDArray[np.uint8]
"""A JPEG, or a BGR picture of shape (height, width, 3)."""


class NewestPicture:
    """The newest picture of a stream, passed from the thread that reads it to the watch loop."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._picture: tuple[Picture, float, datetime] | None = None
        self._wanted = False
        self.connected = False
        """Whether the stream has given a picture."""
        self.error: SourceLost | None = None
        """Why the stream has ended."""
        self._closed = False

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a picture; a stream may decode none before."""
        return self._wanted

    def put(self, picture: Picture) -> None:
        """Replace the picture; ignore it once closed."""
        with self._changed:
            if self._closed:
                return
            self._picture = picture, time.monotonic(), datetime.now().astimezone()
            self._wanted, self.connected = False, True
            self._changed.notify_all()

    def close(self) -> None:
        """Forget the picture, and take no other."""
        with self._changed:
            self._closed, self._picture = True, None

    def end(self, error: SourceLost) -> None:
        """Give no more pictures."""
        with self._changed:
            self.error = error
            self._changed.notify_all()

    def take(self, wait_s: float, is_urgent: Callable[[], bool]) -> tuple[Picture, float, datetime] | None:
        """Return a picture that was not taken yet, None after `wait_s`; raise Interrupted, or SourceLost at the end."""
        deadline = time.monotonic() + wait_s
        with self._changed:
            self._wanted = True
            while self._picture is None:
                if self.error is not None:
                    raise self.error
                if is_urgent():
                    raise Interrupted("a command waits")
                if (left_s := deadline - time.monotonic()) <= 0:
                    return None
                self._changed.wait(min(left_s, LOOK_S))
            picture, self._picture = self._picture, None
        return picture


class PictureStream(Protocol):
    """A connection to a camera; constructing it connects to nothing."""

    def read(self, newest: NewestPicture) -> None:
        """Connect, and put pictures until the end; raise SourceLost."""

    def close(self) -> None:
        """Close the connection at once; from any thread, at any time."""


class NetworkCamera:
    """A camera at `place`, its host; `connect` returns a new stream at each opening."""

    def __init__(
        self,
        place: str,
        connect: Callable[[], PictureStream],
        size: tuple[int, int],
        *,
        rotation: int = 0,
        mirror: bool = False,
        view: Literal["wide", "near"] = "wide",
        is_urgent: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = f"network camera {place}"
        self._connect, self._size, self._is_urgent = connect, size, is_urgent
        self._rotation, self._mirror, self._near = rotation, mirror, view == "near"
        self._stream: PictureStream | None = None
        self._newest = NewestPicture()
        self._thread: threading.Thread | None = None
        self._opened_at = 0.0

    def get_status(self) -> SourceStatus:
        """Return whether it is being connected; the stream does not say how much of the sensor it shows."""
        return SourceStatus(connecting=not self._newest.connected)

    def open(self) -> None:
        """Start to connect, in a thread; raise SourceLost while the last one has not ended."""
        if self._thread is not None:
            self._thread.join(JOIN_S)
            if self._thread.is_alive():
                raise SourceLost("its last connection has not ended yet; tried again soon")
        self._stream, self._newest, self._opened_at = self._connect(), NewestPicture(), time.monotonic()
        self._thread = threading.Thread(
            target=_read, args=(self._stream, self._newest, self.name), name="camera", daemon=True
        )
        self._thread.start()

    def capture(self, wait_s: float) -> Frame:
        """Return the newest picture; raise NoFrame, BadFrame, SourceLost, Connecting or Interrupted."""
        if self._stream is None:
            raise SourceLost(f"{self.name} is not open")
        newest = self._newest
        taken = newest.take(wait_s if newest.connected else min(wait_s, TURN_S), self._is_urgent)
        if taken is None:
            raise self._silence()
        picture, captured_at, wall_time = taken
        grey, colour = self._decode(picture)
        return Frame(self._transform(grey), captured_at, wall_time, lambda: self._transform(colour()))

    def close(self) -> None:
        """Close the connection at once."""
        self._newest.close()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def _silence(self) -> Connecting | NoFrame | SourceLost:
        """Return the error of a camera that has given no picture in time."""
        if self._newest.connected:
            return NoFrame("no pictures come any more; see whether the camera and its network are on")
        if time.monotonic() - self._opened_at < OPEN_S:
            return Connecting(f"{self.name} is being connected")
        return SourceLost(f"it gives no picture within {OPEN_S:.0f} s; see whether this address is that of its stream")

    def _decode(self, picture: Picture) -> tuple[NDArray[np.uint8], Callable[[], NDArray[np.uint8]]]:
        """Return the grey picture, and a function that returns the BGR picture."""
        if not isinstance(picture, bytes):
            return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8), lambda: picture
        size = jpeg.picture_size(picture)
        if size is not None:
            check_size(*size)
        try:
            decoded = jpeg.decode(np.frombuffer(picture, np.uint8)) if size else None
        except cv2.error:
            decoded = None
        if decoded is None:
            raise BadFrame("it gives broken pictures; see whether its network is too slow")
        return decoded

    def _transform(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self._near:
            picture = middle_half(picture)
        return orient(fit(picture, self._size), self._rotation, mirror=self._mirror)


def check_size(width: int, height: int) -> None:
    """Raise SourceLost for pictures that take too much work."""
    if width * height > MOST_PIXELS:
        raise SourceLost(
            f"it gives {width} x {height} pixels, more than 1280 x 720; "
            "choose its second stream (sub stream), or a smaller picture in its settings"
        )


def _read(stream: PictureStream, newest: NewestPicture, name: str) -> None:
    """Read a stream to its end."""
    try:
        stream.read(newest)
        newest.end(SourceLost("it has ended the stream; tried again"))
    except SourceLost as exc:
        newest.end(exc)
    except Exception as exc:  # a bug must not leave the watch loop without an answer
        log.exception("the stream of %s can't be read", name)
        newest.end(SourceLost(f"its stream can't be read ({error_text(exc)}); please report it"))
    finally:
        stream.close()
