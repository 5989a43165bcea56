"""Songs from folders of audio files; mutagen reads the tags of the files."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mutagen
from mutagen.easyid3 import EasyID3
from mutagen.easymp4 import EasyMP4Tags

from musicond.core.models import Song
from musicond.errors import EntryError, ListError, SkippedEntries, bounded_number, clean_line, error_text
from musicond.library.database import transaction
from musicond.library.table_files import parse_year
from musicond.library.track_ids import path_of
from musicond.runtime.systemd import remedy_for

AUDIO = frozenset(
    {".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".wma", ".wav", ".aiff", ".aif", ".ape", ".wv"}
)
NO_MUSIC = frozenset(
    {"@eadir", "#recycle", "#snapshot", "@recycle", "$recycle.bin", "lost+found", "system volume information"}
)
"""Folders that Synology, QNAP, Windows and Linux keep for themselves; those with a dot are hidden anyway."""
TAG_NAMES = {
    "title": ("title", "TIT2", "Title"),
    "artist": ("artist", "TPE1", "Author"),
    "album": ("album", "TALB", "WM/AlbumTitle"),
    "date": ("date", "TDRC", "WM/Year"),
    "genre": ("genre", "TCON", "WM/Genre"),
    "bpm": ("bpm", "TBPM", "WM/BeatsPerMinute"),
    "mood": ("mood", "TMOO", "WM/Mood"),
    "key": ("initialkey", "TKEY", "WM/InitialKey"),
    "gain": (
        *("replaygain_track_gain", "replaygain_track_gain_lower", "REPLAYGAIN_TRACK_GAIN"),
        *("TXXX:REPLAYGAIN_TRACK_GAIN", "TXXX:replaygain_track_gain"),
    ),
}
"""mutagen's easy names, those of ID3 in WAV and AIFF, and those of WMA."""
READER = "3"
"""Kept with the tags; those that an earlier version has read lack some."""
TEMPO = (1, 1000)
"""Beats per minute."""
EasyID3.RegisterTextKey("initialkey", "TKEY")
EasyID3.RegisterTXXXKey("replaygain_track_gain", "REPLAYGAIN_TRACK_GAIN")
EasyID3.RegisterTXXXKey("replaygain_track_gain_lower", "replaygain_track_gain")
for _name, _key in (("mood", "MOOD"), ("initialkey", "initialkey"), ("replaygain_track_gain", "replaygain_track_gain")):
    EasyMP4Tags.RegisterFreeformKey(_name, _key)
DURATION_S = (1, 1e6)
UNKNOWN = "unknown artist"
LONGEST_TAG = 500
"""Characters."""
MOST_READS = 100_000
"""Reads of one file: mutagen reads damaged files of some formats (Musepack) for ever."""


class TagCache:
    """Keeps the tags of audio files in the catalogue, in batches, so that an interrupted refresh reads none twice."""

    BATCH = 200

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unsaved: list[tuple[str, int, int, str]] = []

    def get(self, path: str, size: int, changed: int) -> str | None:
        """Return the stored tags of a file of this size and modification time (ns), or None; raise sqlite3.Error."""
        query = "SELECT tags FROM scanned WHERE path = ? AND size = ? AND changed = ?"
        row = self._connection.execute(query, (path, size, changed)).fetchone()
        return str(row[0]) if row else None

    def put(self, path: str, size: int, changed: int, tags: str) -> None:
        """Store the tags of a file with the next batch; raise sqlite3.Error."""
        self._unsaved.append((path, size, changed, tags))
        if len(self._unsaved) >= self.BATCH:
            self.flush()

    def flush(self) -> None:
        """Store the batch; raise sqlite3.Error."""
        if self._unsaved:
            with transaction(self._connection):
                self._connection.executemany("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?, ?)", self._unsaved)
            self._unsaved.clear()


class AudioFolder:
    """All audio files below a folder, in the order of their paths; implements core.ports.ListSource."""

    uri = None

    def __init__(self, path: Path, tag_cache: TagCache | None = None) -> None:
        self._path, self._tag_cache = path, tag_cache
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        """Yield a song for each audio file; raise ListError where the folder itself can't be read."""
        try:
            os.scandir(self._path).close()
        except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
            remedy = remedy_for(self._path, "correct music.moods, or mount it")
            raise ListError(f"{self._path}: no folder that can be read ({error_text(exc)}); {remedy}") from None
        visited: set[tuple[int, int]] = set()
        for folder, folders, names in os.walk(self._path, onerror=self._skip_folder, followlinks=True):
            folders[:] = [name for name in sorted(folders) if not _is_hidden(name)]
            if not self._enter(folder, visited):
                folders.clear()
                continue
            for name in sorted(names):
                if Path(name).suffix.lower() in AUDIO and not _is_hidden(name):
                    yield from self._read_file(Path(folder) / name)

    def _song_of(self, path: Path) -> Song:
        return song_of(path, self._tag_cache)

    def _read_file(self, path: Path) -> Iterator[Song]:
        if os.path.exists(path):  # noqa: PTH110 - unlike Path.exists it never raises
            yield self._song_of(path)
        else:
            self.skipped.add(EntryError(f"{path} not found", missing=True))

    def _enter(self, folder: str, visited: set[tuple[int, int]]) -> bool:
        """Return whether this folder is read for the first time: links can lead to it twice, or in a circle."""
        try:
            status = Path(folder).stat()
        except OSError as exc:
            self._skip_folder(exc)
            return False
        key = status.st_dev, status.st_ino
        if key in visited:
            return False
        visited.add(key)
        return True

    def _skip_folder(self, exc: OSError) -> None:
        self.skipped.add(EntryError(f"{exc.filename}: {exc.strerror}; make it readable for the daemon's user"))


def _is_hidden(name: str) -> bool:
    """Return whether a file or folder is not music of the user: a copy's metadata, a thumbnail or deleted."""
    return name.startswith(".") or name.casefold() in NO_MUSIC


def song_of(path: Path, tag_cache: TagCache | None, extinf: str = "") -> Song:
    """Return the song of an audio file: by its tags, else by `extinf` ("Artist - Title"), else by its name."""
    tags: dict[str, str] = {}
    # A file that can't be read here may still be played by mpd: its name must do.
    with contextlib.suppress(OSError, ValueError):
        tags = cached_tags(path.absolute(), tag_cache)
    return song_of_tags(path, tags, extinf)


def song_of_tags(path: Path, tags: Mapping[str, str], extinf: str = "") -> Song:
    """Return the song of an audio file with these tags, as `song_of` does."""
    path = path.absolute()
    address = path.as_uri()
    artist, title = split_name(extinf, path.stem)
    return Song(
        title=tags.get("title") or title,
        artist=tags.get("artist") or artist,
        track_id=address,
        link=address,
        year=parse_year(tags.get("date", "")),
        genre=tags.get("genre") or None,
        album=tags.get("album") or None,
        tempo=bounded_number(tags.get("bpm"), *TEMPO),
        source=clean_line(path.parent),
    )


def cached_tags(path: Path, tag_cache: TagCache | None) -> dict[str, str]:
    """Return the tags of a file, from the cache if it has not changed; raise OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return {}  # reading a pipe, for example, would wait for ever
    if tag_cache is None:
        return read_tags(path)
    key = _cache_key(path, status)
    with contextlib.suppress(ValueError, TypeError):  # a damaged entry
        if (text := tag_cache.get(*key)) is not None and (tags := dict(json.loads(text))).get("reader") == READER:
            return tags
    tags = {**read_tags(path), "reader": READER}
    tag_cache.put(*key, json.dumps(tags, ensure_ascii=False))
    return tags


def store_tags(path: Path, tag_cache: TagCache, tags: Mapping[str, str]) -> None:
    """Store tags of a file at once; raise OSError and sqlite3.Error."""
    tag_cache.put(*_cache_key(path, path.stat()), json.dumps(tags, ensure_ascii=False))
    tag_cache.flush()


def _cache_key(path: Path, status: os.stat_result) -> tuple[str, int, int]:
    return os.fsencode(path).decode("utf-8", "backslashreplace"), status.st_size, status.st_mtime_ns


def read_tags(path: Path) -> dict[str, str]:
    """Return those values of TAG_NAMES that an audio file has; raise OSError."""
    try:
        with _LimitedFile(io.FileIO(str(path))) as content:
            file = mutagen.File(content, easy=True)
        values = {name: _first_value(file, keys) for name, keys in TAG_NAMES.items()}
    except mutagen.MutagenError as exc:
        if isinstance(exc.__cause__ or exc.__context__, OSError):
            raise OSError(str(exc)) from None
        return {}  # damaged or not audio: its name must do
    except OSError:
        raise
    except Exception:  # a damaged file can break the library in any way
        return {}
    return {name: text for name, value in values.items() if (text := clean_line(value)[:LONGEST_TAG])}


def read_duration_s(track_id: str) -> float | None:
    """Return the duration of a track that is an audio file; None for any other, and for one that can't be read."""
    if not track_id.startswith("file:"):
        return None
    try:
        path = path_of(track_id)
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a path may hold any bytes
            return None  # reading a pipe would wait for ever
        with _LimitedFile(io.FileIO(path)) as content:
            file = mutagen.File(content)
        return bounded_number(file.info.length, *DURATION_S) if file is not None else None
    except Exception:  # a damaged file can break the library in any way
        return None


class _LimitedFile(io.BufferedReader):
    """A file that can be read `MOST_READS` times; then it raises ValueError."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes."""
        self.reads += 1
        if self.reads > MOST_READS:
            raise ValueError("the library does not come to an end")
        return super().read(size)


def _first_value(file: Any, keys: Sequence[str]) -> Any:
    """Return the first value of the first of these tags that the file has; empty for none."""
    for key in keys:
        try:
            value = file.get(key) if file is not None else None
        except (KeyError, ValueError, TypeError):
            continue  # some formats know only names of a certain form
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else getattr(value, "text", None)
        if values:
            return values[0]
    return ""


def split_name(text: str, fallback: str) -> tuple[str, str]:
    """Return artist and title of "Artist - Title"; what `text` lacks is taken from `fallback`."""
    artist = title = ""
    for name in (text, fallback):
        if not title:
            first, dash, last = name.partition(" - ")
            artist, title = artist or clean_line(first if dash else ""), clean_line(last if dash else name)
    return artist or UNKNOWN, title or "untitled"
