from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from musicond.runtime.stages import CALLS_MIB, bare_call, measured, stage

if TYPE_CHECKING:
    from numpy.typing import NDArray


@stage("inner")
def inner() -> int:
    time.sleep(0.02)
    return 1


@stage("outer")
def outer() -> int:
    time.sleep(0.01)
    return inner() + inner()


@bare_call
def halve(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[::2]


def test_a_stage_has_its_own_time_only() -> None:
    with measured() as times:
        started = time.perf_counter()
        assert outer() == 2
        total = time.perf_counter() - started
        times.end_frame()
        assert inner() == 1
    first, second = times.frames
    assert first["inner"][1] >= 0.04
    assert first["outer"][1] >= 0.01
    assert first["outer"][1] + first["inner"][1] <= total
    assert second.keys() == {"inner"}
    assert outer() == 2
    assert times.frames == [first, second], "nothing is measured outside of the block"


def test_bare_calls_can_be_made_again_until_their_pictures_are_too_large() -> None:
    picture = np.zeros((CALLS_MIB * 600, 1024), np.uint8)
    with measured() as times:
        full = [times.is_full for _ in range(2) if halve(picture).shape == (CALLS_MIB * 300, 1024)]
    assert full == [False, True]
    [call] = times.calls
    assert call().shape == (CALLS_MIB * 300, 1024)  # type: ignore[attr-defined]
