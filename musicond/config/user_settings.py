"""What persons have switched, in the form that is stored."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from musicond.core.models import Emotion, Policy
from musicond.core.mood.bias import CLASSES, Bias, bounded
from musicond.core.outcome import Settings
from musicond.core.settings import DEFAULTS, MAX_MINUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.runtime.json_file import JsonFile, JsonObject

log = logging.getLogger(__name__)


def from_json(settings: JsonObject) -> Settings:
    """Return what was switched; whatever can't be understood is off, except privacy."""
    found: dict[str, Any] = {}
    for name, (understood, _) in FIELDS.items():
        with suppress(ValueError, TypeError, AttributeError):
            found[name] = understood(settings[name]) if settings.get(name) is not None else getattr(DEFAULTS, name)
    if found.get("paused_until") is None and settings.get("paused_until") is not None:
        found["paused"] = False  # better than a pause that never ends
    if found.get("manual_until") is None:
        found["manual_mood"] = None
    return Settings(**found)


def to_json(controls: Settings) -> JsonObject:
    """Return what is switched in the form that is stored; what nobody has touched is left out."""
    return {
        name: stored(value)
        for name, (_, stored) in FIELDS.items()
        if (value := getattr(controls, name)) != getattr(DEFAULTS, name)
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


FIELDS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
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


def load_settings(store: JsonFile) -> Settings:
    """Return what was switched. After damage the camera stays closed until a person says otherwise."""
    found = store.load(default={"private": True, "damaged": True})
    if found.get("damaged"):
        log.warning("%s was damaged: the camera stays closed; to watch again: musicond privacy off", store.path)
    return from_json(found)
