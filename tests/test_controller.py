from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from musicond.config.user_settings import from_json, load_settings, to_json
from musicond.controller import Controller
from musicond.core.commands import Next, Pause, Play, Rate, Resume, SetAutoplay, SetPolicy, SetPrivacy, SetVolume, Stop
from musicond.core.models import Emotion, Faces, Frame, Policy, Verdict, Watching
from musicond.core.mood.bias import Bias
from musicond.core.mood.tracker import MoodConfig
from musicond.core.outcome import Playback, PlayState, Settings
from musicond.core.pipeline import FrameRate, Pipeline
from musicond.core.recommend.recommender import Recommender
from musicond.errors import CatalogueError, CommandError
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from musicond.core.commands import Command
    from musicond.core.models import EmotionEstimate, Track
    from musicond.core.outcome import Outcome, Recommendation, RecommendationContext


class Nothing(Recommender):
    """An empty room and an empty catalogue."""

    def __init__(self) -> None:
        pass

    def detect(self, frame: Frame) -> Faces:
        return Faces()

    def reset(self) -> None:
        pass

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        return None

    def recommend(self, occasion: RecommendationContext) -> Recommendation | None:
        return None

    def recommend_other(self, occasion: RecommendationContext) -> Recommendation:
        raise CatalogueError("empty")

    def rate(self, rate: Rate, shown: Recommendation | None, wall: datetime) -> Recommendation | None:
        if rate.track_id is None:
            raise CommandError("no song is recommended now")
        return None


def brain(folder: Path, controls: Settings | None = None) -> Controller:
    rules = MoodConfig(enter=0.4, leave=0.3, dwell_s=1, away_s=5, smoothing_s=1)
    nothing = Nothing()
    pipeline = Pipeline(nothing, nothing, nothing, rules, controls)
    return Controller(pipeline, FrameRate(8, 2), JsonFile(folder / "settings.json"))


@pytest.mark.parametrize(
    "controls",
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
def test_controls_survive_being_stored(controls: Settings) -> None:
    assert from_json(to_json(controls)) == controls


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
    mind = brain(tmp_path)
    mind.handle(Resume())
    assert list(tmp_path.iterdir()) == []
    mind.handle(SetPrivacy(on=True))
    before = (tmp_path / "settings.json").stat()
    mind.handle(SetPrivacy(on=True))
    assert (tmp_path / "settings.json").stat().st_ino == before.st_ino


@pytest.mark.parametrize("text", ["", '{"private": fa', "[]"])
def test_after_damage_the_camera_stays_closed_until_a_person_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "settings.json").write_text(text)
    assert load_settings(JsonFile(tmp_path / "settings.json")) == Settings(private=True)
    assert "musicond privacy off" in caplog.text


def test_a_command_is_stored_before_it_is_answered(tmp_path: Path) -> None:
    mind = brain(tmp_path)
    mind.handle(SetPrivacy(on=True))
    assert not mind.wants_camera()
    assert from_json(JsonFile(tmp_path / "settings.json").load({})) == Settings(private=True)
    assert mind.idle().watching is Watching.PRIVATE


def test_what_cannot_be_stored_still_holds(tmp_path: Path) -> None:
    mind = brain(tmp_path / "missing")
    with pytest.raises(OSError, match="missing"):
        mind.handle(SetPrivacy(on=True))
    assert not mind.wants_camera()


def test_a_pause_whose_time_has_come_is_over(tmp_path: Path) -> None:
    now = datetime.now().astimezone()
    assert not brain(tmp_path, Settings(paused=True, paused_until=now + timedelta(minutes=1))).wants_frames()
    late = brain(tmp_path, Settings(paused=True, paused_until=now - timedelta(seconds=1)))
    assert late.wants_frames()
    assert from_json(JsonFile(tmp_path / "settings.json").load({})) == Settings()
    mind = brain(tmp_path)
    mind.handle(Pause(5))
    assert not mind.wants_frames()
    mind.handle(Resume())
    assert mind.wants_frames()


def test_an_empty_room_is_looked_at_slowly(tmp_path: Path) -> None:
    mind = brain(tmp_path)
    assert mind.interval_s() == 1 / 8
    mind.step(Frame(np.zeros((10, 10), np.uint8), 1.0, datetime.now().astimezone()))
    assert mind.interval_s() == 1 / 2


def test_feedback_writes_no_settings_and_what_makes_no_sense_is_the_sender_s_error(tmp_path: Path) -> None:
    mind = brain(tmp_path)
    mind.handle(Rate(Verdict.LIKE, "t:1"))
    with pytest.raises(CommandError):
        mind.handle(Rate(Verdict.LIKE))
    assert list(tmp_path.iterdir()) == []
    mind.handle(SetPolicy(Policy.STEADY))
    assert from_json(JsonFile(tmp_path / "settings.json").load({})).policy is Policy.STEADY


class Listening:
    """A player that remembers its orders."""

    def __init__(self) -> None:
        self.orders: list[tuple[object, int]] = []
        self.playback = Playback("mpd")

    def request(self, command: Command, tracks: Sequence[Track] = ()) -> None:
        self.orders.append((command, len(tracks)))

    def get_playback(self) -> Playback:
        return self.playback


def test_orders_go_to_the_player_and_what_is_switched_is_kept(tmp_path: Path) -> None:
    player = Listening()
    pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1))
    store = JsonFile(tmp_path / "settings.json")
    mind = Controller(pipeline, FrameRate(8, 2), store, player)
    assert mind.idle().playback == Playback("mpd")
    with pytest.raises(CommandError, match="no song is recommended yet"):
        mind.handle(Play())
    player.playback = Playback("mpd", PlayState.PAUSED, ours=True)
    mind.handle(Play())
    mind.handle(Stop())
    mind.handle(SetVolume(30))
    mind.handle(SetAutoplay(on=True))
    assert [command for command, _ in player.orders] == [Play(), Stop(), SetVolume(30)]
    assert from_json(store.load({})) == Settings(autoplay=True, volume=30)
    with pytest.raises(CommandError, match="not among the songs"):
        mind.handle(Play("t:1"))
    with pytest.raises(CommandError):
        mind.handle(Next())
    assert len(player.orders) == 3, "there are no other songs"


@pytest.mark.parametrize("command", [Play(), Stop(), SetVolume(3), SetAutoplay(on=True)])
def test_without_a_player_orders_are_refused(tmp_path: Path, command: Command) -> None:
    with pytest.raises(CommandError, match=r"playback\.backend"):
        brain(tmp_path).handle(command)
    assert list(tmp_path.iterdir()) == []


def test_switches_that_were_stored_wrong_are_off() -> None:
    assert from_json({"autoplay": "yes", "volume": True}) == Settings()


class Watched:
    """Counts what is shown and when it is cleared."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def show(self, frame: Frame, outcome: Outcome) -> None:
        self.seen.append(f"frame {outcome.seq}")

    def clear(self) -> None:
        self.seen.append("clear")


def test_the_preview_gets_each_frame_and_is_cleared_when_none_is_read(tmp_path: Path) -> None:
    watched = Watched()
    pipeline = Pipeline(Nothing(), Nothing(), Nothing(), MoodConfig(0.4, 0.3, 1, 5, 1))
    mind = Controller(pipeline, FrameRate(8, 2), JsonFile(tmp_path / "settings.json"), preview=watched)
    mind.step(Frame(np.zeros((4, 4), np.uint8), 1.0, datetime.now(UTC)))
    mind.idle()
    assert watched.seen == ["frame 1", "clear"]
