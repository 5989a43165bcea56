"""The addresses of songs at a Music Assistant server: by their id at a music service, else by title and artist."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from musicond.core.models import Track
from musicond.core.ports import SongUris
from musicond.errors import CatalogueError, PlaybackError
from musicond.music_assistant.api_objects import is_track
from musicond.music_assistant.client import (
    NOT_FOUND,
    SERVER_ERROR,
    MusicAssistantClient,
    RequestRefused,
)
from musicond.runtime.http_session import as_object, as_objects
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

BY_NAME = 33
"""Schema of the API from which the server looks for a song by its name."""
SEARCH_LIMIT = 10
EMPTY_S = 600.0
"""A song for which a search has found nothing at all is looked for again after this time."""
BUDGET_S = 15.0
"""After this time the songs found so far are played, and the others looked for the next time."""
PROVIDERS_S = 600.0
"""For which the list of the server's music services is kept."""
BUILT_IN = "builtin"
"""Domain of the server's own list of stations and addresses, in which no song is found."""
SPOTIFY = "spotify:track:"
ABSENT = (400, NOT_FOUND, SERVER_ERROR)
"""Statuses with which a server refuses an address that it does not know."""


class StartCancelled(Exception):  # noqa: N818 - a person's wish
    """The songs are not wanted any more."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The addresses of songs by track id, in order; `absent`, `postponed`: whether others are missing, and why."""

    uris: dict[str, str]
    absent: bool = False
    """The server does not have them."""
    postponed: bool = False
    """The server has not answered for them in time, or has found nothing at all."""


class SongResolver:
    """For one thread. `uris` keeps what was found, and what was not; `get_duration` returns a track's seconds."""

    def __init__(
        self,
        client: MusicAssistantClient,
        uris: SongUris,
        clock: Callable[[], float] = time.monotonic,
        get_duration: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        self._client, self._uris, self._clock, self._get_duration = client, uris, clock, get_duration
        self._warnings = WarnOnce(log)
        self._services: tuple[float, tuple[str, ...]] = (float("-inf"), ())
        """When they were asked for, and the available music services."""
        self._nothing_found: dict[str, float] = {}
        """When the search for a song came back empty, by its id: its service may have been out of reach."""
        self._is_wanted: Callable[[], bool] = lambda: True

    def resolve(self, tracks: Sequence[Track], is_wanted: Callable[[], bool] = lambda: True) -> Resolved:
        """Return the addresses of those tracks that the server has; raise PlaybackError, StartCancelled.

        A song for which the server does not answer holds up no other one.
        """
        self._is_wanted = is_wanted
        server, services = self._client.get_info().server_id, self._get_services()
        # What these services do not have, others may have, or one that comes back.
        missing = f"{server} with {' '.join(services)}"
        found = {track_id: uri for track_id, uri in self._get_known(server, tracks).items() if uri is not None}
        known = {**self._get_known(missing, tracks), **found}
        error = self._look_up_all([track for track in tracks if track.track_id not in known], known, server, missing)
        uris = {track.track_id: uri for track in tracks if (uri := known.get(track.track_id)) is not None}
        if error is not None and not uris:
            raise error
        return Resolved(uris, None in known.values(), any(track.track_id not in known for track in tracks))

    def _look_up_all(
        self, tracks: Sequence[Track], known: dict[str, str | None], server: str, missing: str
    ) -> PlaybackError | None:
        """Add to `known` what the server says of tracks; return the first error, or that the time is up."""
        deadline, error = self._clock() + BUDGET_S, None
        for track in tracks:
            if self._clock() > deadline:
                return error or PlaybackError("Music Assistant looks for songs too slowly; it is tried again")
            try:
                uri, is_certain = self._look_up(track)
            except PlaybackError as exc:
                error = error or exc
                if exc.sign_in:
                    raise
                if not isinstance(exc, RequestRefused):  # the next one would be waited for as long
                    return error
                continue
            if uri is None and not is_certain:
                continue
            known[track.track_id] = uri
            if uri is not None or self._get_services():
                self._store(missing if uri is None else server, track.track_id, uri)
        return error

    def forget(self, track_ids: Sequence[str]) -> None:
        """Forget addresses that the server no longer plays."""
        self._use_uris(lambda: self._uris.forget(self._client.get_info().server_id, track_ids))

    def _get_known(self, server: str, tracks: Sequence[Track]) -> dict[str, str | None]:
        known: dict[str, str | None] = {}
        self._use_uris(lambda: known.update(self._uris.get(server, [track.track_id for track in tracks])))
        return known

    def _store(self, server: str, track_id: str, uri: str | None) -> None:
        self._use_uris(lambda: self._uris.put(server, track_id, uri))

    def _use_uris(self, act: Callable[[], None]) -> None:
        """Read or write the catalogue; without it, songs are looked for each time."""
        try:
            act()
        except CatalogueError as exc:
            self._warnings.warn("the addresses of songs at Music Assistant can't be kept: %s", exc)

    def _look_up(self, track: Track) -> tuple[str | None, bool]:
        """Return a track's address, and whether the server is certain; without an answer, a search is not repeated."""
        if track.track_id.startswith(SPOTIFY) and "spotify" in self._get_services():
            by_id = f"spotify://track/{track.track_id.removeprefix(SPOTIFY)}"
            if self._run_if_present("music/item_by_uri", uri=by_id):
                return by_id, True
        now, searched_at = self._clock(), self._nothing_found.get(track.track_id)
        if searched_at is not None and now - searched_at < EMPTY_S:
            return None, False
        is_certain, duration_s = False, self._get_duration(track.track_id)
        for item in self._find_by_name(track):
            is_certain = True
            if (uri := _playable_uri(item, track, duration_s)) is not None:
                return uri, True
        if not is_certain and self._get_services():
            self._nothing_found[track.track_id] = now
        return None, is_certain

    def _find_by_name(self, track: Track) -> Iterator[Mapping[str, Any]]:
        """Yield the items that may be a track, the server's best match first."""
        if self._client.get_info().schema >= BY_NAME:
            item = self._run_if_present("music/item_by_name", name=track.title, artist=track.artist, media_type="track")
            if item:
                yield as_object(item)
        query = f"{track.artist} - {track.title}"
        answer = self._run("music/search", search_query=query, media_types=["track"], limit=SEARCH_LIMIT)
        yield from as_objects(as_object(answer).get("tracks"))

    def _run_if_present(self, command: str, **arguments: object) -> Any:
        """Run a command that looks for one item; None where the server does not know it."""
        try:
            return self._run(command, **arguments)
        except RequestRefused as exc:
            if exc.status not in ABSENT:
                raise
            return None

    def _run(self, command: str, **arguments: object) -> Any:
        """Run a command, unless the songs are not wanted any more."""
        if not self._is_wanted():
            raise StartCancelled
        return self._client.run(command, **arguments)

    def _get_services(self) -> tuple[str, ...]:
        """Return the domains of the music services that the server has now, in order."""
        at, services = self._services
        if self._clock() - at > PROVIDERS_S:
            providers = as_objects(self._client.run("providers"))
            music = [item for item in providers if item.get("available") and item.get("type", "music") == "music"]
            services = tuple(sorted({str(item.get("domain")) for item in music} - {BUILT_IN}))
            self._services = (self._clock() if services else at, services)  # a server that starts has none yet
        return services


def _playable_uri(item: Mapping[str, Any], track: Track, duration_s: float | None) -> str | None:
    """Return the address of a found item if it is this track and can be played."""
    uri, mappings = item.get("uri"), as_objects(item.get("provider_mappings"))
    if item.get("media_type") != "track" or not isinstance(uri, str) or not uri:
        return None
    if mappings and not any(mapping.get("available", True) for mapping in mappings):
        return None
    return uri if is_track(item, track, duration_s) else None
