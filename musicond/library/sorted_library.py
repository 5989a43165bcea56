"""The own library, sorted by mood: from a folder of audio files, or the songs that a player has."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from musicond.core.models import Emotion, Song
from musicond.core.ports import ListSource
from musicond.core.recommend.song_affect import SongAffect, affect_of_tags, moods_of
from musicond.errors import EntryError, ListError, SkippedEntries, bounded_number
from musicond.library.audio_files import AudioFolder, TagCache, cached_tags, song_of_tags, store_tags

LIBRARY = "library:"
"""Prefix of the list of a mood's songs from a place of music.library, which replaces the starter if it has any."""
SOUND = "sound (valence unknown)"
"""Source of an arousal that was estimated."""


class SortedLibrary:
    """Those songs of `source` that fit an emotion; implements core.ports.ListSource.

    `source` yields all songs, with `energy` where their place is known. `on_song` is called with the number of songs
    that were read, after each; it may raise.
    """

    uri = None

    def __init__(self, source: ListSource, emotion: Emotion, on_song: Callable[[int], None] = lambda _: None) -> None:
        self._source, self._emotion, self._on_song = source, emotion, on_song
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        """Yield its songs; raise ListError, also where the library is empty."""
        count = 0
        for count, song in enumerate(self._source.tracks(), start=1):
            self._on_song(count)
            if song.energy is None:
                self._leave(song)
            elif self._emotion in moods_of_song(song):
                yield song
        if self._is_first():
            self.skipped.update(self._source.skipped)
        if not count:
            raise ListError("the library has no songs; put music there, or correct music.library", gone=True)

    def _leave(self, song: Song) -> None:
        if self._is_first():
            remedy = "add one" if is_decoder_present() else "add one, or install ffmpeg, by which its sound is read"
            self.skipped.add(EntryError(f"{song.title}, {song.artist}: has no tag of mood, genre or tempo; {remedy}"))

    def _is_first(self) -> bool:
        """Return whether this is the list that reports for all moods."""
        return self._emotion is next(iter(Emotion))


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
    assert song.energy is not None
    return moods_of(None if song.valence is None else 2 * song.valence - 1, 2 * song.energy - 1)
