"""Frames for the live picture, and a wait for another thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from musicond.core.models import Frame
from tests.web.conftest import NOON

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def frame(*, coloured: bool = False, calls: list[int] | None = None, width: int = 320) -> Frame:
    """Return a grey frame, or a red one in colour; `calls` gets an item for each call for the colours."""
    grey = np.full((240, width), 90, np.uint8)

    def colour() -> NDArray[np.uint8]:
        if calls is not None:
            calls.append(1)
        red = np.zeros((240, width, 3), np.uint8)
        red[:, :, 2] = 200
        return red

    return Frame(grey, 1.0, NOON, colour if coloured else None)


def wait_for(true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until `true` returns True; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)
