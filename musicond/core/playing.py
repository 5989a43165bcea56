"""What plays, and who started it: messages between the player and those who show it or steer it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from musicond.core.models import Track


class PlayState(StrEnum):
    """What the chosen speaker does, as far as is known."""

    PLAYING = "playing"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNAVAILABLE = "unavailable"
    """No speaker, no account or no network: `Playback.trouble` says which, and what to do."""


class Hold(StrEnum):
    """Why nothing starts by itself."""

    SILENT = "silent"
    OTHERS = "others"
    PAUSED = "paused"
    BLIND = "blind"
    EMPTY = "empty"
    CLOCK = "clock"
    QUIET = "quiet"
    AFTER = "after"
    COOL = "cool"


HOLDS: Mapping[Hold, str] = {
    Hold.SILENT: "silent until {}: a person has stopped our music; play ends it",
    Hold.OTHERS: "somebody else's music is playing",
    Hold.PAUSED: "paused",
    Hold.BLIND: "nothing is read now",
    Hold.EMPTY: "nobody is in the room",
    Hold.CLOCK: "the clock is not set yet, and there are quiet hours",
    Hold.QUIET: "quiet hours until {}",
    Hold.AFTER: "cool-down after somebody's music, or a pause, until {}",
    Hold.COOL: "cool-down until {}",
}


@dataclass(frozen=True, slots=True)
class Holding:
    """Why nothing starts by itself now, and until when; `str` says it in plain words."""

    why: Hold
    until: str = ""
    """HH:MM; empty where no time is set."""

    def __str__(self) -> str:
        return HOLDS[self.why].format(self.until)


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the music service, where there is one."""

    signed_in: bool
    user: str | None = None
    expires_on: date | None = None
    """When a person must sign in again."""
    days_left: int | None = None


@dataclass(frozen=True, slots=True)
class Playback:
    """All there is to tell of the player at one moment."""

    backend: str
    """As in `playback.backend`: "spotify" or "mpd"."""
    state: PlayState = PlayState.STOPPED
    ours: bool = False
    """What plays was started by musicond."""
    track: Track | None = None
    """What plays or is paused."""
    device: str | None = None
    """The speaker's name."""
    volume: int | None = None
    """Percent; None where it is unknown or can't be set."""
    volume_max: int = 100
    autoplay: bool = False
    """Music starts by itself when the mood changes."""
    holding: Holding | None = None
    """Why nothing is started by itself now."""
    trouble: str | None = None
    """What does not work, with its remedy, in one plain sentence."""
    account: Account | None = None
    """None for a backend without an account."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a speaker's service told when it was asked what plays."""

    playing: bool = False
    here: bool = False
    """On the speaker that is configured, and not in another room."""
    names: frozenset[str] = frozenset()
    """By what the piece can be known to who started it; empty: nothing is loaded."""
    track: Track | None = None
    position_s: float = 0.0
    length_s: float | None = None
    """None: unknown."""
    device: str | None = None
    """Where it plays."""
    volume: int | None = None
    """Percent, of the speaker that is configured; None where it is unknown or can't be set."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Play these songs instead of what plays."""

    tracks: tuple[Track, ...]
    by_itself: bool
    """No person has asked for it."""
    level: int | None = None
    """Percent to play them at; None: as the speaker is set."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """Go on with what is paused."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Pause what plays."""

    by_itself: bool


@dataclass(frozen=True, slots=True)
class Level:
    """Set the volume (percent)."""

    percent: int


@dataclass(frozen=True, slots=True)
class More:
    """Ask for more songs of the mood: ours have come to their end."""


Action = Begin | GoOn | Halt | Level | More
"""What `core.manners` has a player do."""
