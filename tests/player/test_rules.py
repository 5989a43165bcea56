"""The rules of "never annoy", each by a story, and their promises for any story."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicond.core.models import Mood, PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.core.schedule import Hours
from musicond.player.events import (
    Action,
    Ask,
    AskNext,
    AskStop,
    AskVolume,
    ChangeVolume,
    Event,
    PausePlayback,
    PlaybackRules,
    PlayerState,
    RequestTracks,
    ResumePlayback,
    RoomUpdate,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.rules import (
    GRACE_S,
    WISH_S,
    autoplay_block,
    classify_change,
    classify_first,
    plays_ours,
    poll_in_s,
    step,
)
from musicond.spotify import token_file as expiry

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SONGS = tuple(Track(f"t:{number}", f"Song {number}", "x", "") for number in range(3))
OTHERS = tuple(Track(f"o:{number}", f"Other {number}", "x", "") for number in range(3))
LENGTH_S = 200.0


def recommendation(tracks: tuple[Track, ...] = SONGS) -> Recommendation:
    return Recommendation(Mood.HAPPY, tracks, "", NOON)


class Speaker:
    """A speaker that does as it is told, and the rules that tell it; time is the test's."""

    def __init__(self, rules: PlaybackRules | None = None, **room: Any) -> None:
        self.rules, self.state, self.at = rules or PlaybackRules(), PlayerState(), 0.0
        self.room = RoomUpdate(0.0, NOON, **({"autoplay": True} | room))
        self.heard = PlayerStatus()
        self.done: list[Action] = []
        self.tell()

    def take(self, event: Event) -> list[Action]:
        self.state, actions = step(self.state, self.rules, event)
        for action in actions:
            if isinstance(action, StartPlayback):
                self.play(*(track.track_id for track in action.tracks))
                names = tuple(track.track_id for track in action.tracks)
                assert not self.take(Started(self.at, names, action.automatic))
            elif isinstance(action, PausePlayback | ResumePlayback):
                self.heard = replace(self.heard, playing=isinstance(action, ResumePlayback))
        self.done += actions
        return list(actions)

    def play(self, *names: str, here: bool = True, position_s: float = 0.0) -> None:
        """Play the first of these; who does so is not known."""
        self.heard = PlayerStatus(
            playing=True,
            on_our_device=here,
            item_ids=frozenset(names[:1]),
            elapsed_s=position_s,
            duration_s=LENGTH_S,
            volume=50,
        )

    def tell(self, **room: Any) -> list[Action]:
        """Tell what is known of the room."""
        wall = NOON + timedelta(seconds=self.at)
        self.room = replace(self.room, at=self.at, wall_time=wall, recommended=False, **room)
        return self.take(self.room)

    def mood(self, tracks: tuple[Track, ...] = SONGS) -> list[Action]:
        """Recommend something new."""
        self.room = replace(self.room, at=self.at, recommendation=recommendation(tracks), recommended=True)
        return self.take(self.room)

    def look(self, after_s: float = 10.0) -> list[Action]:
        """Let time pass, and look."""
        self.at += after_s
        if self.heard.playing:
            self.heard = replace(self.heard, elapsed_s=self.heard.elapsed_s + after_s)
        self.tell()
        return self.take(StatusPolled(self.at, self.heard))

    def started(self) -> Speaker:
        """Let music start by itself."""
        self.mood()
        assert self.look(0.1) == [StartPlayback(SONGS, automatic=True)]
        assert self.look(GRACE_S) == []
        return self

    @property
    def why(self) -> str:
        return str(autoplay_block(self.state, self.rules, self.at) or "")


def test_a_new_mood_starts_music_right_after_a_look() -> None:
    speaker = Speaker(PlaybackRules(volume=70, volume_max=60))
    assert poll_in_s(speaker.state, 0.0) is None
    assert speaker.mood() == []
    assert poll_in_s(speaker.state, 0.0) == 0.0
    assert speaker.look(0.1) == [StartPlayback(SONGS, automatic=True, volume=60)], "never beyond the ceiling"
    assert plays_ours(speaker.state, speaker.heard)


def test_without_autoplay_only_a_person_starts_music() -> None:
    speaker = Speaker(autoplay=False)
    speaker.mood()
    assert speaker.look() == []
    assert speaker.why == ""
    assert speaker.take(Ask(speaker.at)) == [StartPlayback(SONGS, automatic=False)]
    assert speaker.take(Ask(speaker.at, OTHERS)) == [StartPlayback(OTHERS, automatic=False)]


def test_an_order_without_anything_to_play_does_nothing() -> None:
    assert Speaker().take(Ask(0.0)) == []
    state, actions = step(PlayerState(), PlaybackRules(), Ask(0.0))
    assert not actions
    assert autoplay_block(state, PlaybackRules(), 0.0) is None
    assert step(PlayerState(), PlaybackRules(), AskStop(1.0))[0].suppressed_until == 1.0 + PlaybackRules().silence_s


@pytest.mark.parametrize("here", [True, False])
def test_somebodys_music_is_never_interrupted(*, here: bool) -> None:
    speaker = Speaker()
    speaker.play("theirs", here=here)
    speaker.mood()
    assert speaker.look() == []
    assert "somebody else's" in speaker.why
    speaker.heard = replace(speaker.heard, playing=False)
    speaker.mood()
    assert speaker.look() == []
    assert "cool-down after" in speaker.why
    speaker.look(700)
    speaker.mood()
    assert speaker.look() == [StartPlayback(SONGS, automatic=True)]


def test_who_takes_over_is_left_alone() -> None:
    speaker = Speaker().started()
    speaker.play("theirs")
    assert speaker.look() == []
    assert not plays_ours(speaker.state, speaker.heard)
    speaker.tell(present=False)
    assert speaker.look(3000) == [], "not ours to pause"
    assert speaker.take(Ask(speaker.at)) == [StartPlayback(SONGS, automatic=False)], "an order is an order"


def test_a_song_is_heard_to_its_end_and_then_the_mood_is_followed() -> None:
    speaker = Speaker(PlaybackRules(cool_down_s=0)).started()
    speaker.mood(OTHERS)
    assert speaker.look(60) == []
    assert poll_in_s(speaker.state, speaker.at) == GRACE_S
    speaker.look(LENGTH_S - speaker.heard.elapsed_s - 3)
    assert poll_in_s(speaker.state, speaker.at) == pytest.approx(1.5)
    assert speaker.look(2) == [StartPlayback(OTHERS, automatic=True)]


def test_a_song_of_unknown_length_is_followed_when_the_next_one_plays() -> None:
    speaker = Speaker(PlaybackRules(cool_down_s=0)).started()
    speaker.heard = replace(speaker.heard, duration_s=None)
    speaker.mood(OTHERS)
    assert speaker.look() == []
    assert poll_in_s(speaker.state, speaker.at) == GRACE_S
    speaker.play("t:1")
    assert speaker.look() == [StartPlayback(OTHERS, automatic=True)]


def test_now_means_now_but_not_within_the_cool_down() -> None:
    speaker = Speaker(PlaybackRules(song_end=False)).started()
    speaker.mood(OTHERS)
    assert speaker.look() == []
    assert "cool-down until 12:10" in speaker.why
    speaker.heard = replace(speaker.heard, elapsed_s=0.0, duration_s=9000.0)
    assert speaker.look(590) == [StartPlayback(OTHERS, automatic=True)]


def test_two_pauses_or_skips_bring_silence_which_an_order_ends() -> None:
    speaker = Speaker(PlaybackRules(cool_down_s=0)).started()
    speaker.play("t:1")
    speaker.look()
    assert speaker.state.interventions, "skipped"
    speaker.heard = replace(speaker.heard, playing=False)
    speaker.look()
    assert "silent until 14:0" in speaker.why
    speaker.mood(OTHERS)
    assert speaker.look(60) == []
    assert speaker.take(Ask(speaker.at)) == [ResumePlayback()]
    assert speaker.why == ""
    speaker.look(7300)
    assert speaker.take(Ask(speaker.at, OTHERS)) == [StartPlayback(OTHERS, automatic=False)]


def test_a_pause_right_after_the_start_counts_too() -> None:
    speaker = Speaker()
    speaker.mood()
    speaker.look(0.1)
    speaker.heard = replace(speaker.heard, playing=False)
    speaker.look(1)
    assert not speaker.state.interventions, "it may be the state before"
    speaker.look(GRACE_S)
    assert speaker.state.interventions


def test_stop_is_silence_at_once() -> None:
    speaker = Speaker(PlaybackRules(cool_down_s=0)).started()
    assert speaker.take(AskStop(speaker.at)) == [PausePlayback(automatic=False)]
    speaker.look()
    assert not speaker.state.interventions, "nobody is blamed for what was ordered"
    speaker.mood(OTHERS)
    assert speaker.look() == []
    assert "play ends it" in speaker.why


def test_next_plays_the_other_songs_where_ours_play() -> None:
    speaker = Speaker(autoplay=False)
    speaker.mood()
    speaker.take(AskNext(0.0))
    assert speaker.mood(OTHERS) == []
    speaker.take(Ask(0.0))
    speaker.look()
    speaker.take(AskNext(speaker.at))
    assert speaker.mood(SONGS) == [StartPlayback(SONGS, automatic=False)]


def test_an_empty_room_pauses_what_we_started_also_when_it_gets_dark() -> None:
    speaker = Speaker().started()
    speaker.heard = replace(speaker.heard, duration_s=9000.0)
    speaker.tell(present=False)
    assert speaker.look(300) == []
    speaker.tell(present=None, watching=False)
    assert speaker.why == "nothing is read now"
    assert speaker.look(301) == [PausePlayback(automatic=True)]
    speaker.look()
    assert not speaker.state.interventions
    speaker.tell(present=False, watching=True)
    assert speaker.why == "nobody is in the room"
    assert speaker.take(Ask(speaker.at)) == [ResumePlayback()]
    assert speaker.look(300) == [], "who asks from elsewhere wants to hear it"
    assert speaker.look(301) == [PausePlayback(automatic=True)]
    speaker.tell(present=True)
    assert speaker.state.away_since is None


def test_a_pause_stops_ours_and_lets_nothing_start() -> None:
    speaker = Speaker().started()
    speaker.tell(paused=True)
    assert poll_in_s(speaker.state, speaker.at) == 0.0
    assert speaker.look(0.1) == [PausePlayback(automatic=True)]
    speaker.mood(OTHERS)
    assert speaker.look() == []
    assert speaker.why == "paused"


def test_quiet_hours_and_a_clock_that_is_not_set() -> None:
    speaker = Speaker(PlaybackRules(quiet_hours=Hours.parse("11:00-13:00")))
    speaker.mood()
    assert speaker.look() == []
    assert speaker.why == "quiet hours until 13:00"
    speaker.tell(synchronised=False)
    assert "clock" in speaker.why


def test_a_list_that_ends_asks_for_more_with_autoplay() -> None:
    for autoplay in (True, False):
        speaker = Speaker(PlaybackRules(cool_down_s=600), autoplay=autoplay)
        speaker.mood()
        speaker.take(Ask(speaker.at))
        speaker.look(GRACE_S)
        speaker.play("t:2", position_s=LENGTH_S - 3)
        speaker.state = replace(speaker.state, interventions=())
        speaker.look(0)
        speaker.state = replace(speaker.state, foreign_playback_at=float("-inf"), interventions=())
        speaker.heard = PlayerStatus()
        assert speaker.look(4) == ([RequestTracks()] if autoplay else [])
        assert not speaker.state.owned_ids


def test_what_can_not_be_had_for_long_is_not_wanted_any_more() -> None:
    speaker = Speaker(PlaybackRules(cool_down_s=0))
    speaker.mood()
    assert speaker.look(WISH_S + 1) == []
    speaker.mood()
    speaker.tell(present=False)
    assert speaker.look(1) == []
    assert speaker.state.pending is None


def test_the_volume_is_a_persons_within_the_ceiling() -> None:
    speaker = Speaker(PlaybackRules(volume_max=60))
    assert speaker.take(AskVolume(0.0, 90)) == [ChangeVolume(60)]
    speaker.tell(volume=20)
    speaker.mood()
    assert speaker.look() == [StartPlayback(SONGS, automatic=True, volume=20)]
    loud = Speaker(PlaybackRules(volume_max=30))
    loud.heard = PlayerStatus(volume=80)
    loud.look()
    loud.mood()
    assert loud.look() == [StartPlayback(SONGS, automatic=True, volume=30)]


def test_what_two_looks_tell() -> None:
    ours = ("a", "b")
    last = PlayerStatus(playing=True, on_our_device=True, item_ids=frozenset("b"), elapsed_s=198, duration_s=200)
    first = replace(last, item_ids=frozenset("a"), elapsed_s=50)
    paused = replace(first, playing=False)
    assert classify_change(last, 0, replace(last, playing=False, elapsed_s=0), 10, ours).ended
    assert classify_change(first, 0, paused, 10, ours).intervened
    assert not classify_change(first, 0, paused, 100, ours).intervened, "too long ago to tell"
    assert not classify_change(paused, 0, first, 10, ours).intervened
    assert classify_change(first, 0, replace(last, elapsed_s=3), 10, ours).intervened
    assert not classify_change(replace(first, elapsed_s=195), 0, replace(last, elapsed_s=3), 10, ours).intervened
    assert not classify_first(first, 6, ours, began=True).intervened
    assert not classify_first(paused, 6, ours, began=False).intervened
    assert not classify_first(replace(paused, duration_s=5), 6, ours, began=True).intervened
    assert classify_first(PlayerStatus(), 6, ours, began=True).over


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("look"), st.sampled_from([0.1, 5.0, 10.0, 70.0, 700.0])),
        st.tuples(st.just("mood"), st.sampled_from([SONGS, OTHERS])),
        st.tuples(st.just("theirs"), st.booleans()),
        st.tuples(st.just("pause"), st.none()),
        st.tuples(
            st.just("room"),
            st.sampled_from([{"present": False}, {"present": True}, {"paused": True}, {"paused": False}]),
        ),
        st.tuples(st.just("order"), st.sampled_from(["play", "stop", "next"])),
    ),
    max_size=40,
)


@given(EVENTS, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_music_that_someone_else_started_is_never_touched_without_an_order(
    events: list[tuple[str, Any]], song_end: bool, autoplay: bool
) -> None:
    speaker = Speaker(PlaybackRules(song_end=song_end, cool_down_s=30), autoplay=autoplay)
    for kind, value in events:
        theirs = speaker.heard.playing and "theirs" in speaker.heard.item_ids
        before = speaker.room
        if kind == "look":
            actions = speaker.look(value)
            if theirs:
                assert not actions
            by_itself = [each for each in actions if isinstance(each, StartPlayback)]
            assert all(each.automatic for each in by_itself)
            if by_itself:
                assert autoplay
                assert before.present
                assert not before.paused
        elif kind == "mood":
            actions = speaker.mood(value)
            assert not [each for each in actions if isinstance(each, StartPlayback) and each.automatic]
        elif kind == "theirs":
            speaker.play("theirs", here=value)
        elif kind == "pause":
            speaker.heard = replace(speaker.heard, playing=False)
        elif kind == "room":
            assert speaker.tell(**value) == []
        else:
            orders: dict[str, Event] = {
                "play": Ask(speaker.at),
                "stop": AskStop(speaker.at),
                "next": AskNext(speaker.at),
            }
            speaker.take(orders[value])


def test_six_months_later_it_ends() -> None:
    assert expiry.ends_on(date(2026, 8, 31)) == date(2027, 2, 28)
    assert expiry.ends_on(date(2026, 1, 15)) == date(2026, 7, 15)
    assert [expiry.warning_due(days) for days in (31, 30, 8, 7, 2, 1, 0, -5)] == [None, 30, 30, 7, 7, 1, 1, 1]
    assert "2027-02-28" in expiry.expiry_warning(date(2027, 2, 28))
