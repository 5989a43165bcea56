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
class StartPlayback:
    """Play these songs instead of what plays."""

    tracks: tuple[Track, ...]
    automatic: bool
    """No person has asked for it."""
    volume: int | None = None
    """Percent to play them at; None: as the speaker is set."""


@dataclass(frozen=True, slots=True)
class ResumePlayback:
    """Go on with what is paused."""


@dataclass(frozen=True, slots=True)
class PausePlayback:
    """Pause what plays."""

    automatic: bool


@dataclass(frozen=True, slots=True)
class ChangeVolume:
    """Set the volume (percent)."""

    percent: int


@dataclass(frozen=True, slots=True)
class RequestTracks:
    """Ask for more songs of the mood: ours have come to their end."""


Action = StartPlayback | ResumePlayback | PausePlayback | ChangeVolume | RequestTracks
"""What `core.manners` has a player do."""


@dataclass(frozen=True, slots=True)
class PlaybackRules:
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
class RoomUpdate:
    """What is known of the room; an event."""

    at: float
    """Monotonic seconds."""
    wall_time: datetime
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
class StatusPolled:
    """The speaker's service was asked what plays."""

    at: float
    status: PlayerStatus


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
    """A person's order: other songs, which the next `RoomUpdate` brings; where ours play, they are played."""

    at: float


@dataclass(frozen=True, slots=True)
class Started:
    """`StartPlayback` was done; the songs are known by these names, in their order."""

    at: float
    item_ids: tuple[str, ...]
    automatic: bool = False


Event = RoomUpdate | StatusPolled | Ask | AskStop | AskVolume | AskNext | Started


@dataclass(frozen=True, slots=True)
class PendingPlayback:
    """A recommendation that waits to be played."""

    tracks: tuple[Track, ...]
    since: float
    during: frozenset[str] = frozenset()
    """The song of ours that played when it came."""


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What the rules need to remember."""

    room: RoomUpdate | None = None
    owned_ids: tuple[str, ...] = ()
    """The names of what we started last, in the order of playing; empty: nothing that is still ours."""
    last: StatusPolled | None = None
    pending: PendingPlayback | None = None
    poll_now: bool = False
    """Somebody waits for a look at what plays."""
    next_asked: bool = False
    pause_pending: bool = False
    """A pause has begun."""
    last_action_at: float = float("-inf")
    last_action_was_start: bool = False
    """Our last act was to begin or to go on, not to halt."""
    autoplay_started_at: float = float("-inf")
    """When music last began by itself."""
    foreign_playback_at: float = float("-inf")
    """When a person last paused or skipped ours, or somebody's music was last heard."""
    interventions: tuple[float, ...] = ()
    """When persons paused or skipped our music."""
    suppressed_until: float | None = None
    away_since: float | None = None
