"""The same property of each real backend with its service: what others play is never touched without an order.

The rules, the backend and its service are real, only the clock of the rules is simulated; tests/player/test_rules.py has
the property of the rules alone.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicond.core.commands import Next, OtherSongs, Play, Stop
from musicond.errors import PlaybackError
from musicond.player.events import (
    ChangeVolume,
    PausePlayback,
    PlaybackRules,
    PollFailed,
    RestorePlayer,
    ResumePlayback,
    RoomUpdate,
    SkipTrack,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.rules import step
from tests.player.test_rules import Simulation
from tests.player.test_stories import BACKENDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from musicond.player.events import Action, Event
    from musicond.player.rules import Step
    from tests.player.test_stories import Stage

RULES = PlaybackRules(song_end=False, cool_down_s=30, away_s=600)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("poll"), st.sampled_from([0.1, 10.0, 70.0, 700.0])),
        st.tuples(st.just("mood"), st.none()),
        st.tuples(st.sampled_from(["theirs", "theirs paused"]), st.none()),
        st.tuples(st.just("enqueue"), st.none()),
        st.tuples(st.just("room"), st.sampled_from([{"present": False}, {"present": True}, {"paused": True}])),
        st.tuples(st.just("request"), st.sampled_from([Play(), Stop(), Next(), OtherSongs()])),
    ),
    min_size=4,
    max_size=10,
)

PERSONS: dict[str, Callable[[Stage], object]] = {
    "theirs": lambda stage: stage.replace_queue(),
    "theirs paused": lambda stage: (stage.replace_queue(), stage.pause()),
    "enqueue": lambda stage: stage.enqueue(),
}
"""What persons do at the player."""


class BackendSimulation(Simulation):
    """The rules with a real backend; `rules_step` is their step."""

    def __init__(self, stage: Stage, rules_step: Callable[..., Step] = step, **room: Any) -> None:
        self._stage, self._step = stage, rules_step
        super().__init__(RULES, **room)

    def take(self, event: Event) -> list[Action]:
        self.state, actions = self._step(self.state, self.rules, event)
        self.done += actions
        for action in actions:
            self._perform(action)
        return list(actions)

    def _perform(self, action: Action) -> None:
        backend = self._stage.backend
        try:
            match action:
                case StartPlayback(tracks):
                    started = backend.play(tracks)
                    self.take(Started(self.at, started.item_ids, action.automatic, started.modes))
                case PausePlayback():
                    backend.pause()
                case ResumePlayback():
                    backend.resume()
                case SkipTrack():
                    backend.next()
                case ChangeVolume(percent):
                    backend.set_volume(percent)
                case RestorePlayer(item_ids, modes):
                    backend.restore(item_ids, modes)
        except PlaybackError:
            self.take(PollFailed())

    def poll(self, after_s: float = 10.0) -> list[Action]:
        self.at += after_s
        self.update()
        try:
            self.status = self._stage.backend.get_status()
        except PlaybackError:
            return self.take(PollFailed())
        return self.take(StatusPolled(self.at, self.status))


@contextmanager
def fresh_stage(backend: str) -> Iterator[Stage]:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        stages = BACKENDS[backend](Path(folder), monkeypatch)
        try:
            yield next(stages)
        finally:
            next(stages, None)


def check_property(backend: str, events: list[tuple[str, Any]], rules_step: Callable[..., Step] = step) -> None:
    """Let things happen; what others play is left alone, and nothing starts in an empty room or a pause."""
    with fresh_stage(backend) as stage, closing(stage.backend):
        happen(BackendSimulation(stage, rules_step), stage, events)


def happen(player: BackendSimulation, stage: Stage, events: list[tuple[str, Any]]) -> None:
    put: dict[str, int] = {}
    """The number of our starts before the music of others, and before a song that others have queued behind ours."""
    player.poll(0.1)
    for kind, value in events:
        starts, done = stage.count_starts(), len(player.done)
        foreign = put.get("theirs") == starts and stage.backend.get_status().playing
        if kind == "poll":
            player.poll(value)
        elif kind == "mood":
            player.recommend(stage.tracks)
        elif kind == "room":
            player.update(**value)
        elif kind in PERSONS:
            PERSONS[kind](stage)
            put[kind.partition(" ")[0]] = starts if kind != "enqueue" or is_behind_another(stage) else -1
        else:
            player.request(value)
            if isinstance(value, OtherSongs):  # which the controller requests once there are some
                player.recommend(stage.tracks)
            continue
        if foreign:
            assert all(isinstance(action, RestorePlayer) for action in player.done[done:]), (
                "somebody's music is touched"
            )
        if stage.count_starts() > starts:
            paused = stage.queues and put.get("theirs") == starts
            check_start(player, paused=paused, queued=put.get("enqueue") == starts)


def is_behind_another(stage: Stage) -> bool:
    """Return whether a song that was put into the queue comes after a loaded one."""
    return stage.queues and bool(stage.backend.get_status().item_ids)


def check_start(player: BackendSimulation, *, paused: bool, queued: bool) -> None:
    """Check a start that no person has asked for; others have `paused` music there, or `queued` a song."""
    assert not paused, "somebody's music is paused"
    assert not queued, "somebody's song waits"
    assert player.room.present, "the room is empty"
    assert not player.room.paused, "a pause"


def takes_all_for_ours(state: Any, rules: PlaybackRules, event: Event) -> Any:
    """Decide with a planted bug: whatever plays is taken for ours."""
    if isinstance(event, StatusPolled):
        state = replace(state, owned_ids=tuple(event.status.item_ids), interventions=())
    return step(state, rules, event)


def starts_over_what_waits(state: Any, rules: PlaybackRules, event: Event) -> Any:
    """Decide with a planted bug: music of others that waits is not seen."""
    if isinstance(event, StatusPolled):
        event = replace(event, status=replace(event.status, waiting=()))
    return step(state, rules, event)


def pauses_when_the_room_empties(state: Any, rules: PlaybackRules, event: Event) -> Any:
    """Decide with a planted bug: an empty room pauses whatever plays, at once."""
    state, actions = step(state, rules, event)
    empty = isinstance(event, RoomUpdate) and not event.present
    return state, (*actions, PausePlayback(automatic=True)) if empty else actions


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=10, deadline=None)
@given(events=EVENTS)
def test_what_others_play_is_left_alone_by_each_backend(backend: str, events: list[tuple[str, Any]]) -> None:
    check_property(backend, events)


@pytest.mark.parametrize("backend", BACKENDS)
def test_planted_bugs_are_found_with_each_backend(backend: str) -> None:
    events = [("theirs", None), ("poll", 0.1), ("room", {"present": False}), ("poll", 700.0), ("poll", 700.0)]
    check_property(backend, events)
    with pytest.raises(AssertionError, match="somebody's music is touched"):
        check_property(backend, events, takes_all_for_ours)
    with pytest.raises(AssertionError, match="somebody's music is touched"):
        check_property(backend, events[:3], pauses_when_the_room_empties)
    paused = [("theirs paused", None), ("poll", 700.0), ("mood", None), ("poll", 0.1)]
    check_property(backend, paused)
    queued = [("mood", None), ("poll", 0.1), ("enqueue", None), ("mood", None), ("poll", 70.0)]
    check_property(backend, queued)
    if backend != "spotify":
        with pytest.raises(AssertionError, match="somebody's music is paused"):
            check_property(backend, paused, starts_over_what_waits)
        with pytest.raises(AssertionError, match="somebody's song waits"):
            check_property(backend, queued, starts_over_what_waits)
