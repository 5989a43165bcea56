"""What of the player's state outlives a restart."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from musicond.core.models import Mood, PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.player.events import (
    Ask,
    AskStop,
    PausePlayback,
    PlaybackRules,
    PlayerState,
    RoomUpdate,
    Started,
    StatusPolled,
)
from musicond.player.rules import autoplay_block, plays_ours, step
from musicond.player.state_file import PersistedState, kept, resumed

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SONGS = (Track("t:1", "One", "x", ""), Track("t:2", "Two", "x", ""))
OURS = ("t:1", "t:2")
PLAYS = PlayerStatus(playing=True, on_our_device=True, item_ids=frozenset({"t:2"}), elapsed_s=3.0, duration_s=200.0)
TIMES = st.floats(-1e6, 1e6)


def after_restart(state: PlayerState, at: float) -> PlayerState:
    return resumed(kept(state, PlaybackRules(), at))


def test_what_we_started_is_ours_after_a_restart_and_a_pause_stops_it() -> None:
    state = step(PlayerState(), PlaybackRules(), Started(100.0, OURS))[0]
    state = after_restart(state, 110.0)
    state, actions = step(state, PlaybackRules(), StatusPolled(120.0, PLAYS))
    assert not actions
    assert plays_ours(state, PLAYS)
    state = step(state, PlaybackRules(), RoomUpdate(121.0, NOON))[0]
    state = step(state, PlaybackRules(), RoomUpdate(122.0, NOON, paused=True))[0]
    assert step(state, PlaybackRules(), StatusPolled(123.0, PLAYS))[1] == (PausePlayback(automatic=True),)


def test_nobody_is_blamed_for_what_happened_meanwhile() -> None:
    state = after_restart(step(PlayerState(), PlaybackRules(), Started(100.0, OURS))[0], 110.0)
    paused = PlayerStatus(on_our_device=True, item_ids=frozenset({"t:1"}), elapsed_s=3.0, duration_s=200.0)
    state = step(state, PlaybackRules(), StatusPolled(120.0, paused))[0]
    assert (state.interventions, state.owned_ids) == ((), OURS)
    theirs = PlayerStatus(playing=True, on_our_device=True, item_ids=frozenset({"theirs"}))
    state = step(after_restart(state, 121.0), PlaybackRules(), StatusPolled(122.0, theirs))[0]
    assert (state.interventions, state.owned_ids) == ((), ())
    assert kept(state, PlaybackRules(), 123.0) == PersistedState()


def test_silence_and_cool_down_go_on_and_end_in_their_time() -> None:
    rules = PlaybackRules(silence_s=7200, cool_down_s=600)
    state = step(PlayerState(), rules, Started(0.0, OURS, automatic=True))[0]
    state = step(state, rules, AskStop(10.0))[0]
    assert kept(state, rules, 20.0) == PersistedState(OURS, 0.0, 7210.0)
    assert kept(state, rules, 700.0) == PersistedState(OURS, None, 7210.0)
    assert kept(state, rules, 7210.0) == PersistedState(OURS)
    state = resumed(kept(state, rules, 20.0))
    state = step(state, rules, RoomUpdate(30.0, NOON, autoplay=True))[0]
    assert str(autoplay_block(state, rules, 30.0)) == "silent until 13:59: a person has stopped our music; play ends it"
    found = Recommendation(Mood.HAPPY, SONGS, "", NOON)
    state = step(state, rules, RoomUpdate(31.0, NOON, autoplay=True, recommendation=found, recommended=True))[0]
    assert not step(state, rules, StatusPolled(32.0, PlayerStatus()))[1]
    assert step(state, rules, Ask(33.0, SONGS))[0].suppressed_until is None


def test_without_anything_to_keep_there_is_nothing() -> None:
    assert kept(PlayerState(), PlaybackRules(), 0.0) == PersistedState()
    assert resumed(PersistedState()) == PlayerState()


@given(st.lists(st.text(max_size=3), max_size=3), st.none() | TIMES, st.none() | TIMES, TIMES)
def test_what_is_put_off_keeps_its_distances(
    ours: list[str], begun: float | None, silent: float | None, seconds: float
) -> None:
    found = PersistedState(tuple(ours), begun, silent)
    put_off = found.later(seconds)
    assert put_off.ours == found.ours
    for before, after in ((begun, put_off.begun_at), (silent, put_off.silent_until)):
        assert after == (None if before is None else before + seconds)
