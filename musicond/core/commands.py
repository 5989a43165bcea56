"""What persons ask for: messages too, to be imported from core/messages.py, and apart for their number alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.core.models import Emotion, Policy, Verdict


@dataclass(frozen=True, slots=True)
class SetPrivacy:
    """Close the camera device (`on`) or let it be opened again."""

    on: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Recommend and play nothing: for `minutes`, until tomorrow morning, or until resumed."""

    minutes: float | None = None
    until_tomorrow: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Say what a song is worth in the mood that it was recommended for."""

    verdict: Verdict
    track_id: str | None = None
    """None: the first track of the recommendation shown now."""


@dataclass(frozen=True, slots=True)
class WrongMood:
    """The mood that is announced now is wrong; `right` is what it should be, where that is known."""

    right: Emotion | None = None


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Choose how the music follows the mood; None: as the configuration says."""

    policy: Policy | None


@dataclass(frozen=True, slots=True)
class Next:
    """Offer other songs for this mood now."""


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Learn from the neutral face that is shown for the next ten seconds, or forget what was learnt."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class SetSensitivity:
    """Announce moods sooner or later than configured; see `core.mood.Rules.at_sensitivity`."""

    percent: float
    """0 to 100; 50 is as configured."""


@dataclass(frozen=True, slots=True)
class SetManualMood:
    """Announce this mood for some minutes, whatever is seen; None: what is read again."""

    mood: Emotion | None
    minutes: float = 60.0


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget what persons have switched."""

    key: str | None = None
    """One of `core.controls.SWITCHES`; None: everything."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play what is recommended, from this song on."""

    track_id: str | None = None
    """None: the recommendation from its beginning."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop what plays on the speaker."""


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Set the speaker's volume; never above `playback.volume_max`."""

    percent: float


@dataclass(frozen=True, slots=True)
class SetAutoplay:
    """Let music start by itself when the mood changes, or not; None: as the configuration says."""

    on: bool | None


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """A changed configuration; `apply` hands it to the parts, in the thread of the watch loop."""

    apply: Callable[[], None]


PlayerCommand = Play | Stop | SetVolume | Next
"""A command that the player carries out."""

Command = (
    SetPrivacy
    | Pause
    | Resume
    | Rate
    | WrongMood
    | SetPolicy
    | Next
    | Calibrate
    | SetSensitivity
    | SetManualMood
    | Reset
    | Play
    | Stop
    | SetVolume
    | SetAutoplay
)
"""What a person asks for, whoever sent it: page, MQTT or the command line."""
