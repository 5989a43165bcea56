"""The choice of one face: the table of rules, and its promises for any two people."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicond.core.face_choice import GONE_S, LARGER, ChosenFace, ChosenFaceClassifier, choose
from musicond.core.models import EMOTIONS, Box, Emotion, EmotionEstimate, Faces, Frame, Mood
from musicond.core.mood.tracker import MoodConfig, MoodState, Observation, update
from musicond.core.pipeline import Pipeline
from tests.core.test_pipeline import RULES, Room, Songs

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GREY = np.zeros((240, 320), np.uint8)
A, B = Box(20, 50, 60, 60), Box(200, 50, 58, 58)
LARGE_B, EQUAL_B = Box(190, 40, 80, 80), Box(200, 50, 70, 70)
SCORES = {emotion: tuple(float(each is emotion) for each in EMOTIONS) for emotion in (Emotion.HAPPY, Emotion.SAD)}


def faces(*boxes: Box, coasted: tuple[Box, ...] = ()) -> Faces:
    return Faces(tuple(sorted(boxes, key=lambda box: -box.area)), coasted)


@pytest.mark.parametrize(
    ("frame", "dt", "box", "person"),
    [
        (faces(A, B), 0.2, A, 1),
        (faces(A, EQUAL_B), 0.2, A, 1),
        (faces(A, LARGE_B), 0.2, A, 1),
        (faces(Box(24, 52, 66, 66), B), 0.2, Box(24, 52, 66, 66), 1),
        (faces(B, coasted=(A,)), 0.2, A, 1),
        (faces(B), 0.2, B, 2),
        (faces(), 0.2, A, 1),
        (faces(A), GONE_S, A, 1),
        (faces(A), GONE_S + 0.1, A, 2),
        (faces(Box(20, 50, 100, 100)), 0.2, Box(20, 50, 100, 100), 2),
    ],
)
def test_the_chosen_face_stays_until_it_is_clearly_smaller_or_gone(
    frame: Faces, dt: float, box: Box, person: int
) -> None:
    chosen = choose(ChosenFace(A, 10.0), frame, 10.0 + dt)
    assert chosen is not None
    assert (chosen.box, chosen.person) == (box, person)


def test_a_face_that_stays_clearly_larger_is_chosen_after_a_second() -> None:
    chosen: ChosenFace | None = None
    assert choose(chosen, faces(), 0.0) is None
    boxes = []
    for number, frame in enumerate((faces(A), *[faces(A, LARGE_B)] * 4, faces(A, B), *[faces(A, LARGE_B)] * 6)):
        chosen = choose(chosen, frame, number * 0.2)
        assert chosen is not None
        boxes.append((chosen.box, chosen.person))
    assert boxes == [(A, 1)] * 11 + [(LARGE_B, 2)]


class TwoPeople:
    """A classifier of two people who stand apart: the left one is happy, the right one sad."""

    resets = 0

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        assert frame.grey is GREY
        [box] = faces.confirmed
        if box.w % 7 == 0:
            return None  # blurred
        return EmotionEstimate(SCORES[Emotion.HAPPY if box.x < 120 else Emotion.SAD], box)

    def reset(self) -> None:
        self.resets += 1


@given(st.integers(0, 10**6), st.floats(0.03, 1.0))
@settings(max_examples=60)
def test_the_scores_of_two_people_are_never_mixed_and_the_mood_is_one_of_theirs(seed: int, interval_s: float) -> None:
    rng, classifier, state = random.Random(seed), ChosenFaceClassifier(TwoPeople()), MoodState()
    config = MoodConfig(enter=0.42, leave=0.30, dwell_s=2.0, away_s=10.0, smoothing_s=3.0)
    there = [True, True]
    for number in range(80):
        at = number * interval_s
        if rng.random() < 0.1:
            there = [rng.random() < 0.7, rng.random() < 0.7]
        sizes = [round(60 * rng.uniform(0.8, 1.25)) for _ in there]
        boxes = [Box(40 + 160 * place, 50, size, size) for place, size in enumerate(sizes) if there[place]]
        seen = faces(*[box for box in boxes if rng.random() < 0.8])
        estimate = classifier.classify(Frame(GREY, at, NOON), seen) if seen.confirmed else None
        scores, person = (estimate.scores, estimate.person) if estimate else (None, 0)
        state = update(state, config, Observation(at, bool(boxes), scores, person=person))
        assert state.scores in (None, *SCORES.values())


def test_a_face_in_each_frame_of_a_slow_machine_is_one_person() -> None:
    classifier = ChosenFaceClassifier(TwoPeople())

    def person(at: float) -> int:
        estimate = classifier.classify(Frame(GREY, at, NOON), faces(A))
        assert estimate is not None
        return estimate.person

    assert [person(at) for at in (0.0, 3.0, 9.0)] == [1, 1, 1]
    classifier.reset()  # a frame without a face
    assert [person(at) for at in (10.0, 13.0)] == [1, 1]
    classifier.reset()
    assert [person(at) for at in (15.5, 18.5)] == [2, 2]


def test_nothing_is_read_while_the_chosen_face_is_only_coasted() -> None:
    classifier = ChosenFaceClassifier(TwoPeople())
    first = classifier.classify(Frame(GREY, 0.0, NOON), faces(A, B))
    assert first is not None
    assert (first.box, first.person) == (A, 1)
    assert classifier.classify(Frame(GREY, 0.1, NOON), faces(B, coasted=(A,))) is None
    assert classifier.classify(Frame(GREY, 0.2, NOON), faces(A, B)) == first


@pytest.mark.parametrize("rate", [1, 2, 8, 30])
def test_two_people_of_nearly_equal_size_give_one_mood(rate: int) -> None:
    rng, classifier, state = random.Random(24), ChosenFaceClassifier(TwoPeople()), MoodState()
    moods: list[Mood] = []
    config = MoodConfig(enter=0.42, leave=0.30, dwell_s=2.0, away_s=10.0, smoothing_s=3.0)
    for number in range(60 * rate):
        boxes = [Box(40 + 160 * place, 50, size, size) for place in range(2) if (size := rng.randrange(57, 62))]
        estimate = classifier.classify(Frame(GREY, number / rate, NOON), faces(*boxes))
        scores, person = (estimate.scores, estimate.person) if estimate else (None, 0)
        state = update(state, config, Observation(number / rate, present=True, scores=scores, person=person))
        if state.mood not in (Mood.NOBODY, *moods[-1:]):
            moods.append(state.mood)
    assert len(moods) == 1, moods


class NearlyEqual(Room):
    """Detects two people whose sizes change places all the time."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = random.Random(24)

    def detect(self, frame: Frame) -> Faces:
        """Return both faces."""
        sizes = (self._rng.randrange(57, 62) for _ in range(2))
        return faces(*(Box(40 + 160 * place, 50, size, size) for place, size in enumerate(sizes)))


def test_two_people_of_nearly_equal_size_get_one_recommendation_a_minute() -> None:
    songs = Songs()
    pipeline = Pipeline(NearlyEqual(), ChosenFaceClassifier(TwoPeople()), songs, RULES)
    for number in range(60 * 8):
        pipeline.step(Frame(GREY, number / 8, NOON + timedelta(seconds=number / 8)))
    assert len(songs.asked) == 1, songs.asked


def test_the_mood_of_another_person_takes_its_own_dwell() -> None:
    config = MoodConfig(enter=0.42, leave=0.30, dwell_s=2.0, away_s=10.0, smoothing_s=3.0)
    state, moods = MoodState(), []
    for number in range(100):
        scores, person = (SCORES[Emotion.HAPPY], 1) if number < 50 else (SCORES[Emotion.SAD], 2)
        state = update(state, config, Observation(number * 0.1, present=True, scores=scores, person=person))
        moods.append(state.mood)
    assert moods.index(Mood.SAD) == 70, "2 s after the other person was chosen, without a trace of the first"
    assert moods[69] is Mood.HAPPY


def test_the_largest_ratio_that_keeps_a_face_is_that_of_the_rule() -> None:
    for side, right in ((LARGER * 60, A), (LARGER * 60 + 1, None)):
        other = Box(200, 50, round(side), round(side))
        chosen = choose(choose(ChosenFace(A, 0.0), faces(A, other), 0.1), faces(A, other), 1.2)
        assert chosen is not None
        assert chosen.box == (right or other)
