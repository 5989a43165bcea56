"""The songs of mpd's library as a source of lists; implements core.ports.ListSource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from musicond.core.models import Song
from musicond.errors import ListError, PlaybackError, SkippedEntries, clean_line
from musicond.player.mpd import OWN_FILE, MpdBackend, first_value

TAGS = ("mood", "genre")
"""mpd gives its clients no tempo, key or ReplayGain."""
MOPIDY_FOLDER = "Local media/Tracks"
"""The folder of Mopidy-Local; the others are those of music services, which have no end."""
DEEPEST = 50
"""Folders within each other."""


class MpdLibrary:
    """All songs of the library behind a backend. `place` gives a song valence and energy by its tags."""

    uri = None

    def __init__(self, backend: MpdBackend, place: Callable[[Song, dict[str, str]], Song]) -> None:
        self._backend, self._place = backend, place
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        """Yield its songs, folder by folder; raise ListError where mpd can't be reached or has not found all yet."""
        try:
            if self._backend.is_updating():
                raise ListError("mpd still reads its music folder; wait until it has ended (mpc status)")
            folders = [(MOPIDY_FOLDER if self._backend.is_mopidy() else "", 0)]
            while folders:
                folder, depth = folders.pop()
                for item in self._backend.list_folder(folder):
                    if item.get("directory") and depth < DEEPEST:
                        folders.append((str(item["directory"]), depth + 1))
                    elif item.get("file"):
                        yield self._song(item)
        except PlaybackError as exc:
            raise ListError(str(exc)) from None
        finally:
            self._backend.close()

    def _song(self, item: Mapping[str, Any]) -> Song:
        file, genre = str(item["file"]), first_value(item.get("genre"))
        song = Song(
            title=first_value(item.get("title")) or clean_line(PurePosixPath(file).stem) or "untitled",
            artist=first_value(item.get("artist")) or "unknown artist",
            track_id=f"{OWN_FILE}{quote(file)}",
            genre=genre or None,
            album=first_value(item.get("album")) or None,
            source="mpd",
        )
        return self._place(song, {name: _all_values(item.get(name)) for name in TAGS})


def _all_values(value: Any) -> str:
    """Return the values of a tag, which mpd gives as a list where there are several."""
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value or "")
