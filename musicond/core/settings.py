"""What persons switch: what each command does to the controls, what ends by itself, and what a reset gives back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from musicond.core.commands import (
    Command,
    Pause,
    Reset,
    Resume,
    SetAutoplay,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSensitivity,
    SetVolume,
)
from musicond.core.outcome import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MAX_MINUTES = 10080
"""Longest pause and longest manual mood: one week."""
MANUAL_MINUTES = 60
"""How long a manual mood holds where nothing else is said."""
MORNING_HOUR = 6
"""When a pause "until tomorrow" ends."""
MIN_NIGHT = timedelta(hours=3)
"""A morning nearer than that is still tonight."""

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "privacy": ("private",),
    "pause": ("paused", "paused_until", "paused_minutes"),
    "policy": ("policy",),
    "sensitivity": ("sensitivity",),
    "mood": ("manual_mood", "manual_until"),
    "autoplay": ("autoplay",),
    "volume": ("volume",),
}
"""What a person can switch and reset, and the fields of Controls that hold it."""

DEFAULTS = Settings()


def apply(controls: Settings, command: Command, wall: datetime) -> Settings:
    """Return the controls after a command; those that switch nothing leave them as they are."""
    match command:
        case Pause(minutes, until_tomorrow):
            until = next_morning(wall) if until_tomorrow else None
            if minutes is not None:
                until = wall + timedelta(minutes=minutes)
            return replace(controls, paused=True, paused_until=until, paused_minutes=minutes)
        case Resume():
            return reset(controls, "pause")
        case SetManualMood(mood=None):
            return reset(controls, "mood")
        case SetManualMood(mood, minutes):
            return replace(controls, manual_mood=mood, manual_until=wall + timedelta(minutes=minutes))
        case Reset(key):
            return reset(controls, key)
    return _set(controls, command)


def _set(controls: Settings, command: Command) -> Settings:
    """Return the controls with the one field that a command sets."""
    match command:
        case SetPrivacy(on):
            return replace(controls, private=on)
        case SetPolicy(policy):
            return replace(controls, policy=policy)
        case SetSensitivity(percent):
            return replace(controls, sensitivity=percent)
        case SetAutoplay(on):
            return replace(controls, autoplay=on)
        case SetVolume(percent):
            return replace(controls, volume=percent)
    return controls


def reset(controls: Settings, key: str | None) -> Settings:
    """Return the controls with one switch of `SETTINGS`, or with None every one, as if nobody had touched it."""
    fields = SETTINGS[key] if key else [name for names in SETTINGS.values() for name in names]
    return replace(controls, **{name: getattr(DEFAULTS, name) for name in fields})


def expired(controls: Settings, wall: datetime) -> Settings:
    """Return the controls without a pause or a manual mood whose time has come."""
    if controls.paused_until is not None and wall >= controls.paused_until:
        controls = reset(controls, "pause")
    if controls.manual_until is not None and wall >= controls.manual_until:
        controls = reset(controls, "mood")
    return controls


def changed_keys(controls: Settings) -> tuple[str, ...]:
    """Return the names of what a person has switched away from its default."""
    return tuple(
        key
        for key, names in SETTINGS.items()
        if any(getattr(controls, name) != getattr(DEFAULTS, name) for name in names)
    )


def next_morning(wall: datetime) -> datetime:
    """Return the next six in the morning that is not already near."""
    today = wall.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0)
    return today if today - wall >= MIN_NIGHT else today + timedelta(days=1)
