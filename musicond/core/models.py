"""The messages that flow through musicond: frozen, slotted, with units in the names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray


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


def scores_by_emotion(scores: tuple[float, ...] | None, digits: int) -> dict[Emotion, float] | None:
    """Return scores in the order of `EMOTIONS` as a mapping, rounded to `digits` decimal places; None for None."""
    if scores is None:
        return None
    return {emotion: round(score, digits) for emotion, score in zip(EMOTIONS, scores, strict=True)}


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
    wall_time: datetime
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
    tentative: bool = False
    """Something may be a face, not sure enough yet to count: the next look should come soon."""

    @property
    def count(self) -> int:
        """Faces in sight: confirmed and coasted."""
        return len(self.confirmed) + len(self.coasted)


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
    wall_time: datetime


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


class Verdict(StrEnum):
    """What a person says of a song."""

    LIKE = "like"
    DISLIKE = "dislike"
    SKIP = "skip"


class Policy(StrEnum):
    """How the music follows the mood; see `core.places`."""

    MATCH = "match"
    LIFT = "lift"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class PlayerStatus:
    """What a speaker's service told when it was asked what plays."""

    playing: bool = False
    on_our_device: bool = False
    """On the speaker that is configured, and not in another room."""
    item_ids: frozenset[str] = frozenset()
    """By what the piece can be known to who started it; empty: nothing is loaded."""
    track: Track | None = None
    elapsed_s: float = 0.0
    duration_s: float | None = None
    """None: unknown."""
    device: str | None = None
    """Where it plays."""
    volume: int | None = None
    """Percent, of the speaker that is configured; None where it is unknown or can't be set."""


@dataclass(frozen=True, slots=True)
class Song:
    """A song of a list; None is what its list does not tell."""

    title: str
    artist: str
    track_id: str = ""
    """Empty: made of artist and title."""
    link: str = ""
    """Address that a person can open; may be empty."""
    year: int | None = None
    genre: str | None = None
    valence: float | None = None
    """0 (gloomy) to 1 (cheerful)."""
    energy: float | None = None
    """0 to 1."""
    tempo: float | None = None
    """Beats per minute."""
    mode: str | None = None
    """major or minor."""
    popularity: int | None = None
    """0 to 100."""
    source: str = ""
    """Where this is known from, for a person."""
    album: str | None = None

    @property
    def identifier(self) -> str:
        """The identifier in the catalogue: the given one, else the link, else one made of artist and title."""
        return self.track_id or self.link or f"song:{quote(self.artist.casefold())}:{quote(self.title.casefold())}"
