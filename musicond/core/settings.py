"""The run-time settings and their rules: the effect of each command, expiry and reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from musicond.core import commands
from musicond.core.commands import Command
from musicond.core.models import Emotion, Policy
from musicond.core.mood.bias import Bias
from musicond.core.schedule import next_midnight, next_morning, with_fixed_offset

SENSITIVITY = 50.0
"""Percent at which the configured thresholds apply unchanged."""
MAX_MINUTES = 10080
"""Longest pause and longest manual mood: one week."""
MANUAL_MINUTES = 60
"""Default duration of a manual mood."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that users change at run time; they survive restarts."""

    private: bool = False
    private_until: datetime | None = None
    """The end of privacy; None without an end, and while not private."""
    consent_pending: bool = False
    """True until somebody has confirmed that the people here know of the camera; opening it confirms it."""
    paused: bool = False
    paused_until: datetime | None = None
    """The end of the pause; None for a pause without an end, and while not paused."""
    paused_minutes: float | None = None
    """The requested duration; None for a pause without an end or until tomorrow."""
    sensitivity: float | None = None
    """Percent; None: never changed."""
    manual_mood: Emotion | None = None
    """The mood that a user has set."""
    manual_until: datetime | None = None
    policy: Policy | None = None
    """None: as configured."""
    bias: Bias = field(default_factory=Bias)
    """Correction of the scores for this household."""
    autoplay: bool | None = None
    """None: as configured."""
    volume: float | None = None
    """Percent at which music starts; None: as configured."""
    speaker: str | None = None
    """Name of the speaker; None: as configured."""

    @property
    def sensitivity_percent(self) -> float:
        """The effective sensitivity, 0 to 100."""
        return SENSITIVITY if self.sensitivity is None else self.sensitivity


SETTINGS: Mapping[str, tuple[str, ...]] = {
    "privacy": ("private", "private_until"),
    "pause": ("paused", "paused_until", "paused_minutes"),
    "policy": ("policy",),
    "sensitivity": ("sensitivity",),
    "mood": ("manual_mood", "manual_until"),
    "autoplay": ("autoplay",),
    "volume": ("volume",),
    "speaker": ("speaker",),
}
"""Keys that users can set and reset, with the fields of `Settings` that belong to them."""

DEFAULTS = Settings()


_SIMPLE: Mapping[type, tuple[str, str]] = {
    commands.SetPolicy: ("policy", "policy"),
    commands.SetSensitivity: ("sensitivity", "percent"),
    commands.SetAutoplay: ("autoplay", "on"),
    commands.SetVolume: ("volume", "percent"),
    commands.SetSpeaker: ("speaker", "name"),
}
"""For each command that sets one value: the field of `Settings`, and the command's own."""


def apply(settings: Settings, command: Command, wall_time: datetime) -> Settings:
    """Return the settings after a command; one that changes none of them returns them as they are.

    Midnight and morning are those of the zone of `wall_time`, whose offset may change before. Ends have a fixed one.
    """
    if (names := _SIMPLE.get(type(command))) is not None:
        return replace(settings, **{names[0]: getattr(command, names[1])})
    match command:
        case commands.SetPrivacy(on, until_midnight):
            settings = _with_privacy(settings, on, next_midnight(wall_time) if until_midnight else None)
        case commands.Pause(minutes):
            until = _end_of_pause(command, wall_time)
            settings = replace(settings, paused=True, paused_until=until, paused_minutes=minutes)
        case commands.Resume():
            settings = reset(settings, "pause")
        case commands.SetManualMood(mood, minutes):
            until = None if mood is None else with_fixed_offset(wall_time) + timedelta(minutes=minutes)
            settings = replace(settings, manual_mood=mood, manual_until=until)
        case commands.UndoSpeaker(failed, before) if settings.speaker == failed:
            settings = replace(settings, speaker=before)
        case commands.Reset(key):
            settings = reset(settings, key)
    return settings


def _with_privacy(settings: Settings, on: bool, until: datetime | None) -> Settings:
    if not on:
        return replace(settings, private=False, private_until=None, consent_pending=False)
    if settings.private and settings.private_until is None and until is not None:
        return settings  # an end would open the camera of somebody who closed it for good
    return replace(settings, private=True, private_until=until)


def _end_of_pause(pause: commands.Pause, wall_time: datetime) -> datetime | None:
    if pause.minutes is not None:
        return with_fixed_offset(wall_time) + timedelta(minutes=pause.minutes)
    return next_morning(wall_time) if pause.until_tomorrow else None


def reset(settings: Settings, key: str | None) -> Settings:
    """Return the settings with the defaults of one key of `SETTINGS`, or of all keys but privacy (None).

    The camera stays closed while consent is pending.
    """
    fields = (
        SETTINGS[key] if key else [name for other, names in SETTINGS.items() if other != "privacy" for name in names]
    )
    defaults = {name: getattr(DEFAULTS, name) for name in fields}
    if settings.consent_pending:
        defaults.pop("private", None)
    return replace(settings, **defaults)


def with_privacy_of(settings: Settings, present: Settings) -> Settings:
    """Return settings that keep the camera closed where they or the present ones do, and as long as either."""
    closed = [item for item in (settings, present) if item.private]
    ends = [item.private_until for item in closed]
    known = [end for end in ends if end is not None]
    return replace(
        settings,
        private=bool(closed),
        private_until=max(known) if known and len(known) == len(ends) else None,
        consent_pending=settings.consent_pending or present.consent_pending,
    )


def expired(settings: Settings, wall_time: datetime, *, keep_privacy: bool = False) -> Settings:
    """Return the settings without a pause or a manual mood that is over, nor a privacy unless it is to be kept."""
    if not keep_privacy and settings.private_until is not None and wall_time >= settings.private_until:
        settings = reset(settings, "privacy")
    if settings.paused_until is not None and wall_time >= settings.paused_until:
        settings = reset(settings, "pause")
    if settings.manual_until is not None and wall_time >= settings.manual_until:
        settings = reset(settings, "mood")
    return settings


def shifted(settings: Settings, by: timedelta, wall_time: datetime) -> Settings:
    """Return the settings after the clock was set by `by`, to `wall_time`.

    A pause and a manual mood keep their duration. Privacy ends at a midnight, and no sooner than without the change.
    """
    ends = {name: getattr(settings, name) for name in ("paused_until", "manual_until")}
    settings = replace(settings, **{name: end + by for name, end in ends.items() if end is not None})
    if settings.private_until is None:
        return settings
    # It would last for years after a wrong clock was set back.
    due = max(settings.private_until + min(by, timedelta()), wall_time + timedelta.resolution)
    return replace(settings, private_until=next_midnight((due - timedelta.resolution).astimezone(wall_time.tzinfo)))


def bounded(settings: Settings, wall_time: datetime, *, set_clock: bool) -> Settings:
    """Return stored settings with no end further ahead than its command allows: the clock was wrong, or is now.

    Privacy keeps its end unless the clock is known to be set: one that is behind would open the camera too soon.
    """
    now, longest = with_fixed_offset(wall_time), timedelta(minutes=MAX_MINUTES)
    pause = next_morning(wall_time) if settings.paused_minutes is None else None
    latest = {
        **({"private_until": next_midnight(wall_time)} if set_clock else {}),
        "paused_until": pause or now + min(longest, timedelta(minutes=settings.paused_minutes or 0)),
        "manual_until": now + longest,
    }
    ends = {name: getattr(settings, name) for name in latest}
    return replace(settings, **{name: min(end, latest[name]) for name, end in ends.items() if end is not None})


def changed_keys(settings: Settings) -> tuple[str, ...]:
    """Return the keys whose values differ from the defaults."""
    return tuple(key for key in SETTINGS if reset(settings, key) != settings)
