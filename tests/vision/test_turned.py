"""A camera that hangs upside down or on its side is noticed, and no mood comes from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from musicond.capture.recorded import open_clip
from musicond.capture.transform import orient, rotation_hint
from musicond.vision.detector import HaarFaceDetector
from tests.vision.test_detector import CASCADE, CLASSIFIER, NOBODY, SOMEBODY, frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from musicond.core.models import Faces

STEP_S = 5.0


def moving(grey: NDArray[np.uint8], turn: int) -> Iterator[NDArray[np.uint8]]:
    """Yield a picture in which a person moves, as a camera turned against `turn` sees it."""
    for step in range(40):
        yield orient(np.roll(grey, 40 * (step % 5) - 80, axis=1), -turn % 360)


def watched(detector: HaarFaceDetector, pictures: Iterator[NDArray[np.uint8]], start: float = 0.0) -> list[Faces]:
    return [detector.detect(frame(grey, start + step * STEP_S)) for step, grey in enumerate(pictures)]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_camera_is_noticed_and_gives_no_face(turn: int) -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    faces = watched(detector, moving(SOMEBODY, turn))
    assert faces[-1].turned == turn
    assert not any(seen.confirmed for seen in faces)
    first = next(number for number, seen in enumerate(faces) if seen.turned)
    assert 80 <= first * STEP_S <= 150, "after a minute, and three finds"


def test_an_upright_face_ends_the_hint() -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    assert watched(detector, moving(SOMEBODY, 180))[-1].turned == 180
    upright = [detector.detect(frame(SOMEBODY, 300 + step / 8)) for step in range(4)]
    assert upright[-1].confirmed
    assert upright[-1].turned == 0


@pytest.mark.parametrize("picture", [SOMEBODY, NOBODY], ids=["a person", "an empty room"])
def test_an_upright_camera_is_not_called_turned(picture: NDArray[np.uint8]) -> None:
    assert not any(seen.turned for seen in watched(HaarFaceDetector(CASCADE, CLASSIFIER), moving(picture, 0)))


def test_a_still_room_is_not_searched_in_turned_pictures() -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    upside_down = orient(SOMEBODY, 180)
    assert not any(seen.turned for seen in watched(detector, iter([upside_down] * 60)))


@pytest.mark.parametrize("name", ["s18", "s32"])
def test_a_real_person_before_a_camera_that_hangs_upside_down(shared: Path, name: str) -> None:
    pictures = [grey for _, grey in open_clip(shared / "clips" / f"{name}.mp4").frames()]
    turned = (orient(pictures[7 * step % len(pictures)], 180) for step in range(40))
    faces = watched(HaarFaceDetector(CASCADE, CLASSIFIER), turned)
    assert faces[-1].turned == 180
    assert not any(seen.confirmed for seen in faces)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("turned", [90, 180, 270])
def test_the_hint_is_the_rotation_that_sets_the_picture_upright(rotation: int, turned: int, mirror: bool) -> None:
    sensor = np.arange(12, dtype=np.uint8).reshape(3, 4)
    hint = rotation_hint(rotation, turned, mirror=mirror)
    assert hint is not None
    upright = orient(orient(sensor, rotation, mirror=mirror), turned)
    assert np.array_equal(orient(sensor, hint, mirror=mirror), upright)
    assert rotation_hint(rotation, 0, mirror=mirror) is None
