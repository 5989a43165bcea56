"""The requests to Spotify's Web API, by spotipy, and its track objects; each request ends in bounded time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
import spotipy
from spotipy.exceptions import SpotifyException

from musicond.core.models import Song, Track
from musicond.errors import PlaybackError, clean_line, clean_text
from musicond.runtime.http_session import DeadlineSession, as_object, as_objects
from musicond.spotify import auth as auth_module
from musicond.spotify.auth import TIMEOUT_S, SpotifyAuth
from musicond.spotify.http import SIGN_IN, api_error, network_error

URI = "spotify:track:"
TRACK = re.compile(r"spotify:track:[A-Za-z0-9]{22}")
PAGE = 50
SEARCH_PAGE = 10
"""The most that one request for a search returns since February 2026."""
MOST_FOUND = 50
UNAUTHORIZED = 401


class SpotifyClient:
    """A client of the Web API, for one thread; every request raises PlaybackError."""

    def __init__(self, auth: SpotifyAuth) -> None:
        self._auth = auth
        self._session = DeadlineSession()
        self._pictures = DeadlineSession(json_only=False)
        # A session of our own: spotipy's sleeps through a Retry-After, even of an hour.
        self._api = spotipy.Spotify(requests_session=self._session, requests_timeout=TIMEOUT_S)
        self._api.prefix = auth_module.API

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._pictures.close()

    def me(self) -> str | None:
        """Return the name of the signed-in user."""
        user = self._call(self._api.current_user)
        name = user.get("display_name") or user.get("id")
        return None if name is None else clean_text(name)

    def user_id(self) -> str:
        """Return the id of the signed-in user; empty if unknown."""
        return str(self._call(self._api.current_user).get("id") or "")

    def devices(self) -> list[dict[str, Any]]:
        """Return the visible devices."""
        return as_objects(self._call(self._api.devices).get("devices"))

    def playback(self) -> dict[str, Any]:
        """Return the current playback; empty for none."""
        return self._call(self._api.current_playback, additional_types="track,episode")

    def play(self, device: str, uris: list[str] | None) -> None:
        """Play these URIs on a device; None resumes playback."""
        self._call(self._api.start_playback, device_id=device, uris=uris)

    def pause(self, device: str) -> None:
        """Pause a device."""
        self._call(self._api.pause_playback, device_id=device)

    def next(self, device: str) -> None:
        """Skip to the next track on a device."""
        self._call(self._api.next_track, device_id=device)

    def previous(self, device: str) -> None:
        """Skip to the previous track on a device."""
        self._call(self._api.previous_track, device_id=device)

    def transfer(self, device: str) -> None:
        """Play on another device what plays now."""
        self._call(self._api.transfer_playback, device, force_play=True)

    def picture(self, url: str) -> bytes:
        """Return the content of a picture at one of Spotify's own addresses."""
        try:
            response = self._pictures.get(url, timeout=TIMEOUT_S)
        except requests.RequestException as exc:
            raise network_error(exc) from None
        return response.content if response.ok else b""

    def set_mode(self, name: str, value: str) -> None:
        """Set a mode of the active device: `shuffle` to true or false, or `repeat` to off, context or track."""
        if name == "shuffle":
            self._call(self._api.shuffle, value == "true")
        else:
            self._call(self._api.repeat, value)

    def volume(self, device: str, percent: int) -> None:
        """Set the volume of a device."""
        self._call(self._api.volume, percent, device_id=device)

    def playlists(self) -> Iterator[dict[str, Any]]:
        """Yield the user's own and followed playlists."""
        yield from self._pages(self._api.current_user_playlists)

    def playlist_items(self, playlist: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a playlist, by its id."""
        yield from self._pages(self._api.playlist_items, playlist, additional_types=("track",))

    def liked(self) -> Iterator[dict[str, Any]]:
        """Yield the entries of the liked songs."""
        yield from self._pages(self._api.current_user_saved_tracks)

    def search(self, words: str) -> Iterator[dict[str, Any]]:
        """Yield tracks, MOST_FOUND at most."""
        for offset in range(0, MOST_FOUND, SEARCH_PAGE):
            page = self._call(self._api.search, words, limit=SEARCH_PAGE, offset=offset, type="track")
            items = as_objects(as_object(page.get("tracks")).get("items"))
            yield from items
            if len(items) < SEARCH_PAGE:
                return

    def _pages(self, call: Callable[..., Any], *args: object, **kwargs: object) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self._call(call, *args, limit=PAGE, offset=offset, **kwargs)
            items = page.get("items")
            yield from as_objects(items)
            offset += PAGE
            if not isinstance(items, list) or not items or not page.get("next"):
                return

    def _call(self, call: Callable[..., Any], *args: object, **kwargs: object) -> dict[str, Any]:
        """Return an answer's object, empty for an answer without one; an expired token is renewed once."""
        for last in (False, True):
            token = self._auth.get_token()
            self._api.set_auth(token)
            try:
                return as_object(call(*args, **kwargs))
            except SpotifyException as exc:
                if exc.http_status != UNAUTHORIZED:
                    raise self._auth.cool_down(api_error(exc, self._session.retry_after_s)) from None
                self._auth.discard_token(token)
                if last:
                    raise PlaybackError(f"Spotify takes no token of this sign-in; {SIGN_IN}") from None
            except requests.RequestException as exc:
                raise network_error(exc) from None
            except (ValueError, TypeError, AttributeError, KeyError):
                raise PlaybackError("Spotify's answer was broken; tried again by itself") from None
        raise AssertionError  # pragma: no cover - the second attempt returns or raises


def to_song(item: Mapping[str, Any], source: str) -> Song | None:
    """Return the song of a track object; None for an unplayable one: a local file, an episode, an unavailable track."""
    if item.get("is_local") or item.get("is_playable") is False:
        return None
    track = to_track(item)
    if track is None or not track.link:
        return None
    year = str(as_object(item.get("album")).get("release_date") or "")[:4]
    popularity = item.get("popularity")
    return Song(
        title=track.title,
        artist=track.artist,
        track_id=track.track_id,
        link=track.link,
        year=int(year) if year.isascii() and year.isdigit() and int(year) > 0 else None,
        popularity=popularity if isinstance(popularity, int) and 0 <= popularity <= 100 else None,  # noqa: PLR2004
        source=source,
        album=track.album or None,
    )


def to_track(item: Mapping[str, Any]) -> Track | None:
    """Return the track of a track object, for display; also an episode or a local file, which have no link."""
    if not item.get("name"):
        return None
    uri = str(item.get("uri") or "")
    link = f"https://open.spotify.com/track/{uri.removeprefix(URI)}" if uri.startswith(URI) else ""
    artists = (clean_line(artist.get("name") or "") for artist in as_objects(item.get("artists")))
    artist = next(filter(None, artists), "unknown artist")
    album = clean_line(as_object(item.get("album")).get("name") or "")
    return Track(clean_text(uri), clean_line(item["name"]), artist, clean_text(link), album)


def linked_uris(item: Mapping[str, Any]) -> set[str]:
    """Return the URIs of a track object: a track that is not sold here is played as another, which links to it."""
    uris = (item.get("uri"), as_object(item.get("linked_from")).get("uri"))
    return {str(uri) for uri in uris if uri}
