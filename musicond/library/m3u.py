"""Songs from M3U playlists: audio files, web addresses and Spotify tracks."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from musicond.core.models import Song
from musicond.errors import EntryError, ListError, SkippedEntries, clean_line
from musicond.library.audio_files import UNKNOWN, TagCache, song_of, split_name
from musicond.library.text_files import read_text, split_lines
from musicond.library.track_ids import parse_track_id, uri_and_page

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
DRIVE = re.compile(r"/?[a-z]:[\\/]", re.IGNORECASE)
EXTINF = re.compile(r'#EXTINF:(?:[^",]|"[^"]*")*,(.*)', re.IGNORECASE)
"""The duration and attributes, whose quoted values may contain commas; then the title."""
TAGS = {"#EXTART:": "artist", "#EXTALB:": "album", "#EXTGENRE:": "genre"}


class M3u:
    """The entries of an M3U playlist; implements core.ports.ListSource."""

    def __init__(self, path: Path, tag_cache: TagCache | None = None) -> None:
        self._path, self._tag_cache = path, tag_cache
        self.skipped = SkippedEntries()

    @property
    def uri(self) -> str:
        """URI of the file."""
        return self._path.absolute().as_uri()

    def tracks(self) -> Iterator[Song]:
        """Yield each of its songs once; EXTINF names those whose files have no tags. Raise ListError."""
        seen: set[str] = set()
        extinf, tags = "", dict[str, str]()
        for number, line in enumerate(map(str.strip, split_lines(read_text(self._path))), start=1):
            if line.upper().startswith("#EXT-X-"):
                raise ListError(f"{self._path}:{number}: a video or radio stream (HLS), no list of songs; give another")
            if match := EXTINF.match(line):
                extinf = clean_line(match[1]) and f" {match[1]} "
            elif name := TAGS.get(line[: line.find(":") + 1].upper()):
                tags[name] = clean_line(line.partition(":")[2])
            elif line and not line.startswith("#"):
                song = self._read_entry(line, extinf, f"{self._path}:{number}")
                extinf = ""
                if song is not None and song.identifier not in seen:
                    seen.add(song.identifier)
                    yield _add_tags(song, tags)

    def _read_entry(self, line: str, extinf: str, place: str) -> Song | None:
        """Return the song of an entry; count the entry and return None if it can't be used."""
        try:
            return self._parse_entry(line, extinf, place)
        except EntryError as exc:
            self.skipped.add(exc)
        except (ValueError, OSError) as exc:  # an address with a damaged host, or no name of a file
            self.skipped.add(EntryError(f"{place}: {getattr(exc, 'strerror', None) or exc}; correct this line"))
        return None

    def _parse_entry(self, line: str, extinf: str, place: str) -> Song:
        if track_id := parse_track_id(line):
            artist, title = split_name(extinf, track_id)
            uri, page = uri_and_page(track_id)
            return Song(title, artist, uri, page, source=place)
        if line.lower().startswith("spotify:"):
            raise EntryError(f"{place}: no track at Spotify; give spotify:track: and 22 letters or digits")
        if ADDRESS.match(line) and not line.lower().startswith("file:"):
            artist, title = split_name(extinf, _name_of_address(line))
            address = clean_line(line)
            return Song(title, artist, address, address, source=place)
        for path in _possible_files(line, self._path.parent):
            if os.path.isfile(path):  # noqa: PTH113 - unlike Path.is_file it never raises
                return song_of(Path(_without_dots(path)), self._tag_cache, extinf)
        raise EntryError(f"{place}: {clean_line(line)} not found", missing=True)


def _name_of_address(line: str) -> str:
    """Return the name of the file, or of the host for a radio; raise ValueError for an address that is damaged."""
    address = urlsplit(line)
    name = Path(unquote(address.path)).stem
    return name if name and not name.startswith(";") else address.netloc


def _possible_files(line: str, folder: Path) -> Iterator[str]:
    """Yield the paths that an entry may mean: as written and percent-decoded, in other encodings and normal forms."""
    names = [line]
    if line.lower().startswith("file:"):
        names = [re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", line, flags=re.IGNORECASE)]
    names += [unquote(names[0]), os.fsdecode(unquote_to_bytes(names[0])), os.fsdecode(line.encode("cp1252", "replace"))]
    for name in dict.fromkeys(names):
        forms = [name, clean_line(name), *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]
        for form in dict.fromkeys((*forms, *_tails(name))):
            if form and "\0" not in form:
                yield os.path.join(folder, form)  # noqa: PTH118 - may hold undecodable bytes


def _tails(name: str) -> list[str]:
    """Return the ends of a path of Windows, the longest first, to be looked for beside the list; none for another."""
    if DRIVE.match(name):
        name = name.lstrip("/")
    elif "\\" not in name or name.startswith("\\\\"):
        return []
    path = PureWindowsPath(name)
    parts = path.parts[1 if path.anchor else 0 :]
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _without_dots(path: str) -> str:
    """Return the path without `..` as long as it means the same file, so that a song has one address."""
    short = os.path.normpath(path)
    return short if os.path.realpath(short) == os.path.realpath(path) else path


def _add_tags(song: Song, tags: dict[str, str]) -> Song:
    """Return the song with the artist, album and genre of the lines before its entry where it has none; clear these."""
    artist, album, genre = (tags.pop(name, "") for name in ("artist", "album", "genre"))
    unknown = song.artist == UNKNOWN
    return replace(
        song,
        artist=artist if artist and unknown else song.artist,
        album=song.album or album or None,
        genre=song.genre or genre or None,
    )
