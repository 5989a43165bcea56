from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from musicond.capture.demo import DemoClip
from musicond.config import models_dir
from musicond.core.messages import Box, Faces, Frame
from musicond.core.ports import ModelError
from musicond.vision.faces import HaarFinder
from tests.rooms import empty_room

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CASCADE = models_dir() / "haarcascade_frontalface_default.xml"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLIP = DemoClip(models_dir())
SOMEBODY = CLIP.frame_at(3.0)
NOBODY = CLIP.frame_at(CLIP.duration_s - 1)


def frame(grey: NDArray[np.uint8], at: float) -> Frame:
    return Frame(grey, at, NOON)


def settled(finder: HaarFinder, grey: NDArray[np.uint8], at: float = 0.0) -> Faces:
    for step in range(4):
        found = finder.find(frame(grey, at + step / 8))
    return found


def centre(box: Box) -> tuple[float, float]:
    return box.x + box.w / 2, box.y + box.h / 2


@pytest.mark.parametrize("track", [True, False])
def test_a_face_is_found_in_pixels_of_the_frame(track: bool) -> None:
    found = settled(HaarFinder(CASCADE, track=track), SOMEBODY)
    [box] = found.confirmed
    assert centre(box) == pytest.approx((320, 240), abs=30)
    assert 150 < box.w < 300
    assert not found.coasted


def test_a_person_who_enters_a_still_room_is_found_within_a_second_at_the_idle_rate() -> None:
    finder = HaarFinder(CASCADE)
    for step in range(10):
        assert finder.find(frame(NOBODY, step * 0.4)) == Faces()
    at, entered, found = 4.0, 4.0, Faces()
    while not found.confirmed and at < entered + 2:
        found = finder.find(frame(SOMEBODY, at))
        at += 0.125 if found.suspected else 0.4
    assert found.confirmed
    assert at - entered <= 1.0


def test_a_missed_face_coasts_and_is_then_gone() -> None:
    finder = HaarFinder(CASCADE)
    settled(finder, SOMEBODY)
    missed = finder.find(frame(NOBODY, 0.5))
    assert not missed.confirmed
    assert len(missed.coasted) == 1
    assert finder.find(frame(NOBODY, 2.0)) == Faces()


def test_after_a_reset_nothing_coasts() -> None:
    finder = HaarFinder(CASCADE)
    settled(finder, SOMEBODY)
    finder.reset()
    assert not finder.find(frame(NOBODY, 0.5)).coasted


def test_a_dark_frame_says_so_and_a_lit_one_finds_the_face_again() -> None:
    finder = HaarFinder(CASCADE)
    settled(finder, SOMEBODY)
    dark = np.asarray(SOMEBODY * 0.06, np.uint8)
    for step in range(4):
        found = finder.find(frame(dark, 1 + step / 8))
    assert found == Faces(dark=True)
    assert settled(finder, SOMEBODY, at=3.0).confirmed


def test_a_small_face_is_no_face_where_the_limits_say_so() -> None:
    assert not settled(HaarFinder(CASCADE, 0.7, 1.0), SOMEBODY).confirmed
    assert not settled(HaarFinder(CASCADE, 0.05, 0.2), SOMEBODY).confirmed


def test_a_still_room_is_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watched at the driver's edge: how often the cascade itself is asked."""
    asked: list[float] = []
    finder = HaarFinder(CASCADE)
    real = finder._cascade

    class Counting:
        def search(self, grey: NDArray[np.uint8], min_size: float, max_size: float) -> list[Box]:
            asked.append(0)
            return real.search(grey, min_size, max_size)

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    monkeypatch.setattr(finder, "_cascade", Counting())
    for step in range(25):
        finder.find(frame(NOBODY, step * 0.4))
    assert 2 <= len(asked) <= 5, "at first, and every few seconds"


@pytest.mark.parametrize("content", [None, b"", b"<opencv_storage></opencv_storage>"])
def test_a_missing_or_damaged_cascade_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "haar.xml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"haar\.xml") as caught:
        HaarFinder(path)
    assert "\n" not in str(caught.value)


def test_ten_minutes_of_empty_rooms_show_no_face_for_longer_than_a_second() -> None:
    """Noise, curtains, posters, shelves, a switched lamp and falling darkness, at the rates of the daemon."""
    finder = HaarFinder(CASCADE)
    since: float | None = None
    longest = 0.0
    count = 0
    for at, grey in empty_room(600, 2.5):
        count += 1
        found = finder.find(frame(grey, at))
        if found.confirmed or found.coasted:
            since = at if since is None else since
            longest = max(longest, at - since)
        else:
            since = None
    assert count == 1500
    assert longest <= 1.0


def test_two_faces_are_two_and_the_larger_comes_first() -> None:
    small = SOMEBODY[120:360, 200:440]
    room = NOBODY.copy()
    room[100:340, 20:260] = small
    room[200:350, 420:570] = np.asarray(cv2.resize(small, (150, 150), interpolation=cv2.INTER_AREA), np.uint8)
    found = settled(HaarFinder(CASCADE), room)
    assert len(found.confirmed) == 2
    assert found.confirmed[0].area > found.confirmed[1].area
