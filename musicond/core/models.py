"""The models that flow through musicond: frozen, slotted, with units in the names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# The docstrings of enumerations stand in the OpenAPI document and in the schema of MQTT.


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
    """The announced mood: one of the seven emotions, `unsure` or `nobody`."""

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
    """Monotonic seconds of the source; only differences are meaningful."""
    wall_time: datetime
    """The same instant with its time zone, for the hour of the day."""
    colour: Callable[[], NDArray[np.uint8]] | None = field(default=None, repr=False, compare=False)
    """Return the same picture in BGR, uint8 of shape (height, width, 3); None for a source without colours."""


class LightState(StrEnum):
    """State of the LED that is lit while the camera is open."""

    ON = "on"
    OFF = "off"
    FAILED = "failed"


NO_CAMERA_YET = "camera"
"""Name of the camera of `camera.source: auto` while none is open."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """Health of a source of frames; the counts are those since the start."""

    width_seen: float | None = None
    """Share (0..1) of the sensor's width that the picture shows; None if unknown."""
    vertical_deg: float | None = None
    """Vertical angle of view of the picture; None if unknown."""
    bad_frames: int = 0
    """Frames that could not be decoded, or had another size."""
    stale_frames: int = 0
    """Frames identical to the one before, in every bit."""
    missing_frames: int = 0
    """Number of times that no frame came in time."""
    connecting: bool = False
    """Whether an open source has given no frame yet, as it connects in a thread of its own."""
    light: LightState | None = None
    """State of the LED that shows that the camera is open; None without one."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the frame; (x, y) is its upper left corner, which may lie outside the frame."""

    x: int
    y: int
    w: int
    h: int
    roll: int = 0
    """Degrees clockwise by which the face in it is turned; the rectangle itself stays upright."""

    @property
    def area(self) -> int:
        """Area in pixels."""
        return self.w * self.h

    @property
    def rectangle(self) -> tuple[int, int, int, int]:
        """The corner, the width and the height."""
        return self.x, self.y, self.w, self.h


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one frame, largest first."""

    confirmed: tuple[Box, ...] = ()
    """Boxes detected in this frame."""
    coasted: tuple[Box, ...] = ()
    """Boxes of recent frames that were not detected in this one."""
    dark: bool = False
    """Whether the frame is too dark to detect a face."""
    tentative: bool = False
    """Whether something may be a face but is not certain yet: the next frame should come soon."""
    still: bool = False
    """Whether every face is where it was in the frame before."""
    turned: int = 0
    """Degrees clockwise by which the picture has to be turned so that faces are upright; 0 unless that is known."""

    @property
    def count(self) -> int:
        """Faces in sight: confirmed and coasted."""
        return len(self.confirmed) + len(self.coasted)


@dataclass(frozen=True, slots=True)
class EmotionEstimate:
    """Calibrated emotion probabilities of one frame."""

    scores: tuple[float, ...]
    """Seven probabilities in the order of `EMOTIONS`, summing to 1."""
    box: Box
    """The face that was classified; the largest one where several were."""
    person: int = 0
    """Number of the choice of this face; see `core.face_choice`. 0 where all faces are read."""

    @property
    def top(self) -> Emotion:
        """The most probable emotion."""
        return EMOTIONS[self.scores.index(max(self.scores))]


@dataclass(frozen=True, slots=True)
class MoodChange:
    """A change of the announced mood."""

    before: Mood
    after: Mood
    confidence: float
    """Smoothed score (0..1) of the new mood's emotion; 0 for `nobody`."""
    held_s: float
    """Seconds for which the previous mood was announced."""
    captured_at: float
    wall_time: datetime


class Placement(StrEnum):
    """By what a song of the own library got its moods."""

    MOOD_TAG = "mood_tag"
    GENRE = "genre"
    TEMPO = "tempo"
    SOUND = "sound"


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
    """Empty if unknown."""
    placed_by: Placement | None = None


class Verdict(StrEnum):
    """A person's verdict on a song."""

    LIKE = "like"
    DISLIKE = "dislike"
    SKIP = "skip"


class Policy(StrEnum):
    """The policy by which music follows the mood; see `core.recommend.policies`."""

    MATCH = "match"
    LIFT = "lift"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class Speaker:
    """A speaker that a playback backend can play on."""

    name: str
    selected: bool = False
    """Whether music plays there, or would."""


@dataclass(frozen=True, slots=True)
class Cover:
    """The picture of a track, as its file or its service has it."""

    content: bytes = field(repr=False)
    media_type: str
    """image/jpeg, image/png, image/webp or image/gif."""


@dataclass(frozen=True, slots=True)
class PlayerStatus:
    """The status that a playback backend reports."""

    playing: bool = False
    on_our_device: bool = False
    """Whether the configured device plays, and not one in another room."""
    item_ids: frozenset[str] = frozenset()
    """Identifiers under which the loaded item may have been started; empty if nothing is loaded."""
    track: Track | None = None
    elapsed_s: float = 0.0
    duration_s: float | None = None
    """None if unknown."""
    device: str | None = None
    volume: int | None = None
    """Percent, of the configured device; None if unknown or not adjustable."""
    error: str | None = None
    """The player's own reason for not playing, with a remedy."""
    shuffled: bool = False
    """The tracks are played in any order."""
    powered: bool = True
    """False while the device is switched off: only a person may switch it on."""
    grouped: bool = False
    """Whether music on the device would also play on devices that are not configured."""
    announcing: bool = False
    """Whether the device interrupts the music by an announcement."""
    waiting: tuple[frozenset[str], ...] = ()
    """The items that a start would take the place of, each with its identifiers: the loaded one, those behind it.

    Empty at Spotify, which shows for hours what was paused, and keeps a queue beside it.
    """


@dataclass(frozen=True, slots=True)
class StartedTracks:
    """What a playback backend has started."""

    item_ids: tuple[str, ...]
    """The identifiers of the tracks in `PlayerStatus.item_ids`, in the order of playing."""
    modes: tuple[str, ...] = ()
    """The modes that were switched off for them, for `PlaybackBackend.restore`."""
    track_ids: tuple[str, ...] = ()
    """Their identifiers in the catalogue, in the same order."""


@dataclass(frozen=True, slots=True)
class Song:
    """A song of a list; None stands for a value that the list does not give."""

    title: str
    artist: str
    track_id: str = ""
    """Empty: derived from artist and title."""
    link: str = ""
    """Web address that a person can open; may be empty."""
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
    """Origin of these values, for display."""
    album: str | None = None

    @property
    def identifier(self) -> str:
        """The identifier in the catalogue: the given one, else the link, else one derived from artist and title."""
        return self.track_id or self.link or f"song:{quote(self.artist.casefold())}:{quote(self.title.casefold())}"
