"""Joins the pure pipeline to the watch loop: gives it a clock, and stores what persons switch."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING

from musicond.core.bias import CLASSES, Bias, bounded
from musicond.core.messages import Controls, Policy
from musicond.runtime.health import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.messages import Command, Frame, Outcome
    from musicond.core.pace import Pace
    from musicond.core.pipeline import Pipeline
    from musicond.runtime.settings import Settings, SettingsStore

log = logging.getLogger(__name__)


def controls_from(settings: Settings) -> Controls:
    """Return what was switched; whatever can't be understood is off, except privacy."""
    until = settings.get("paused_until")
    try:
        paused_until = datetime.fromisoformat(until) if isinstance(until, str) else None
    except ValueError:
        paused_until = None
    if paused_until is not None and paused_until.tzinfo is None:
        paused_until = paused_until.astimezone()
    return Controls(
        # Anything but a plain "no" keeps the camera closed: that way a mistake hurts nobody.
        private=settings.get("private", False) is not False,
        paused=settings.get("paused") is True,
        paused_until=paused_until,
        policy=Policy(policy) if (policy := settings.get("policy")) in tuple(Policy) else None,
        bias=_bias_from(settings.get("bias")),
    )


def _bias_from(stored: object) -> Bias:
    """Return the bias that was stored as seven numbers in one text; none where that can't be understood."""
    try:
        shifts = tuple(float(each) for each in str(stored).split())
    except ValueError:
        return Bias()
    return bounded(shifts) if len(shifts) == CLASSES and all(map(isfinite, shifts)) else Bias()


def settings_from(controls: Controls) -> Settings:
    """Return the controls in the form that is stored."""
    until = controls.paused_until
    return {
        "private": controls.private,
        "paused": controls.paused,
        "paused_until": until.isoformat() if until else None,
        "policy": controls.policy.value if controls.policy else None,
        "bias": " ".join(map(str, controls.bias.shifts)) if controls.bias else None,
    }


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

    def __init__(self, pipeline: Pipeline, pace: Pace, store: SettingsStore) -> None:
        self.pace = pace
        self._pipeline, self._store = pipeline, store
        self._last: Outcome | None = None
        self.meter = Meter()

    def step(self, frame: Frame) -> Outcome:
        """Take one frame through the pipeline."""
        before = self._pipeline.controls
        self._last = self._pipeline.step(frame)
        self.meter.count()
        if self._pipeline.controls is not before:  # a calibration has ended
            try:
                self._store.save(settings_from(self._pipeline.controls))
            except OSError as fault:
                log.warning("%s: %s; the calibration holds until the next start", self._store.path, fault.strerror)
        return self._last

    def idle(self) -> Outcome:
        """Tell why no frame is read."""
        self._last = self._pipeline.idle(time.monotonic(), datetime.now().astimezone())
        return self._last

    def handle(self, command: Command | Retune) -> None:
        """Do as a person asks and store it; what is switched holds even where it can't be stored (OSError).

        Raises CommandError and CatalogueError as `Pipeline.handle` does: then nothing was done.
        """
        if isinstance(command, Retune):
            command.apply()
            return
        before = self._pipeline.controls
        after = self._pipeline.handle(command, datetime.now().astimezone())
        if after is not before:
            self._store.save(settings_from(after))

    def wants_camera(self) -> bool:
        """Return whether the device may be open: not while private."""
        return not self._pipeline.controls.private

    def wants_frames(self) -> bool:
        """Return whether frames are read: not while paused. A pause whose time has come ends here."""
        if self._pipeline.expire(datetime.now().astimezone()):
            with suppress(OSError):  # its end is stored too: the next start finds it over anyway
                self._store.save(settings_from(self._pipeline.controls))
        return not self._pipeline.controls.paused

    def interval_s(self) -> float:
        """Return the seconds between two steps, by what the last one saw."""
        return self.pace.interval_s(self._last)
