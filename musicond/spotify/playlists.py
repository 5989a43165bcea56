"""Lists at Spotify: the user's own playlists, the liked songs, and a search; implements core.ports.ListSource."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from musicond.errors import ListError, PlaybackError
from musicond.spotify.client import to_song

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from musicond.core.models import Song
    from musicond.spotify.client import SpotifyClient

LINK = re.compile(r"https://open\.spotify\.com/(?:intl-[a-z]+/)?playlist/([A-Za-z0-9]{22})(?:[/?#].*)?")
ID = re.compile(r"[A-Za-z0-9]{22}")
RIGHT = (
    "give spotify:playlist:ID, a playlist's link, spotify:NAME of one of yours, spotify:liked or spotify:search:WORDS"
)


class SpotifyList:
    """One list, by its name in the configuration."""

    def __init__(self, name: str, client: SpotifyClient) -> None:
        self._name, self._client = name, client
        self.uri: str | None = None
        """The playlist's URI, once it has been read; None for the liked songs and a search."""

    def tracks(self) -> Iterator[Song]:
        """Yield its songs that can be played; raise ListError."""
        try:
            for found in self._tracks():
                if (made := to_song(found, self._name)) is not None:
                    yield made
        except PlaybackError as fault:
            raise ListError(f"{self._name}: {fault}", wait_s=fault.wait_s, gone=fault.gone) from None

    def _tracks(self) -> Iterator[dict[str, Any]]:
        name = self._name
        if match := LINK.fullmatch(name):
            yield from self._playlist(match[1])
            return
        if not name.startswith("spotify:"):
            raise ListError(f"{name}: no link of a playlist; {RIGHT}")
        kind, colon, rest = name.removeprefix("spotify:").partition(":")
        if (kind, colon) == ("liked", ""):
            yield from _inner(self._client.liked())
        elif kind == "search" and rest.strip():
            yield from self._client.search(rest.strip())
        else:
            wanted = rest if kind == "playlist" and colon else name.removeprefix("spotify:")
            yield from self._playlist(self._found(wanted))

    def _playlist(self, playlist: str) -> Iterator[dict[str, Any]]:
        self.uri = f"spotify:playlist:{playlist}"
        yield from _inner(self._client.playlist_items(playlist))

    def _found(self, wanted: str) -> str:
        """Return the id of a playlist: its own, or that of the user's playlist with this name."""
        if ID.fullmatch(wanted):
            return wanted
        known = {str(each.get("id")): str(each.get("name") or "") for each in self._client.playlists()}
        exact = [playlist for playlist, name in known.items() if name == wanted]
        near = [playlist for playlist, name in known.items() if name.casefold() == wanted.casefold()]
        for playlist in (*exact, *near):
            if ID.fullmatch(playlist):
                return playlist
        raise ListError(f"{self._name}: none of your playlists is called {wanted!r}; {RIGHT}", gone=True)


def _inner(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the track of each entry: called `item` since February 2026, `track` before, and in the liked songs."""
    for entry in entries:
        found = entry.get("item") or entry.get("track")
        if isinstance(found, dict) and not entry.get("is_local"):
            yield found
