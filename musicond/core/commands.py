"""Commands of users, whether they come from the page, MQTT or the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from musicond.core.models import Emotion, Mood, Policy, Verdict


@dataclass(frozen=True, slots=True)
class SetPrivacy:
    """Close the camera device (`on`), or allow it to be opened again, which is consent, too."""

    on: bool
    until_midnight: bool = False
    """Whether privacy ends at the next midnight, as for guests."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Recommend and play nothing for `minutes`, until tomorrow morning, or until resumed."""

    minutes: float | None = None
    until_tomorrow: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Store feedback on a song for the mood that it was recommended for."""

    verdict: Verdict
    track_id: str | None = None
    """None: the first track of the current recommendation."""
    mood: Emotion | None = None
    """The mood for which it was recommended; None: that of the recommendation that holds it now."""


@dataclass(frozen=True, slots=True)
class WrongMood:
    """Reject the announced mood; `right` is the correct one, if known."""

    right: Emotion | None = None
    wrong: Mood | None = None
    """The mood that was announced; None: whichever is."""


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Choose how the music follows the mood; None: as configured."""

    policy: Policy | None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Remove the feedback on a song for the mood that it was recommended for."""

    track_id: str | None = None
    """None: the track that was rated last."""


@dataclass(frozen=True, slots=True)
class OtherSongs:
    """Recommend other songs for the current mood, and play them where ours play."""


@dataclass(frozen=True, slots=True)
class Next:
    """Play the next track; where nothing is loaded, the same as OtherSongs."""


@dataclass(frozen=True, slots=True)
class Previous:
    """Play the previous track."""


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Calibrate with a neutral face for ten seconds, or remove the learnt bias (`reset`)."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class SetSensitivity:
    """Announce moods sooner or later than configured; see `MoodConfig.at_sensitivity`."""

    percent: float
    """0 to 100; 50 is as configured."""


@dataclass(frozen=True, slots=True)
class SetManualMood:
    """Announce this mood for some minutes, whatever the camera shows; None: end that."""

    mood: Emotion | None
    minutes: float = 60.0


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset run-time settings to their defaults."""

    key: str | None = None
    """One of `core.settings.SETTINGS`; None: all of them."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play the current recommendation from this track on."""

    track_id: str | None = None
    """None: from the beginning."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Pause the music."""


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Set the volume; `playback.volume_max` is the limit."""

    percent: float


@dataclass(frozen=True, slots=True)
class SetSpeaker:
    """Play on the speaker of this name; None: on the configured one."""

    name: str | None


@dataclass(frozen=True, slots=True)
class UndoSpeaker:
    """Set the speaker `before` again after a failed choice, unless another one has been chosen since."""

    failed: str | None
    before: str | None


@dataclass(frozen=True, slots=True)
class SetAutoplay:
    """Start music on a change of mood, or not; None: as configured."""

    on: bool | None


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """A changed configuration; `apply` hands it to the parts, in the thread of the watch loop."""

    apply: Callable[[], None]


PlayerCommand = Play | Stop | SetVolume | SetSpeaker | Next | Previous | OtherSongs
"""A command that the player carries out."""

SettingsCommand = (
    SetPrivacy
    | Pause
    | Resume
    | SetPolicy
    | SetSensitivity
    | SetManualMood
    | SetAutoplay
    | SetVolume
    | SetSpeaker
    | UndoSpeaker
    | Reset
)
"""A command that changes the run-time settings."""

Command = SettingsCommand | PlayerCommand | Rate | Withdraw | WrongMood | Calibrate

OVERTAKING = (SetPrivacy, Pause, Resume, Reset)
"""Commands that overtake all others: privacy and pause, and what ends them."""
