"""Joins the pure pipeline to the watch loop: gives it a clock, and stores what persons switch."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from musicond.core.commands import Next, Play, SetAutoplay, SetVolume, Stop
from musicond.core.models import Emotion, Policy
from musicond.core.mood.bias import CLASSES, Bias, bounded
from musicond.core.outcome import Controls
from musicond.core.settings import MAX_MINUTES, NOTHING
from musicond.errors import CommandError
from musicond.runtime.health import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.commands import Command
    from musicond.core.models import Frame, Track
    from musicond.core.outcome import Outcome, Playback
    from musicond.core.pipeline import Pace, Pipeline
    from musicond.core.ports import Player, Shows
    from musicond.runtime.json_file import Settings, SettingsStore

log = logging.getLogger(__name__)

NO_PLAYER = "no player is configured: set playback.backend to spotify or mpd, see docs/spotify.md"


def controls_from(settings: Settings) -> Controls:
    """Return what was switched; whatever can't be understood is off, except privacy."""
    found: dict[str, Any] = {}
    for name, (understood, _) in FORMS.items():
        with suppress(ValueError, TypeError, AttributeError):
            found[name] = understood(settings[name]) if settings.get(name) is not None else getattr(NOTHING, name)
    if found.get("paused_until") is None and settings.get("paused_until") is not None:
        found["paused"] = False  # better than a pause that never ends
    if found.get("manual_until") is None:
        found["manual_mood"] = None
    return Controls(**found)


def settings_from(controls: Controls) -> Settings:
    """Return what is switched in the form that is stored; what nobody has touched is left out."""
    return {
        name: stored(value)
        for name, (_, stored) in FORMS.items()
        if (value := getattr(controls, name)) != getattr(NOTHING, name)
    }


def _time(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone() if found.tzinfo is None else found


def _amount(low: float, high: float) -> Callable[[Any], float]:
    def understood(value: Any) -> float:
        number = float("nan") if isinstance(value, bool) else float(value)
        if not low <= number <= high:
            raise ValueError(number)
        return number

    return understood


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _bias(text: Any) -> Bias:
    """Understand seven numbers in one text."""
    shifts = tuple(float(each) for each in text.split())
    if len(shifts) != CLASSES or not all(map(isfinite, shifts)):
        raise ValueError(text)
    return bounded(shifts)


FORMS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    # Anything but a plain "no" keeps the camera closed: that way a mistake hurts nobody.
    "private": (lambda value: value is not False, bool),
    "paused": (lambda value: value is True, bool),
    "paused_until": (_time, datetime.isoformat),
    "paused_minutes": (_amount(0, MAX_MINUTES), float),
    "policy": (Policy, str),
    "sensitivity": (_amount(0, 100), float),
    "manual_mood": (Emotion, str),
    "manual_until": (_time, datetime.isoformat),
    "autoplay": (_yes_or_no, bool),
    "volume": (_amount(0, 100), float),
    "bias": (_bias, lambda bias: " ".join(map(str, bias.shifts))),
}
"""How each field of Controls is understood from settings.json and stored there."""


def load_controls(store: SettingsStore) -> Controls:
    """Return what was switched. After damage the camera stays closed until a person says otherwise."""
    found = store.load(if_damaged={"private": True, "damaged": True})
    if found.get("damaged"):
        log.warning("%s was damaged: the camera stays closed; to watch again: musicond privacy off", store.path)
    return controls_from(found)


@dataclass(frozen=True, slots=True)
class Retune:
    """A changed configuration: `apply` gives the parts their new figures, in the watch loop's thread."""

    apply: Callable[[], None]


class Brain:
    """What the watch loop runs; used in its thread alone."""

    def __init__(
        self,
        pipeline: Pipeline,
        pace: Pace,
        store: SettingsStore,
        player: Player | None = None,
        preview: Shows | None = None,
    ) -> None:
        self.pace = pace
        self._preview = preview
        self._pipeline, self._store, self._player = pipeline, store, player
        self._last: Outcome | None = None
        self._stored = pipeline.controls
        self.meter = Meter()

    def step(self, frame: Frame) -> Outcome:
        """Take one frame through the pipeline."""
        before = self._pipeline.controls
        self._last = self._with_playback(self._pipeline.step(frame))
        self.meter.count()
        if self._preview is not None:
            self._preview.show(frame, self._last)
        if self._pipeline.controls is not before:  # a calibration has ended
            try:
                self._store.save(settings_from(self._pipeline.controls))
            except OSError as fault:
                log.warning("%s: %s; the calibration holds until the next start", self._store.path, fault.strerror)
        return self._last

    def idle(self) -> Outcome:
        """Tell why no frame is read."""
        if self._preview is not None:
            self._preview.clear()
        self._last = self._with_playback(self._pipeline.idle(time.monotonic(), datetime.now().astimezone()))
        return self._last

    def handle(self, command: Command | Retune) -> None:
        """Do as a person asks and store it; what is switched holds even where it can't be stored (OSError).

        Raises CommandError and CatalogueError as `Pipeline.handle` does: then nothing was done.
        """
        if isinstance(command, Retune):
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
            songs = self._songs(command.track_id, self._player.now()) if isinstance(command, Play) else ()
            self._player.order(command, songs)

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
        return outcome if self._player is None else replace(outcome, playback=self._player.now())

    def wants_camera(self) -> bool:
        """Return whether the device may be open: not while private."""
        return not self._pipeline.controls.private

    def wants_frames(self) -> bool:
        """Return whether frames are read: not while paused. A pause or a manual mood whose time has come ends here."""
        if self._pipeline.expire(datetime.now().astimezone()):
            with suppress(OSError):  # its end is stored too: the next start finds it over anyway
                self._keep(self._pipeline.controls)
        return not self._pipeline.controls.paused

    def interval_s(self) -> float:
        """Return the seconds between two steps, by what the last one saw."""
        return self.pace.interval_s(self._last)

    def _keep(self, controls: Controls) -> None:
        if controls != self._stored:
            self._store.save(settings_from(controls))
            self._stored = controls
