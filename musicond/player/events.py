"""What `core.manners` is told and what it remembers: the rules' figures, the events, and the state between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from musicond.core.models import PlayerStatus, Track
    from musicond.core.outcome import Recommendation
    from musicond.core.schedule import Hours


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


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says."""

    song_end: bool = True
    volume: int | None = None
    """Percent at which our music starts; None: as the speaker is set."""
    volume_max: int = 100
    cool_down_s: float = 600.0
    away_s: float = 600.0
    silence_s: float = 7200.0
    quiet_hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What is known of the room; an event."""

    at: float
    """Monotonic seconds."""
    wall: datetime
    watching: bool = True
    paused: bool = False
    present: bool | None = True
    autoplay: bool = False
    synchronised: bool = True
    """The clock is right."""
    volume: int | None = None
    """What a person has set it to."""
    recommendation: Recommendation | None = None
    recommended: bool = False
    """It is new."""


@dataclass(frozen=True, slots=True)
class Listened:
    """The speaker's service was asked what plays."""

    at: float
    heard: PlayerStatus


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's order: play these songs; without any, go on, or play what is recommended."""

    at: float
    tracks: tuple[Track, ...] = ()


@dataclass(frozen=True, slots=True)
class AskStop:
    """A person's order: stop."""

    at: float


@dataclass(frozen=True, slots=True)
class AskVolume:
    """A person's order: the volume in percent."""

    at: float
    percent: float


@dataclass(frozen=True, slots=True)
class AskNext:
    """A person's order: other songs, which the next `Room` brings; where ours play, they are played."""

    at: float


@dataclass(frozen=True, slots=True)
class Started:
    """`Begin` was done; the songs are known by these names, in their order."""

    at: float
    names: tuple[str, ...]
    by_itself: bool = False


Event = Room | Listened | Ask | AskStop | AskVolume | AskNext | Started


@dataclass(frozen=True, slots=True)
class Wish:
    """A recommendation that waits to be played."""

    tracks: tuple[Track, ...]
    since: float
    during: frozenset[str] = frozenset()
    """The song of ours that played when it came."""


@dataclass(frozen=True, slots=True)
class State:
    """What the rules need to remember."""

    room: Room | None = None
    ours: tuple[str, ...] = ()
    """The names of what we started last, in the order of playing; empty: nothing that is still ours."""
    last: Listened | None = None
    wish: Wish | None = None
    look: bool = False
    """Somebody waits for a look at what plays."""
    next_asked: bool = False
    hush: bool = False
    """A pause has begun."""
    acted_at: float = float("-inf")
    began: bool = False
    """Our last act was to begin or to go on, not to halt."""
    begun_at: float = float("-inf")
    """When music last began by itself."""
    others_at: float = float("-inf")
    """When a person last paused or skipped ours, or somebody's music was last heard."""
    meddled: tuple[float, ...] = ()
    """When persons paused or skipped our music."""
    silent_until: float | None = None
    away_since: float | None = None
