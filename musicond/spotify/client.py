"""The few things that are asked of the Web API, by spotipy: each returns, or raises SpeakerError, in bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
import spotipy
from spotipy.exceptions import SpotifyException

from musicond.core.models import Song, Track
from musicond.errors import PlaybackError
from musicond.spotify import auth as places
from musicond.spotify.auth import TIMEOUT_S, network_error
from musicond.spotify.http import SIGN_IN, DeadlineSession, api_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from musicond.spotify.auth import SpotifyAuth

PAGE = 50
SEARCH_PAGE = 10
"""The most that a search gives at once since February 2026."""
MOST_FOUND = 50
UNAUTHORISED = 401


class SpotifyClient:
    """For one thread."""

    def __init__(self, access: SpotifyAuth) -> None:
        self._access = access
        self._session = DeadlineSession()
        # A session of our own: spotipy's sleeps through a Retry-After, be it an hour.
        self._api = spotipy.Spotify(requests_session=self._session, requests_timeout=TIMEOUT_S)
        self._api.prefix = places.API

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    def me(self) -> str | None:
        """Return the name of who is signed in."""
        found = self._ask(self._api.current_user)
        name = found.get("display_name") or found.get("id")
        return None if name is None else str(name)

    def devices(self) -> list[dict[str, Any]]:
        """Return the speakers that Spotify shows."""
        return _dicts(self._ask(self._api.devices).get("devices"))

    def playback(self) -> dict[str, Any]:
        """Return what plays; empty for nothing."""
        return self._ask(self._api.current_playback, additional_types="track,episode")

    def play(self, device: str, uris: list[str] | None) -> None:
        """Play these on a speaker; None: go on."""
        self._ask(self._api.start_playback, device_id=device, uris=uris)

    def pause(self, device: str) -> None:
        """Pause a speaker."""
        self._ask(self._api.pause_playback, device_id=device)

    def volume(self, device: str, percent: int) -> None:
        """Set a speaker's volume."""
        self._ask(self._api.volume, percent, device_id=device)

    def playlists(self) -> Iterator[dict[str, Any]]:
        """Yield the user's own and followed playlists."""
        yield from self._pages(self._api.current_user_playlists, PAGE)

    def playlist_items(self, playlist: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a playlist, by its id."""
        yield from self._pages(self._api.playlist_items, PAGE, playlist, additional_types=("track",))

    def liked(self) -> Iterator[dict[str, Any]]:
        """Yield the entries of the liked songs."""
        yield from self._pages(self._api.current_user_saved_tracks, PAGE)

    def search(self, words: str) -> Iterator[dict[str, Any]]:
        """Yield tracks, MOST_FOUND at most."""
        for offset in range(0, MOST_FOUND, SEARCH_PAGE):
            found = self._ask(self._api.search, words, limit=SEARCH_PAGE, offset=offset, type="track").get("tracks")
            items = _dicts(found.get("items") if isinstance(found, dict) else None)
            yield from items
            if len(items) < SEARCH_PAGE:
                return

    def _pages(self, ask: Callable[..., Any], limit: int, *args: object, **more: object) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self._ask(ask, *args, limit=limit, offset=offset, **more)
            items = page.get("items")
            yield from _dicts(items)
            offset += limit
            if not isinstance(items, list) or not page.get("next"):
                return

    def _ask(self, call: Callable[..., Any], *args: object, **more: object) -> dict[str, Any]:
        """Return an answer's object, empty for an answer without one; a token that has died is renewed once."""
        for last in (False, True):
            token = self._access.get_token()
            self._api.set_auth(token)
            try:
                found = call(*args, **more)
            except SpotifyException as fault:
                if fault.http_status != UNAUTHORISED:
                    raise self._access.cool_down(api_error(fault)) from None
                self._access.discard_token(token)
                if last:
                    raise PlaybackError(f"Spotify takes no token of this sign-in; {SIGN_IN}") from None
            except requests.RequestException as fault:
                raise network_error(fault) from None
            except (ValueError, TypeError, AttributeError, KeyError):
                raise PlaybackError("Spotify's answer was broken; tried again by itself") from None
            else:
                return found if isinstance(found, dict) else {}
        raise AssertionError  # pragma: no cover - the second try returns or raises


def _dicts(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


URI = "spotify:track:"


def to_song(found: Mapping[str, Any] | None, source: str) -> Song | None:
    """Return the song of a track's object; None for what can't be played: local files, episodes, unavailable ones."""
    if not found or found.get("is_local") or found.get("is_playable") is False:
        return None
    uri, title = str(found.get("uri") or ""), str(found.get("name") or "")
    if not uri.startswith(URI) or not title:
        return None
    record = found.get("album")
    year = str(record.get("release_date") or "")[:4] if isinstance(record, dict) else ""
    popularity = found.get("popularity")
    return Song(
        title=title,
        artist=artist_name(found),
        track_id=uri,
        link=f"https://open.spotify.com/track/{uri.removeprefix(URI)}",
        year=int(year) if year.isascii() and year.isdigit() and int(year) > 0 else None,
        popularity=popularity if isinstance(popularity, int) and 0 <= popularity <= 100 else None,  # noqa: PLR2004
        source=source,
        album=album_name(found) or None,
    )


def album_name(found: Mapping[str, Any]) -> str:
    """Return the name of the album of a track's object, empty where there is none."""
    record = found.get("album")
    return str(record.get("name") or "") if isinstance(record, dict) else ""


def artist_name(found: Mapping[str, Any]) -> str:
    """Return the first artist of a track's object."""
    artists = found.get("artists")
    linked_uris = (
        [str(each.get("name") or "") for each in artists if isinstance(each, dict)] if isinstance(artists, list) else []
    )
    return next((name for name in linked_uris if name), "unknown artist")


def to_track(found: Mapping[str, Any] | None) -> Track | None:
    """Return what plays, for people to read: also an episode or a local file."""
    if not found or not found.get("name"):
        return None
    uri = str(found.get("uri") or "")
    link = f"https://open.spotify.com/track/{uri.removeprefix(URI)}" if uri.startswith(URI) else ""
    return Track(uri, str(found["name"]), artist_name(found), link, album_name(found))


def linked_uris(found: Mapping[str, Any] | None) -> set[str]:
    """Return the URIs of a track: a track that is not sold here is played as another, which tells whose twin it is."""
    linked = found.get("linked_from") if found else None
    uris = (found.get("uri") if found else None, linked.get("uri") if isinstance(linked, dict) else None)
    return {str(uri) for uri in uris if uri}
