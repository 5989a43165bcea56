"""Random faults of a webcam's driver: broken, late, odd or no pictures; script/fault-test random runs a thousand.

After each fault the next picture is the newest good one, or the camera is closed.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
import pytest

from musicond.capture.checked import CheckedSource
from musicond.capture.v4l2 import Webcam
from musicond.errors import BadFrame, SourceLost
from tests.capture.fake_v4l2 import Driver
from tests.figures import MANY, SEED, random_faults, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from musicond.core.models import Frame

SIZE = (64, 48)
LEVELS = 24


def numbered(number: int, size: tuple[int, int] = SIZE) -> bytes:
    """Return a JPEG whose brightness is its number."""
    noise = np.random.default_rng(number).integers(0, 3, (size[1], size[0]), dtype=np.uint8)
    return cv2.imencode(".jpg", noise + np.uint8(10 * (number % LEVELS) + 5))[1].tobytes()


BAD: dict[str, Callable[[random.Random], bytes | cv2.error | None]] = {
    "cut": lambda rng: (content := numbered(0))[: rng.randrange(2, len(content) - 2)],
    "garbage": lambda rng: rng.randbytes(rng.randrange(1, 900)),
    "an error of OpenCV": lambda _: cv2.error("select() failed"),
    "nothing": lambda _: None,
    "another size": lambda rng: numbered(0, rng.choice(((32, 24), (64, 50), (128, 80)))),
}


def run_camera(count: int, seed: int, camera_type: type[Webcam] = Webcam) -> dict[str, int]:
    """Give frames with faults; after each fault the next picture is the newest good one, or the camera is closed."""
    rng, fed = random.Random(seed), list[bytes | cv2.error | None]()
    numbers = itertools.count(1)
    last = next(numbers)

    def frames() -> Iterator[bytes | cv2.error | None]:
        while True:
            yield fed.pop(0) if fed else numbered(last)

    driver = Driver(frames)
    driver.timeout_s = 0.005
    camera = CheckedSource(camera_type("/dev/null", SIZE, 8, driver=cast("Any", driver)))
    camera.open()
    lost = 0
    for _ in range(count):
        last = next(numbers)
        kind, times = rng.choice(list(BAD)), rng.choice((1, 1, 2, 5))
        before = camera.get_status()
        fed[:] = [BAD[kind](rng) for _ in range(times)]
        if is_lost := rng.randrange(8) == 0:
            fed[:] = [BAD[kind](rng) for _ in range(200)]
        try:
            frame = camera.capture(0.05 if is_lost else 5.0)
        except SourceLost:
            lost += 1
            assert is_lost, f"{kind}: lost although good pictures came"
            fed.clear()
            camera.close()
            assert driver.opened[-1] == "released", "a closed camera is released"
            with pytest.raises(SourceLost):
                camera.capture(0.01)
            camera.open()
            frame = camera.capture(5.0)
        assert frame.grey.shape == SIZE[::-1]
        assert abs(float(frame.grey.mean()) - (10 * (last % LEVELS) + 6)) < 4, f"{kind}: an old or broken picture"
        assert frame.captured_at > 0
        now = camera.get_status()
        counted = now.bad_frames + now.missing_frames - before.bad_frames - before.missing_frames
        assert is_lost or counted == times, f"{kind}: {times} bad pictures, {counted} counted"
    camera.close()
    return {"faults": count, "lost": lost, "opened": driver.opened.count("/dev/null")}


class RepeatsThePicture(Webcam):
    """A planted bug: the last picture again in place of a broken one."""

    last: Frame | None = None

    def capture(self, wait_s: float) -> Frame:
        """Return the newest picture, or an old one."""
        try:
            self.last = super().capture(wait_s)
        except BadFrame:
            if self.last is None:
                raise
        return self.last


class KeepsTheCamera(Webcam):
    """A planted bug: the device stays open."""

    def close(self) -> None:
        """Forget the device."""
        self._capture = None


def test_no_fault_of_a_camera_shows_a_wrong_picture() -> None:
    record("camera", **run_camera(random_faults(60), SEED))


@pytest.mark.parametrize("bug", [RepeatsThePicture, KeepsTheCamera])
def test_a_bug_of_the_camera_is_found(bug: type[Webcam]) -> None:
    with pytest.raises(AssertionError, match="an old or broken picture|a closed camera is released"):
        run_camera(MANY, SEED, bug)
