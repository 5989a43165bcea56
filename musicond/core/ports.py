"""What the core and its adapters expect of each other: protocols, and one error for each port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from musicond.core.commands import Command, ConfigUpdate, PlayerCommand
    from musicond.core.models import Emotion, EmotionEstimate, Faces, Frame, PlayerStatus, Song, Track, Verdict
    from musicond.core.outcome import Account, Outcome, Playback
    from musicond.core.recommend.sampler import Candidates
    from musicond.core.recommend.sampler import TrackStats as Remembered


class FrameSource(Protocol):
    """A camera or a recording. Constructing it opens nothing."""

    @property
    def name(self) -> str:
        """What a person calls it, such as "Pi camera" or "demo"."""

    def open(self) -> None:
        """Take the device; raise SourceLost if it can't be had."""

    def capture(self, wait_s: float) -> Frame:
        """Return the newest frame, waiting at most `wait_s` seconds; raise SourceLost."""

    def close(self) -> None:
        """Give the device back. May be called twice, and never raises."""


class FaceDetector(Protocol):
    """Finds faces; keeps what it needs to track them from frame to frame."""

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of `frame`, largest first."""

    def reset(self) -> None:
        """Forget the faces seen so far: the next frame has nothing to do with the last."""


class EmotionClassifier(Protocol):
    """Reads the emotion of the faces found."""

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        """Return calibrated scores; None where no face can be read (none, or too blurred)."""


class Catalogue(Protocol):
    """The lists of tracks, one for each emotion, and what is remembered of each track in each mood.

    Everything raises CatalogueError.
    """

    def candidates(self, emotion: Emotion) -> Candidates:
        """Return the tracks of an emotion's list."""

    def stats(self, mood: Emotion) -> Mapping[int, Remembered]:
        """Return what is remembered in a mood, by the number of the track."""

    def tracks(self, keys: Sequence[int]) -> Sequence[Track]:
        """Return tracks by their numbers, in the same order."""

    def playlist(self, tracks: Sequence[Track]) -> str | None:
        """Return the URI of a playlist that holds all these; None where there is none."""

    def mark_offered(self, mood: Emotion, keys: Sequence[int], turn: int) -> None:
        """Remember that these were offered in the mood's recommendation number `turn`; may be stored later."""

    def key_of(self, track_id: str) -> int | None:
        """Return the number of a track; None for an unknown one."""

    def emotions_of(self, key: int) -> Sequence[Emotion]:
        """Return in whose lists a track stands."""

    def rate(self, moods: Sequence[Emotion], key: int, verdict: Verdict) -> None:
        """Count a verdict in each of these moods, all or none; on return it is on the disk."""


class ListSource(Protocol):
    """A list of songs outside the catalogue: a file, a folder, a playlist. Constructing it opens nothing."""

    @property
    def uri(self) -> str | None:
        """URI by which players find it as a whole, known once it has been read; None where there is none."""

    def tracks(self) -> Iterator[Song]:
        """Yield its songs in order, reading as it goes; raise ListError."""


class PlaybackBackend(Protocol):
    """What plays music, and can be asked what it plays; for one thread. Constructing it connects to nothing.

    Everything but `account` and `close` raises SpeakerError, and returns within a bounded time.
    """

    @property
    def name(self) -> str:
        """As in `playback.backend`."""

    def get_status(self) -> PlayerStatus:
        """Return what plays now."""

    def play(self, tracks: Sequence[Track]) -> tuple[str, ...]:
        """Play these songs instead of what plays; return by what names each can be known in `PlayerStatus.names`."""

    def resume(self) -> None:
        """Go on with what is paused."""

    def pause(self) -> None:
        """Pause what plays on this speaker; nothing elsewhere."""

    def set_volume(self, percent: int) -> None:
        """Set the volume."""

    def get_account(self) -> Account | None:
        """Return the account as far as it is known, asking nobody; None where there is none."""

    def close(self) -> None:
        """Let go of connections. May be called twice."""


class PlaybackControl(Protocol):
    """Plays what is recommended, by `core.manners`, in a thread of its own."""

    def request(self, command: PlayerCommand, tracks: Sequence[Track] = ()) -> None:
        """Take a person's order: Play (of `tracks`), Stop, SetVolume or Next. Returns at once.

        Raises CommandError for what can't be done before a person does something else.
        """

    def get_playback(self) -> Playback:
        """Return what plays, as far as is known; at once."""


class TurnHandler(Protocol):
    """Handles frames and commands for the watch loop; `controller.Controller` implements it."""

    def step(self, frame: Frame) -> Outcome:
        """Process one frame."""

    def idle(self) -> Outcome:
        """Return the outcome of a turn without a frame."""

    def handle(self, command: Command | ConfigUpdate) -> None:
        """Carry out a command; on return it is stored. Raises OSError, CatalogueError and CommandError."""

    def wants_camera(self) -> bool:
        """Return whether the camera may be open."""

    def wants_frames(self) -> bool:
        """Return whether frames are read."""

    def interval_s(self) -> float:
        """Return the seconds between the starts of two steps."""


class FramePreview(Protocol):
    """Shows the newest frame to who looks; `web.preview.Preview` does. Both calls return at once."""

    def show(self, frame: Frame, outcome: Outcome) -> None:
        """Keep this frame and no other."""

    def clear(self) -> None:
        """Keep none."""


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
