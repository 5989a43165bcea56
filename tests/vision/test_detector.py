from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from musicond.capture.demo import DemoClip
from musicond.config.paths import models_dir
from musicond.core.models import Box, Faces, Frame
from musicond.errors import ModelError
from musicond.vision.candidates import RefusedCandidates
from musicond.vision.cascade import Cascade, Detection, Effort
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector
from musicond.vision.search import closed
from tests.figures import FULL
from tests.rooms import empty_room, posters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from musicond.vision.search import Search

CASCADE = models_dir() / "haarcascade_frontalface_default.xml"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLASSIFIER = TfliteClassifier(models_dir() / "fer_int8.tflite")
CLIP = DemoClip(models_dir())
SOMEBODY = CLIP.frame_at(3.0)
NOBODY = CLIP.frame_at(CLIP.duration_s - 1)


def frame(grey: NDArray[np.uint8], at: float) -> Frame:
    return Frame(grey, at, NOON)


def settled(detector: HaarFaceDetector, grey: NDArray[np.uint8], at: float = 0.0) -> Faces:
    for step in range(4):
        faces = detector.detect(frame(grey, at + step / 8))
    return faces


def centre(box: Box) -> tuple[float, float]:
    return box.x + box.w / 2, box.y + box.h / 2


@pytest.mark.parametrize("track", [True, False])
def test_a_face_is_found_in_pixels_of_the_frame(track: bool) -> None:
    faces = settled(HaarFaceDetector(CASCADE, CLASSIFIER, track=track), SOMEBODY)
    [box] = faces.confirmed
    assert centre(box) == pytest.approx((320, 240), abs=30)
    assert 150 < box.w < 300
    assert not faces.coasted


def test_a_person_who_enters_a_still_room_is_found_within_a_second_at_the_idle_rate() -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    for step in range(10):
        assert detector.detect(frame(NOBODY, step * 0.4)) == Faces()
    at, entered, faces = 4.0, 4.0, Faces()
    while not faces.confirmed and at < entered + 2:
        faces = detector.detect(frame(SOMEBODY, at))
        at += 0.125 if faces.tentative else 0.4
    assert faces.confirmed
    assert at - entered <= 1.0


def test_a_missed_face_coasts_and_is_then_gone() -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    settled(detector, SOMEBODY)
    missed = detector.detect(frame(NOBODY, 0.5))
    assert not missed.confirmed
    assert len(missed.coasted) == 1
    assert detector.detect(frame(NOBODY, 2.0)) == Faces()


def test_after_a_reset_nothing_coasts() -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    settled(detector, SOMEBODY)
    detector.reset()
    assert not detector.detect(frame(NOBODY, 0.5)).coasted


def test_a_dark_frame_says_so_and_a_lit_one_finds_the_face_again() -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    settled(detector, SOMEBODY)
    dark = np.asarray(SOMEBODY * 0.03, np.uint8)
    for step in range(4):
        faces = detector.detect(frame(dark, 1 + step / 8))
    assert faces == Faces(dark=True)
    assert settled(detector, SOMEBODY, at=3.0).confirmed


def test_a_small_face_is_no_face_where_the_limits_say_so() -> None:
    assert not settled(HaarFaceDetector(CASCADE, CLASSIFIER, 0.7, 1.0), SOMEBODY).confirmed
    assert not settled(HaarFaceDetector(CASCADE, CLASSIFIER, 0.05, 0.2), SOMEBODY).confirmed


class CountingCascade(Cascade):
    """The cascade, and the searches and fine detections that were made with it."""

    def __init__(self) -> None:
        super().__init__(CASCADE)
        self.searches: list[Search] = []
        self.detections = 0
        self.most_weight = 99.0
        """Greatest weight of a fine detection."""

    def detect_near(self, grey: NDArray[np.uint8], near: Box, *efforts: Effort) -> Detection | None:
        self.detections += 1
        detection = super().detect_near(grey, near, *efforts)
        return detection and replace(detection, weight=min(detection.weight, self.most_weight))

    def scan(self, grey: NDArray[np.uint8], searches: Sequence[Search]) -> list[Box]:
        self.searches += searches
        return super().scan(grey, searches)


def counting() -> tuple[HaarFaceDetector, list[Search]]:
    """Return a detector, and the list of the searches that it makes."""
    detector, cascade = HaarFaceDetector(CASCADE, CLASSIFIER), CountingCascade()
    detector._cascade = cascade
    return detector, cascade.searches


def test_all_searches_have_their_turn_after_a_face_was_lost() -> None:
    detector, searches = counting()
    settled(detector, SOMEBODY)
    assert not detector.detect(frame(NOBODY, 2.0)).count
    searches.clear()
    for step in range(15):
        detector.detect(frame(NOBODY, 2.4 + step * 0.4))
    assert len({(search.min_size, search.roll) for search in searches}) == 5


def test_a_still_room_is_not_searched_again() -> None:
    detector, scans = counting()
    for step in range(50):
        detector.detect(frame(NOBODY, step * 0.4))
    searches = {(search.min_size, search.roll) for search in scans}
    assert len(searches) == 5, "all have had their turn"
    assert len(scans) == 11, "five scans of two at first, and one search after 8 seconds"


def test_the_longer_a_room_is_still_the_less_often_it_is_searched_until_something_moves() -> None:
    detector, scans = counting()
    counts = []
    for second in range(600):
        detector.detect(frame(NOBODY, second))
        counts.append(len(scans))
    assert counts[599] - counts[299] == 5, "every 64 seconds"
    moved = NOBODY.copy()
    moved[200:300, 200:300] = 255 - moved[200:300, 200:300]
    scans.clear()
    for step in range(50):
        detector.detect(frame(moved, 600 + step * 0.4))
    assert [search.min_size for search in scans[:2]] == [0.12, 0.055], "the near one and the far one at once"
    assert len(scans) == 11


@pytest.mark.parametrize("side", [240, 60])
def test_a_person_who_comes_into_a_still_room_is_noticed_within_a_second(side: int) -> None:
    """Near, and so far away that only the far search finds the face."""
    room = NOBODY.copy()
    face = SOMEBODY[120:360, 200:440]
    room[100 : 100 + side, 300 : 300 + side] = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    for round_s in (5.0, 30.0, 100.0):
        detector = HaarFaceDetector(CASCADE, CLASSIFIER)
        for at in np.arange(0, round_s, 0.4):
            assert not detector.detect(frame(NOBODY, at)).count
        faces = [detector.detect(frame(room, round_s + after)) for after in (0.4, 0.525, 0.65, 0.775, 0.9)]
        assert any(face.confirmed for face in faces)


def test_a_still_room_is_seldom_scanned_around_a_known_face() -> None:
    """Twice soon after the face came, so that the near and the far search had their turn; then every few seconds."""
    detector, searches = counting()
    settled(detector, SOMEBODY)
    searches.clear()
    for step in range(30):
        assert detector.detect(frame(SOMEBODY, 1 + step)).still
    assert 4 <= len(searches) <= 7


def test_a_face_whose_box_shows_the_same_is_detected_again_only_to_be_refined() -> None:
    detector, cascade = HaarFaceDetector(CASCADE, CLASSIFIER), CountingCascade()
    detector._cascade = cascade
    settled(detector, SOMEBODY)
    rng = np.random.default_rng(1)
    cascade.detections = 0
    for step in range(32):
        noisy = np.asarray(np.clip(SOMEBODY + rng.normal(0, 2, SOMEBODY.shape), 0, 255), np.uint8)
        assert detector.detect(frame(noisy, 1 + step / 8)).confirmed
    assert 2 <= cascade.detections <= 10
    moved = np.roll(SOMEBODY, 15, axis=1)
    [box] = detector.detect(frame(moved, 5)).confirmed
    assert centre(box) == pytest.approx((335, 240), abs=30)
    assert not detector.detect(frame(NOBODY, 5.125)).confirmed


@pytest.mark.parametrize("is_face", [True, False])
def test_a_face_that_is_detected_weakly_for_a_second_needs_new_evidence(is_face: bool) -> None:
    detector, cascade = HaarFaceDetector(CASCADE, CLASSIFIER), CountingCascade()
    detector._cascade = cascade
    settled(detector, SOMEBODY)
    cascade.most_weight = 2.0
    if not is_face:
        detector._verifier = Doubting()
    seen = [bool(detector.detect(frame(SOMEBODY, 0.5 + step / 8)).confirmed) for step in range(32)]
    assert all(seen[:4])
    assert seen[-1] == is_face
    assert sum(seen) >= 24 if is_face else not any(seen[22:])


def test_a_second_person_is_found_beside_a_known_face() -> None:
    detector, came_at, at, faces = HaarFaceDetector(CASCADE, CLASSIFIER), 12.0, 0.0, Faces()
    room = NOBODY.copy()
    room[230:470, 20:260] = SOMEBODY[120:360, 200:440]
    settled(detector, room)
    both = room.copy()
    both[40:190, 470:620] = cv2.resize(SOMEBODY[120:360, 200:440], (150, 150), interpolation=cv2.INTER_AREA)
    for at in np.arange(1, 20, 0.4):
        faces = detector.detect(frame(room if at < came_at else both, at))
        if len(faces.confirmed) > 1:
            break
    assert came_at <= at <= came_at + 4


class Doubting:
    """A verifier that accepts no face."""

    calls = 0

    def face_logit(self, grey: NDArray[np.uint8], box: Box, *, tight: bool = False) -> float:
        self.calls += 1
        assert grey.shape == (480, 640)
        assert box.w > 0
        return -20.0


def test_a_candidate_with_little_evidence_is_given_up_after_three_frames() -> None:
    """While it is examined, a person who comes in is not found."""
    verifier = Doubting()
    detector = HaarFaceDetector(CASCADE, verifier)
    tentative = [detector.detect(frame(SOMEBODY, step / 8)).tentative for step in range(8)]
    assert verifier.calls == 5, "in three frames, and in a closed search without and with thin lines"
    assert not any(tentative[3:])


def test_a_refused_candidate_is_not_examined_again_while_its_pixels_are_the_same() -> None:
    refused = RefusedCandidates()
    face = Box(225, 145, 190, 190)
    refused.add(frame(SOMEBODY, 1), [face])
    noise = np.random.default_rng(1).normal(0, 3, SOMEBODY.shape)
    noisy = np.asarray(np.clip(SOMEBODY + noise, 0, 255), np.uint8)
    assert refused.has(frame(noisy, 2), replace(face, x=230))
    assert not refused.has(frame(np.roll(SOMEBODY, 30, axis=1), 2), face)
    assert not refused.has(frame(SOMEBODY, 12), face)
    assert not refused.has(frame(SOMEBODY, 2), replace(face, x=20))
    assert not refused.has(frame(SOMEBODY, 2), Box(270, 190, 100, 100)), "a face in it"
    refused.clear()
    assert not refused.has(frame(SOMEBODY, 2), face)


def tilted(degrees: float) -> NDArray[np.uint8]:
    matrix = cv2.getRotationMatrix2D((320, 240), -degrees, 1)
    return np.asarray(cv2.warpAffine(SOMEBODY, matrix, (640, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize("degrees", [-30, -20, 20, 30])
def test_a_tilted_head_is_found_and_read_upright(degrees: int) -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    for step in range(8):
        faces = detector.detect(frame(tilted(degrees), step * 0.4))
    [box] = faces.confirmed
    assert box.roll == pytest.approx(degrees, abs=20)
    assert centre(box) == pytest.approx((320, 240), abs=30)
    straight = settled(HaarFaceDetector(CASCADE, CLASSIFIER), SOMEBODY)
    estimates = [
        CLASSIFIER.classify(frame(tilted(degrees), 9), faces),
        CLASSIFIER.classify(frame(SOMEBODY, 9), straight),
    ]
    assert len({estimate.top for estimate in estimates if estimate}) == 1


def test_a_head_that_is_tilted_slowly_is_followed_and_back_again() -> None:
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    settled(detector, SOMEBODY)
    path = [*range(0, 31, 3), *range(30, -1, -3)]
    seen = [len(detector.detect(frame(tilted(degrees), 1 + step / 8)).confirmed) for step, degrees in enumerate(path)]
    assert np.mean(seen) >= 0.8
    assert seen[-1] == 1


@pytest.mark.parametrize(
    "change",
    [lambda grey: grey * 0.1, lambda grey: 128 + (grey - 128) * 0.2, lambda grey: grey * 0.3],
    ids=["a tenth of the light", "haze", "a third of the light"],
)
def test_a_dim_or_hazy_face_is_found(change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
    grey = np.asarray(change(SOMEBODY.astype(np.float32)), np.uint8)
    assert settled(HaarFaceDetector(CASCADE, CLASSIFIER), grey).confirmed


def test_a_face_in_the_shadow_before_a_window_is_found() -> None:
    grey = np.full((480, 640), 230, np.uint8)
    face = SOMEBODY[120:360, 200:440]
    grey[120:360, 200:440] = np.asarray(face * (0.15 * 230 / face.mean()), np.uint8)
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    faces = [detector.detect(frame(grey, step * 0.4)) for step in range(8)]
    assert faces[-1].confirmed


@pytest.mark.parametrize("side", [100, 120])
def test_a_face_behind_thick_dark_glasses_is_found(side: int) -> None:
    [box] = settled(HaarFaceDetector(CASCADE, CLASSIFIER), SOMEBODY).confirmed
    face = SOMEBODY.copy()
    half_width, half_height, thick = round(0.145 * box.w), round(0.10 * box.h), round(0.06 * box.w)
    y, *middles = (round(box.y + 0.40 * box.h), round(box.x + 0.31 * box.w), round(box.x + 0.69 * box.w))
    for x in middles:
        corners = (x - half_width, y - half_height), (x + half_width, y + half_height)
        cv2.rectangle(face, *corners, (0,), thick, cv2.LINE_AA)
    cv2.line(face, (middles[0] + half_width, y), (middles[1] - half_width, y), (0,), thick, cv2.LINE_AA)
    room = NOBODY.copy()
    small = cv2.resize(face[120:360, 200:440], (side, side), interpolation=cv2.INTER_AREA)
    room[100 : 100 + side, 300 : 300 + side] = small
    detector, rng = HaarFaceDetector(CASCADE, CLASSIFIER), np.random.default_rng(1)
    noisy = (np.asarray(np.clip(room + rng.normal(0, 2, room.shape), 0, 255), np.uint8) for _ in range(20))
    frames = [detector.detect(frame(grey, step * 0.4)) for step, grey in enumerate(noisy)]
    assert all(faces.confirmed for faces in frames[6:])
    assert centre(frames[-1].confirmed[0]) == pytest.approx((300 + side / 2, 100 + side / 2), abs=side / 10)


def test_a_closed_picture_has_no_frames_of_glasses_but_eyes() -> None:
    face = np.full((60, 60), 150, np.uint8)
    face[20:23, 10:50] = 20
    face[30:34, 20:26] = 80
    without = closed(face, 60)
    assert without[:24].min() == 150
    assert (without[30:34, 20:26] == 80).all()


@pytest.mark.parametrize("shift", [-235, 235])
def test_a_face_cut_by_the_edge_is_found(shift: int) -> None:
    """Its box is about 190 pixels wide: about a tenth of it lies outside."""
    grey = np.asarray(np.roll(SOMEBODY, shift, axis=1), np.uint8)
    edge = grey[:, 635:] if shift > 0 else grey[:, :5]
    assert edge.size
    assert settled(HaarFaceDetector(CASCADE, CLASSIFIER), grey).confirmed


def test_a_far_face_is_found_in_a_large_picture() -> None:
    """It is 0.067 of the height: a person at 4 m before the standard Camera Module 3."""
    room = np.asarray(cv2.resize(NOBODY, (1280, 720), interpolation=cv2.INTER_CUBIC), np.uint8)
    side = round(240 / 190 * 0.067 * 720)
    room[300 : 300 + side, 800 : 800 + side] = cv2.resize(
        SOMEBODY[120:360, 200:440], (side, side), interpolation=cv2.INTER_AREA
    )
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    faces = [detector.detect(frame(room, step * 0.4)) for step in range(6)]
    assert faces[-1].confirmed
    assert not settled(HaarFaceDetector(CASCADE, CLASSIFIER, 0.12), room).confirmed


@pytest.mark.parametrize("content", [None, b"", b"<opencv_storage></opencv_storage>"])
def test_a_missing_or_damaged_cascade_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "haar.xml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"haar\.xml") as caught:
        HaarFaceDetector(path, CLASSIFIER)
    assert "\n" not in str(caught.value)


def test_empty_rooms_show_no_face_for_longer_than_a_second() -> None:
    """Noise, curtains, posters, shelves, a switched lamp and falling darkness, at the rates of the daemon.

    Two rounds of new rooms; script/fault-test rooms shows five, ten minutes.
    """
    seconds = 600 if FULL else 240
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    since: float | None = None
    longest = 0.0
    count = 0
    for at, grey in empty_room(seconds, 2.5):
        count += 1
        faces = detector.detect(frame(grey, at))
        if faces.confirmed or faces.coasted:
            since = at if since is None else since
            longest = max(longest, at - since)
        else:
            since = None
    assert count == 2.5 * seconds
    assert longest <= 1.0


def test_two_faces_are_two_and_the_larger_comes_first() -> None:
    small = SOMEBODY[120:360, 200:440]
    room = NOBODY.copy()
    room[100:340, 20:260] = small
    room[200:350, 420:570] = np.asarray(cv2.resize(small, (150, 150), interpolation=cv2.INTER_AREA), np.uint8)
    faces = settled(HaarFaceDetector(CASCADE, CLASSIFIER), room)
    assert len(faces.confirmed) == 2
    assert faces.confirmed[0].area > faces.confirmed[1].area


@pytest.mark.parametrize("seed", [21, 22])
def test_posters_that_the_cascade_takes_for_faces_are_seen_through(seed: int) -> None:
    """In these rooms the cascade alone, with the thresholds for real faces, detects one for many seconds."""
    detector = HaarFaceDetector(CASCADE, CLASSIFIER)
    frames = [detector.detect(frame(grey, at)) for at, grey in empty_room(240, 2.5, seed)]
    assert not any(faces.confirmed for faces in frames)


def test_a_poster_that_looks_like_a_face_only_in_the_wider_picture_is_none() -> None:
    """By the usual picture alone, the tilted search takes one of its ovals for a face in nearly every frame."""
    detector, rng = HaarFaceDetector(CASCADE, CLASSIFIER), np.random.default_rng(149)
    wall = cv2.resize(next(posters(rng, 1, 1)), (1280, 720), interpolation=cv2.INTER_AREA)
    for step in range(14):
        grey = np.asarray(np.clip(wall + rng.normal(0, 3, wall.shape), 0, 255), np.uint8)
        assert not detector.detect(frame(grey, step * 0.4)).confirmed


def test_what_the_model_calls_no_face_is_none() -> None:
    assert not settled(HaarFaceDetector(CASCADE, Doubting()), SOMEBODY).confirmed
