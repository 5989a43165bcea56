from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from musicond.capture.demo import ORDER, DemoClip
from musicond.commands.replay import Costs, fresh_pipeline, play
from musicond.config.paths import models_dir
from musicond.config.schema import Config
from musicond.core.commands import (
    Calibrate,
    OtherSongs,
    Pause,
    Rate,
    Reset,
    Resume,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSensitivity,
    Withdraw,
    WrongMood,
)
from musicond.core.models import (
    EMOTIONS,
    Box,
    Emotion,
    EmotionEstimate,
    Faces,
    Frame,
    Mood,
    Policy,
    Track,
    Verdict,
    Watching,
)
from musicond.core.mood.bias import Bias
from musicond.core.mood.tracker import MoodConfig
from musicond.core.outcome import Recommendation, RecommendationContext
from musicond.core.pipeline import RETRY_S, Pipeline
from musicond.core.recommend.recommender import Recommender
from musicond.core.settings import Settings
from musicond.errors import CatalogueError, CommandError

if TYPE_CHECKING:
    from musicond.core.commands import Command
    from musicond.core.outcome import Outcome
    from musicond.core.ports import EmotionClassifier, FaceDetector

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = MoodConfig(enter=0.42, leave=0.30, dwell_s=1.0, away_s=5.0, smoothing_s=0.8)
HERE = Box(10, 10, 40, 40)


class Room:
    """A detector and a classifier of a room that the test fills."""

    def __init__(self) -> None:
        self.faces = Faces()
        self.emotion = Emotion.HAPPY
        self.resets = 0
        self.holds_picture = False
        self.classifications = 0

    def detect(self, frame: Frame) -> Faces:
        return self.faces

    def reset(self) -> None:
        self.resets += 1
        self.holds_picture = False

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        self.classifications += 1
        self.holds_picture = True
        rest = 0.1 / 6
        return EmotionEstimate(
            tuple(0.9 if emotion is self.emotion else rest for emotion in EMOTIONS), faces.confirmed[0]
        )


class Songs(Recommender):
    """A recommender without a catalogue: each of its songs is a new one."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.asked: list[Emotion] = []
        self.keep = False
        self.others = 0
        self.policies: list[Policy | None] = []
        self.rated: list[Rate] = []
        self.removed: set[str] = set()

    def recommend(self, context: RecommendationContext) -> Recommendation | None:
        self.asked.append(context.emotion)
        self.policies.append(context.policy)
        if self.fault:
            raise CatalogueError(self.fault)
        return None if self.keep else self.recommend_other(context)

    def is_outdated(self, recommendation: Recommendation | None) -> bool:
        return recommendation is not None and recommendation.tracks[0].track_id in self.removed

    def recommend_other(self, context: RecommendationContext) -> Recommendation:
        self.others += 1
        track = Track(f"t:{self.others}", "Title", "Artist", "https://example.org/1")
        return Recommendation(Mood(context.emotion.value), (track,), "because", context.wall_time)

    def rate(
        self, rate: Rate, shown: Recommendation | None, wall_time: datetime, *, replacing: bool = True
    ) -> Recommendation | None:
        if self.fault:
            raise CatalogueError(self.fault)
        if shown is None:
            raise CommandError("no song is recommended now")
        self.rated.append(rate)
        if rate.track_id == "none":
            return None
        marked = replace(shown, verdicts={shown.tracks[0].track_id: rate.verdict})
        return marked if rate.verdict is Verdict.LIKE or not replacing else replace(shown, reason="without it")

    def withdraw(self, withdraw: Withdraw, current: Recommendation | None) -> Recommendation | None:
        return None if current is None else replace(current, verdicts={})


class Rig:
    def __init__(self, settings: Settings | None = None) -> None:
        self.room, self.songs = Room(), Songs()
        detector: FaceDetector = self.room
        classifier: EmotionClassifier = self.room
        self.pipeline = Pipeline(detector, classifier, self.songs, RULES, settings)
        self.at = 100.0

    def frame(self) -> Frame:
        self.at += 0.125
        wall_time = NOON + timedelta(seconds=self.at)
        return Frame(np.zeros((60, 80), np.uint8), self.at, wall_time)

    def run(self, seconds: float) -> list[Outcome]:
        return [self.pipeline.step(self.frame()) for _ in range(round(seconds * 8))]


def test_an_empty_room_is_nobody_and_nothing_is_read_or_recommended() -> None:
    rig = Rig()
    outcomes = rig.run(1)
    assert {(o.mood, o.watching, o.recommendation, o.change) for o in outcomes} == {
        (Mood.NOBODY, Watching.YES, None, None)
    }
    assert rig.room.classifications == 0
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
    assert outcomes[-1].since == announced.wall_time


def test_a_coasted_face_is_present_but_not_read() -> None:
    rig = Rig()
    rig.room.faces = Faces(confirmed=(HERE,))
    rig.run(3)
    classifications = rig.room.classifications
    rig.room.faces = Faces(coasted=(HERE,))
    outcomes = rig.run(8)
    assert rig.room.classifications == classifications
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
        assert rig.room.resets == 2, "of the detector and of the classifier"
        assert not rig.room.holds_picture
        assert rig.pipeline.idle(rig.at + 5, NOON).change is None


def test_no_picture_of_a_face_is_kept_once_nobody_is_there() -> None:
    rig = happy_rig()
    rig.room.faces = Faces(coasted=(HERE,))
    rig.run(0.25)
    assert rig.room.holds_picture, "a face that was missed for a moment is still there"
    rig.room.faces = Faces()
    rig.run(0.25)
    assert not rig.room.holds_picture


def test_private_wins_over_paused() -> None:
    rig = Rig(Settings(private=True, paused=True))
    assert rig.pipeline.idle(1, NOON).watching is Watching.PRIVATE


def test_a_pause_ends_by_itself_or_by_resume() -> None:
    rig = Rig()
    rig.pipeline.handle(Pause(30), NOON)
    assert rig.pipeline.settings == Settings(paused=True, paused_until=NOON + timedelta(minutes=30), paused_minutes=30)
    assert not rig.pipeline.expire(NOON + timedelta(minutes=29))
    assert rig.pipeline.expire(NOON + timedelta(minutes=30))
    assert rig.pipeline.settings == Settings()
    rig.pipeline.handle(Pause(), NOON)
    assert not rig.pipeline.expire(NOON + timedelta(days=9))
    rig.pipeline.handle(Resume(), NOON)
    assert not rig.pipeline.settings.paused


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
    attempts = len(rig.songs.asked)
    rig.songs.fault = None
    last = rig.run(RETRY_S)[-1]
    assert (last.mood, last.notice) == (Mood.HAPPY, None)
    assert last.recommendation is not None
    assert len(rig.songs.asked) == attempts + 1


def test_a_recommendation_that_the_lists_no_longer_hold_gives_way_while_watching() -> None:
    rig = Rig()
    rig.room.faces = Faces(confirmed=(HERE,))
    shown = rig.run(3)[-1].recommendation
    assert shown is not None
    rig.songs.removed.add(shown.tracks[0].track_id)
    first, *rest = rig.run(1)
    assert (first.change, first.recommended) == (None, True)
    assert first.recommendation is not shown
    assert not any(outcome.recommended for outcome in rest)
    assert first.recommendation is not None
    rig.songs.removed.add(first.recommendation.tracks[0].track_id)
    assert rig.pipeline.idle(rig.at, NOON).recommendation is first.recommendation


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


def happy_rig() -> Rig:
    rig = Rig()
    rig.room.faces = Faces(confirmed=(HERE,))
    assert rig.run(3)[-1].mood is Mood.HAPPY
    return rig


def test_a_verdict_goes_to_the_recommender_and_what_is_shown_instead_is_told_once() -> None:
    rig = happy_rig()
    shown = rig.run(1)[-1].recommendation
    assert rig.pipeline.handle(Rate(Verdict.LIKE), NOON) is rig.pipeline.settings
    liked = rig.run(1)[-1]
    assert shown is not None
    assert liked.recommendation == replace(shown, verdicts={shown.tracks[0].track_id: Verdict.LIKE})
    assert not liked.recommended, "the songs are the same"
    rig.pipeline.handle(Rate(Verdict.LIKE, "none"), NOON)
    assert rig.run(1)[-1].recommendation == liked.recommendation
    rig.pipeline.handle(Withdraw(), NOON)
    assert rig.run(1)[-1].recommendation == shown
    rig.pipeline.handle(Rate(Verdict.DISLIKE, "t:1"), NOON)
    first, *rest = rig.run(1)
    assert first.recommendation is not None
    assert (first.recommended, first.recommendation.reason) == (True, "without it")
    assert not any(o.recommended for o in rest)
    assert rig.songs.rated == [Rate(Verdict.LIKE), Rate(Verdict.LIKE, "none"), Rate(Verdict.DISLIKE, "t:1")]


def test_feedback_counts_while_paused_and_marks_the_song_but_changes_none() -> None:
    rig = happy_rig()
    rig.pipeline.handle(Pause(), NOON)
    shown = rig.pipeline.idle(rig.at, NOON).recommendation
    assert shown is not None
    rig.pipeline.handle(Rate(Verdict.DISLIKE), NOON)
    outcome = rig.pipeline.idle(rig.at, NOON)
    marked = replace(shown, verdicts={shown.tracks[0].track_id: Verdict.DISLIKE})
    assert (outcome.recommendation, outcome.recommended) == (marked, False)
    assert len(rig.songs.rated) == 1


def test_what_cannot_be_remembered_is_the_sender_s_error() -> None:
    rig = Rig()
    with pytest.raises(CommandError):
        rig.pipeline.handle(Rate(Verdict.LIKE), NOON)
    rig.songs.fault = "disk full"
    with pytest.raises(CatalogueError):
        rig.pipeline.handle(Rate(Verdict.LIKE), NOON)


def test_next_brings_other_songs_for_the_mood_shown() -> None:
    rig = happy_rig()
    before = rig.run(1)[-1].recommendation
    rig.pipeline.handle(OtherSongs(), NOON)
    outcome = rig.run(1)[0]
    assert outcome.recommended
    assert outcome.recommendation is not before
    rig.room.faces = Faces()
    rig.run(8)
    rig.pipeline.handle(OtherSongs(), NOON)
    after = rig.run(1)[0].recommendation
    assert after is not None
    assert (after.mood, after is outcome.recommendation) == (Mood.HAPPY, False), "in an empty room, for the last mood"


def test_next_is_refused_where_nothing_may_be_recommended() -> None:
    rig = Rig()
    with pytest.raises(CommandError, match="no camera"):
        rig.pipeline.handle(OtherSongs(), NOON)
    rig.run(1)
    with pytest.raises(CommandError, match="nothing is recommended yet"):
        rig.pipeline.handle(OtherSongs(), NOON)
    rig = happy_rig()
    rig.pipeline.handle(Pause(), NOON)
    rig.pipeline.idle(rig.at, NOON)
    with pytest.raises(CommandError, match="paused"):
        rig.pipeline.handle(OtherSongs(), NOON)


def test_the_policy_is_switched_and_goes_with_each_occasion() -> None:
    rig = Rig()
    assert rig.pipeline.handle(SetPolicy(Policy.LIFT), NOON).policy is Policy.LIFT
    rig.room.faces = Faces(confirmed=(HERE,))
    rig.run(3)
    assert rig.songs.policies == [Policy.LIFT]
    assert rig.pipeline.handle(SetPolicy(None), NOON).policy is None


def test_a_wrong_mood_gives_way_to_unsure_and_does_not_come_back_at_once() -> None:
    rig = happy_rig()
    assert rig.pipeline.handle(WrongMood(), NOON).bias
    outcomes = rig.run(30)
    assert outcomes[0].change is not None
    assert (outcomes[0].change.before, outcomes[0].change.after) == (Mood.HAPPY, Mood.UNSURE)
    assert {o.mood for o in outcomes} == {Mood.UNSURE}
    assert rig.run(600)[-1].mood is Mood.HAPPY, "for ten minutes, not for ever"


def test_the_right_mood_is_announced_and_recommended_for() -> None:
    rig = happy_rig()
    rig.pipeline.handle(WrongMood(Emotion.NEUTRAL), NOON)
    outcome = rig.run(1)[0]
    assert outcome.change is not None
    assert outcome.mood is Mood.NEUTRAL
    assert outcome.recommendation is not None
    assert outcome.recommendation.mood is Mood.NEUTRAL
    shifts = rig.pipeline.settings.bias.shifts
    assert shifts[EMOTIONS.index(Emotion.NEUTRAL)] > 0 > shifts[EMOTIONS.index(Emotion.HAPPY)]


def test_a_denied_mood_may_come_back_once_nobody_was_there() -> None:
    rig = happy_rig()
    rig.pipeline.handle(WrongMood(), NOON)
    rig.room.faces = Faces()
    rig.run(8)
    rig.room.faces = Faces(confirmed=(HERE,))
    assert rig.run(3)[-1].mood is Mood.HAPPY


def test_unsure_can_be_told_what_is_right() -> None:
    rig = happy_rig()
    rig.pipeline.handle(WrongMood(), NOON)
    rig.run(1)
    rig.pipeline.handle(WrongMood(Emotion.SAD), NOON)
    assert rig.run(1)[0].mood is Mood.SAD
    assert rig.run(60)[-1].mood is Mood.UNSURE, "what was denied stays denied"


def test_a_wrong_mood_where_none_is_announced_is_refused() -> None:
    rig = Rig()
    rig.run(1)
    for command in (WrongMood(), WrongMood(Emotion.SAD)):
        with pytest.raises(CommandError, match="no mood is announced"):
            rig.pipeline.handle(command, NOON)
    rig = happy_rig()
    with pytest.raises(CommandError, match="say which one"):
        rig.pipeline.handle(WrongMood(Emotion.HAPPY), NOON)
    rig.pipeline.handle(WrongMood(), NOON)
    with pytest.raises(CommandError, match="no mood is announced"):
        rig.pipeline.handle(WrongMood(), NOON)


def test_a_wrong_mood_that_is_late_is_not_taken_for_the_mood_after_it() -> None:
    rig = happy_rig()
    before = rig.pipeline.settings
    with pytest.raises(CommandError, match="another mood is announced by now"):
        rig.pipeline.handle(WrongMood(wrong=Mood.SAD), NOON)
    assert rig.pipeline.settings == before
    assert rig.pipeline.handle(WrongMood(wrong=Mood.HAPPY), NOON).bias != before.bias


def test_the_bias_corrects_what_is_read() -> None:
    plain = happy_rig().run(1)[-1].raw_scores
    rig = happy_rig()
    rig.pipeline.handle(WrongMood(Emotion.SAD), NOON)
    corrected = rig.run(1)[-1].raw_scores
    assert plain is not None
    assert corrected is not None
    assert corrected[EMOTIONS.index(Emotion.HAPPY)] < plain[EMOTIONS.index(Emotion.HAPPY)]
    assert corrected[EMOTIONS.index(Emotion.SAD)] > plain[EMOTIONS.index(Emotion.SAD)]
    assert sum(corrected) == pytest.approx(1)


def test_a_calibration_learns_from_ten_seconds_and_is_told() -> None:
    rig = Rig()
    rig.room.emotion = Emotion.SAD
    rig.room.faces = Faces(confirmed=(HERE,))
    rig.run(3)
    before = rig.pipeline.handle(Calibrate(), NOON)
    outcomes = rig.run(11)
    shares = [o.calibration.share for o in outcomes if o.calibration]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert rig.pipeline.settings is not before
    assert rig.pipeline.settings.bias.shifts[EMOTIONS.index(Emotion.NEUTRAL)] > 0
    assert rig.pipeline.handle(Calibrate(reset=True), NOON).bias == Bias()
    assert rig.run(1)[-1].calibration is None
    rig.pipeline.handle(Calibrate(), NOON)
    second = rig.run(1)[-1].calibration
    assert second is not None
    assert second.number == 2, "so that its end is not taken for that of the first"


def test_a_calibration_without_a_face_ends_with_the_reason_and_changes_nothing() -> None:
    rig = happy_rig()
    before = rig.pipeline.handle(Calibrate(), NOON)
    rig.room.faces = Faces()
    last = rig.run(45)[-1]
    assert last.calibration is not None
    assert "light on the face" in str(last.calibration.error)
    assert rig.pipeline.settings is before


def test_a_calibration_needs_a_picture() -> None:
    rig = Rig()
    with pytest.raises(CommandError, match="no face can be read now: no camera"):
        rig.pipeline.handle(Calibrate(), NOON)


def test_a_manual_mood_is_announced_while_watching_until_its_time_is_over() -> None:
    rig = happy_rig()
    wall_time = rig.frame().wall_time
    rig.pipeline.handle(SetManualMood(Emotion.SAD, 30), wall_time)
    [first, *rest] = rig.run(2)
    assert first.change is not None
    assert (first.change.before, first.mood, first.confidence) == (Mood.HAPPY, Mood.SAD, 1.0)
    assert first.change.held_s == pytest.approx(first.captured_at - 100 - 1.125, abs=0.3)
    assert first.recommended
    assert rig.songs.asked[-1] is Emotion.SAD
    assert {(outcome.mood, outcome.change, outcome.present) for outcome in rest} == {(Mood.SAD, None, True)}
    rig.room.faces = Faces()
    gone = rig.run(7)[-1]
    assert (gone.mood, gone.present) == (Mood.SAD, False), "a person said so, whoever is there"
    assert not rig.pipeline.expire(wall_time + timedelta(minutes=29))
    assert rig.pipeline.expire(wall_time + timedelta(minutes=30))
    back = rig.run(0.125)[0]
    assert back.change is not None
    assert (back.change.before, back.mood, back.confidence) == (Mood.SAD, Mood.NOBODY, 0.0)
    assert back.change.held_s == pytest.approx(9.0)


def test_while_not_watching_a_manual_mood_is_nobody_s() -> None:
    rig = happy_rig()
    rig.pipeline.handle(SetManualMood(Emotion.SAD), NOON)
    rig.pipeline.handle(SetPrivacy(on=True), NOON)
    outcome = rig.pipeline.idle(rig.at + 1, NOON)
    assert (outcome.mood, outcome.present, outcome.recommended) == (Mood.NOBODY, None, False)
    rig.pipeline.handle(SetPrivacy(on=False), NOON)
    assert rig.run(0.125)[0].mood is Mood.SAD


@pytest.mark.parametrize(("right", "then"), [(None, Mood.HAPPY), (Emotion.ANGRY, Mood.ANGRY)])
def test_a_wrong_manual_mood_teaches_nothing(right: Emotion | None, then: Mood) -> None:
    rig = happy_rig()
    rig.pipeline.handle(SetManualMood(Emotion.SAD), NOON)
    rig.run(0.125)
    rig.pipeline.handle(WrongMood(right), NOON)
    assert not rig.pipeline.settings.bias
    assert rig.run(0.125)[0].mood is then


def test_other_songs_are_for_the_manual_mood() -> None:
    rig = happy_rig()
    rig.pipeline.handle(SetManualMood(Emotion.SAD), NOON)
    rig.run(0.125)
    rig.pipeline.handle(OtherSongs(), NOON)
    [outcome] = rig.run(0.125)
    assert outcome.recommendation is not None
    assert outcome.recommendation.mood is Mood.SAD


def test_the_sensitivity_moves_the_dwell_and_a_reset_brings_it_back() -> None:
    def seconds_until_happy(*commands: Command) -> float:
        rig = Rig()
        for command in commands:
            rig.pipeline.handle(command, NOON)
        rig.room.faces = Faces(confirmed=(HERE,))
        return next(outcome.captured_at for outcome in rig.run(9) if outcome.mood is Mood.HAPPY) - 100.125

    assert seconds_until_happy(SetSensitivity(0)) == pytest.approx(2 * RULES.dwell_s)
    assert seconds_until_happy(SetSensitivity(100)) == pytest.approx(RULES.dwell_s / 2)
    assert seconds_until_happy(SetSensitivity(100), Reset("sensitivity")) == pytest.approx(RULES.dwell_s)


def test_presence_is_unknown_while_not_watching() -> None:
    rig = happy_rig()
    assert rig.run(0.125)[0].present is True
    assert rig.pipeline.idle(rig.at, NOON).present is None
    rig.room.faces = Faces(dark=True)
    assert rig.run(3)[-1].present is None


def test_presence_holds_while_a_face_is_away_for_less_than_away_s() -> None:
    rig = happy_rig()
    rig.room.faces = Faces()
    held, gone = rig.run(RULES.away_s - 0.125), rig.run(1)
    assert {(outcome.present, outcome.mood) for outcome in held} == {(True, Mood.HAPPY)}
    assert {(outcome.present, outcome.mood) for outcome in gone} == {(False, Mood.NOBODY)}
    rig.room.faces = Faces(confirmed=(HERE,))
    back = rig.run(3)
    assert [outcome.present for outcome in back] == [outcome.mood is not Mood.NOBODY for outcome in back]
    assert back[-1].present is True


def test_presence_is_that_of_the_room_whatever_mood_a_person_set() -> None:
    rig = Rig()
    rig.pipeline.handle(SetManualMood(Emotion.SAD), NOON)
    assert {(outcome.mood, outcome.present) for outcome in rig.run(1)} == {(Mood.SAD, False)}


@pytest.mark.parametrize("turn_s", [1.5, 3.0])
def test_a_machine_with_less_than_a_frame_a_second_announces_the_moods_of_the_demo(turn_s: float) -> None:
    clip = DemoClip(models_dir())
    moments = np.arange(0.0, clip.duration_s, 0.4)
    frames = ((number * turn_s, clip.frame_at(float(t))) for number, t in enumerate(moments))
    with fresh_pipeline(Config(), Costs()) as pipeline:
        changes = [outcome.change for _, outcome in play(pipeline, frames, None, Costs())]
    moods = dict.fromkeys(change.after for change in changes if change and change.after is not Mood.NOBODY)
    assert tuple(moods) == ORDER
