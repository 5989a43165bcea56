"""The outcome of one turn of the watch loop, and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from musicond.core.models import Emotion, Faces, Mood, MoodChange, Placement, Policy, Track, Verdict, Watching
from musicond.core.settings import Settings


class Strategy(StrEnum):
    """The way songs were chosen: by a policy, or as a mix for two emotions with nearly equal scores."""

    MATCH = "match"
    MIX = "mix"
    LIFT = "lift"
    STEADY = "steady"


class Novelty(StrEnum):
    """Novelty of the songs: some liked, none ever offered, some offered just before, or none offered just before."""

    LIKED = "liked"
    NEW = "new"
    AGAIN = "again"
    RESTED = "rested"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason for a recommendation, in parts."""

    strategy: Strategy
    novelty: Novelty
    liked: int = 0
    """Number of songs that were liked before."""
    first: int = 0
    """Of a lift: the position of the first song."""
    last: int = 0
    """Of a lift: the position of the last song."""
    other: Emotion | None = None
    """Of a mix: the second emotion."""
    quiet: bool = False
    """Whether quiet hours limited the choice to the calmer songs."""
    placed: tuple[Placement, ...] = ()
    """By what songs of the own library got their moods."""


class PlayState(StrEnum):
    """Status of the chosen speaker, as far as it is known."""

    PLAYING = "playing"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNAVAILABLE = "unavailable"
    """No device, account or network; `Playback.trouble` gives the cause and the remedy."""


class BlockReason(StrEnum):
    """Why autoplay is blocked."""

    SILENT = "silent"
    OTHERS = "others"
    WAITING = "waiting"
    OFF = "off"
    GROUPED = "grouped"
    PAUSED = "paused"
    BLIND = "blind"
    EMPTY = "empty"
    CLOCK = "clock"
    QUIET = "quiet"
    AFTER = "after"
    COOL = "cool"


BLOCK_TEXTS: Mapping[BlockReason, str] = {
    BlockReason.SILENT: "silent until {}: a person has stopped our music; play ends it",
    BlockReason.OTHERS: "somebody else's music is playing",
    BlockReason.WAITING: "somebody else's music is paused or queued there; play starts ours instead",
    BlockReason.OFF: "the player is switched off; play switches it on",
    BlockReason.GROUPED: "the player is in a group with others; play starts there nevertheless",
    BlockReason.PAUSED: "paused",
    BlockReason.BLIND: "nothing is read now",
    BlockReason.EMPTY: "nobody is in the room",
    BlockReason.CLOCK: "the clock is not set yet, and there are quiet hours",
    BlockReason.QUIET: "quiet hours until {}",
    BlockReason.AFTER: "cool-down after somebody's music, or a pause, until {}",
    BlockReason.COOL: "cool-down until {}",
}


@dataclass(frozen=True, slots=True)
class AutoplayBlock:
    """Why autoplay is blocked now, and until when; `str` gives it in plain words."""

    reason: BlockReason
    until: str = ""
    """HH:MM; empty if open-ended."""

    def __str__(self) -> str:
        return BLOCK_TEXTS[self.reason].format(self.until)


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the music service."""

    signed_in: bool
    user: str | None = None
    expires_on: date | None = None
    """The day until which the sign-in is valid."""
    days_left: int | None = None
    warning: str | None = None
    """The remedy to show while the end of the sign-in is near, else None."""


@dataclass(frozen=True, slots=True)
class Playback:
    """A snapshot of the player."""

    backend: str
    """The value of `playback.backend`: "spotify", "music-assistant" or "mpd"."""
    state: PlayState = PlayState.STOPPED
    ours: bool = False
    """Whether musicond started the current track."""
    track: Track | None = None
    """The track that plays or is paused."""
    elapsed_s: float | None = None
    """Position in the track at `elapsed_at`; None where nothing is loaded."""
    elapsed_at: datetime | None = None
    duration_s: float | None = None
    """None if unknown."""
    device: str | None = None
    """Name of the playback device."""
    volume: int | None = None
    """Percent; None if unknown or not adjustable."""
    volume_max: int = 100
    autoplay: bool = False
    """Whether music starts on a change of mood."""
    autoplay_block: AutoplayBlock | None = None
    """Why autoplay is blocked now; None if it is not."""
    reachable: bool = True
    """Whether the player and its speaker answer; a command that failed is `trouble`, too, but the next may work."""
    trouble: str | None = None
    """The current problem with its remedy, in one plain sentence."""
    songs_missing: bool = False
    """Whether `trouble` is that the player works, but has none of the recommended songs."""
    account: Account | None = None
    """None for a backend without an account."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Tracks for a mood, with the reason in plain words."""

    mood: Mood
    tracks: tuple[Track, ...]
    reason: str
    wall_time: datetime
    explanation: Explanation | None = None
    """The same reason in parts."""
    playlist: str | None = None
    """URI of a playlist that contains all the tracks, if there is one."""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """Like or dislike of the tracks that have feedback in this mood, by track id."""
    affects: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Valence and arousal (-1..1) of the tracks whose sound is known, by track id."""
    rejected: frozenset[str] = frozenset()
    """Ids of the tracks that were disliked since: they stay in sight, and are not played."""

    @property
    def wanted(self) -> tuple[Track, ...]:
        """The tracks to play: those that are not rejected."""
        return tuple(track for track in self.tracks if track.track_id not in self.rejected)

    def contains(self, track_id: str) -> bool:
        """Return whether a track is in it, wanted or not."""
        return any(track.track_id == track_id for track in self.tracks)


@dataclass(frozen=True, slots=True)
class CalibrationProgress:
    """Progress of a calibration."""

    share: float
    """0..1; 1 is complete."""
    error: str | None = None
    """Why it ended without a result, if it did."""
    number: int = 1
    """Counts the calibrations since the start."""


@dataclass(frozen=True, slots=True)
class RecommendationContext:
    """The situation that a recommendation is made for."""

    emotion: Emotion
    captured_at: float
    wall_time: datetime
    scores: tuple[float, ...] | None = None
    """Smoothed probabilities in the order of `EMOTIONS`."""
    policy: Policy | None = None
    """None: as configured."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The complete result of one turn of the watch loop, for the outputs."""

    seq: int
    """Number of the turn, from 1 in each run."""
    captured_at: float
    wall_time: datetime
    watching: Watching
    mood: Mood
    since: datetime
    """Time at which `mood` was announced."""
    confidence: float
    """Smoothed score (0..1) of the mood's emotion, or of the leading one while `unsure`.

    1 for a mood that a user set, 0 for `nobody`.
    """
    scores: tuple[float, ...] | None
    """Smoothed probabilities in the order of `EMOTIONS`; None without a face."""
    raw_scores: tuple[float, ...] | None
    """Calibrated, unsmoothed probabilities of this frame; None if no face was classified."""
    faces: Faces
    recommendation: Recommendation | None
    change: MoodChange | None = None
    """The change of mood that this outcome announces."""
    recommended: bool = False
    """Whether `recommendation` is new in this outcome."""
    settings: Settings = field(default_factory=Settings)
    changes_at: float | None = None
    """Monotonic seconds at which the announced mood changes if the next frames are like this one; None if it stays."""
    present: bool | None = None
    """`MoodState.present`, whatever mood a user has set; None while not watching."""
    notice: str | None = None
    """A temporary problem in a plain sentence, such as a damaged catalogue."""
    unsaved: str | None = None
    """Why the settings are not on the disk yet, in a plain sentence."""
    calibration: CalibrationProgress | None = None
    """Progress of the last calibration, if any."""
    playback: Playback | None = None
    """None if no player is configured."""
    demo: bool = False
    """Whether the frames are drawn by the built-in demo, so that the mood is nobody's."""
