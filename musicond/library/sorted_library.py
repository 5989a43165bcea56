"""The own library, sorted by mood: from a folder of audio files, or the songs that a player has."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import astuple, replace
from pathlib import Path
from tempfile import SpooledTemporaryFile

from musicond.core.models import Emotion, Song
from musicond.core.ports import ListSource
from musicond.core.recommend.song_affect import NEAR, SOUND, SongAffect, affect_of_tags, mood_distance, moods_of
from musicond.errors import EntryError, ListError, SkippedEntries, bounded_number, error_text
from musicond.library.audio_files import AudioFolder, TagCache, cached_tags, song_of_tags, store_tags

LIBRARY = "library:"
"""Prefix of the list of a mood's songs from a place of music.library, which replaces the starter if it has any."""
SPOOL_BYTES = 8_000_000
"""Some 25,000 songs; more are kept in a file."""
SORTED_EVERY = 100
"""Songs, in a pass over those that were read."""
SOON_S = 15.0
"""Least seconds after which a library that could not be read is tried again: it may be mounted, started or filled."""


class LibraryReading:
    """One reading of all songs of a library, which its lists of all moods share.

    `open_source` returns the source of all songs, with `energy` where their place is known; it is read once, for the
    first list. `on_song` is called with the number of songs read so far, after each; it may raise. Each list takes its
    songs from those that were read, with a call after every SORTED_EVERY. `folder` takes a temporary file if the
    library is large.
    """

    def __init__(
        self, open_source: Callable[[], ListSource], folder: Path, on_song: Callable[[int], None] = lambda _: None
    ) -> None:
        self._open_source, self._folder, self._on_song = open_source, folder, on_song
        self._songs: SpooledTemporaryFile[bytes] | None = None
        self._error: ListError | None = None
        self.skipped = SkippedEntries()
        """Of the whole library, once it has been read."""
        self.placed = 0
        """Songs with a place."""
        self.left = 0
        """Songs without one."""

    def songs_of(self, emotion: Emotion, *, nearest: bool = False) -> Iterator[Song]:
        """Yield the songs that fit an emotion, if there is none and `nearest`, those nearest to it.

        Raises ListError, also where the library is empty.
        """
        return songs_for(emotion, self._placed, nearest=nearest)

    def _placed(self) -> Iterator[tuple[Sequence[str], Song]]:
        """Yield each song that has a place, with its moods; raise ListError."""
        if self._error is not None:
            raise self._error
        if self._songs is None:
            try:
                self._songs = self._read()
            except ListError as exc:
                self._error = ListError(str(exc), wait_s=exc.wait_s or SOON_S, gone=exc.gone)
                raise self._error from exc
        self._songs.seek(0)
        for number, line in enumerate(self._songs, start=1):
            if number % SORTED_EVERY == 0:
                self._on_song(number)
            moods, values = json.loads(line)
            yield moods, Song(*values)

    def close(self) -> None:
        """Delete the songs."""
        if self._songs is not None:
            _discard(self._songs)

    def _read(self) -> SpooledTemporaryFile[bytes]:
        """Return a file with a line for each song: its moods, and its values."""
        with ExitStack() as stack:
            songs = SpooledTemporaryFile(SPOOL_BYTES, dir=str(self._folder))  # noqa: SIM115 - close() does it
            stack.callback(_discard, songs)
            if not self._write(songs):
                raise ListError("the library has no songs; put music there, or correct music.library", gone=True)
            with self._storage_errors():
                songs.flush()
            stack.pop_all()
        return songs

    @contextlib.contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            msg = f"{self._folder}: the library can't be sorted there ({error_text(exc)}); make room on this disk"
            raise ListError(msg) from exc

    def _write(self, songs: SpooledTemporaryFile[bytes]) -> int:
        """Write the lines of all songs that have a place; return how many songs there are."""
        source, count = self._open_source(), 0
        self.skipped, self.placed, self.left = SkippedEntries(), 0, 0
        for count, song in enumerate(source.tracks(), start=1):
            self._on_song(count)
            if song.energy is None:
                self._leave(song)
            else:
                self.placed += 1
                with self._storage_errors():
                    songs.write(json.dumps([moods_of_song(song), astuple(song)]).encode() + b"\n")
        self.skipped.update(source.skipped)
        return count

    def _leave(self, song: Song) -> None:
        remedy = "add one" if is_decoder_present() else "add one, or install ffmpeg, by which its sound is read"
        self.left += 1
        self.skipped.add(EntryError(f"{song.title}, {song.artist}: has no tag of mood, genre or tempo; {remedy}"))


def _discard(songs: SpooledTemporaryFile[bytes]) -> None:
    with contextlib.suppress(OSError):  # on a full disk, closing tries to write what is left
        songs.close()


class SortedLibrary:
    """Those songs of a library that fit an emotion, or else are `nearest`; implements core.ports.ListSource.

    The skipped entries are those of the reading.
    """

    uri = None

    def __init__(self, reading: LibraryReading, emotion: Emotion, *, nearest: bool = False) -> None:
        self._reading, self._emotion, self._nearest = reading, emotion, nearest
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        """Yield its songs; raise ListError, also where the library is empty."""
        return self._reading.songs_of(self._emotion, nearest=self._nearest)


class SortedFolder(AudioFolder):
    """All audio files below a folder, with valence and energy by their tags, else with energy by their sound.

    Without `listen`, sounds are not estimated; estimates of earlier runs are taken from the cache.
    """

    def __init__(self, path: Path, tag_cache: TagCache | None = None, *, listen: bool = True) -> None:
        super().__init__(path, tag_cache)
        self._listen = listen and is_decoder_present()

    def _song_of(self, path: Path) -> Song:
        tags: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            tags = cached_tags(path.absolute(), self._tag_cache)
            if self._listen and affect_of_tags(tags) is None and "arousal" not in tags and path.is_file():
                tags = {**tags, "arousal": _estimate(path)}
                if self._tag_cache is not None:
                    store_tags(path.absolute(), self._tag_cache, tags)
        return place_song(song_of_tags(path, tags), tags)


def is_decoder_present() -> bool:
    """Return whether ffmpeg is installed."""
    return shutil.which("ffmpeg") is not None


def _estimate(path: Path) -> str:
    """Return the arousal of a file as text, empty for a sound that says nothing: it is not listened to again.

    Raises TimeoutError where the next refresh should listen again.
    """
    from musicond.library.sound import estimate_arousal

    arousal = estimate_arousal(path)
    return "" if arousal is None else str(arousal)


def place_song(song: Song, tags: dict[str, str]) -> Song:
    """Return a song with valence, energy and their source by its tags, else by the estimate among them."""
    place = affect_of_tags(tags)
    if place is None and (arousal := bounded_number(tags.get("arousal"), -1, 1)) is not None:
        place = SongAffect(None, arousal, SOUND)
    if place is None:
        return song
    valence = None if place.valence is None else round((place.valence + 1) / 2, 3)
    energy, source = round((place.arousal + 1) / 2, 3), f"{place.source}; {song.source}"
    return replace(song, valence=valence, energy=energy, source=source)


def moods_of_song(song: Song) -> tuple[Emotion, ...]:
    """Return the moods that a song with `energy` fits."""
    return moods_of(*_place_of(song))


def songs_for(
    emotion: Emotion, placed: Callable[[], Iterable[tuple[Sequence[str], Song]]], *, nearest: bool
) -> Iterator[Song]:
    """Yield those songs that fit an emotion, if there is none and `nearest`, those nearest to it.

    `placed` returns each song that has a place, with its moods.
    """
    fitting = False
    for moods, song in placed():
        if emotion in moods:
            fitting = True
            yield song
    if nearest and not fitting:
        most = NEAR + min((distance_to(emotion, song) for _, song in placed()), default=0.0)
        yield from (song for _, song in placed() if distance_to(emotion, song) <= most)


def takes_nearest(name: str, names: Sequence[str], has_songs: Callable[[str], bool | None]) -> bool:
    """Return whether a library is the last of a mood's lists, which are libraries alone and have no songs so far."""
    *others, last = names
    return name == last and all(other.startswith(LIBRARY) and not has_songs(other) for other in others)


def distance_to(emotion: Emotion, song: Song) -> float:
    """Return the distance of a song with `energy` from a mood."""
    return mood_distance(emotion, *_place_of(song))


def _place_of(song: Song) -> tuple[float | None, float]:
    assert song.energy is not None
    return None if song.valence is None else 2 * song.valence - 1, 2 * song.energy - 1
