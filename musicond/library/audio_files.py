"""Songs from M3U playlists and from folders of audio files; mutagen reads the tags of the files."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import mutagen

from musicond.core.models import Song
from musicond.errors import ListError, bounded_number, clean_text
from musicond.library.database import transaction
from musicond.library.table_files import SPOTIFY_PAGE, read_list_file

AUDIO = frozenset(
    {".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".wma", ".wav", ".aiff", ".aif", ".ape", ".wv"}
)
TAG_NAMES = {
    "title": ("title", "TIT2", "Title"),
    "artist": ("artist", "TPE1", "Author"),
    "album": ("album", "TALB", "WM/AlbumTitle"),
    "date": ("date", "TDRC", "WM/Year"),
    "genre": ("genre", "TCON", "WM/Genre"),
    "bpm": ("bpm", "TBPM", "WM/BeatsPerMinute"),
}
"""mutagen's easy names, those of ID3 in WAV and AIFF, and those of WMA."""
TEMPO = (1, 1000)
"""Beats per minute."""
YEAR = re.compile(r"\d{4}")
UNKNOWN = "unknown artist"


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

    def tracks(self) -> Iterator[Song]:
        """Yield a song for each audio file; raise ListError where the folder can't be read."""
        if not self._path.is_dir():
            raise ListError(f"{self._path}: no folder that can be read; correct music.moods, or mount it")
        for folder, folders, names in os.walk(self._path, onerror=_raise_unreadable):
            folders.sort()
            for name in sorted(names):
                if Path(name).suffix.lower() in AUDIO:
                    yield song_of(Path(folder) / name, self._tag_cache)


def _raise_unreadable(exc: OSError) -> None:
    raise ListError(f"{exc.filename}: {exc.strerror}; make it readable for the daemon's user")


class M3u:
    """The entries of an M3U playlist: audio files, web addresses and Spotify tracks; implements ListSource."""

    def __init__(self, path: Path, tag_cache: TagCache | None = None) -> None:
        self._path, self._tag_cache = path, tag_cache

    @property
    def uri(self) -> str:
        """URI of the file."""
        return self._path.absolute().as_uri()

    def tracks(self) -> Iterator[Song]:
        """Yield its songs; EXTINF names those whose files have no tags. Raise ListError."""
        try:
            content = read_list_file(self._path)
        except OSError as exc:
            raise ListError(f"{self._path}: {exc.strerror}; correct music.moods, or make it readable") from None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")  # the encoding of .m3u before .m3u8
        title = ""
        for number, line in enumerate(map(str.strip, clean_text(text).splitlines()), start=1):
            if line.upper().startswith("#EXTINF:"):
                title = line.partition(",")[2].strip()
            elif line and not line.startswith("#"):
                yield self._parse_entry(line, title, f"{self._path}:{number}")
                title = ""

    def _parse_entry(self, line: str, extinf: str, place: str) -> Song:
        spotify = re.match(rf"^(?:spotify:track:|{re.escape(SPOTIFY_PAGE)})([A-Za-z0-9]+)", line)
        artist, title = split_name(extinf or Path(unquote(urlsplit(line).path)).stem.rpartition(":")[2])
        if spotify:
            return Song(title, artist, f"spotify:track:{spotify[1]}", SPOTIFY_PAGE + spotify[1], source=place)
        if re.match(r"^[a-z][a-z0-9+.-]+://", line, re.IGNORECASE) and not line.lower().startswith("file:"):
            return Song(title, artist, line, line, source=place)
        name = unquote(urlsplit(line).path) if line.lower().startswith("file:") else line.replace("\\", "/")
        return song_of(self._path.parent / name, self._tag_cache, extinf)


def song_of(path: Path, tag_cache: TagCache | None, extinf: str = "") -> Song:
    """Return the song of an audio file: by its tags, else by `extinf` ("Artist - Title"), else by its name."""
    path = path.absolute()
    artist, title = split_name(extinf or clean_text(path.stem))
    tags: dict[str, str] = {}
    # Missing now, for example on a disk that is not mounted, or no name of a file: its name must do.
    with contextlib.suppress(OSError, ValueError):
        tags = _cached_tags(path, tag_cache)
    year = YEAR.search(tags.get("date", ""))
    return Song(
        title=tags.get("title") or title,
        artist=tags.get("artist") or artist,
        track_id=path.as_uri(),
        link=path.as_uri(),
        year=int(year[0]) if year else None,
        genre=tags.get("genre") or None,
        album=tags.get("album") or None,
        tempo=bounded_number(tags.get("bpm"), *TEMPO),
        source=clean_text(path.parent),
    )


def _cached_tags(path: Path, tag_cache: TagCache | None) -> dict[str, str]:
    """Return the tags of a file, from the cache if it has not changed; raise OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return {}  # reading a pipe, for example, would wait for ever
    if tag_cache is None:
        return read_tags(path)
    key = os.fsencode(path).decode("utf-8", "backslashreplace"), status.st_size, status.st_mtime_ns
    with contextlib.suppress(ValueError, TypeError):  # a damaged entry
        if (text := tag_cache.get(*key)) is not None:
            return dict(json.loads(text))
    tags = read_tags(path)
    tag_cache.put(*key, json.dumps(tags, ensure_ascii=False))
    return tags


def read_tags(path: Path) -> dict[str, str]:
    """Return title, artist, album, date, genre and bpm of an audio file, as far as it has them; raise OSError."""
    try:
        file = mutagen.File(path, easy=True)
    except mutagen.MutagenError as exc:
        if isinstance(exc.__cause__ or exc.__context__, OSError):
            raise OSError(str(exc)) from None
        return {}  # damaged or not audio: its name must do
    except OSError:
        raise
    except Exception:  # a damaged file can break the library in any way
        return {}
    tags: dict[str, str] = {}
    for name, keys in TAG_NAMES.items():
        values = next(filter(None, (_tag_values(file, key) for key in keys)), None)
        text = clean_text(" ".join(str(values[0]).split())) if values else ""
        if text:
            tags[name] = text[:500]
    return tags


def _tag_values(file: Any, key: str) -> list[Any]:
    try:
        value = file.get(key) if file is not None else None
    except (KeyError, ValueError, TypeError):
        return []  # some formats know only names of a certain form
    return list(value) if isinstance(value, list | tuple) else list(getattr(value, "text", ()))


def split_name(text: str) -> tuple[str, str]:
    """Return artist and title of "Artist - Title"."""
    artist, dash, title = text.partition(" - ")
    return (artist.strip() or UNKNOWN, title.strip() or text) if dash else (UNKNOWN, text.strip() or "untitled")
