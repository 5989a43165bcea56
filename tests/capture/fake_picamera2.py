"""A fake of picamera2 0.3.38: the calls that the adapter makes, with their real peculiarities.

Rows are padded to multiples of 64 bytes as the Pi's ISP does, a missing camera is an IndexError in older releases
and a RuntimeError in newer ones, `captured_request(wait=...)` raises TimeoutError, and
`make_array` copies.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass
class Board:
    """State of the machine, and the recorded calls of the library."""

    no_camera: Exception | None = None
    start_error: Exception | None = None
    stalled: bool = False
    adjusted_format: str | None = None
    adjusted_size: tuple[int, int] | None = None
    chroma: int = 99
    calls: list[str] = field(default_factory=list)
    wanted: dict[str, Any] = field(default_factory=dict)
    close_error: Exception | None = None


class Request:
    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self._picture = picture

    def make_array(self, name: str) -> NDArray[np.uint8]:
        assert name == "main"
        return self._picture.copy()


def module(board: Board) -> Any:  # noqa: C901 - one class with all calls
    """Return a fake of the module picamera2."""

    class Picamera2:
        def __init__(self) -> None:
            if board.no_camera:
                raise board.no_camera
            board.calls.append("open")

        def create_video_configuration(
            self, main: dict[str, Any], controls: dict[str, Any], buffer_count: int = 6, *, queue: bool = True
        ) -> dict[str, Any]:
            board.wanted = {"main": main, "controls": controls, "buffer_count": buffer_count, "queue": queue}
            return board.wanted

        def configure(self, config: dict[str, Any]) -> None:
            self._main = dict(config["main"])
            self._main["format"] = board.adjusted_format or self._main["format"]
            self._main["size"] = board.adjusted_size or self._main["size"]

        def camera_configuration(self) -> dict[str, Any]:
            return {"main": self._main}

        def start(self) -> None:
            if board.start_error:
                raise board.start_error
            board.calls.append("start")

        @contextmanager
        def captured_request(self, wait: float | None = None, *, flush: bool | None = None) -> Iterator[Request]:
            if board.stalled:
                raise TimeoutError
            width, height = self._main["size"]
            stride = -(-width // 64) * 64
            rows = np.full((height * 3 // 2, stride), board.chroma, np.uint8)
            rows[:height, :width] = np.arange(width, dtype=np.uint8)
            yield Request(rows)
            rows[:] = 0  # the buffer goes back to the camera when the request is released

        def stop(self) -> None:
            board.calls.append("stop")
            if board.close_error:
                raise board.close_error

        def close(self) -> None:
            board.calls.append("close")

    class Module:
        pass

    Module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    return Module
