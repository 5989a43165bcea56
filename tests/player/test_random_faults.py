"""Random faults of a speaker that fails, gives wrong answers, is switched off or is used by others; script/fault-test random runs a thousand.

The rules and their file are the real ones; the speaker and the clock are simulated.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.commands import Next, OtherSongs, Play, SetVolume, Stop
from musicond.core.models import Mood, PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.core.schedule import Hours
from musicond.player.events import (
    ChangeVolume,
    PausePlayback,
    PlaybackRules,
    PlayerState,
    PollFailed,
    Requested,
    ResumePlayback,
    RoomUpdate,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.rules import step
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.clock import Timestamp
from musicond.runtime.json_file import JsonFile
from tests.figures import MANY, SEED, random_faults, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from musicond.player.events import Event
    from musicond.player.rules import Step

RULES = PlaybackRules(autoplay=True, volume=70, volume_max=60, cool_down_s=60, quiet_hours=Hours.parse("22:00-07:00"))
START = datetime(2026, 11, 23, 12, tzinfo=UTC)
OURS = tuple(tuple(Track(f"{name}:{number}", "x", "y", "") for number in range(3)) for name in "ab")
THEIRS = "theirs"


@dataclass
class World:
    """A speaker and a room; `rules` is the step of the rules."""

    rng: random.Random
    file: PlayerStateFile
    rules: Callable[[PlayerState, PlaybackRules, Event], Step] = step
    at: float = 0.0
    silent_until: float = -1.0
    starts: int = 0

    def __post_init__(self) -> None:
        self.state, self.status = PlayerState(), PlayerStatus()
        self.room = RoomUpdate(0.0, START, autoplay=True)

    def take(self, event: Event) -> None:
        """Let the rules decide, check what they do, and let the speaker do it, or fail."""
        known = self.state.status if not isinstance(event, StatusPolled) else event.status
        self.state, actions = self.rules(self.state, RULES, event)
        for action in actions:
            if isinstance(action, StartPlayback):
                assert (action.volume or 0) <= RULES.volume_max, "louder than permitted"
                if action.automatic:
                    self.check_start(known)
                self.start(action)
            elif isinstance(action, ChangeVolume):
                assert action.percent <= RULES.volume_max, "louder than permitted"
            elif isinstance(action, PausePlayback):
                assert not action.automatic or not known.item_ids & {THEIRS}, "somebody's music is paused"
                self.status = replace(self.status, playing=False)
            elif isinstance(action, ResumePlayback):
                self.status = replace(self.status, playing=True)

    def check_start(self, known: PlayerStatus) -> None:
        """Music starts without an order only where nobody is disturbed."""
        self.starts += 1
        hour = self.room.wall_time.hour
        assert self.room.autoplay, "autoplay is off"
        assert not self.room.paused, "musicond is paused"
        assert self.room.watching, "nobody watches"
        assert self.room.present, "nobody is there"
        assert 7 <= hour < 22, "quiet hours"
        assert self.at >= self.silent_until, "a person has stopped the music"
        assert not (known.playing and known.item_ids & {THEIRS}), "somebody's music is replaced"

    def start(self, action: StartPlayback) -> None:
        """Play, unless the speaker fails."""
        if self.rng.randrange(5) == 0:
            self.take(PollFailed())
            return
        names = tuple(track.track_id for track in action.tracks)
        self.status = PlayerStatus(
            playing=True, on_our_device=True, item_ids=frozenset(names[:1]), duration_s=200.0, volume=50
        )
        self.take(Started(self.at, names, action.automatic))

    def update(self, **changes: Any) -> None:
        """Send a room update."""
        wall = START + timedelta(seconds=self.at)
        self.room = replace(self.room, at=self.at, wall_time=wall, **({"recommended": False} | changes))
        self.take(self.room)

    def fault(self) -> str:
        """Let one thing go wrong, or a person act; return its name."""
        rng, status = self.rng, self.status
        kinds: dict[str, Callable[[], object]] = {
            "no answer": lambda: self.take(PollFailed()),
            "switched off": lambda: setattr(self, "status", replace(status, powered=False, playing=False)),
            "an error": lambda: setattr(self, "status", replace(status, error="no output", playing=False)),
            "nothing": lambda: setattr(self, "status", PlayerStatus()),
            "odd times": lambda: setattr(
                self,
                "status",
                replace(status, elapsed_s=rng.choice((0.0, 1e9, -5.0)), duration_s=rng.choice((None, 0.0))),
            ),
            "another song": lambda: setattr(
                self, "status", replace(status, item_ids=frozenset((THEIRS,)), playing=True)
            ),
            "paused elsewhere": lambda: setattr(self, "status", replace(status, playing=False)),
            "volume elsewhere": lambda: setattr(self, "status", replace(status, volume=rng.randrange(101))),
            "stop": self.stop,
            "play": self.play,
            "next": lambda: self.take(Requested(self.at, rng.choice((Next(), OtherSongs())))),
            "loud": lambda: self.take(Requested(self.at, SetVolume(rng.randrange(101)))),
            "nobody": lambda: self.update(present=rng.random() < 0.5),
            "pause": lambda: self.update(paused=rng.random() < 0.5),
            "private": lambda: self.update(watching=rng.random() < 0.5),
            "restart": self.restart,
            "hours later": lambda: setattr(self, "at", self.at + rng.choice((30.0, 3600.0, 6 * 3600.0))),
        }
        name = rng.choice(list(kinds))
        kinds[name]()
        return name

    def stop(self) -> None:
        """Stop by command: nothing starts without an order for a while."""
        self.silent_until = self.at + RULES.silence_s
        self.status = replace(self.status, playing=False)
        self.take(Requested(self.at, Stop()))

    def play(self) -> None:
        """Play by command, which ends the silence."""
        self.silent_until = -1.0
        self.take(Requested(self.at, Play()))

    def restart(self) -> None:
        """Go on with what the file keeps."""
        owned, until = self.state.owned_ids, self.state.suppressed_until
        self.file.save(self.state)
        self.state = self.file.load()
        if until is not None and until > self.at:
            assert self.state.suppressed_until == pytest.approx(until, abs=5), "the silence is forgotten"
        assert self.state.owned_ids in (owned, ()), "other songs are taken for ours"
        self.update()


def run_player(count: int, seed: int, folder: Path, rules: Callable[..., Any] = step) -> dict[str, int]:
    """Let the speaker fail; after each fault music was recommended again, and nobody is disturbed."""
    rng = random.Random(seed)
    file = PlayerStateFile(JsonFile(folder / "playback.json"), "mpd", lambda: Timestamp("boot", world.at, START))
    world = World(rng, file, rules)
    for _ in range(count):
        world.fault()
        songs = rng.choice(OURS)
        world.update(recommended=True, recommendation=Recommendation(Mood.HAPPY, songs, "", START))
        for _ in range(3):
            world.at += rng.choice((0.5, 10.0, 70.0))
            world.update()
            world.take(StatusPolled(world.at, world.status))
        if rng.randrange(3) == 0:  # all is well again
            world.status = PlayerStatus(volume=40)
            world.update(present=True, paused=False, watching=True)
    assert world.starts > count / 50, "music starts at all"
    return {"faults": count, "starts": world.starts}


def forgets_the_silence(state: PlayerState, rules: PlaybackRules, event: Event) -> Any:
    """Decide with a planted bug: a stop by a person is forgotten."""
    return step(replace(state, suppressed_until=None, foreign_playback_at=-1e9, interventions=()), rules, event)


def sees_somebody_always(state: PlayerState, rules: PlaybackRules, event: Event) -> Any:
    """Decide with a planted bug: the room is never empty."""
    return step(state, rules, replace(event, present=True) if isinstance(event, RoomUpdate) else event)


def test_no_fault_of_a_player_disturbs_anybody(tmp_path: Path) -> None:
    record("player", **run_player(random_faults(200), SEED, tmp_path))


@pytest.mark.parametrize(
    ("bug", "text"),
    [(forgets_the_silence, "a person has stopped the music|is forgotten"), (sees_somebody_always, "nobody is there")],
)
def test_a_bug_of_the_player_is_found(tmp_path: Path, bug: Callable[..., Any], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        run_player(MANY, SEED, tmp_path, bug)
