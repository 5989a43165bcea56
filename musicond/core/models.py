"""The messages that flow through musicond: frozen, slotted, with units in the names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from musicond.core.commands import (
    Calibrate,
    Command,
    Next,
    Pause,
    Play,
    Policy,
    Rate,
    Reset,
    Resume,
    SetAutoplay,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSensitivity,
    SetVolume,
    Stop,
    Verdict,
    WrongMood,
)
from musicond.core.mood.bias import Bias

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from musicond.core.playing import Playback
    from musicond.core.recommend.explanation import Why


__all__ = [
    "Calibrate",
    "Command",
    "Next",
    "Pause",
    "Play",
    "Policy",
    "Rate",
    "Reset",
    "Resume",
    "SetAutoplay",
    "SetManualMood",
    "SetPolicy",
    "SetPrivacy",
    "SetSensitivity",
    "SetVolume",
    "Stop",
    "Verdict",
    "WrongMood",
]


class Emotion(StrEnum):
    """The seven classes of FER2013, in the order of the model's outputs (alphabetical)."""

    ANGRY = "angry"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPY = "happy"
    NEUTRAL = "neutral"
    SAD = "sad"
    SURPRISE = "surprise"


EMOTIONS: tuple[Emotion, ...] = tuple(Emotion)


class Mood(StrEnum):
    """What the room is told: one of the seven emotions, `unsure` or `nobody`."""

    ANGRY = "angry"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPY = "happy"
    NEUTRAL = "neutral"
    SAD = "sad"
    SURPRISE = "surprise"
    UNSURE = "unsure"
    NOBODY = "nobody"

    @property
    def emotion(self) -> Emotion | None:
        """The emotion of the same name, or None for `unsure` and `nobody`."""
        return None if self in (Mood.UNSURE, Mood.NOBODY) else Emotion(self.value)


class Watching(StrEnum):
    """Whether faces are being read, and if not, why not."""

    YES = "yes"
    DARK = "dark"
    PAUSED = "paused"
    PRIVATE = "private"
    NO_CAMERA = "no_camera"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: `grey` is uint8 of shape (height, width)."""

    grey: NDArray[np.uint8] = field(repr=False)
    captured_at: float
    """Monotonic seconds of the source; only differences mean anything."""
    wall: datetime
    """The same instant with its time zone, for hours of the day."""
    colour: Callable[[], NDArray[np.uint8]] | None = field(default=None, repr=False, compare=False)
    """Makes the same picture in colour, BGR, uint8 of shape (height, width, 3); None where there is only grey."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the frame; (x, y) is its upper left corner."""

    x: int
    y: int
    w: int
    h: int

    @property
    def area(self) -> int:
        """Pixels covered."""
        return self.w * self.h


@dataclass(frozen=True, slots=True)
class Faces:
    """What the detector saw in one frame, largest face first."""

    confirmed: tuple[Box, ...] = ()
    """Boxes that the detector found in this very frame."""
    coasted: tuple[Box, ...] = ()
    """Boxes kept from a moment ago, not found again in this frame."""
    dark: bool = False
    """The frame is too dark to find a face in."""
    suspected: bool = False
    """Something may be a face, not sure enough yet to count: the next look should come soon."""


@dataclass(frozen=True, slots=True)
class EmotionEstimate:
    """Calibrated probabilities of one frame."""

    scores: tuple[float, ...]
    """Seven probabilities in the order of `EMOTIONS`, summing to 1."""
    box: Box
    """The face they belong to; with the policy `all`, the largest."""

    @property
    def top(self) -> Emotion:
        """The most probable emotion."""
        return EMOTIONS[self.scores.index(max(self.scores))]


@dataclass(frozen=True, slots=True)
class MoodChange:
    """The mood that is announced has changed."""

    before: Mood
    after: Mood
    confidence: float
    """Smoothed score (0..1) of the new mood's emotion; 0 for `nobody`."""
    held_s: float
    """Seconds for which the mood before had been announced."""
    captured_at: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class Track:
    """A song that can be recommended."""

    track_id: str
    """Stable identifier in the catalogue, such as `spotify:track:...`."""
    title: str
    artist: str
    link: str
    """Web address that a person can open."""
    album: str = ""
    """Empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Songs for a mood, with the reason in plain words."""

    mood: Mood
    tracks: tuple[Track, ...]
    reason: str
    wall: datetime
    why: Why | None = None
    """The same reason in parts."""
    playlist: str | None = None
    """URI of a playlist that holds all the songs; None where there is none."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a calibration is."""

    share: float
    """0..1; 1 is done."""
    fault: str | None = None
    """Why it ended without a result."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a recommendation is wanted for."""

    emotion: Emotion
    captured_at: float
    wall: datetime
    scores: tuple[float, ...] | None = None
    """Smoothed probabilities in the order of `EMOTIONS`."""
    policy: Policy | None = None
    """None: what the configuration says."""


SENSITIVITY = 50.0
"""Percent at which the figures of the configuration hold as they are."""


@dataclass(frozen=True, slots=True)
class Controls:
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
    wall: datetime
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
    controls: Controls = field(default_factory=Controls)
    """What persons have switched."""
    present: bool | None = None
    """Somebody is there, as `MoodState.present` decides, whatever mood a person set; None while not watching."""
    notice: str | None = None
    """A plain sentence on what does not work for the time being, such as the catalogue."""
    calibration: Progress | None = None
    """Of the last one asked for."""
    playback: Playback | None = None
    """What plays; None where no player is configured."""
