"""The sources of lists: the class that reads each name that music.moods.<emotion>.lists may contain."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from musicond.config.schema import MPD, STARTER
from musicond.core.models import Emotion, Song
from musicond.core.ports import ListSource
from musicond.errors import EntryError, ListError, SkippedEntries
from musicond.library.audio_files import AudioFolder, TagCache
from musicond.library.database import STARTER_FILE
from musicond.library.m3u import M3u
from musicond.library.sorted_library import LIBRARY, SortedFolder
from musicond.library.table_files import Row, read_csv, read_json
from musicond.library.text_files import read_text

SourceBuilders = Mapping[str, Callable[[str, Emotion], ListSource]]

MOST_SONGS = 50_000
"""Of one list."""
TABLES = (".csv", ".json")
"""Suffixes of list files whose songs may name an emotion."""
PLAYLISTS: Mapping[str, Callable[..., ListSource]] = {".m3u": M3u, ".m3u8": M3u}
"""Classes of list files whose songs name none, by suffix; each takes the path and a TagCache."""


class TableFile:
    """The rows of a CSV or JSON file that name the emotion or none; implements core.ports.ListSource."""

    uri = None

    def __init__(self, path: Path, emotion: Emotion) -> None:
        self._path, self._emotion = path, emotion
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        """Yield each of its songs once; raise ListError."""
        for row in read_table(self._path, self.skipped):
            if row.emotion in (None, self._emotion):
                yield row.song


def read_table(path: Path, skipped: SkippedEntries) -> Iterator[Row]:
    """Yield the rows of a CSV or JSON file, each song once for a list; count those that can't be used in `skipped`.

    Raises ListError.
    """
    read = read_json if path.suffix.lower() == ".json" else read_csv
    seen: set[tuple[Emotion | None, str]] = set()
    for number, row in enumerate(read(read_text(path), str(path))):
        if number >= MOST_SONGS:
            raise ListError(f"{path}: more than {MOST_SONGS} songs; split it")
        if isinstance(row, EntryError):
            skipped.add(row)
        elif (key := (row.emotion, row.song.identifier)) not in seen:
            seen.add(key)
            yield row


def make_source(
    name: str,
    emotion: Emotion,
    tag_cache: TagCache | None = None,
    builders: SourceBuilders | None = None,
) -> ListSource:
    """Return the source of a name: `starter`, a file, a folder, or one of `builders` by its prefix before the colon.

    Raises ListError for an unknown name.
    """
    if name == STARTER:
        return TableFile(STARTER_FILE, emotion)
    scheme, colon, _ = name.partition(":")
    if colon and builders and scheme in builders:
        return builders[scheme](name, emotion)
    path = Path(name)
    suffix, is_folder = path.suffix.lower(), os.path.isdir(name)  # noqa: PTH112 - unlike Path.is_dir it never raises
    if suffix in TABLES and not is_folder:
        return TableFile(path, emotion)
    if suffix in PLAYLISTS and not is_folder:
        return PLAYLISTS[suffix](path, tag_cache)
    if is_folder or not path.suffix:
        return AudioFolder(path, tag_cache)
    raise ListError(f"{name}: no list; give starter, a .csv, .json, .m3u or .m3u8 file, or a folder")


def library_source(
    name: str, tag_cache: TagCache | None = None, builders: SourceBuilders | None = None, *, listen: bool = True
) -> ListSource:
    """Return the source of all songs of a library; raise ListError. Without `listen`, no sound is estimated."""
    place = name.removeprefix(LIBRARY)
    if place != MPD:
        return SortedFolder(Path(place), tag_cache, listen=listen)
    if not builders or MPD not in builders:
        raise ListError("music.library names mpd, which needs playback.backend: mpd")
    return builders[MPD](name, next(iter(Emotion)))
