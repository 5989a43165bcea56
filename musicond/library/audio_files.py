"""Songs of audio files: M3U playlists, and folders by the tags of their files (mutagen reads them)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

import mutagen

from musicond.core.models import Song
from musicond.errors import ListError
from musicond.library.table_files import SPOTIFY_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIO = frozenset(
    {".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".wma", ".wav", ".aiff", ".aif", ".ape", ".wv"}
)
NAMES = {
    "title": ("TIT2", "Title"),
    "artist": ("TPE1", "Author"),
    "album": ("TALB", "WM/AlbumTitle"),
    "date": ("TDRC", "WM/Year"),
    "genre": ("TCON", "WM/Genre"),
    "bpm": ("TBPM", "WM/BeatsPerMinute"),
}
"""mutagen's easy names, then those of ID3 in WAV and AIFF, and of WMA."""
YEAR = re.compile(r"\d{4}")
UNKNOWN = "unknown artist"


class TagCache(Protocol):
    """Keeps the tags of files already read; `music.sources.TagShelf` does in the catalogue."""

    def find(self, path: str, size: int, changed: int) -> str | None:
        """Return what was kept of a file of this size and time of change."""

    def keep(self, path: str, size: int, changed: int, tags: str) -> None:
        """Keep it."""


class AudioFolder:
    """All audio files below a folder, in the order of their paths; implements core.ports.ListSource."""

    uri = None

    def __init__(self, path: Path, shelf: TagCache) -> None:
        self._path, self._shelf = path, shelf

    def tracks(self) -> Iterator[Song]:
        """Yield a song for each audio file; raise ListError where the folder can't be read."""
        if not self._path.is_dir():
            raise ListError(f"{self._path}: no folder that can be read; correct music.moods, or mount it")
        for folder, folders, names in os.walk(self._path, onerror=self._fault):
            folders.sort()
            for name in sorted(names):
                if Path(name).suffix.lower() in AUDIO:
                    yield song_of(Path(folder) / name, self._shelf)

    def _fault(self, fault: OSError) -> None:
        raise ListError(f"{fault.filename}: {fault.strerror}; make it readable for the daemon's user")


class M3u:
    """The entries of an M3U playlist: audio files, web addresses and Spotify tracks; implements ListSource."""

    def __init__(self, path: Path, shelf: TagCache) -> None:
        self._path, self._shelf = path, shelf

    @property
    def uri(self) -> str:
        """URI of the file."""
        return self._path.absolute().as_uri()

    def tracks(self) -> Iterator[Song]:
        """Yield its songs; what EXTINF says is taken where a file has no tags. Raise ListError."""
        try:
            raw = self._path.read_bytes()
        except OSError as fault:
            raise ListError(f"{self._path}: {fault.strerror}; correct music.moods, or make it readable") from None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")  # what .m3u was before .m3u8
        told = ""
        for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
            if line.upper().startswith("#EXTINF:"):
                told = line.partition(",")[2].strip()
            elif line and not line.startswith("#"):
                yield self._entry(line, told, f"{self._path}:{number}")
                told = ""

    def _entry(self, line: str, told: str, place: str) -> Song:
        spotify = re.match(rf"^(?:spotify:track:|{re.escape(SPOTIFY_PAGE)})([A-Za-z0-9]+)", line)
        artist, title = split_name(told or Path(unquote(urlsplit(line).path)).stem.rpartition(":")[2])
        if spotify:
            return Song(title, artist, f"spotify:track:{spotify[1]}", SPOTIFY_PAGE + spotify[1], source=place)
        if re.match(r"^[a-z][a-z0-9+.-]+://", line, re.IGNORECASE) and not line.lower().startswith("file:"):
            return Song(title, artist, line, line, source=place)
        name = unquote(urlsplit(line).path) if line.lower().startswith("file:") else line.replace("\\", "/")
        return song_of(self._path.parent / name, self._shelf, told)


def song_of(path: Path, shelf: TagCache, told: str = "") -> Song:
    """Return the song of an audio file: by its tags, else by `told` ("Artist - Title"), else by its name."""
    path = path.absolute()
    artist, title = split_name(told or path.stem)
    tags: dict[str, Any] = {}
    try:
        found = path.stat()
        kept = shelf.find(str(path), found.st_size, found.st_mtime_ns)
        if kept is None:
            kept = json.dumps(read_tags(path), ensure_ascii=False)
            shelf.keep(str(path), found.st_size, found.st_mtime_ns, kept)
        tags = json.loads(kept)
    except OSError:
        pass  # not there now, on a disk that is not mounted, say: its name must do
    year = YEAR.search(tags.get("date", ""))
    return Song(
        title=tags.get("title") or title,
        artist=tags.get("artist") or artist,
        track_id=path.as_uri(),
        link=path.as_uri(),
        year=int(year[0]) if year else None,
        genre=tags.get("genre") or None,
        album=tags.get("album") or None,
        tempo=_tempo(tags.get("bpm", "")),
        source=str(path.parent),
    )


def read_tags(path: Path) -> dict[str, str]:
    """Return title, artist, album, date, genre and bpm of an audio file, as far as it has them; raise OSError."""
    try:
        found = mutagen.File(path, easy=True)
    except mutagen.MutagenError as fault:
        if isinstance(fault.__cause__ or fault.__context__, OSError):
            raise OSError(str(fault)) from None
        return {}  # damaged or not audio: its name must do
    tags: dict[str, str] = {}
    for name, others in NAMES.items():
        values = next(filter(None, (_values(found, each) for each in (name, *others))), None)
        text = " ".join(str(values[0]).split()) if values else ""
        if text:
            tags[name] = text[:500]
    return tags


def _values(found: Any, name: str) -> list[Any]:
    try:
        value = found.get(name) if found is not None else None
    except (KeyError, ValueError, TypeError):
        return []  # some formats know only names of a certain form
    return list(value) if isinstance(value, list | tuple) else list(getattr(value, "text", ()))


def split_name(text: str) -> tuple[str, str]:
    """Return artist and title of "Artist - Title"."""
    artist, dash, title = text.partition(" - ")
    return (artist.strip() or UNKNOWN, title.strip() or text) if dash else (UNKNOWN, text.strip() or "untitled")


def _tempo(text: str) -> float | None:
    try:
        tempo = float(text)
    except ValueError:
        return None
    return tempo if 1 <= tempo <= 1000 else None  # noqa: PLR2004 - beats per minute
