"""The configuration, events, actions and state of `player.rules`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from musicond.core.commands import PlayerCommand
from musicond.core.models import PlayerStatus, Track
from musicond.core.outcome import Recommendation
from musicond.core.schedule import Hours

NEVER = float("-inf")
"""Time of something that has not happened."""


@dataclass(frozen=True, slots=True)
class PlaybackRules:
    """The configuration of the player."""

    autoplay: bool = False
    """Autoplay is on unless a person has switched it."""
    device: str | None = None
    """Name of the device to show while the backend gives none."""
    song_end: bool = True
    volume: int | None = None
    """Percent at which our music starts; None: as the device is set."""
    volume_max: int = 100
    cool_down_s: float = 600.0
    away_s: float = 600.0
    silence_s: float = 7200.0
    quiet_hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class StartPlayback:
    """Replace the queue by these tracks and play them."""

    tracks: tuple[Track, ...]
    automatic: bool
    """No person has asked for it."""
    volume: int | None = None
    """Percent; None: as the device is set."""


@dataclass(frozen=True, slots=True)
class ResumePlayback:
    """Resume playback if it is paused."""


@dataclass(frozen=True, slots=True)
class PausePlayback:
    """Pause playback."""

    automatic: bool


@dataclass(frozen=True, slots=True)
class SkipTrack:
    """Play the next track of the queue, or the previous one."""

    forward: bool


@dataclass(frozen=True, slots=True)
class ChangeVolume:
    """Set the volume in percent."""

    percent: int


@dataclass(frozen=True, slots=True)
class RequestTracks:
    """Ask for another recommendation, because our tracks have ended."""


@dataclass(frozen=True, slots=True)
class RestorePlayer:
    """Remove our tracks from the queue, and put back the modes that were changed for them."""

    item_ids: tuple[str, ...]
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SelectSpeaker:
    """Play on the speaker of this name from now on; None: on the configured one."""

    name: str | None
    move: bool
    """Move what plays now, too."""


Action = (
    StartPlayback
    | ResumePlayback
    | PausePlayback
    | SkipTrack
    | ChangeVolume
    | RequestTracks
    | RestorePlayer
    | SelectSpeaker
)


@dataclass(frozen=True, slots=True)
class RoomUpdate:
    """The latest outcome of the watch loop."""

    at: float
    """Monotonic seconds, as in every event."""
    wall_time: datetime
    watching: bool = True
    paused: bool = False
    present: bool | None = True
    autoplay: bool = False
    synchronised: bool = True
    """The clock is right."""
    volume: int | None = None
    """Percent that a person has set."""
    speaker: str | None = None
    """Name of the speaker that a person has selected; None: the configured one. Only the first update counts."""
    recommendation: Recommendation | None = None
    recommended: bool = False
    """The recommendation is new."""


@dataclass(frozen=True, slots=True)
class StatusPolled:
    """The backend has returned its status."""

    at: float
    status: PlayerStatus


@dataclass(frozen=True, slots=True)
class Requested:
    """A person's command.

    Play starts `tracks`; without any it resumes, or plays the recommendation. OtherSongs plays the recommendation of
    the next `RoomUpdate`, if it comes soon and ours is playing now. Next and Previous skip what plays on the device,
    whoever started it; Next at our last track asks for other songs. SetSpeaker takes along what plays.
    """

    at: float
    command: PlayerCommand
    tracks: tuple[Track, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackRejected:
    """A track of ours plays that a person has disliked since it was recommended."""

    at: float


@dataclass(frozen=True, slots=True)
class Started:
    """`StartPlayback` is done; `item_ids` are the backend's names of the tracks, in the order of playing."""

    at: float
    item_ids: tuple[str, ...]
    automatic: bool = False
    modes: tuple[str, ...] = ()
    """The modes of the player that were switched off for these tracks."""
    track_ids: tuple[str, ...] = ()
    """Their identifiers in the catalogue, in the same order."""


@dataclass(frozen=True, slots=True)
class ModesCleared:
    """These modes of the player were switched off for our tracks, which play already."""

    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpeakerSelected:
    """The backend has selected another speaker, which a person has chosen; None: the configured one."""

    name: str | None


@dataclass(frozen=True, slots=True)
class PollFailed:
    """The backend has not returned its status."""


Event = RoomUpdate | StatusPolled | Requested | TrackRejected | Started | ModesCleared | SpeakerSelected | PollFailed


@dataclass(frozen=True, slots=True)
class PendingPlayback:
    """A recommendation that waits to be played."""

    tracks: tuple[Track, ...]
    since: float
    playing_ids: frozenset[str] = frozenset()
    """Our track that was playing when it came."""


@dataclass(frozen=True, slots=True)
class PlaybackChange:
    """The change of our playback between two polls."""

    intervened: bool = False
    """A person has paused, stopped, skipped or replaced our music."""
    over: bool = False
    """The track that plays, or is paused, is no longer ours."""
    ended: bool = False
    """Our tracks have played to their end."""


@dataclass(frozen=True, slots=True)
class PlayerState:
    """The memory of the rules between two events."""

    room: RoomUpdate | None = None
    owned_ids: tuple[str, ...] = ()
    """The names of what we started last, in the order of playing; empty: nothing is ours any more."""
    owned_track_ids: tuple[str, ...] = ()
    """Their identifiers in the catalogue, in the same order; empty: unknown."""
    former_ids: tuple[str, ...] = ()
    """The names of what was ours last; what is left of it in a queue is nobody else's."""
    modes: tuple[str, ...] = ()
    """The modes of the player to put back after our tracks."""
    last_poll: StatusPolled | None = None
    poll_failed: bool = False
    """No status was returned since the last poll."""
    pending: PendingPlayback | None = None
    poll_now: bool = False
    others_requested_at: float = NEVER
    """The recommendation that follows this at once is played in place of our music."""
    pause_pending: bool = False
    """A pause has begun, and no status shows yet that ours is paused."""
    last_action_at: float = NEVER
    last_action_was_start: bool = False
    """Our last action was to start or to resume, not to pause."""
    volume_set_at: float = NEVER
    """Time at which we last changed the volume."""
    speaker_changed: bool = False
    """A person has chosen another speaker for our music, whose volume was not compared with the ceiling yet."""
    volume_kept: bool = False
    """A person has changed the volume of our music elsewhere; autoplay leaves it so."""
    autoplay_started_at: float = NEVER
    foreign_playback_at: float = NEVER
    """Time at which a person last intervened, or other music was last playing."""
    interventions: tuple[float, ...] = ()
    """Times at which persons paused, stopped, skipped or replaced our music."""
    suppressed_until: float | None = None
    away_since: float | None = None

    @property
    def status(self) -> PlayerStatus:
        """The status of the last poll; an empty one without a poll since our last start."""
        return self.last_poll.status if self.last_poll else PlayerStatus()

    @property
    def others_wait(self) -> bool:
        """Whether music of others is paused, or waits behind ours."""
        ours = {*self.owned_ids, *self.former_ids}
        return any(item_ids.isdisjoint(ours) for item_ids in self.status.waiting)
