"""The controller: the pipeline with a clock, the player and the stored settings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime

from musicond.config.user_settings import is_of_this_boot, to_json
from musicond.core import heat
from musicond.core.commands import (
    Command,
    ConfigUpdate,
    Next,
    OtherSongs,
    Play,
    Previous,
    Reset,
    SetAutoplay,
    SetPrivacy,
    SetSpeaker,
    SettingsCommand,
    SetVolume,
    Stop,
)
from musicond.core.frame_rate import FrameRate
from musicond.core.models import Frame, Track
from musicond.core.outcome import Outcome, PlayState
from musicond.core.pipeline import Pipeline
from musicond.core.ports import FramePreview, PlaybackControl
from musicond.core.settings import shifted
from musicond.errors import NO_PLAYER, CommandError
from musicond.runtime.clock import LOCAL, ClockGuard
from musicond.runtime.health import RateMeter, temperature_c
from musicond.runtime.inbox import joined
from musicond.runtime.json_file import JsonFile
from musicond.runtime.storage import StorageWriter

log = logging.getLogger(__name__)

HEAT_CHECK_S = 5.0
"""Seconds between two looks at the temperature."""


class Controller:
    """Implements `core.ports.TurnHandler`; all methods run in the thread of the watch loop."""

    def __init__(
        self,
        pipeline: Pipeline,
        frame_rate: FrameRate,
        settings_file: JsonFile,
        player: PlaybackControl | None = None,
        preview: FramePreview | None = None,
        writer: StorageWriter | None = None,
        clock: ClockGuard | None = None,
        get_temperature: Callable[[], float | None] = temperature_c,
    ) -> None:
        self.frame_rate = frame_rate
        self.heat_step = 0
        """How many of `core.heat.STEPS` are in force."""
        self.picture_turned = 0
        """`Faces.turned` of the last frame that was not dark."""
        self.demo = False
        """Whether the frames are drawn by the built-in demo."""
        self.meter = RateMeter()
        self._pipeline, self._player, self._preview = pipeline, player, preview
        self._settings_file, self._writer = settings_file, writer or StorageWriter()
        self._clock = clock or ClockGuard()
        self._get_temperature, self._heat_checked_at = get_temperature, -HEAT_CHECK_S
        self._submitted = pipeline.settings if settings_file.verified else None
        """The settings that are stored, or handed to the writer."""
        self._end_waits = pipeline.settings.private_until is not None and not is_of_this_boot(settings_file)
        """Whether the end of privacy is from before the boot: the clock may be another one since."""
        self._last: Outcome | None = None

    def step(self, frame: Frame) -> Outcome:
        """Process one frame."""
        self._last = self._completed(self._pipeline.step(frame))
        if not self._last.faces.dark:
            self.picture_turned = self._last.faces.turned
        self.meter.count()
        if self._preview is not None:
            self._preview.show(frame, self._last)
        return self._last

    def idle(self) -> Outcome:
        """Return the outcome of a turn without a frame."""
        if self._preview is not None:
            self._preview.clear()
        self._last = self._completed(self._pipeline.idle(time.monotonic(), datetime.now().astimezone()))
        return self._last

    def handle(self, command: Command | ConfigUpdate) -> Future[None] | None:
        """Carry out a command; return the future of what it stores, and of what the player does.

        Raises CommandError and CatalogueError as `Pipeline.handle` does; then nothing has changed.
        """
        self._follow_clock()
        submitted, speaker = self._writer.last_submitted, self._pipeline.settings.speaker
        if isinstance(command, Next) and not self._has_loaded_track():
            command = OtherSongs()
        played: Future[None] | None = None
        match command:
            case ConfigUpdate(apply):
                apply()
                return None
            case Play() | Stop() | Previous() | SetVolume() | SetAutoplay() | SetSpeaker() if self._player is None:
                raise CommandError(NO_PLAYER)
            case Previous() if not self._has_loaded_track():
                raise CommandError("nothing plays now, so there is no previous track")
            case Play(track_id) if self._player is not None:
                tracks = self._tracks_from(track_id, owned=self._player.get_playback().ours)
                played = self._player.request(command, tracks)
            case Stop() | Next() | Previous() | SetVolume() if self._player is not None:
                played = self._player.request(command)
        self._pipeline.handle(command, datetime.now(LOCAL))
        self._end_waits = self._end_waits and not isinstance(command, (SetPrivacy, Reset))
        if isinstance(command, OtherSongs) and self._player is not None:  # only once there is another recommendation
            self._player.request(command)
        chosen = self._pipeline.settings.speaker
        if self._player is not None and (isinstance(command, SetSpeaker) or chosen != speaker):  # or it was reset
            selected = self._player.request(SetSpeaker(chosen))
            played = selected if isinstance(command, SetSpeaker) else None
        stored = self._store(again=isinstance(command, SettingsCommand))
        return joined(stored if self._writer.last_submitted is submitted else self._writer.last_submitted, played)

    def _has_loaded_track(self) -> bool:
        playback = self._player.get_playback() if self._player is not None else None
        return playback is not None and playback.state in (PlayState.PLAYING, PlayState.PAUSED)

    def _tracks_from(self, track_id: str | None, *, owned: bool) -> tuple[Track, ...]:
        """Return the recommended tracks from `track_id` on; none without an id: the player decides."""
        recommendation = self._last.recommendation if self._last else None
        tracks, wanted = (recommendation.tracks, recommendation.wanted) if recommendation else ((), ())
        if track_id is None:
            if not wanted and not owned:
                disliked = "all these songs are disliked: ask for other songs"
                raise CommandError(disliked if tracks else "no song is recommended yet: songs come with the first mood")
            return ()
        ids = [track.track_id for track in tracks]
        if track_id not in ids:
            raise CommandError(f"{track_id!r} is not among the songs that are recommended now")
        first, *rest = tracks[ids.index(track_id) :]
        return (first, *(track for track in rest if track in wanted))

    def _completed(self, outcome: Outcome) -> Outcome:
        if self.demo:
            outcome = replace(outcome, demo=True)
        if (unsaved := self._writer.unsaved) is not None:
            outcome = replace(outcome, unsaved=unsaved)
        return outcome if self._player is None else replace(outcome, playback=self._player.get_playback())

    def wants_camera(self) -> bool:
        """Return whether the camera may be open: not in privacy."""
        return not self._pipeline.settings.private

    def wants_frames(self) -> bool:
        """End a pause or a manual mood that is over; return whether frames are wanted: not in a pause.

        Called each turn, it also stores what has changed without a command, and follows the heat of the processor.
        """
        self._follow_clock()
        self._follow_heat()
        self._end_waits = self._end_waits and self._clock.is_unsynchronised()
        self._pipeline.expire(datetime.now().astimezone(), keep_privacy=self._end_waits)
        if self._pipeline.settings is not self._submitted:
            self._store()
        return not self._pipeline.settings.paused

    def interval_s(self) -> float:
        """Return the seconds between the starts of two steps, which depend on the last outcome."""
        return self.frame_rate.slowed(heat.rate_share(self.heat_step)).interval_s(self._last)

    @property
    def rate(self) -> float:
        """Frames per second with a person present, as the heat leaves them."""
        return self.frame_rate.slowed(heat.rate_share(self.heat_step)).rate

    def _follow_heat(self) -> None:
        """Lower the frame rate in a hot machine, and raise it again."""
        now = time.monotonic()
        if now - self._heat_checked_at < HEAT_CHECK_S:
            return
        self._heat_checked_at, temperature, before = now, self._get_temperature(), self.heat_step
        self.heat_step = heat.next_step(before, temperature)
        if self.heat_step == before:
            return
        self._pipeline.mood_config = self._pipeline.mood_config.at_rate(self.rate)
        level = logging.WARNING if self.heat_step > before else logging.INFO
        remedy = "; give the device air, or a fan" if self.heat_step > before else ""
        log.log(level, "processor at %.0f degrees Celsius: %.1f frames/s%s", temperature or 0, self.rate, remedy)

    def _follow_clock(self) -> None:
        if jump := self._clock.jump():
            self._pipeline.settings = shifted(self._pipeline.settings, jump, datetime.now(LOCAL))

    def _store(self, *, again: bool = False) -> Future[None] | None:
        """Hand changed settings to the writer; with `again`, unchanged ones too while they are not on the disk."""
        settings = self._pipeline.settings
        if settings == self._submitted and not (again and not self._writer.saved):
            return None
        # At once: its ends are by the present clock.
        self._submitted, data = settings, to_json(settings, of_this_boot=not self._end_waits)
        return self._writer.save_settings(lambda: self._settings_file.save(data))
