"""Three bugs planted in the client: the fake Spotify must catch each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Track
from musicond.spotify import client as module
from musicond.spotify.backend import SpotifyBackend
from musicond.spotify.playlists import SpotifyList
from tests.spotify.api_objects import entry, track_object, track_uri

if TYPE_CHECKING:
    from collections.abc import Iterator

    from musicond.spotify.auth import SpotifyAuth
    from musicond.spotify.client import SpotifyClient
    from tests.spotify.fake_spotify import FakeSpotify

OWN = "1" * 22


def holds(fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth) -> None:
    """Read a playlist, search, and play in the kitchen while the bedroom is active; raise where that goes wrong."""
    fake_spotify.playlists[OWN] = ("Own", [entry("One")])
    fake_spotify.search_results = [track_object("Found")]
    kitchen = fake_spotify.add_device("Kitchen")
    fake_spotify.add_device("Bedroom", active=True)
    assert [song.title for song in SpotifyList(f"spotify:playlist:{OWN}", client).tracks()] == ["One"]
    assert [song.title for song in SpotifyList("spotify:search:found", client).tracks()] == ["Found"]
    SpotifyBackend(client, auth, "Kitchen").play([Track(track_uri("One"), "One", "x", "")])
    assert fake_spotify.player.device == kitchen
    assert fake_spotify.violations == []


def removed_endpoint(client: SpotifyClient, playlist: str) -> Iterator[dict[str, Any]]:
    """Ask as before February 2026: playlists/ID/tracks."""
    page = client._call(client._api._get, f"playlists/{playlist}/tracks", limit=50)
    yield from page["items"]


def no_device(client: SpotifyClient, device: str, uris: list[str] | None) -> None:
    """Forget the device: whichever is active plays."""
    client._call(client._api.start_playback, uris=uris)


BUGS: dict[str, tuple[object, str, object]] = {
    "an endpoint that was removed": (module.SpotifyClient, "playlist_items", removed_endpoint),
    "a search for fifty": (module, "SEARCH_PAGE", 50),
    "another room's speaker": (module.SpotifyClient, "play", no_device),
}


def test_without_a_bug_it_holds(fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth) -> None:
    holds(fake_spotify, client, auth)


@pytest.mark.parametrize("name", BUGS)
def test_each_planted_bug_is_caught(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(*BUGS[name])
    with pytest.raises(Exception, match=r".*"):
        holds(fake_spotify, client, auth)
