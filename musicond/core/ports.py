"""What the core and its adapters expect of each other: protocols, and one error for each port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from musicond.core.choice import Heard, Pool
    from musicond.core.messages import Emotion, EmotionEstimate, Faces, Frame, Outcome, Track, Verdict
    from musicond.core.songs import Song


class SourceLost(Exception):  # noqa: N818 - the house's name: a state of the source, not a fault of the program
    """The camera or clip gives no frames; the text says why and what to do."""


class ModelError(Exception):
    """The model is missing, damaged or not what it should be; the text says what to do."""


class CatalogueError(Exception):
    """The catalogue can't be read or written; the text says what to do."""


class CommandError(Exception):
    """What a person asks for makes no sense now (to like a song where none is shown); the text says why."""


class ListError(Exception):
    """A list of songs can't be read; the text says where, why and what to do."""


class OutputError(Exception):
    """An output can't start (a taken port, say); the text says what to do."""


class FrameSource(Protocol):
    """A camera or a recording. Constructing it opens nothing."""

    @property
    def name(self) -> str:
        """What a person calls it, such as "Pi camera" or "demo"."""

    def open(self) -> None:
        """Take the device; raise SourceLost if it can't be had."""

    def read(self, wait_s: float) -> Frame:
        """Return the newest frame, waiting at most `wait_s` seconds; raise SourceLost."""

    def close(self) -> None:
        """Give the device back. May be called twice, and never raises."""


class FaceFinder(Protocol):
    """Finds faces; keeps what it needs to track them from frame to frame."""

    def find(self, frame: Frame) -> Faces:
        """Return the faces of `frame`, largest first."""

    def reset(self) -> None:
        """Forget the faces seen so far: the next frame has nothing to do with the last."""


class EmotionReader(Protocol):
    """Reads the emotion of the faces found."""

    def read(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        """Return calibrated scores; None where no face can be read (none, or too blurred)."""


class Catalogue(Protocol):
    """The lists of tracks, one for each emotion, and what is remembered of each track in each mood.

    Everything raises CatalogueError.
    """

    def pool(self, emotion: Emotion) -> Pool:
        """Return the tracks of an emotion's list."""

    def heard(self, mood: Emotion) -> Mapping[int, Heard]:
        """Return what is remembered in a mood, by the number of the track."""

    def tracks(self, keys: Sequence[int]) -> Sequence[Track]:
        """Return tracks by their numbers, in the same order."""

    def offered(self, mood: Emotion, keys: Sequence[int], turn: int) -> None:
        """Remember that these were offered in the mood's recommendation number `turn`; may be stored later."""

    def key_of(self, track_id: str) -> int | None:
        """Return the number of a track; None for an unknown one."""

    def emotions_of(self, key: int) -> Sequence[Emotion]:
        """Return in whose lists a track stands."""

    def rate(self, moods: Sequence[Emotion], key: int, verdict: Verdict) -> None:
        """Count a verdict in each of these moods, all or none; on return it is on the disk."""


class ListSource(Protocol):
    """A list of songs outside the catalogue: a file, a folder, a playlist. Constructing it opens nothing."""

    def songs(self) -> Iterator[Song]:
        """Yield its songs in order, reading as it goes; raise ListError."""


class Output(Protocol):
    """Tells the world. Slow or remote outputs keep a mailbox of one and a thread of their own."""

    @property
    def name(self) -> str:
        """Short name for logs and the page, such as "mqtt"."""

    def start(self) -> None:
        """Begin; raise OutputError if this can't ever work as configured."""

    def accept(self, outcome: Outcome) -> None:
        """Take one outcome. Returns at once and never raises."""

    def status(self) -> str:
        """Return one plain line, such as "connected to mqtt.local:1883"."""

    def stop(self) -> None:
        """End within a second. May be called twice, and without a start."""
