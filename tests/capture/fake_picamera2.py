"""A fake of picamera2 0.3.38: the calls that the adapter makes, with their real peculiarities.

Rows are padded to multiples of 64 bytes as the Pi's ISP does, a missing camera is an IndexError in older releases
and a RuntimeError in newer ones, a job that is not done in time raises TimeoutError and stays in the
queue, and `make_array` copies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class Board:
    """State of the machine, and the recorded calls of the library."""

    no_camera: Exception | None = None
    start_error: Exception | None = None
    stalled: bool = False
    broken: bool = False
    jobs: list[Job] = field(default_factory=list)
    adjusted_format: str | None = None
    adjusted_size: tuple[int, int] | None = None
    sensor_resolution: tuple[int, int] = (3280, 2464)
    csi: bool = True
    chroma: int = 99
    calls: list[str] = field(default_factory=list)
    wanted: dict[str, Any] = field(default_factory=dict)
    close_error: Exception | None = None


class Request:
    def __init__(self, board: Board, size: tuple[int, int]) -> None:
        width, height = size
        stride = -(-width // 64) * 64
        self._rows = np.full((height * 3 // 2, stride), board.chroma, np.uint8)
        self._rows[:height, :width] = np.arange(width, dtype=np.uint8)
        self._board = board
        self.released = False

    def make_array(self, name: str) -> NDArray[np.uint8]:
        assert name == "main"
        if self._board.broken:
            raise ValueError("cannot reshape array of size 460800 into shape (240, 640)")
        return self._rows.copy()

    def release(self) -> None:
        self.released = True
        self._rows[:] = 0  # the buffer goes back to the camera


class Job:
    """A capture under way; once it has timed out, its request comes all the same when the camera gives one."""

    def __init__(self, board: Board, size: tuple[int, int]) -> None:
        self._board, self._size = board, size
        self.request: Request | None = None

    def get_result(self, timeout: float | None = None) -> Request:
        if self._board.stalled:
            raise TimeoutError
        self.request = Request(self._board, self._size)
        return self.request


def module(board: Board) -> Any:  # noqa: C901 - one class with all calls
    """Return a fake of the module picamera2."""

    class Picamera2:
        def __init__(self) -> None:
            if board.no_camera:
                raise board.no_camera
            board.calls.append("open")
            self.sensor_resolution = board.sensor_resolution
            self.camera_properties = {"Model": "imx219", "ColorFilterArrangement": 0} if board.csi else {"Model": "UVC"}
            self.camera_controls = {"FrameDurationLimits": (100, 1000000, 33333)}

        def create_video_configuration(
            self,
            main: dict[str, Any],
            controls: dict[str, Any],
            raw: dict[str, Any] | None,
            sensor: dict[str, Any],
            buffer_count: int = 6,
            *,
            queue: bool = True,
        ) -> dict[str, Any]:
            board.wanted = {"main": main, "controls": controls, "buffer_count": buffer_count, "queue": queue}
            board.wanted |= {"raw": raw, "sensor": sensor}
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

        def capture_request(self, wait: bool | None = None) -> Job:
            assert wait is False
            job = Job(board, self._main["size"])
            board.jobs.append(job)
            return job

        def cancel_all_and_flush(self) -> None:
            board.calls.append("cancel")

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
