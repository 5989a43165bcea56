"""The controller: commands, the stored settings, the player and the preview."""

from __future__ import annotations

import time
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

from musicond.config.user_settings import from_json, load_settings, to_json
from musicond.controller import HEAT_CHECK_S, Controller
from musicond.core.commands import (
    Next,
    OtherSongs,
    Pause,
    Play,
    Previous,
    Rate,
    Reset,
    Resume,
    SetAutoplay,
    SetPolicy,
    SetPrivacy,
    SetSpeaker,
    SetVolume,
    Stop,
    UndoSpeaker,
)
from musicond.core.frame_rate import FrameRate
from musicond.core.models import Emotion, Faces, Frame, Policy, Verdict, Watching
from musicond.core.mood.bias import Bias
from musicond.core.mood.tracker import MoodConfig
from musicond.core.outcome import Playback, PlayState
from musicond.core.pipeline import Pipeline
from musicond.core.recommend.recommender import Recommender
from musicond.core.settings import Settings
from musicond.errors import CatalogueError, CommandError
from musicond.runtime.clock import ClockGuard, kernel_synchronised
from musicond.runtime.health import temperature_c
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from musicond.core.commands import Command, PlayerCommand
    from musicond.core.models import EmotionEstimate, Track
    from musicond.core.outcome import Outcome, Recommendation, RecommendationContext
    from musicond.core.ports import PlaybackBackend

T = TypeVar("T")


class Nothing(Recommender):
    """An empty room and an empty catalogue."""

    def __init__(self) -> None:
        pass

    def detect(self, frame: Frame) -> Faces:
        return Faces()

    def reset(self) -> None:
        pass

    def is_outdated(self, recommendation: Recommendation | None) -> bool:
        return False

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        return None

    def recommend(self, context: RecommendationContext) -> Recommendation | None:
        return None

    def recommend_other(self, context: RecommendationContext) -> Recommendation:
        raise CatalogueError("empty")

    def rate(
        self, rate: Rate, current: Recommendation | None, wall_time: datetime, *, replacing: bool = True
    ) -> Recommendation | None:
        if rate.track_id is None:
            raise CommandError("no song is recommended now")
        return None


def make_controller(folder: Path, settings: Settings | None = None) -> Controller:
    config = MoodConfig(enter=0.4, leave=0.3, dwell_s=1, away_s=5, smoothing_s=1)
    nothing = Nothing()
    pipeline = Pipeline(nothing, nothing, nothing, config, settings)
    return Controller(pipeline, FrameRate(8, 2), JsonFile(folder / "settings.json"), get_temperature=lambda: None)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(private=True),
        Settings(paused=True),
        Settings(paused=True, paused_until=datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        Settings(policy=Policy.LIFT, bias=Bias().corrected(5, 4)),
        Settings(sensitivity=70, paused=True, paused_minutes=5, paused_until=datetime(2026, 11, 23, 8, tzinfo=UTC)),
        Settings(manual_mood=Emotion.SAD, manual_until=datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
    ],
)
def test_settings_survive_being_stored(settings: Settings) -> None:
    assert from_json(to_json(settings)) == settings


def test_what_cannot_be_understood_errs_towards_privacy() -> None:
    assert from_json({"private": "yes", "paused_until": "soon"}) == Settings(private=True)
    assert from_json({}) == Settings()
    until = from_json({"paused": True, "paused_until": "2026-11-23T08:30:00"}).paused_until
    assert until is not None
    assert until.tzinfo is not None
    for bias in ("", "1 2 3", "nan nan nan nan nan nan nan", "a lot", 3.0, True):
        assert from_json({"bias": bias, "policy": "loud"}) == Settings()
    assert from_json({"paused": True, "paused_until": "soon"}) == Settings(), "better than a pause without an end"
    assert from_json({"manual_mood": "sad"}) == Settings(), "likewise"
    assert from_json({"manual_mood": "hungry", "manual_until": "2026-11-23T08:30:00"}).manual_mood is None
    for sensitivity in (-1, 101, "nan", "", "a lot", True):
        assert from_json({"sensitivity": sensitivity}) == Settings()


def test_what_nobody_touched_is_not_stored() -> None:
    assert to_json(Settings()) == {}
    assert to_json(Settings(sensitivity=50)) == {"sensitivity": 50}, "a person chose it, whatever it is"


def test_a_command_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    controller = make_controller(tmp_path)
    controller.handle(Resume())
    assert list(tmp_path.iterdir()) == []
    controller.handle(SetPrivacy(on=True))
    before = (tmp_path / "settings.json").stat()
    controller.handle(SetPrivacy(on=True))
    assert (tmp_path / "settings.json").stat().st_ino == before.st_ino


@pytest.mark.parametrize("text", ["", '{"private": fa', "[]"])
def test_after_damage_the_camera_stays_closed_until_a_person_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "settings.json").write_text(text)
    assert load_settings(JsonFile(tmp_path / "settings.json")) == Settings(private=True)
    assert "musicond privacy off" in caplog.text


def test_a_command_is_stored_before_it_is_answered(tmp_path: Path) -> None:
    controller = make_controller(tmp_path)
    controller.handle(SetPrivacy(on=True))
    assert not controller.wants_camera()
    assert from_json(JsonFile(tmp_path / "settings.json").load({})) == Settings(private=True)
    assert controller.idle().watching is Watching.PRIVATE


def test_what_cannot_be_stored_still_holds(tmp_path: Path) -> None:
    controller = make_controller(tmp_path / "missing")
    for _ in range(2):  # also the second time it is not said to be stored
        stored = controller.handle(SetPrivacy(on=True))
        assert stored is not None
        with pytest.raises(OSError, match="missing"):
            stored.result(0)
    assert not controller.wants_camera()
    outcome = controller.idle()
    assert "not saved yet (No such file or directory)" in str(outcome.unsaved)
    (tmp_path / "missing").mkdir()
    stored = controller.handle(SetPrivacy(on=True))
    assert stored is not None
    stored.result(0)
    assert controller.idle().unsaved is None
    assert load_settings(JsonFile(tmp_path / "missing" / "settings.json")).private


def test_a_pause_whose_time_has_come_is_over(tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    assert not make_controller(tmp_path, Settings(paused=True, paused_until=now + timedelta(minutes=1))).wants_frames()
    late = make_controller(tmp_path, Settings(paused=True, paused_until=now - timedelta(seconds=1)))
    assert late.wants_frames()
    assert from_json(JsonFile(tmp_path / "settings.json").load({})) == Settings()
    controller = make_controller(tmp_path)
    controller.handle(Pause(5))
    assert not controller.wants_frames()
    controller.handle(Resume())
    assert controller.wants_frames()


def test_an_empty_room_is_looked_at_slowly(tmp_path: Path) -> None:
    controller = make_controller(tmp_path)
    assert controller.interval_s() == 1 / 8
    controller.step(Frame(np.zeros((10, 10), np.uint8), 1.0, datetime.now().astimezone()))
    assert controller.interval_s() == 1 / 2


def test_a_hot_processor_lowers_the_rate_in_steps_and_a_cool_one_raises_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sensor, now = tmp_path / "temp", [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1).at_rate(8))
    file = JsonFile(tmp_path / "settings.json")
    controller = Controller(pipeline, FrameRate(8, 2), file, get_temperature=lambda: temperature_c(sensor))
    rates, breaks = [], []
    for degrees in (50, 76, 73, 81, 86, 82, 78, 74, 69.9):
        sensor.write_text(f"{degrees * 1000:.0f}\n", "ascii")
        now[0] += HEAT_CHECK_S
        controller.wants_frames()
        rates.append(round(1 / controller.interval_s(), 1))
        breaks.append(pipeline.mood_config.break_s)
    assert rates == [8, 4.8, 4.8, 2.8, 1.6, 1.6, 2.8, 4.8, 8]
    assert breaks[0] == breaks[-1] < breaks[4], "a mood is still announced at the lower rate"
    assert len([record for record in caplog.records if "a fan" in record.message]) == 3
    sensor.unlink()
    now[0] += HEAT_CHECK_S
    controller.wants_frames()
    assert controller.interval_s() == 1 / 8, "without a sensor the rate stays"


def test_feedback_writes_no_settings_and_what_makes_no_sense_is_the_sender_s_error(tmp_path: Path) -> None:
    controller = make_controller(tmp_path)
    controller.handle(Rate(Verdict.LIKE, "t:1"))
    with pytest.raises(CommandError):
        controller.handle(Rate(Verdict.LIKE))
    assert list(tmp_path.iterdir()) == []
    controller.handle(SetPolicy(Policy.STEADY))
    assert from_json(JsonFile(tmp_path / "settings.json").load({})).policy is Policy.STEADY


class RecordingPlayer:
    """A player that records its commands."""

    def __init__(self) -> None:
        self.requests: list[tuple[object, int]] = []
        self.playback = Playback("mpd")

    def request(self, command: PlayerCommand, tracks: Sequence[Track] = ()) -> Future[None]:
        self.requests.append((command, len(tracks)))
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def get_playback(self) -> Playback:
        return self.playback

    def query(self, question: Callable[[PlaybackBackend], T]) -> Future[T]:
        raise NotImplementedError


def test_commands_reach_the_player_and_settings_are_stored(tmp_path: Path) -> None:
    player = RecordingPlayer()
    pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1))
    file = JsonFile(tmp_path / "settings.json")
    controller = Controller(pipeline, FrameRate(8, 2), file, player)
    assert controller.idle().playback == Playback("mpd")
    with pytest.raises(CommandError, match="no song is recommended yet"):
        controller.handle(Play())
    player.playback = Playback("mpd", PlayState.PAUSED, ours=True)
    controller.handle(Play())
    controller.handle(Stop())
    controller.handle(SetVolume(30))
    controller.handle(SetAutoplay(on=True))
    controller.handle(SetSpeaker("Kitchen"))
    controller.handle(Next())
    controller.handle(Previous())
    sent = [Play(), Stop(), SetVolume(30), SetSpeaker("Kitchen"), Next(), Previous()]
    assert [command for command, _ in player.requests] == sent
    assert from_json(file.load({})) == Settings(autoplay=True, volume=30, speaker="Kitchen")
    for _ in range(2):
        controller.handle(Reset("speaker"))
    assert [command for command, _ in player.requests] == [*sent, SetSpeaker(None)]
    with pytest.raises(CommandError, match="not among the songs"):
        controller.handle(Play("t:1"))
    with pytest.raises(CommandError):
        controller.handle(OtherSongs())
    player.playback = Playback("mpd")
    with pytest.raises(CommandError, match="nothing plays now"):
        controller.handle(Previous())
    with pytest.raises(CommandError, match="nothing is recommended now"):
        controller.handle(Next())
    assert len(player.requests) == 7, "there are no other songs"


def test_a_speaker_that_was_refused_is_undone_unless_another_one_has_been_chosen_since(tmp_path: Path) -> None:
    player = RecordingPlayer()
    pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1))
    file = JsonFile(tmp_path / "settings.json")
    controller = Controller(pipeline, FrameRate(8, 2), file, player)
    for name in ("Den", "Hall"):
        controller.handle(SetSpeaker(name))
    controller.handle(UndoSpeaker("Den", None))
    assert from_json(file.load({})).speaker == "Hall"
    controller.handle(UndoSpeaker("Hall", None))
    assert from_json(file.load({})).speaker is None
    assert [command for command, _ in player.requests] == [SetSpeaker("Den"), SetSpeaker("Hall"), SetSpeaker(None)]


@pytest.mark.parametrize("command", [Play(), Stop(), Previous(), SetVolume(3), SetAutoplay(on=True), SetSpeaker("x")])
def test_without_a_player_its_commands_are_refused(tmp_path: Path, command: Command) -> None:
    with pytest.raises(CommandError, match=r"playback\.backend"):
        make_controller(tmp_path).handle(command)
    assert list(tmp_path.iterdir()) == []


def test_settings_that_were_stored_wrong_are_default() -> None:
    assert from_json({"autoplay": "yes", "volume": True}) == Settings()


class RecordingPreview:
    """Records what is shown and when it is cleared."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def show(self, frame: Frame, outcome: Outcome) -> None:
        self.calls.append(f"frame {outcome.seq}")

    def clear(self) -> None:
        self.calls.append("clear")


def test_the_preview_gets_each_frame_and_is_cleared_when_none_is_read(tmp_path: Path) -> None:
    preview = RecordingPreview()
    pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1))
    controller = Controller(pipeline, FrameRate(8, 2), JsonFile(tmp_path / "settings.json"), preview=preview)
    controller.step(Frame(np.zeros((4, 4), np.uint8), 1.0, datetime.now(UTC)))
    controller.idle()
    assert preview.calls == ["frame 1", "clear"]


def test_a_pause_keeps_its_duration_while_the_clock_is_set(tmp_path: Path) -> None:
    shift_s = 0.0
    clock = ClockGuard(wall_s=lambda: time.time() + shift_s)
    pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1))
    controller = Controller(pipeline, FrameRate(8, 2), JsonFile(tmp_path / "settings.json"), clock=clock)
    controller.handle(Pause(30))
    ends = pipeline.settings.paused_until
    assert ends is not None
    shift_s = 86400.0 * 365
    assert not controller.wants_frames()
    assert abs((pipeline.settings.paused_until or ends) - ends - timedelta(days=365)) < timedelta(seconds=2)
    assert load_settings(JsonFile(tmp_path / "settings.json")).paused_until == pipeline.settings.paused_until


@pytest.mark.parametrize("boot", ["this", "earlier"])
def test_a_stored_pause_lasts_its_time_whatever_the_clock_says_at_the_next_start(boot: str) -> None:
    now = datetime.now(UTC)
    stored = to_json(Settings(paused=True, paused_until=now + timedelta(minutes=30), paused_minutes=30))
    assert from_json(stored).paused_until == now + timedelta(minutes=30)
    wrong = timedelta(days=5000)
    # As if the clock had been behind when it was stored.
    ends = {"paused_until": (now + timedelta(minutes=30) - wrong).isoformat(), "wall": (now - wrong).isoformat()}
    with_ends = {**stored, **ends, "boot": stored["boot"] if boot == "this" else "another"}
    until = from_json(with_ends).paused_until
    assert until is not None
    if boot == "this" or kernel_synchronised() is False:
        assert abs(until - now - timedelta(minutes=30)) < timedelta(seconds=5)
    else:
        assert until < now


def test_privacy_from_before_the_start_waits_for_a_synchronised_clock_or_a_person(tmp_path: Path) -> None:
    synchronised: bool | None = False
    clock = ClockGuard(synchronised=lambda: synchronised)
    ended = Settings(private=True, private_until=datetime(2026, 11, 23, tzinfo=UTC))

    def start() -> Controller:
        pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1), ended)
        return Controller(pipeline, FrameRate(8, 2), JsonFile(tmp_path / "settings.json"), clock=clock)

    controller, other = start(), start()
    for item in (controller, other):
        item.handle(Pause(5))
        item.wants_frames()
        assert not item.wants_camera()
    again = start()
    again.wants_frames()
    assert not again.wants_camera(), "the pause was stored in this boot, the privacy before it"
    other.handle(SetPrivacy(on=False))
    assert other.wants_camera(), "a person has opened it"
    synchronised = True
    controller.wants_frames()
    assert controller.wants_camera()
    synchronised = False
    controller.handle(SetPrivacy(on=True, until_midnight=True))
    assert not controller.wants_camera()
