"""The outcome of one turn of the loop, and the messages that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from musicond.core.mood.bias import Bias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from musicond.core.models import Emotion, Faces, Mood, MoodChange, Policy, Track, Watching


class Strategy(StrEnum):
    """How songs were chosen: by the policy, or for two moods that were read nearly alike."""

    MATCH = "match"
    MIX = "mix"
    LIFT = "lift"
    STEADY = "steady"


class Novelty(StrEnum):
    """What is remembered of the songs: some liked, none ever offered, some just before, or none just before."""

    LIKED = "liked"
    NEW = "new"
    AGAIN = "again"
    RESTED = "rested"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reason for songs, for who words it."""

    strategy: Strategy
    novelty: Novelty
    liked: int = 0
    """Songs that were liked before."""
    first: int = 0
    """Of a lift: the number of its first song, and of its last."""
    last: int = 0
    other: Emotion | None = None
    """Of a mix: the other mood."""
    quiet: bool = False
    """Quiet hours: drawn from the calmer songs."""


class PlayState(StrEnum):
    """What the chosen speaker does, as far as is known."""

    PLAYING = "playing"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNAVAILABLE = "unavailable"
    """No speaker, no account or no network: `Playback.trouble` says which, and what to do."""


class BlockReason(StrEnum):
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


BLOCK_TEXTS: Mapping[BlockReason, str] = {
    BlockReason.SILENT: "silent until {}: a person has stopped our music; play ends it",
    BlockReason.OTHERS: "somebody else's music is playing",
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
    """Why nothing starts by itself now, and until when; `str` says it in plain words."""

    reason: BlockReason
    until: str = ""
    """HH:MM; empty where no time is set."""

    def __str__(self) -> str:
        return BLOCK_TEXTS[self.reason].format(self.until)


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the music service, where there is one."""

    signed_in: bool
    user: str | None = None
    expires_on: date | None = None
    """When a person must sign in again."""
    days_left: int | None = None
    warning: str | None = None
    """What a person has to do before the sign-in ends; None while its end is far."""


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
    autoplay_block: AutoplayBlock | None = None
    """Why nothing is started by itself now."""
    trouble: str | None = None
    """What does not work, with its remedy, in one plain sentence."""
    account: Account | None = None
    """None for a backend without an account."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Songs for a mood, with the reason in plain words."""

    mood: Mood
    tracks: tuple[Track, ...]
    reason: str
    wall_time: datetime
    explanation: Explanation | None = None
    """The same reason in parts."""
    playlist: str | None = None
    """URI of a playlist that holds all the songs; None where there is none."""


@dataclass(frozen=True, slots=True)
class CalibrationProgress:
    """How far a calibration is."""

    share: float
    """0..1; 1 is done."""
    error: str | None = None
    """Why it ended without a result."""


@dataclass(frozen=True, slots=True)
class RecommendationContext:
    """What a recommendation is wanted for."""

    emotion: Emotion
    captured_at: float
    wall_time: datetime
    scores: tuple[float, ...] | None = None
    """Smoothed probabilities in the order of `EMOTIONS`."""
    policy: Policy | None = None
    """None: what the configuration says."""


SENSITIVITY = 50.0
"""Percent at which the figures of the configuration hold as they are."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What persons have switched; kept over restarts."""

    private: bool = False
    paused: bool = False
    paused_until: datetime | None = None
    """None with `paused`: until resumed."""
    paused_minutes: float | None = None
    """What was asked for; None for a pause without an end or until tomorrow."""
    sensitivity: float | None = None
    """Percent; None: nobody has touched it."""
    manual_mood: Emotion | None = None
    """What a person says the mood is."""
    manual_until: datetime | None = None
    policy: Policy | None = None
    """None: what the configuration says."""
    bias: Bias = field(default_factory=Bias)
    """How the reading is corrected for this household."""
    autoplay: bool | None = None
    """Music starts by itself; None: as the configuration says."""
    volume: float | None = None
    """Percent at which music starts; None: as the configuration says."""

    @property
    def sensitivity_percent(self) -> float:
        """The sensitivity in force, 0 to 100."""
        return SENSITIVITY if self.sensitivity is None else self.sensitivity


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one turn of the loop has to tell its outputs: a whole and immutable picture."""

    seq: int
    """Counts the turns of this run from 1."""
    captured_at: float
    wall_time: datetime
    watching: Watching
    mood: Mood
    since: datetime
    """When `mood` was announced."""
    confidence: float
    """Smoothed score (0..1) of the mood's emotion, or of the leading one while `unsure`."""
    scores: tuple[float, ...] | None
    """Smoothed probabilities in the order of `EMOTIONS`; None without a face."""
    raw_scores: tuple[float, ...] | None
    """Calibrated, unsmoothed probabilities of this very frame; None where nothing was read."""
    faces: Faces
    recommendation: Recommendation | None
    change: MoodChange | None = None
    """Set in the one outcome that announces a change of mood."""
    recommended: bool = False
    """True in the one outcome that brings a new recommendation."""
    settings: Settings = field(default_factory=Settings)
    """What persons have switched."""
    present: bool | None = None
    """Somebody is there, as `MoodState.present` decides, whatever mood a person set; None while not watching."""
    notice: str | None = None
    """A plain sentence on what does not work for the time being, such as the catalogue."""
    calibration: CalibrationProgress | None = None
    """Of the last one asked for."""
    playback: Playback | None = None
    """What plays; None where no player is configured."""
