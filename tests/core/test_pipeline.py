from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from musicond.core.messages import (
    EMOTIONS,
    Box,
    Controls,
    Emotion,
    EmotionEstimate,
    Faces,
    Frame,
    Mood,
    Pause,
    Recommendation,
    Resume,
    SetPrivacy,
    Track,
    Watching,
)
from musicond.core.mood import Rules
from musicond.core.pipeline import Pipeline
from musicond.core.ports import CatalogueError

if TYPE_CHECKING:
    from musicond.core.messages import Outcome
    from musicond.core.ports import EmotionReader, FaceFinder

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules(enter=0.42, leave=0.30, dwell_s=1.0, away_s=5.0, smoothing_s=0.8)
HERE = Box(10, 10, 40, 40)


class Room:
    """A finder and a reader in one: what is in the room is said by the test."""

    def __init__(self) -> None:
        self.faces = Faces()
        self.emotion = Emotion.HAPPY
        self.resets = 0
        self.reads = 0

    def find(self, frame: Frame) -> Faces:
        return self.faces

    def reset(self) -> None:
        self.resets += 1

    def read(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        self.reads += 1
        rest = 0.1 / 6
        return EmotionEstimate(tuple(0.9 if each is self.emotion else rest for each in EMOTIONS), faces.confirmed[0])


class Songs:
    cool_down_s = 0.0

    def __init__(self) -> None:
        self.fault: str | None = None
        self.asked: list[Emotion] = []
        self.keep = False

    def for_mood(self, emotion: Emotion, captured_at: float, wall: datetime) -> Recommendation | None:
        self.asked.append(emotion)
        if self.fault:
            raise CatalogueError(self.fault)
        if self.keep:
            return None
        track = Track("t:1", "Title", "Artist", "https://example.org/1")
        return Recommendation(Mood(emotion.value), (track,), "because", wall)


class Rig:
    def __init__(self, controls: Controls | None = None) -> None:
        self.room, self.songs = Room(), Songs()
        finder: FaceFinder = self.room
        reader: EmotionReader = self.room
        self.pipeline = Pipeline(finder, reader, self.songs, RULES, controls)
        self.at = 100.0

    def frame(self) -> Frame:
        self.at += 0.125
        wall = NOON + timedelta(seconds=self.at)
        return Frame(np.zeros((60, 80), np.uint8), self.at, wall)

    def run(self, seconds: float) -> list[Outcome]:
        return [self.pipeline.step(self.frame()) for _ in range(round(seconds * 8))]


def test_an_empty_room_is_nobody_and_nothing_is_read_or_recommended() -> None:
    rig = Rig()
    outcomes = rig.run(1)
    assert {(o.mood, o.watching, o.recommendation, o.change) for o in outcomes} == {
        (Mood.NOBODY, Watching.YES, None, None)
    }
    assert rig.room.reads == 0
    assert [o.seq for o in outcomes] == list(range(1, 9))


def test_a_mood_is_announced_once_with_its_recommendation() -> None:
    rig = Rig()
    rig.run(1)
    rig.room.faces = Faces(confirmed=(HERE,))
    outcomes = rig.run(4)
    [announced] = [o for o in outcomes if o.change]
    assert announced.change is not None
    assert (announced.change.before, announced.change.after) == (Mood.NOBODY, Mood.HAPPY)
    assert 1.9 < announced.change.held_s < 2.3
    assert announced.recommended
    assert announced.recommendation is not None
    assert announced.recommendation.mood is Mood.HAPPY
    assert announced.raw_scores is not None
    assert [o.recommended for o in outcomes].count(True) == 1
    assert outcomes[-1].recommendation is announced.recommendation
    assert outcomes[-1].since == announced.wall


def test_a_coasted_face_is_present_but_not_read() -> None:
    rig = Rig()
    rig.room.faces = Faces(confirmed=(HERE,))
    rig.run(3)
    reads = rig.room.reads
    rig.room.faces = Faces(coasted=(HERE,))
    outcomes = rig.run(8)
    assert rig.room.reads == reads
    assert outcomes[-1].mood is Mood.HAPPY
    assert outcomes[-1].raw_scores is None


def test_leaving_keeps_the_recommendation() -> None:
    rig = Rig()
    rig.room.faces = Faces(confirmed=(HERE,))
    rig.run(3)
    rig.room.faces = Faces()
    last = rig.run(8)[-1]
    assert last.mood is Mood.NOBODY
    assert last.recommendation is not None
    assert last.scores is None
    assert rig.songs.asked == [Emotion.HAPPY]


def test_darkness_is_told() -> None:
    rig = Rig()
    rig.room.faces = Faces(dark=True)
    assert rig.run(3)[-1].watching is Watching.DARK


def test_no_camera_private_and_paused_are_nobody_and_forget() -> None:
    for command, why in (
        (None, Watching.NO_CAMERA),
        (SetPrivacy(on=True), Watching.PRIVATE),
        (Pause(), Watching.PAUSED),
    ):
        rig = Rig()
        rig.room.faces = Faces(confirmed=(HERE,))
        assert rig.run(3)[-1].mood is Mood.HAPPY
        if command:
            rig.pipeline.handle(command, NOON)
        outcome = rig.pipeline.idle(rig.at, NOON)
        assert (outcome.mood, outcome.watching) == (Mood.NOBODY, why)
        assert outcome.change is not None
        assert rig.room.resets == 1
        assert rig.pipeline.idle(rig.at + 5, NOON).change is None


def test_private_wins_over_paused() -> None:
    rig = Rig(Controls(private=True, paused=True))
    assert rig.pipeline.idle(1, NOON).watching is Watching.PRIVATE


def test_a_pause_ends_by_itself_or_by_resume() -> None:
    rig = Rig()
    rig.pipeline.handle(Pause(30), NOON)
    assert rig.pipeline.controls == Controls(paused=True, paused_until=NOON + timedelta(minutes=30))
    assert not rig.pipeline.expire(NOON + timedelta(minutes=29))
    assert rig.pipeline.expire(NOON + timedelta(minutes=30))
    assert rig.pipeline.controls == Controls()
    rig.pipeline.handle(Pause(), NOON)
    assert not rig.pipeline.expire(NOON + timedelta(days=9))
    rig.pipeline.handle(Resume(), NOON)
    assert not rig.pipeline.controls.paused


def test_privacy_is_switched_back() -> None:
    rig = Rig()
    assert rig.pipeline.handle(SetPrivacy(on=True), NOON).private
    assert not rig.pipeline.handle(SetPrivacy(on=False), NOON).private


def test_a_broken_catalogue_is_told_and_the_mood_goes_on() -> None:
    rig = Rig()
    rig.songs.fault = "catalogue: damaged"
    rig.room.faces = Faces(confirmed=(HERE,))
    last = rig.run(3)[-1]
    assert (last.mood, last.recommendation, last.notice) == (Mood.HAPPY, None, "catalogue: damaged")
    rig.songs.fault = None
    rig.room.emotion = Emotion.SAD
    last = rig.run(4)[-1]
    assert last.notice is None
    assert last.recommendation is not None


def test_the_recommender_may_keep_what_is_shown() -> None:
    rig = Rig()
    rig.room.faces = Faces(confirmed=(HERE,))
    shown = rig.run(3)[-1].recommendation
    rig.songs.keep = True
    rig.room.emotion = Emotion.SAD
    outcomes = rig.run(4)
    assert outcomes[-1].mood is Mood.SAD
    assert outcomes[-1].recommendation is shown
    assert not any(o.recommended for o in outcomes)


def test_a_pause_keeps_the_recommendation_and_resuming_does_not_repeat_the_first_change() -> None:
    rig = Rig()
    rig.room.faces = Faces(confirmed=(HERE,))
    rig.run(3)
    rig.pipeline.handle(Pause(), NOON)
    outcome = rig.pipeline.idle(rig.at, NOON)
    assert outcome.recommendation is not None
    assert not outcome.recommended
