"""Joins the pure pipeline to the watch loop: gives it a clock, and stores what persons switch."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from musicond.config.user_settings import to_json
from musicond.core.commands import Next, Play, SetAutoplay, SetVolume, Stop
from musicond.errors import CommandError
from musicond.runtime.health import RateMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.commands import Command
    from musicond.core.models import Frame, Track
    from musicond.core.outcome import Outcome, Playback, Settings
    from musicond.core.pipeline import FrameRate, Pipeline
    from musicond.core.ports import FramePreview, PlaybackControl
    from musicond.runtime.json_file import JsonFile

log = logging.getLogger(__name__)

NO_PLAYER = "no player is configured: set playback.backend to spotify or mpd, see docs/spotify.md"


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """A changed configuration: `apply` gives the parts their new figures, in the watch loop's thread."""

    apply: Callable[[], None]


class Controller:
    """What the watch loop runs; used in its thread alone."""

    def __init__(
        self,
        pipeline: Pipeline,
        pace: FrameRate,
        store: JsonFile,
        player: PlaybackControl | None = None,
        preview: FramePreview | None = None,
    ) -> None:
        self.pace = pace
        self._preview = preview
        self._pipeline, self._store, self._player = pipeline, store, player
        self._last: Outcome | None = None
        self._stored = pipeline.settings
        self.meter = RateMeter()

    def step(self, frame: Frame) -> Outcome:
        """Take one frame through the pipeline."""
        before = self._pipeline.settings
        self._last = self._with_playback(self._pipeline.step(frame))
        self.meter.count()
        if self._preview is not None:
            self._preview.show(frame, self._last)
        if self._pipeline.settings is not before:  # a calibration has ended
            try:
                self._store.save(to_json(self._pipeline.settings))
            except OSError as fault:
                log.warning("%s: %s; the calibration holds until the next start", self._store.path, fault.strerror)
        return self._last

    def idle(self) -> Outcome:
        """Tell why no frame is read."""
        if self._preview is not None:
            self._preview.clear()
        self._last = self._with_playback(self._pipeline.idle(time.monotonic(), datetime.now().astimezone()))
        return self._last

    def handle(self, command: Command | ConfigUpdate) -> None:
        """Do as a person asks and store it; what is switched holds even where it can't be stored (OSError).

        Raises CommandError and CatalogueError as `Pipeline.handle` does: then nothing was done.
        """
        if isinstance(command, ConfigUpdate):
            command.apply()
            return
        if not isinstance(command, Next):
            self._order(command)
        controls = self._pipeline.handle(command, datetime.now().astimezone())
        if isinstance(command, Next):  # only once there are other songs
            self._order(command)
        self._keep(controls)

    def _order(self, command: Command) -> None:
        """Hand the player what is meant for it; it does not wait for the player."""
        if not isinstance(command, Play | Stop | SetVolume | SetAutoplay | Next):
            return
        if self._player is None:
            if not isinstance(command, Next):
                raise CommandError(NO_PLAYER)
            return
        if not isinstance(command, SetAutoplay):
            songs = self._songs(command.track_id, self._player.get_playback()) if isinstance(command, Play) else ()
            self._player.request(command, songs)

    def _songs(self, track_id: str | None, now: Playback) -> tuple[Track, ...]:
        """Return the songs to play: what is recommended, from this one on; none leaves it to the player."""
        found = self._last.recommendation if self._last else None
        tracks = found.tracks if found else ()
        if track_id is None:
            if not tracks and not now.ours:
                raise CommandError("no song is recommended yet: songs come with the first mood")
            return ()
        places = [place for place, track in enumerate(tracks) if track.track_id == track_id]
        if not places:
            raise CommandError(f"{track_id!r} is not among the songs that are recommended now")
        return tracks[places[0] :]

    def _with_playback(self, outcome: Outcome) -> Outcome:
        return outcome if self._player is None else replace(outcome, playback=self._player.get_playback())

    def wants_camera(self) -> bool:
        """Return whether the device may be open: not while private."""
        return not self._pipeline.settings.private

    def wants_frames(self) -> bool:
        """Return whether frames are read: not while paused. A pause or a manual mood whose time has come ends here."""
        if self._pipeline.expire(datetime.now().astimezone()):
            with suppress(OSError):  # its end is stored too: the next start finds it over anyway
                self._keep(self._pipeline.settings)
        return not self._pipeline.settings.paused

    def interval_s(self) -> float:
        """Return the seconds between two steps, by what the last one saw."""
        return self.pace.interval_s(self._last)

    def _keep(self, controls: Settings) -> None:
        if controls != self._stored:
            self._store.save(to_json(controls))
            self._stored = controls
