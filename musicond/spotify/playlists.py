"""Lists at Spotify: the user's own playlists, the liked songs, and a search; implements core.ports.ListSource."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from musicond.core.models import Song
from musicond.errors import EntryError, ListError, PlaybackError, SkippedEntries
from musicond.runtime.http_session import as_object
from musicond.spotify.client import SpotifyClient, to_song

LINK = re.compile(r"https://open\.spotify\.com/(?:intl-[A-Za-z-]+/)?playlist/([A-Za-z0-9]{22})(?:[/?#].*)?")
ID = re.compile(r"[A-Za-z0-9]{22}")
RIGHT = (
    "give spotify:playlist:ID, a playlist's link, spotify:NAME of one of yours, spotify:liked or spotify:search:WORDS"
)


class SpotifyList:
    """One list, by its name in the configuration."""

    def __init__(self, name: str, client: SpotifyClient) -> None:
        self._name, self._client = name, client
        self.uri: str | None = None
        """The playlist's URI, known once it has been read; None for the liked songs and a search."""
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        """Yield its playable songs; raise ListError."""
        try:
            for number, item in enumerate(self._items(), start=1):
                if (song := to_song(item, self._name)) is not None:
                    yield song
                else:
                    self.skipped.add(EntryError(f"{self._name}: entry {number} can't be played from here"))
        except PlaybackError as exc:
            raise ListError(f"{self._name}: {exc}", wait_s=exc.wait_s, gone=exc.gone) from None

    def _items(self) -> Iterator[dict[str, Any]]:
        name = self._name
        if match := LINK.fullmatch(name):
            yield from self._playlist_items(match[1])
            return
        if not name.startswith("spotify:"):
            raise ListError(f"{name}: no link of a playlist; {RIGHT}")
        kind, colon, rest = name.removeprefix("spotify:").partition(":")
        if (kind, colon) == ("liked", ""):
            yield from _unwrap(self._client.liked())
        elif kind == "search" and rest.strip():
            yield from self._client.search(rest.strip())
        else:
            title = rest if kind == "playlist" and colon else name.removeprefix("spotify:")
            yield from self._playlist_items(self._find_playlist(title))

    def _playlist_items(self, playlist: str) -> Iterator[dict[str, Any]]:
        self.uri = f"spotify:playlist:{playlist}"
        yield from _unwrap(self._client.playlist_items(playlist))

    def _find_playlist(self, title: str) -> str:
        """Return the id of a playlist: `title` if that is one, or the id of the user's playlist of this title."""
        if ID.fullmatch(title):
            return title
        playlists = [
            item
            for item in self._client.playlists()
            if str(item.get("name") or "").casefold() == title.casefold() and ID.fullmatch(str(item.get("id")))
        ]
        if len(playlists) > 1:  # those of the user first: the songs of a followed playlist can't be read
            user = self._client.user_id()
            playlists.sort(key=lambda item: (as_object(item.get("owner")).get("id") != user, item["name"] != title))
        if playlists:
            return str(playlists[0]["id"])
        raise ListError(f"{self._name}: none of your playlists is called {title!r}; {RIGHT}", gone=True)


def _unwrap(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the track of each entry: `item` since February 2026, `track` before, and in the liked songs."""
    for entry in entries:
        item = entry.get("item") or entry.get("track")
        if isinstance(item, dict) and not entry.get("is_local"):
            yield item
