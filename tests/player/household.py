"""A simulated household: persons in a room, the real player thread's turns in front of a real backend, and the promises.

The promises are checked where musicond's commands arrive, before they are carried out: nobody is annoyed.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from musicond.core.commands import Next, OtherSongs, Play, Previous, SetSpeaker, SetVolume, Stop
from musicond.core.models import Faces, Mood, Watching
from musicond.core.outcome import Outcome, PlayState, Recommendation
from musicond.core.schedule import Hours, quiet_for_playback
from musicond.core.settings import Settings
from musicond.player.events import PlaybackRules
from musicond.player.player import Player
from musicond.player.state_file import PlayerStateFile
from musicond.runtime.clock import Timestamp
from musicond.runtime.json_file import JsonFile
from tests.player.speakers import OURS, THEIRS, Loaded, Speaker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from musicond.core.commands import PlayerCommand

DAY_S = 86400.0
AWAKE = (7, 23)
TICK_S, NIGHT_TICK_S = 15.0, 300.0
FADE_S = 3.0
"""Longest fade of the volume."""
SLACK_S = 150.0
"""Longest time until the next poll, and more."""
RULES = PlaybackRules(
    autoplay=True, volume=40, volume_max=60, cool_down_s=600, away_s=600, quiet_hours=Hours.parse("22:00-07:00")
)
NEVER = float("-inf")
LOUD = 80
"""Percent that a person sets at the player; musicond never does."""
ANYTIME = ("another queue", "one of our songs in another queue", "another speaker", "another source")
"""The stories that need none of our music."""
COMMANDS: tuple[PlayerCommand, ...] = (
    Play(),
    Play("x"),
    Stop(),
    Next(),
    Previous(),
    SetVolume(90),
    SetSpeaker(None),
    OtherSongs(),
)
STARTING = (Play, Next, Previous, OtherSongs)


class Household:
    """Persons, a speaker and musicond's player, whose `rules` differ from those that are checked where a bug is planted."""

    def __init__(self, speaker: Speaker, seed: int, folder: Path, rules: PlaybackRules = RULES) -> None:
        self.speaker, self.clock, self.rng, self._rules = speaker, speaker.clock, random.Random(seed), rules
        random.seed(seed)  # the waits after a failure
        self.counts = Counter[str]()
        self.violations: list[str] = []
        self.recent = deque[str](maxlen=40)
        """What has happened last."""
        self.present = self.paused = self.private = self.requested = False
        self.synchronised = self.reachable = True
        self.order: PlayerCommand | None = None
        self.recommendation: Recommendation | None = None
        self.seq = 0
        # What the promises are about, in seconds of the clock.
        self.disliked_at = self.silent_until = self.foreign_at = self.autoplay_at = self.started_at = (
            self.volume_ordered_at
        ) = NEVER
        self.wanted_at = self.reached_at = self.acted_at = self.paused_at = 0.0
        self.volume_at_start = 0
        self.absent_since: float | None = None
        self.person_paused = self.by_mood = self.person_volume = self.volume_seen = False
        self.pauses: list[float] = []
        self.fading: tuple[int, float] | None = None
        """The volume before the music began to fade out, and when it did."""
        self.disturbed: tuple[int, float] | None = None
        """The loudest volume of a fade that a person or a fault has disturbed, and when that was."""
        self.act_at = float("inf")
        """When a person acts in the middle of what musicond does."""
        self.repeat = speaker.repeat
        self._file = PlayerStateFile(JsonFile(folder / "playback.json"), speaker.name, self._timestamp)
        self.player = self._new_player()
        speaker.on_command = self.check

    def _timestamp(self) -> Timestamp:
        return Timestamp("boot", self.clock.at, self.clock.wall)

    def _new_player(self) -> Player:
        player = Player(
            self.speaker.new_backend(),
            self._rules,
            lambda: setattr(self, "requested", True),
            synchronised=lambda: self.synchronised,
            state_file=self._file,
            clock=self.clock,
        )
        player._state = self._file.load()
        return player

    # The promises

    def check(self, command: str, value: Any) -> None:
        """Check a command of musicond that has reached the player."""
        loaded = self.speaker.loaded()
        foreign = loaded.whose == THEIRS and loaded.playing
        entry = f"{command} {'' if value is None else value}: {loaded}"
        if self.recent and self.recent[-1].endswith(entry):
            self.recent.pop()
        self._log(entry)
        if command == "status":
            self._note_poll(loaded)
        elif command == "start":
            self._check_start(foreign=foreign)
        elif command == "volume":
            self._check_volume(value, foreign=foreign)
        elif command == "delete":
            self.demand(value == OURS, "a song of a person is deleted")
        elif command == "pause" and self.order is None:
            away = self.absent_since is not None and self.clock.at - self.absent_since >= RULES.away_s
            self.demand(not foreign, "somebody's music is paused")
            self.demand(
                away or self.paused or self.clock.at - self.paused_at < SLACK_S or self._has_disliked(),
                "our music ends while somebody listens",
            )
        elif command in ("resume", "skip"):
            ordered = isinstance(self.order, Play | Next | Previous)
            self.demand(ordered or (command == "skip" and self._has_disliked()), f"{command} without an order")
        elif command == "other":
            self.demand(False, f"musicond never sends {value}")  # noqa: FBT003 - a row

    def _log(self, text: str) -> None:
        self.recent.append(f"{self.clock.wall:%a %d %H:%M:%S} {text}")

    def demand(self, kept: bool, promise: str) -> None:
        """Note a promise that is not kept; the commands come in other threads."""
        if not kept:
            self._log(promise)
            self.violations.append(promise)

    def _check_start(self, *, foreign: bool) -> None:
        if self.clock.at == self.started_at and not self.speaker.loaded().playing:
            return  # the next song of the same start, as the player refused the one before it
        self.started_at, self.by_mood, self.person_paused = self.clock.at, not isinstance(self.order, STARTING), False
        self.volume_at_start, self.fading = self.speaker.volume, None
        self._interfere()
        self.counts["starts_by_mood" if self.by_mood else "starts_by_person"] += 1
        if not self.by_mood:
            self.wanted_at = self.clock.at
            self._note_listener()
            return
        at, quiet = self.clock.at, RULES.quiet_hours
        self.demand(not foreign, "somebody's music plays")
        self.demand(not self.speaker.theirs_wait(), "somebody's music waits")
        self.demand(self.present, "the room is empty")
        self.demand(not self.paused, "a pause")
        self.demand(not self.private, "privacy")
        self.demand(not quiet_for_playback(quiet, self.clock.wall, synchronised=self.synchronised), "quiet hours")
        self.demand(self.speaker.is_free(), "the speaker is off or in a group")
        self.demand(at >= self.silent_until, "a person wants silence")
        self.demand(at - self.foreign_at >= RULES.cool_down_s, "somebody's music or pause has just ended")
        self.demand(at - self.autoplay_at >= RULES.cool_down_s, "the cool-down")
        self.autoplay_at = at

    def _interfere(self) -> None:
        """Let a person act in a moment, at times."""
        if self.rng.random() < 0.25:
            self.act_at = self.clock.at + self.rng.uniform(0, 8)

    def _check_volume(self, percent: int, *, foreign: bool) -> None:
        at, before = self.clock.at, self.speaker.volume
        if at - self.volume_ordered_at < FADE_S:
            self.demand(percent <= max(RULES.volume_max, before), "louder than permitted")
        elif self.disturbed is not None and at - self.disturbed[1] < FADE_S:
            self.demand(percent <= self.disturbed[0], "louder than before")
        elif self.paused and at - self.started_at < 3 * FADE_S:  # a fade in, or the music fades out at once
            self.demand(percent <= RULES.volume_max, "louder than permitted")
            self.disturbed = RULES.volume_max, at  # for the rest of the fade
        elif at - self.started_at < FADE_S:  # a fade in
            own = self.by_mood and self.person_volume and self.volume_at_start <= RULES.volume_max
            self.demand(not own, "the volume that a person has set is changed")
            self.demand(percent <= RULES.volume_max, "louder than permitted")
        else:  # the music fades out, and the volume is set back
            self.demand(not foreign or self.fading is not None, "the volume of somebody's music is changed")
            self._end_fade()
            if self.fading is None:
                self.fading = (before, at)
                self._interfere()
            self.demand(percent <= self.fading[0], "louder than before")

    def _note_poll(self, loaded: Loaded) -> None:
        """Note what musicond sees now."""
        at = self.clock.at
        if loaded.whose == THEIRS and loaded.playing and self.order is None:
            self.foreign_at = at
        if self.person_paused and loaded.whose == OURS and not loaded.playing:
            self.person_paused, self.foreign_at = False, at
            self.pauses = [time for time in self.pauses if at - time < 3500]
            if self.pauses:  # two pauses within an hour
                self.silent_until = max(self.silent_until, self.pauses[0] + RULES.silence_s)
            self.pauses = [*self.pauses, at]
        if self.volume_seen and loaded.whose == OURS and loaded.playing:
            self.person_volume, self.volume_seen = True, False

    def _end_fade(self) -> None:
        """Check the volume after a fade."""
        if self.fading is not None and self.clock.at - self.fading[1] > FADE_S:
            self.demand(self.speaker.volume == self.fading[0], "the volume is not set back after a fade")
            self.fading = None

    def _check_state(self) -> None:
        """Check what must not last, after a turn."""
        at, playback = self.clock.at, self.player.get_playback()
        if playback.trouble is not None:
            self.reached_at = at
            self._disturb_fade()
        self._end_fade()
        ours = playback.ours and playback.state is PlayState.PLAYING
        if ours and at - max(self.wanted_at, self.reached_at) > RULES.away_s + SLACK_S:
            away_s = 0.0 if self.absent_since is None else at - self.absent_since
            self.demand(away_s < RULES.away_s + SLACK_S, "our music plays for nobody")
            ordered = self.wanted_at > self.paused_at  # what a person plays in a pause goes on
            settling = at - self.paused_at < SLACK_S
            self.demand(not self.paused or ordered or settling, "our music plays in a pause")
        assert not self.violations, "\n".join(self.recent)

    # Time

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with the turns of the player that are due."""
        end = self.clock.at + seconds
        while self.clock.at < end:
            self.clock.at = min(end, max(self.act_at, self.clock.at), self.clock.at + self._due_s())
            self.turn()
            if self.clock.at >= self.act_at:
                self.act_at = float("inf")
                self.person_acts()

    def _due_s(self) -> float:
        return 0.001 if self.player._is_wanted() else max(0.001, self.player._wait_s())

    def turn(self, *, recommended: bool = False) -> None:
        """Let the watch loop tell the player of the room, and the player do what is due."""
        self.seq += 1
        watching = Watching.PRIVATE if self.private else Watching.PAUSED if self.paused else Watching.YES
        if watching is Watching.YES:
            self.absent_since = None if self.present else self.absent_since or self.clock.at
        self.player.accept(
            Outcome(
                seq=self.seq,
                captured_at=self.clock.at,
                wall_time=self.clock.wall,
                watching=watching,
                mood=Mood.HAPPY,
                since=self.clock.wall,
                confidence=1.0,
                scores=None,
                raw_scores=None,
                faces=Faces(),
                recommendation=self.recommendation,
                recommended=recommended,
                settings=Settings(paused=self.paused),
                present=self.present if watching is Watching.YES else None,
            )
        )
        if self.player._is_wanted() or self.player._wait_s() <= 0:
            self.player._turn()
            self._check_state()
        if self.requested:  # as the controller does
            self.requested = False
            self._recommend_others()

    def recommend(self) -> None:
        """Let the mood change."""
        self.counts["recommendations"] += 1
        if self._has_disliked():
            self.disliked_at = self.clock.at
        songs = self.speaker.tracks
        first = self.rng.randrange(len(songs))
        self.recommendation = Recommendation(Mood.HAPPY, (*songs[first:], *songs[:first]), "", self.clock.wall)
        self.turn(recommended=True)

    def _recommend_others(self) -> None:
        if not self.private and not self.paused:
            self.player.request(OtherSongs())
            self.recommend()

    # The persons

    def person_acts(self) -> None:
        """Let a person act at the player or through musicond."""
        loaded = self.speaker.loaded()
        ours, silent = loaded.whose == OURS and loaded.playing, not loaded.playing
        acts: dict[str, tuple[bool, Callable[[], object]]] = {
            **{name: (ours or name in ANYTIME, partial(self._act_at_player, name)) for name in self.speaker.acts},
            "pause": (loaded.playing, partial(self._act_at_player, "pause")),
            "resume": (silent, self._resume),
            "louder": (ours, self._turn_up),
            "repeat": (silent, self._repeat),
            "unplug the network": (True, partial(self._reach, reachable=False)),
            "pause musicond": (True, partial(self._switch, "paused")),
            "privacy": (True, partial(self._switch, "private")),
            "restart": (True, self.restart),
            "dislike": (self.recommendation is not None, self._dislike),
            **{str(command): (True, partial(self.order_by, command)) for command in COMMANDS},
        }
        name = self.rng.choice(list(acts))
        possible, act = acts[name]
        if possible:
            self._log(f"a person: {name}")
            self.counts["acts_of_persons"] += 1
            act()
            self.acted_at = self.clock.at
            self.turn()

    def _act_at_player(self, name: str) -> None:
        loaded, before = self.speaker.loaded(), self.speaker.volume
        steady = self.reachable and loaded.whose == OURS and loaded.playing and self._is_settled()
        self.speaker.person_acts(name)
        self.person_paused = steady and name == "pause"
        self.volume_seen = steady and name == "volume" and before != self.speaker.volume
        if name in ("volume", "off"):
            self._disturb_fade()

    def _disturb_fade(self) -> None:
        if self.fading is not None:
            self.disturbed, self.fading = (max(self.fading[0], RULES.volume_max), self.clock.at), None

    def _is_settled(self) -> bool:
        """Return whether musicond knows the state that a person changes: its own music, and nothing done lately."""
        last = max(self.started_at, self.wanted_at, self.volume_ordered_at, self.acted_at, self.reached_at)
        return self.clock.at - last > 30 and self.fading is None and self.player.get_playback().ours

    def _turn_up(self) -> None:
        self.volume_seen = self.reachable and self._is_settled()
        self.speaker.volume = LOUD
        self._disturb_fade()

    def _switch(self, name: str) -> None:
        if name == "paused" and not self.paused:
            self.paused_at = self.clock.at
        setattr(self, name, True)

    def _resume(self) -> None:
        self.person_paused, self.wanted_at = False, self.clock.at
        if self.player.get_playback().state is PlayState.PAUSED:
            self._note_listener()
        self.speaker.resume()

    def _repeat(self) -> None:
        if not self.player._state.owned_ids:
            self.speaker.repeat = self.repeat = self.speaker.repeating

    def _reach(self, *, reachable: bool) -> None:
        self.reachable, self.person_paused, self.volume_seen = reachable, False, False
        self.reached_at = self.clock.at
        self._disturb_fade()
        self.speaker.reach(reachable=reachable)

    def _dislike(self) -> None:
        assert self.recommendation is not None
        track = self.rng.choice(self.recommendation.tracks)
        rejected = self.recommendation.rejected | {track.track_id}
        self.recommendation = replace(self.recommendation, rejected=rejected)

    def _has_disliked(self) -> bool:
        rejected = self.recommendation.rejected if self.recommendation else ()
        return bool(rejected) or self.clock.at - self.disliked_at < FADE_S

    def order_by(self, command: PlayerCommand) -> None:
        """Let a person order something through musicond, as the controller passes it on."""
        loaded = self.player.get_playback().state in (PlayState.PLAYING, PlayState.PAUSED)
        if isinstance(command, Next) and not loaded:
            command = OtherSongs()
        self.order = command
        if isinstance(command, OtherSongs):
            self._recommend_others()
        elif self.recommendation is not None and (loaded or not isinstance(command, Previous)):
            tracks = self.recommendation.tracks if command == Play("x") else ()
            self._note_order(command)
            self.player.request(command, tracks)
            self.turn()
        self.order = None

    def _note_order(self, command: PlayerCommand) -> None:
        self.person_paused = self.volume_seen = False
        if isinstance(command, Play | Next | Previous):
            self.wanted_at = self.clock.at
            self._note_listener()
        if isinstance(command, Play):
            self.silent_until, self.foreign_at, self.pauses = NEVER, NEVER, []
        elif isinstance(command, Stop):
            self.silent_until = self.clock.at + RULES.silence_s
        elif isinstance(command, SetVolume):
            self.volume_ordered_at, self.person_volume, self.fading = self.clock.at, False, None

    def _note_listener(self) -> None:
        """Somebody listens outside the camera's view: an empty room counts as empty from now on."""
        self.absent_since = None if self.absent_since is None else self.clock.at

    def restart(self) -> None:
        """Restart musicond, whose clock may not be set at first; it forgets all but its file."""
        self.player._backend.close()
        self.player = self._new_player()
        self.synchronised = self.rng.random() < 0.5
        self.foreign_at = NEVER
        self.person_paused = self.person_volume = self.volume_seen = self.requested = False
        self.pauses, self.fading, self.recommendation = [], None, None
        self.wanted_at = self.reached_at = self.clock.at
        self.absent_since = None

    def undo(self) -> None:
        """Let persons switch everything on again."""
        self._log("all is on again")
        self.paused, self.private, self.synchronised = False, False, True
        self.speaker.repair()
        if not self.reachable:
            self._reach(reachable=True)

    def live(self, days: int) -> None:
        """Let days pass, from their midnight on."""
        end = self.clock.at + timedelta(days=days).total_seconds()
        while self.clock.at < end:
            awake, rng = AWAKE[0] <= self.clock.wall.hour < AWAKE[1], self.rng
            tick_s = TICK_S if awake else NIGHT_TICK_S
            self.pass_time(rng.uniform(0, 2 * tick_s))
            if rng.random() < tick_s / 1800:
                self.present = rng.random() < (0.5 if awake else 0.1)
            if awake and rng.random() < tick_s / 900:
                self.person_acts()
            if rng.random() < tick_s / 1800:
                self.undo()
                self.speaker.forget()
            if self.present and not self.paused and not self.private and rng.random() < tick_s / 480:
                self.recommend()
