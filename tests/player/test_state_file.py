"""The part of the player's state that outlives a restart, and its file."""

from __future__ import annotations

import json
import logging
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.commands import Play, Stop
from musicond.core.models import Mood, PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.player.changes import is_owned
from musicond.player.events import (
    NEVER,
    Event,
    PausePlayback,
    PlaybackRules,
    PlayerState,
    Requested,
    RestorePlayer,
    RoomUpdate,
    Started,
    StatusPolled,
)
from musicond.player.rules import autoplay_block, step
from musicond.player.state_file import FILE_NAME, MAX_AGE_S, PlayerStateFile, persistent_part
from musicond.runtime.clock import Timestamp
from musicond.runtime.json_file import JsonFile

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIRST = Timestamp("first", 1000.0, NOON)
TRACKS = (Track("t:1", "One", "x", ""), Track("t:2", "Two", "x", ""))
OURS = ("t:1", "t:2")
PLAYING = PlayerStatus(playing=True, on_our_device=True, item_ids=frozenset({"t:2"}), elapsed_s=3.0, duration_s=200.0)
TIMES = st.floats(-1e6, 1e6)


def persisted(owned_ids: tuple[str, ...], started: float | None = None, until: float | None = None) -> PlayerState:
    started = NEVER if started is None else started
    return PlayerState(owned_ids=owned_ids, autoplay_started_at=started, suppressed_until=until)


STATE = persisted(("t:1", "t:2"), 990.0, 8000.0)


def state_file(folder: Path, now: Timestamp = FIRST, device: str = "spotify Kitchen") -> PlayerStateFile:
    return PlayerStateFile(JsonFile(folder / FILE_NAME), device, lambda: now)


def on(boot: str, at: float, **passed: float) -> Timestamp:
    return Timestamp(boot, at, NOON + timedelta(**passed))


def after(*events: Event, state: PlayerState | None = None, rules: PlaybackRules | None = None) -> PlayerState:
    state = state or PlayerState()
    for event in events:
        state = step(state, rules or PlaybackRules(), event)[0]
    return state


def restarted(state: PlayerState, at: float) -> PlayerState:
    return persistent_part(state, PlaybackRules(), at)


def test_what_we_started_is_ours_after_a_restart_and_a_pause_stops_it() -> None:
    state = restarted(after(Started(100.0, OURS)), 110.0)
    state, actions = step(state, PlaybackRules(), StatusPolled(120.0, PLAYING))
    assert not actions
    assert is_owned(PLAYING, state.owned_ids)
    state = after(RoomUpdate(121.0, NOON), RoomUpdate(122.0, NOON, paused=True), state=state)
    assert step(state, PlaybackRules(), StatusPolled(123.0, PLAYING))[1] == (PausePlayback(automatic=True),)


def test_changes_during_a_restart_are_nobodys_intervention() -> None:
    state = restarted(after(Started(100.0, OURS)), 110.0)
    paused = PlayerStatus(on_our_device=True, item_ids=frozenset({"t:1"}), elapsed_s=3.0, duration_s=200.0)
    state = after(StatusPolled(120.0, paused), state=state)
    assert (state.interventions, state.owned_ids) == ((), OURS)
    foreign = PlayerStatus(playing=True, on_our_device=True, item_ids=frozenset({"theirs"}))
    state = after(StatusPolled(122.0, foreign), state=restarted(state, 121.0))
    assert (state.interventions, state.owned_ids) == ((), ())
    assert persistent_part(state, PlaybackRules(), 123.0) == PlayerState(former_ids=OURS), "what is left is no other's"


def test_silence_and_cool_down_go_on_and_end_in_their_time() -> None:
    rules = PlaybackRules(silence_s=7200, cool_down_s=600)
    state = after(Started(0.0, OURS, automatic=True), Requested(10.0, Stop()), rules=rules)
    assert persistent_part(state, rules, 20.0) == persisted(OURS, 0.0, 7210.0)
    assert persistent_part(state, rules, 700.0) == persisted(OURS, None, 7210.0)
    assert persistent_part(state, rules, 7210.0) == persisted(OURS)
    state = persistent_part(state, rules, 20.0)
    state = after(RoomUpdate(30.0, NOON, autoplay=True), state=state, rules=rules)
    assert str(autoplay_block(state, rules, 30.0)) == "silent until 13:59: a person has stopped our music; play ends it"
    recommendation = Recommendation(Mood.HAPPY, TRACKS, "", NOON)
    room = RoomUpdate(31.0, NOON, autoplay=True, recommendation=recommendation, recommended=True)
    state = after(room, state=state, rules=rules)
    assert step(state, rules, StatusPolled(32.0, PlayerStatus()))[1] == (RestorePlayer(OURS, ()),)
    assert step(state, rules, Requested(33.0, Play(), TRACKS))[0].suppressed_until is None


def test_without_anything_to_persist_there_is_nothing() -> None:
    assert persistent_part(PlayerState(), PlaybackRules(), 0.0) == PlayerState()


@given(st.lists(st.text(max_size=3), max_size=3), st.none() | TIMES, st.none() | TIMES, st.floats(0, MAX_AGE_S))
def test_times_keep_their_distances_over_a_reboot(
    owned_ids: list[str], started: float | None, until: float | None, passed_s: float
) -> None:
    with TemporaryDirectory() as folder:
        state_file(Path(folder)).save(persisted(tuple(owned_ids), started, until))
        state = state_file(Path(folder), on("second", 20.0, seconds=passed_s)).load()
    assert state.owned_ids == tuple(owned_ids)
    shift_s = 20.0 - passed_s - 1000.0
    assert state.autoplay_started_at == (NEVER if started is None else pytest.approx(started + shift_s, abs=1e-3))
    expected = None if until is None else min(until + shift_s, 20.0 + MAX_AGE_S)
    assert state.suppressed_until == (None if expected is None else pytest.approx(expected, abs=1e-3))


def test_it_is_for_its_owner_alone_and_gone_when_there_is_nothing_to_persist(tmp_path: Path) -> None:
    path, file = tmp_path / FILE_NAME, state_file(tmp_path)
    assert file.load() == PlayerState()
    file.save(PlayerState())
    assert not path.exists()
    file.save(STATE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.stat().st_ino
    file.save(replace(STATE))
    assert path.stat().st_ino == before, "written only when it has changed"
    file.save(replace(STATE, owned_ids=("t:3",)))
    assert "t:1" not in path.read_text(), "no history"
    file.save(PlayerState())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("jump", [timedelta(), timedelta(days=-400), timedelta(days=400)])
def test_within_one_boot_the_wall_clock_may_jump(tmp_path: Path, jump: timedelta) -> None:
    state_file(tmp_path).save(STATE)
    later = state_file(tmp_path, Timestamp("first", 1300.0, NOON + jump))
    assert later.load() == STATE
    before = (tmp_path / FILE_NAME).stat().st_ino
    later.save(STATE)
    assert (tmp_path / FILE_NAME).stat().st_ino == before


def test_after_a_reboot_the_wall_clock_counts_and_a_wrong_one_shortens_no_silence(tmp_path: Path) -> None:
    state_file(tmp_path).save(STATE)
    state = state_file(tmp_path, on("second", 20.0, minutes=10)).load()
    assert state == persisted(STATE.owned_ids, 20.0 - 600 - 10, 20.0 - 600 + 7000)
    unset = state_file(tmp_path, on("second", 20.0, days=-300)).load()
    assert unset.suppressed_until == 20.0 + 7000
    assert state_file(tmp_path, on("", 20.0, minutes=10)).load() == state


@pytest.mark.parametrize(
    ("now", "device"),
    [
        (on("second", 20.0, seconds=MAX_AGE_S + 1), "spotify Kitchen"),
        (Timestamp("first", 1000.0 + MAX_AGE_S + 1, NOON), "spotify Kitchen"),
        (Timestamp("first", 1010.0, NOON), "spotify Bedroom"),
    ],
)
def test_what_is_old_or_was_started_elsewhere_is_not_ours(tmp_path: Path, now: Timestamp, device: str) -> None:
    state_file(tmp_path).save(STATE)
    file = state_file(tmp_path, now, device)
    state = file.load()
    assert (state.owned_ids, state.autoplay_started_at) == ((), NEVER)
    assert state.former_ids == (STATE.owned_ids if device == "spotify Kitchen" else ())
    file.save(PlayerState())
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"ours": "t:1"},
        {"ours": "[1]"},
        {"at": float("inf")},
        {"wall": "yesterday"},
        {"wall": "2026-11-23T12:00:00"},
        {"boot": None, "at": None},
    ],
)
def test_an_invalid_file_is_ignored_and_written_again(tmp_path: Path, change: dict[str, object]) -> None:
    state_file(tmp_path).save(STATE)
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    file = state_file(tmp_path, on("second", 20.0, minutes=10))
    assert file.load() == PlayerState()
    file.save(STATE)
    assert state_file(tmp_path, on("second", 20.0, minutes=10)).load() == STATE
    path.write_text("{")
    assert state_file(tmp_path).load() == PlayerState()


@pytest.mark.parametrize("lost", ["begun_at", "silent_until"])
def test_what_could_be_read_of_a_damaged_file_is_kept(tmp_path: Path, lost: str) -> None:
    state_file(tmp_path).save(STATE)
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text().replace(f'"{lost}": ', f'"{lost}": 1'))
    left = {"begun_at": persisted(OURS, None, 8000.0), "silent_until": persisted(OURS, 990.0)}
    assert state_file(tmp_path).load() == left[lost]


def test_a_file_of_an_older_version_is_read(tmp_path: Path) -> None:
    state = replace(STATE, owned_track_ids=("song:1", "song:2"))
    state_file(tmp_path).save(state)
    assert state_file(tmp_path).load() == state
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "tracks"}))
    assert state_file(tmp_path).load() == STATE


def test_a_silence_has_a_longest_duration(tmp_path: Path) -> None:
    state_file(tmp_path).save(replace(STATE, suppressed_until=1e12))
    assert state_file(tmp_path).load().suppressed_until == 1000.0 + MAX_AGE_S


def test_a_folder_that_can_not_be_written_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = state_file(tmp_path / "missing")
    with caplog.at_level(logging.WARNING):
        file.save(STATE)
        file.save(STATE)
    assert len(caplog.records) == 1
    assert "t:1" not in caplog.text


def test_timestamps_of_this_machine_have_a_distance() -> None:
    first, second = Timestamp.now(), Timestamp.now()
    assert first.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert 0 <= second.after_s(first) < 60
    assert first.after_s(second) == 0.0
