"""A simulated month of a household with autoplay, for the way in which each backend reports what it plays.

In its short form it is six days; script/fault-test runs the month.

Nobody is annoyed: nothing of ours starts into somebody's music, in an empty or paused room, in quiet hours, at a speaker
that is off or in a group, more than once in a cool-down, or while a person wants silence; nobody's music is touched, our
volume stays below its ceiling, and what we changed at the player is put back.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from musicond.core.commands import Next, Play, SetSpeaker, SetVolume, Stop
from musicond.core.models import Mood, PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.core.schedule import Hours, quiet_for_playback
from musicond.player.events import (
    ChangeVolume,
    ModesCleared,
    PausePlayback,
    PlaybackRules,
    PlayerState,
    PollFailed,
    Requested,
    RequestTracks,
    RestorePlayer,
    ResumePlayback,
    RoomUpdate,
    SelectSpeaker,
    SkipTrack,
    Started,
    StartPlayback,
    StatusPolled,
)
from musicond.player.rules import poll_in_s, step
from tests.figures import FULL, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.commands import PlayerCommand
    from musicond.player.events import Action, Event

DAYS = 30 if FULL else 6
START = datetime(2026, 11, 1, tzinfo=UTC)
TICK_S, NIGHT_TICK_S = 10.0, 60.0
AWAKE = (7, 23)
TRACK_S = 210.0
IDLE_POLL_S = 30.0
RULES = PlaybackRules(
    autoplay=True, volume=40, volume_max=60, cool_down_s=600, away_s=600, quiet_hours=Hours.parse("22:00-07:00")
)


class Household:
    """Persons, a speaker, and the rules; `backend` decides how the end of our songs and their modes are reported."""

    def __init__(self, backend: str, seed: int) -> None:
        self.backend, self.rng = backend, random.Random(seed)
        self.state, self.at = PlayerState(), 0.0
        self.queue: list[str] = []
        self.position = self.elapsed_s = 0.0
        self.playing = self.theirs = False
        self.volume, self.repeat = 50, False
        self.modes_by_us = False
        self.powered, self.grouped, self.reachable = True, False, True
        self.present = self.paused = False
        self.silent_until = self.foreign_at = self.autoplay_at = float("-inf")
        self.starts, self.polled_at, self.number = Counter[str](), float("-inf"), 0
        self.counts = Counter[str]()
        self.recommendation: Recommendation | None = None

    @property
    def wall(self) -> datetime:
        return START + timedelta(seconds=self.at)

    # The speaker

    def status(self) -> PlayerStatus:
        """Return what the backend reports: Spotify stays on a list that has ended, the others leave it."""
        ended = self.position >= len(self.queue)
        if ended and (self.backend != "spotify" or not self.queue):
            return PlayerStatus(device="Kitchen", on_our_device=True, powered=self.powered, grouped=self.grouped)
        item = self.queue[0 if ended else int(self.position)]
        return PlayerStatus(
            playing=self.playing,
            on_our_device=True,
            item_ids=frozenset({item}),
            track=Track(item, item, "x", ""),
            elapsed_s=0.0 if ended else self.elapsed_s,
            duration_s=TRACK_S,
            device="Kitchen",
            volume=None if self.backend == "music-assistant" and not self.powered else self.volume,
            powered=self.powered,
            grouped=self.grouped,
        )

    def play_on(self, seconds: float) -> None:
        if not self.playing:
            return
        self.elapsed_s += seconds
        while self.elapsed_s >= TRACK_S and self.playing:
            self.elapsed_s, self.position = self.elapsed_s - TRACK_S, self.position + 1
            if self.position >= len(self.queue):
                self.playing, self.elapsed_s = self.repeat and not self.theirs, 0.0
                self.position = 0 if self.playing else self.position

    def load(self, *items: str, theirs: bool) -> None:
        self.queue, self.position, self.elapsed_s = list(items), 0, 0.0
        self.playing, self.theirs = True, theirs

    # The rules

    def take(self, event: Event) -> None:
        automatic = not isinstance(event, Requested)
        self.state, actions = step(self.state, RULES, event)
        for action in actions:
            self.act(action, automatic=automatic)

    def act(self, action: Action, *, automatic: bool) -> None:
        match action:
            case StartPlayback():
                self.start(action)
            case PausePlayback():
                assert not (automatic and self.theirs and self.playing), "nobody's music is paused"
                self.playing = False
            case ResumePlayback():
                self.playing = True
            case SkipTrack():
                assert not automatic
                self.skip()
            case ChangeVolume(percent):
                assert not automatic
                assert percent <= RULES.volume_max
                self.volume = percent
            case RestorePlayer(_, modes):
                self.repeat, self.modes_by_us = self.repeat or bool(modes), self.modes_by_us and not modes
            case SelectSpeaker() if self.repeat and self.playing and not self.theirs:
                assert not automatic
                self.repeat, self.modes_by_us = False, True
                self.take(ModesCleared(("repeat=1",)))
            case RequestTracks():
                self.recommend()

    def start(self, start: StartPlayback) -> None:
        self.check_start(by_mood=start.automatic)
        self.starts["mood" if start.automatic else "person"] += 1
        self.number += 1
        items = tuple(f"{self.number} {track.track_id}" for track in start.tracks)
        self.load(*items, theirs=False)
        modes = ("repeat=1",) if self.repeat else ()
        self.repeat, self.modes_by_us = False, self.modes_by_us or bool(modes)
        if start.volume is not None:
            assert start.volume <= RULES.volume_max
            self.volume = start.volume
        self.take(Started(self.at, items, start.automatic, modes))

    def check_start(self, *, by_mood: bool) -> None:
        if not by_mood:
            return
        assert self.reachable
        assert not (self.playing and self.theirs), "somebody's music plays"
        assert self.present, "the room is empty"
        assert not self.paused, "a pause"
        assert not quiet_for_playback(RULES.quiet_hours, self.wall, synchronised=True), "quiet hours"
        assert self.powered, "the speaker is off"
        assert not self.grouped, "the speaker is in a group"
        assert self.at >= self.silent_until, "a person wants silence"
        assert self.at - self.foreign_at >= RULES.cool_down_s, "somebody's music has just ended"
        assert self.at - self.autoplay_at >= RULES.cool_down_s or self.queue_of_ours_ended(), "the cool-down"
        self.autoplay_at = self.at

    def queue_of_ours_ended(self) -> bool:
        return not self.theirs and self.position >= len(self.queue)

    def recommend(self) -> None:
        self.counts["recommendations"] += 1
        self.recommendation = Recommendation(Mood.HAPPY, self.songs(), "", self.wall)
        self.update(recommended=True)

    def songs(self) -> tuple[Track, ...]:
        self.number += 1
        return tuple(Track(f"s{self.number}.{place}", "S", "x", "") for place in range(5))

    def update(self, *, recommended: bool = False) -> None:
        self.take(
            RoomUpdate(
                self.at,
                self.wall,
                present=self.present,
                paused=self.paused,
                autoplay=True,
                recommendation=self.recommendation,
                recommended=recommended,
            )
        )

    # The persons

    def person_acts(self) -> None:
        """Let a person act at the speaker or through musicond."""
        ours = self.playing and not self.theirs and self.reachable
        acts: dict[str, tuple[bool, Callable[[], object]]] = {
            "play other music": (True, lambda: self.load("theirs", "theirs too", theirs=True)),
            "stop it": (self.theirs, lambda: setattr(self, "playing", False)),
            "pause ours": (ours, lambda: setattr(self, "playing", False)),
            "skip ours": (ours, self.skip),
            "set the volume": (ours, lambda: setattr(self, "volume", self.rng.randrange(10, 60))),
            "repeat": (not self.state.owned_ids, lambda: setattr(self, "repeat", True)),
            "switch off": (not self.playing, lambda: setattr(self, "powered", False)),
            "group": (not self.playing, lambda: setattr(self, "grouped", True)),
            "unplug the network": (True, lambda: setattr(self, "reachable", False)),
            "pause musicond": (True, lambda: setattr(self, "paused", True)),
            **{
                str(command): (self.reachable, partial(self.order, command))
                for command in (Play(), Play("x"), Stop(), Next(), SetVolume(90), SetSpeaker("Den"))
            },
        }
        possible, act = acts[self.rng.choice(list(acts))]
        if possible:
            self.counts["acts_of_persons"] += 1
            act()

    def skip(self) -> None:
        self.elapsed_s = TRACK_S
        self.play_on(0.0)

    def undo(self) -> None:
        """Switch everything on again."""
        self.powered, self.grouped, self.reachable, self.paused = True, False, True, False

    def order(self, command: PlayerCommand) -> None:
        if isinstance(command, Play):
            self.powered, self.silent_until, self.foreign_at = True, float("-inf"), float("-inf")
        if isinstance(command, Stop):
            self.silent_until = self.at + RULES.silence_s
        self.take(Requested(self.at, command, self.songs() if command == Play("x") else ()))

    def run(self) -> None:
        while self.at < DAYS * 86400:
            awake = AWAKE[0] <= self.wall.hour < AWAKE[1]
            seconds = TICK_S if awake else NIGHT_TICK_S
            self.at += seconds
            self.play_on(seconds)
            if self.rng.random() < TICK_S / 3600:
                self.present = awake and self.rng.random() < 0.7
            if awake and self.rng.random() < TICK_S / 1200:
                self.person_acts()
            if self.rng.random() < TICK_S / 1800:
                self.undo()
            if self.present and not self.paused and self.rng.random() < TICK_S / 480:
                self.recommend()
            due = poll_in_s(self.state, self.at)
            if self.at - self.polled_at >= min(IDLE_POLL_S, IDLE_POLL_S if due is None else due):
                self.polled_at = self.at
                self.update()
                if self.reachable and self.playing and self.theirs:
                    self.foreign_at = self.at
                self.take(StatusPolled(self.at, self.status()) if self.reachable else PollFailed())


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["mpd", "spotify", "music-assistant"])
def test_a_month_annoys_nobody(backend: str) -> None:
    home = Household(backend, seed=1)
    home.run()
    record(f"{DAYS} days with {backend}", **home.counts, **{f"starts_by_{by}": n for by, n in home.starts.items()})
    assert home.starts["mood"] > 0.6 * DAYS, home.starts
    assert home.starts["person"] > 0.6 * DAYS, home.starts
    home.reachable = home.powered = True
    home.load("theirs", theirs=True)
    for _ in range(3):
        home.at += 30
        home.take(StatusPolled(home.at, replace(home.status(), grouped=False)))
    assert not home.modes_by_us, "what we changed is put back"
