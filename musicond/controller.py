"""The controller: the pipeline with a clock, the player and the stored settings."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from musicond.config.user_settings import to_json
from musicond.core.commands import ConfigUpdate, Next, Play, SetAutoplay, SetVolume, Stop
from musicond.errors import CommandError
from musicond.runtime.health import RateMeter

if TYPE_CHECKING:
    from musicond.core.commands import Command
    from musicond.core.models import Frame, Track
    from musicond.core.outcome import Outcome
    from musicond.core.pipeline import FrameRate, Pipeline
    from musicond.core.ports import FramePreview, PlaybackControl
    from musicond.runtime.json_file import JsonFile

log = logging.getLogger(__name__)

NO_PLAYER = "no player is configured: set playback.backend to spotify or mpd, see docs/spotify.md"


class Controller:
    """Implements `core.ports.TurnHandler`; all methods run in the thread of the watch loop."""

    def __init__(
        self,
        pipeline: Pipeline,
        frame_rate: FrameRate,
        settings_file: JsonFile,
        player: PlaybackControl | None = None,
        preview: FramePreview | None = None,
    ) -> None:
        self.frame_rate = frame_rate
        self.meter = RateMeter()
        self._pipeline, self._player, self._preview = pipeline, player, preview
        self._settings_file, self._stored = settings_file, pipeline.settings
        self._last: Outcome | None = None

    def step(self, frame: Frame) -> Outcome:
        """Process one frame."""
        before = self._pipeline.settings
        self._last = self._with_playback(self._pipeline.step(frame))
        self.meter.count()
        if self._preview is not None:
            self._preview.show(frame, self._last)
        if self._pipeline.settings is not before:  # a calibration has ended
            try:
                self._settings_file.save(to_json(self._pipeline.settings))
            except OSError as exc:
                path = self._settings_file.path
                log.warning("%s: %s; the calibration holds until the next start", path, exc.strerror)
        return self._last

    def idle(self) -> Outcome:
        """Return the outcome of a turn without a frame."""
        if self._preview is not None:
            self._preview.clear()
        self._last = self._with_playback(self._pipeline.idle(time.monotonic(), datetime.now().astimezone()))
        return self._last

    def handle(self, command: Command | ConfigUpdate) -> None:
        """Carry out a command, or queue it for the player; then store changed settings.

        Raises OSError if they can't be stored; they still apply until the daemon ends. Raises CommandError and
        CatalogueError as `Pipeline.handle` does; then nothing has changed.
        """
        match command:
            case ConfigUpdate(apply):
                apply()
                return
            case Play() | Stop() | SetVolume() | SetAutoplay() if self._player is None:
                raise CommandError(NO_PLAYER)
            case Play(track_id) if self._player is not None:
                self._player.request(command, self._tracks_from(track_id, owned=self._player.get_playback().ours))
            case Stop() | SetVolume() if self._player is not None:
                self._player.request(command)
        self._pipeline.handle(command, datetime.now().astimezone())
        if isinstance(command, Next) and self._player is not None:  # only once there is another recommendation
            self._player.request(command)
        self._store()

    def _tracks_from(self, track_id: str | None, *, owned: bool) -> tuple[Track, ...]:
        """Return the recommended tracks from `track_id` on; none without an id: the player decides."""
        recommendation = self._last.recommendation if self._last else None
        tracks = recommendation.tracks if recommendation else ()
        if track_id is None:
            if not tracks and not owned:
                raise CommandError("no song is recommended yet: songs come with the first mood")
            return ()
        ids = [track.track_id for track in tracks]
        if track_id not in ids:
            raise CommandError(f"{track_id!r} is not among the songs that are recommended now")
        return tracks[ids.index(track_id) :]

    def _with_playback(self, outcome: Outcome) -> Outcome:
        return outcome if self._player is None else replace(outcome, playback=self._player.get_playback())

    def wants_camera(self) -> bool:
        """Return whether the camera may be open: not in privacy mode."""
        return not self._pipeline.settings.private

    def wants_frames(self) -> bool:
        """End a pause or a manual mood that is over; return whether frames are wanted: not in a pause."""
        if self._pipeline.expire(datetime.now().astimezone()):
            with suppress(OSError):  # the next start finds it expired anyway
                self._store()
        return not self._pipeline.settings.paused

    def interval_s(self) -> float:
        """Return the seconds between the starts of two steps, which depend on the last outcome."""
        return self.frame_rate.interval_s(self._last)

    def _store(self) -> None:
        settings = self._pipeline.settings
        if settings != self._stored:
            self._settings_file.save(to_json(settings))
            self._stored = settings
