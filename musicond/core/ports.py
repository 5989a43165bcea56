"""The ports: protocols that the adapters implement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol, TypeVar

from musicond.core.commands import Command, ConfigUpdate, PlayerCommand
from musicond.core.models import (
    Cover,
    Emotion,
    EmotionEstimate,
    Faces,
    Frame,
    PlayerStatus,
    Song,
    SourceStatus,
    Speaker,
    StartedTracks,
    Track,
    Verdict,
)
from musicond.core.outcome import Account, Outcome, Playback
from musicond.errors import SkippedEntries

if TYPE_CHECKING:  # it loads numpy, which short commands do without
    from musicond.core.recommend.sampler import Candidates, TrackStats


T = TypeVar("T")


class FrameSource(Protocol):
    """A camera or a recording. Constructing it opens nothing."""

    @property
    def name(self) -> str:
        """Name for display, such as "Pi camera" or "demo"."""

    def open(self) -> None:
        """Open the device; raise SourceLost."""

    def capture(self, wait_s: float) -> Frame:
        """Return the newest frame, waiting at most `wait_s` seconds; raise SourceLost.

        A camera also raises BadFrame and NoFrame; `capture.checked.CheckedSource` turns them into SourceLost in time.
        Connecting and Interrupted say that nothing is wrong.
        """

    def get_status(self) -> SourceStatus:
        """Return how well the source works; from any thread."""

    def close(self) -> None:
        """Close the device. May be called twice, and never raises."""


class FaceDetector(Protocol):
    """A detector that tracks faces from frame to frame."""

    def detect(self, frame: Frame) -> Faces:
        """Return the faces of `frame`, largest first."""

    def reset(self) -> None:
        """Drop all tracks: the next frame is unrelated to the last one."""


class EmotionClassifier(Protocol):
    """A classifier of the emotion on detected faces."""

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        """Return calibrated scores, of several faces the mean by area; None if no face is sharp enough for it."""

    def reset(self) -> None:
        """Drop every picture of a face: nobody is there, or nothing may be read."""


class Catalogue(Protocol):
    """The lists of tracks, one for each emotion, and each track's statistics; all methods raise CatalogueError."""

    def candidates(self, emotion: Emotion) -> Candidates:
        """Return the tracks of an emotion's list."""

    def stats(self, mood: Emotion) -> Mapping[int, TrackStats]:
        """Return the statistics of a mood's tracks, by the number of the track."""

    def tracks(self, keys: Sequence[int]) -> Sequence[Track]:
        """Return tracks by their numbers, in the same order."""

    def playlist(self, tracks: Sequence[Track]) -> str | None:
        """Return the URI of a playlist that contains all these tracks, or None."""

    def mark_offered(self, mood: Emotion, keys: Sequence[int], number: int) -> None:
        """Record that the mood's recommendation `number` offered these tracks; may be stored later."""

    def key_of(self, track_id: str) -> int | None:
        """Return the number of a track, or None for an unknown one."""

    def emotions_of(self, key: int) -> Sequence[Emotion]:
        """Return the emotions whose lists contain a track."""

    def revision(self) -> int:
        """Return a number that is another one after each change of the lists."""

    def rate(self, moods: Sequence[Emotion], key: int, verdict: Verdict) -> None:
        """Count a verdict in all of these moods or in none, in place of its opposite; it may be stored later."""

    def withdraw(self, moods: Sequence[Emotion], key: int) -> None:
        """Remove the feedback on a track in these moods; it may be stored later."""


class ListSource(Protocol):
    """A list of songs outside the catalogue: a file, a folder, a playlist. Constructing it opens nothing."""

    @property
    def uri(self) -> str | None:
        """URI under which players find the whole list, if any; known once the list has been read."""

    @property
    def skipped(self) -> SkippedEntries:
        """The entries that could not be used, complete once the list has been read."""

    def tracks(self) -> Iterator[Song]:
        """Yield its songs in order while reading; raise ListError."""


class PlaybackBackend(Protocol):
    """A player of music, for use in one thread. Constructing it connects to nothing.

    All methods but `get_account` and `close` raise PlaybackError, and return within a bounded time.
    """

    @property
    def name(self) -> str:
        """The value of `playback.backend`."""

    def get_status(self) -> PlayerStatus:
        """Return the current status."""

    def clear_modes(self) -> tuple[str, ...]:
        """Switch off the modes that change the order or the end of a list; return them, such as "repeat=1"."""

    def play(self, tracks: Sequence[Track], is_wanted: Callable[[], bool] = lambda: True) -> StartedTracks:
        """Play these tracks instead of what plays, in this order and once.

        Nothing is started once `is_wanted` is false, which is asked before each request that may take long.
        A track that can't be played is left out. Tracks that others have queued may go: only a person's order starts
        music over them (`PlayerStatus.waiting`). After an error, queue and modes are as before, as far as the player
        can be reached.
        """

    def restore(self, item_ids: Sequence[str], modes: Sequence[str]) -> None:
        """Remove tracks of an earlier `play` from the queue, and set modes of `clear_modes` unless changed since."""

    def resume(self) -> None:
        """Resume playback if it is paused."""

    def pause(self) -> None:
        """Pause playback on this device, never on another."""

    def next(self) -> None:
        """Play the next track of the queue, on this device."""

    def previous(self) -> None:
        """Play the previous track of the queue, on this device."""

    def set_volume(self, percent: int) -> None:
        """Set the volume."""

    def get_speakers(self) -> Sequence[Speaker]:
        """Return the speakers that can be selected now."""

    def select_speaker(self, name: str | None, *, move: bool) -> None:
        """Play on the speaker of this name from now on, with `move` also what plays now; None: on the configured one.

        Music that plays on it is not replaced by that of the one before: PlaybackError with `refused`. After an error,
        the speaker before is in force.
        """

    def get_cover(self, track: Track) -> Cover | None:
        """Return the picture of the loaded track; None where there is none."""

    def get_account(self) -> Account | None:
        """Return the account as far as it is known, without a request; None for a backend without one."""

    def close(self) -> None:
        """Close all connections. May be called twice."""


class SongUris(Protocol):
    """The known addresses of songs at a music server, by the server's id and the track's; raises CatalogueError."""

    def get(self, server: str, track_ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the known addresses, None for a song that the server did not have within the last week."""

    def put(self, server: str, track_id: str, uri: str | None) -> None:
        """Store an address, or None for a song that the server does not have."""

    def forget(self, server: str, track_ids: Sequence[str]) -> None:
        """Delete the addresses of these songs."""


class PlaybackControl(Protocol):
    """Control of the player, which runs in a thread of its own by the rules of `player.rules`."""

    def request(self, command: PlayerCommand, tracks: Sequence[Track] = ()) -> Future[None]:
        """Queue a command (Play of `tracks`); return the future of its execution without waiting.

        It fails with PlaybackError or CommandError. Raises CommandError if the user has to do something else first.
        """

    def get_playback(self) -> Playback:
        """Return the last known state of playback, without waiting."""

    def query(self, question: Callable[[PlaybackBackend], T]) -> Future[T]:
        """Ask the backend in the player's thread; return the future of its answer, without waiting."""


class TurnHandler(Protocol):
    """The handler of frames and commands in the watch loop; `controller.Controller` implements it."""

    def step(self, frame: Frame) -> Outcome:
        """Process one frame."""

    def idle(self) -> Outcome:
        """Return the outcome of a turn without a frame."""

    def handle(self, command: Command | ConfigUpdate) -> Future[None] | None:
        """Carry out a command; return the future of its storing, if any. Raises CatalogueError and CommandError."""

    def wants_camera(self) -> bool:
        """Return whether the camera may be open."""

    def wants_frames(self) -> bool:
        """Return whether frames are wanted."""

    def interval_s(self) -> float:
        """Return the seconds between the starts of two steps."""


class FramePreview(Protocol):
    """A live view of the newest frame. Both methods return without waiting."""

    def show(self, frame: Frame, outcome: Outcome) -> None:
        """Show this frame instead of the last one."""

    def clear(self) -> None:
        """Show no frame."""


class Output(Protocol):
    """A consumer of outcomes. One that waits for a network does so in a thread of its own.

    One without a thread inherits this class, for `start`, `is_alive` and `stop`.
    """

    @property
    def name(self) -> str:
        """Short name for the log and the page, such as "mqtt"."""

    def start(self) -> None:
        """Start; raise OutputError if the configuration can never work."""
        return

    @property
    def busy_since(self) -> float | None:
        """Monotonic seconds at which its thread began the present task; None while it waits, or without a thread."""
        return None

    def accept(self, outcome: Outcome) -> None:
        """Accept an outcome in the thread of the watch loop. Waits for no network and never raises."""

    def is_alive(self) -> bool:
        """Return whether its thread is running; True without a thread."""
        return True

    def status(self) -> str:
        """Return one plain line, such as "connected to mqtt.local:1883"."""

    def stop(self) -> None:
        """Stop within a second. May be called twice, and without a start."""
        return
