from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from musicond.core.models import Emotion, Speaker, Track
from musicond.errors import WRONG_CLOCK, ListError, PlaybackError
from musicond.runtime import http_session as session
from musicond.spotify import auth as auth_module
from musicond.spotify.auth import SpotifyAuth
from musicond.spotify.backend import SpotifyBackend
from musicond.spotify.client import SpotifyClient
from musicond.spotify.playlists import SpotifyList
from tests.certificates import certificates, https_server
from tests.spotify.api_objects import entry, track_object, track_uri
from tests.spotify.fake_server import PICTURE, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from musicond.spotify.sign_in import SignIn
    from tests.spotify.fake_spotify import FakeSpotify

__all__ = ["certificates"]

SONGS = tuple(Track(track_uri(name), name, "x", "") for name in ("One", "Two"))
QUIET = "0" * 21 + "1"


def speaker(client: SpotifyClient, auth: SpotifyAuth, device: str | None = "Kitchen", **more: bool) -> SpotifyBackend:
    return SpotifyBackend(client, auth, device, **more)


def names(client: SpotifyClient, name: str) -> list[str]:
    return [entry.title for entry in SpotifyList(name, client).tracks()]


def test_a_playlist_is_read_page_by_page_by_id_link_and_name(fake_spotify: FakeSpotify, client: SpotifyClient) -> None:
    entries = [entry(f"Song {number}") for number in range(120)]
    fake_spotify.playlists[QUIET] = ("Quiet Evenings", entries)
    fake_spotify.followed["9" * 22] = "quiet evenings"
    expected = [f"Song {number}" for number in range(120)]
    for name in (
        f"spotify:playlist:{QUIET}",
        f"https://open.spotify.com/playlist/{QUIET}?si=abc",
        "spotify:Quiet Evenings",
        "spotify:playlist:quiet EVENINGS",
    ):
        playlist = SpotifyList(name, client)
        assert [entry.title for entry in playlist.tracks()] == expected
        assert playlist.uri == f"spotify:playlist:{QUIET}"
    assert fake_spotify.violations == []


def test_an_empty_page_ends_a_list_whatever_it_says_of_a_next_one(
    fake_spotify: FakeSpotify, client: SpotifyClient
) -> None:
    fake_spotify.faults.append(Fault("me/tracks", error={"items": [], "next": "https://api.spotify.com/v1/x"}))
    assert list(SpotifyList("spotify:liked", client).tracks()) == []
    assert [request.path for request in fake_spotify.requests].count("me/tracks") == 1


def test_what_can_not_be_played_is_skipped(fake_spotify: FakeSpotify, client: SpotifyClient) -> None:
    fake_spotify.playlists[QUIET] = (
        "Odd",
        [
            entry("Good"),
            entry("Gone", item=None),
            entry("Local", is_local=True),
            entry("Local too", item=track_object("Local too", is_local=True)),
            entry("Not here", item=track_object("Not here", is_playable=False)),
            entry("Talk", item=track_object("spotify:episode:1", type="episode")),
            entry("Old wrapper", wrapper="track"),
        ],
    )
    assert names(client, f"spotify:playlist:{QUIET}") == ["Good", "Old wrapper"]


def test_liked_songs_and_a_search_of_ten_at_a_time(fake_spotify: FakeSpotify, client: SpotifyClient) -> None:
    fake_spotify.liked = [entry(f"Liked {number}", wrapper="track") for number in range(60)]
    fake_spotify.search_results = [track_object(f"Found {number}") for number in range(25)]
    liked = SpotifyList("spotify:liked", client)
    assert len(list(liked.tracks())) == 60
    assert liked.uri is None
    assert len(names(client, "spotify:search:rainy days")) == 25
    assert {request.query["limit"] for request in fake_spotify.requests if request.path == "search"} == {"10"}
    assert fake_spotify.violations == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("spotify:No such list", "none of your playlists is called"),
        ("https://open.spotify.com/album/1", "no link of a playlist"),
        (f"spotify:playlist:{'9' * 22}", "Spotify forbids this"),
    ],
)
def test_a_list_that_can_not_be_read_says_why(
    fake_spotify: FakeSpotify, client: SpotifyClient, name: str, why: str
) -> None:
    with pytest.raises(ListError, match=why):
        names(client, name)


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        ({"message": "x", "reason": "PREMIUM_REQUIRED"}, 403, "Premium accounts"),
        (
            {"message": "Active premium subscription required for the owner of the app"},
            403,
            "owner of your Spotify app",
        ),
        ({"message": "User not registered in the Developer Dashboard"}, 403, "app's list"),
        ({"message": "Insufficient client scope"}, 403, "more permissions"),
        (
            {"message": "Player command failed: No active device found", "reason": "NO_ACTIVE_DEVICE"},
            404,
            "not visible",
        ),
        ({"message": "x"}, 500, "trouble of its own"),
        ({"message": "x"}, 503, "trouble of its own"),
        ({"message": "API rate limit exceeded", "reason": "QUOTA_EXCEEDED"}, 429, "quota"),
        ({"message": "API rate limit exceeded"}, 429, "asks for a rest"),
        ("a text", 400, "broken"),
    ],
)
def test_each_refusal_is_a_plain_sentence_at_once(
    fake_spotify: FakeSpotify, client: SpotifyClient, error: object, status: int, why: str
) -> None:
    fake_spotify.faults.append(Fault("me/player", status, {"error": error}))
    started = time.monotonic()
    with pytest.raises(PlaybackError, match=why):
        client.playback()
    assert time.monotonic() - started < 3
    assert len([request for request in fake_spotify.requests if request.path == "me/player"]) == 1, (
        "it is not asked again by itself"
    )


@pytest.mark.parametrize(
    ("status", "message", "why"),
    [
        (403, "Player command failed: Restriction violated", "because of what plays there"),
        (403, "Forbidden", "not allow this on the speaker"),
        (404, "Not found", "not visible at Spotify"),
        (400, "Bad request", "does not accept one of the songs"),
    ],
)
def test_a_refusal_of_the_player_talks_of_the_player(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth, status: int, message: str, why: str
) -> None:
    fake_spotify.add_device("Kitchen")
    fake_spotify.faults.append(Fault("me/player/play", status, {"error": {"status": status, "message": message}}))
    with pytest.raises(PlaybackError, match=why) as refused:
        speaker(client, auth).play(SONGS)
    assert "playlist" not in str(refused.value)
    assert not refused.value.gone


def test_an_own_playlist_is_preferred_to_a_followed_one_of_the_same_name(
    fake_spotify: FakeSpotify, client: SpotifyClient
) -> None:
    fake_spotify.followed["9" * 22] = "Quiet Evenings"
    fake_spotify.playlists[QUIET] = ("quiet evenings", [entry("Mine")])
    assert names(client, "spotify:Quiet Evenings") == ["Mine"]
    assert fake_spotify.violations == []


def test_after_429_nobody_asks_until_the_time_is_over(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    fake_spotify.faults.append(Fault("me/player", 429, {"error": {"status": 429}}, {"Retry-After": "3600"}))
    with pytest.raises(PlaybackError) as caught:
        client.playback()
    assert caught.value.wait_s == 3600
    count = len(fake_spotify.requests)
    with pytest.raises(ListError, match="60 min") as refused:
        names(client, "spotify:liked")
    assert refused.value.wait_s is not None
    assert len(fake_spotify.requests) == count


@pytest.mark.parametrize("how", ["cut", "drip", "hang", "close"])
def test_a_broken_or_slow_answer_is_never_taken_for_silence(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """spotipy treats an answer that is not JSON as an empty one, which means that nothing plays."""
    fake_spotify.player.play([track_uri("Theirs")], fake_spotify.add_device("Elsewhere"))
    monkeypatch.setattr(client._session, "_deadline_s", 1.0)
    monkeypatch.setattr(client._api, "requests_timeout", (1.0, 1.0))
    fake_spotify.faults.append(Fault("me/player", how=how))
    started = time.monotonic()
    with pytest.raises(PlaybackError, match=r"broken|in time|reached"):
        client.playback()
    assert time.monotonic() - started < 5
    fake_spotify.faults.clear()
    assert speaker(client, auth).get_status().playing


def test_the_speaker_is_found_by_its_name_on_every_play(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    fake_spotify.add_device("Bedroom", active=True)
    fake_spotify.add_device("kitchen")
    kitchen = fake_spotify.add_device("Kitchen")
    fake_spotify.add_device("Kitchen", is_restricted=True)
    assert speaker(client, auth).play(SONGS).item_ids == tuple(song.track_id for song in SONGS)
    sent = fake_spotify.last_request("PUT", "me/player/play")
    assert (sent.query, sent.body) == ({"device_id": kitchen}, {"uris": [song.track_id for song in SONGS]})
    with fake_spotify.lock:
        fake_spotify.player.devices = [device for device in fake_spotify.player.devices if device["id"] != kitchen]
    again = fake_spotify.add_device("KITCHEN", supports_volume=False)
    with fake_spotify.lock:
        fake_spotify.player.devices = [
            device for device in fake_spotify.player.devices if device["name"] in ("KITCHEN", "Bedroom")
        ]
    speaker(client, auth).play(SONGS)
    assert fake_spotify.last_request("PUT", "me/player/play").query == {"device_id": again}
    assert fake_spotify.violations == []


@pytest.mark.parametrize(
    ("devices", "why"),
    [
        ([], "not visible"),
        ([{"name": "Bedroom"}], "not visible"),
        ([{"name": "Kitchen", "is_restricted": True}, {"name": "Bedroom"}], "takes no commands"),
        ([{"name": "Kitchen", "id": None}, {"name": "Bedroom"}], "takes no commands"),
    ],
)
def test_another_room_is_never_taken_instead(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth, devices: list[dict[str, object]], why: str
) -> None:
    for device in devices:
        fake_spotify.add_device(**device)  # type: ignore[arg-type]
    with pytest.raises(PlaybackError, match=why):
        speaker(client, auth).play(SONGS)
    with pytest.raises(PlaybackError, match=r"playback\.device"):
        speaker(client, auth, None).play(SONGS)
    assert fake_spotify.count("PUT", "me/player/play") == 0


def test_any_speaker_takes_the_active_one_if_told_so(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    fake_spotify.add_device("Bedroom")
    kitchen = fake_spotify.add_device("Kitchen", active=True)
    speaker(client, auth, "any", anywhere=True).play(SONGS)
    assert fake_spotify.last_request("PUT", "me/player/play").query == {"device_id": kitchen}


def test_a_stale_id_is_looked_up_once_more(fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth) -> None:
    fake_spotify.add_device("Kitchen")
    fake_spotify.faults.append(
        Fault("me/player/play", 404, {"error": {"status": 404, "message": "Device not found"}}, times=1)
    )
    speaker(client, auth).play(SONGS)
    assert fake_spotify.count("GET", "me/player/devices") == 2
    fake_spotify.faults.append(Fault("me/player/play", 404, {"error": {"status": 404, "message": "Device not found"}}))
    with pytest.raises(PlaybackError, match="gone"):
        speaker(client, auth).play(SONGS)
    assert fake_spotify.count("GET", "me/player/devices") == 4, "then it gives up"


def test_a_look_tells_what_is_ours_from_what_is_not(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    kitchen, bedroom = fake_spotify.add_device("Kitchen"), fake_spotify.add_device("Bedroom")
    own = speaker(client, auth)
    assert not own.get_status().item_ids
    ours = own.play(SONGS).item_ids
    status = own.get_status()
    assert status.playing
    assert status.on_our_device
    assert ours[0] in status.item_ids
    assert (status.device, status.volume, status.duration_s) == ("Kitchen", 50, 200.0)
    fake_spotify.player.play([SONGS[0].track_id], kitchen, "spotify:album:1")
    assert not set(ours) & own.get_status().item_ids, "the same song, but from an album that a person has chosen"
    fake_spotify.player.play([SONGS[0].track_id], bedroom)
    elsewhere = own.get_status()
    assert (elsewhere.on_our_device, elsewhere.volume) == (False, None)
    own.pause()
    assert fake_spotify.player.is_playing(), "it plays in another room"
    fake_spotify.player.play([SONGS[0].track_id], kitchen)
    own.set_volume(30)
    own.pause()
    assert not fake_spotify.player.is_playing()
    own.resume()
    assert own.get_status().playing
    assert own.get_status().volume == 30
    assert fake_spotify.violations == []


def test_tracks_are_skipped_and_another_speaker_takes_over(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    fake_spotify.add_device("Kitchen")
    bedroom = fake_spotify.add_device("Bedroom")
    own = speaker(client, auth)
    own.play(SONGS)
    own.next()
    assert SONGS[1].track_id in own.get_status().item_ids
    own.previous()
    assert SONGS[0].track_id in own.get_status().item_ids
    assert own.get_speakers() == (Speaker("Kitchen", selected=True), Speaker("Bedroom"))
    own.select_speaker("Bedroom", move=True)
    assert fake_spotify.player.device == bedroom
    assert own.get_status().on_our_device
    assert own.get_speakers()[1].selected
    own.pause()
    own.select_speaker(None, move=True)
    assert not own.get_status().on_our_device, "what is paused stays where it is"
    assert fake_spotify.violations == []


def test_the_album_has_the_picture(fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth) -> None:
    fake_spotify.add_device("Kitchen")
    own = speaker(client, auth)
    own.play(SONGS)
    track = own.get_status().track
    assert track is not None
    cover = own.get_cover(track)
    assert cover is not None
    assert (cover.media_type, cover.content) == ("image/jpeg", PICTURE)
    assert own.get_cover(SONGS[1]) is None, "it is not loaded"
    fake_spotify.faults.append(Fault("image/", how="close"))
    with pytest.raises(PlaybackError):
        own.get_cover(track)


def test_a_speaker_that_can_not_be_reached_is_not_selected(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    fake_spotify.add_device("Kitchen")
    own = speaker(client, auth)
    own.play(SONGS)
    with pytest.raises(PlaybackError, match="Bedroom is not visible"):
        own.select_speaker("Bedroom", move=True)
    assert own.get_status().on_our_device, "what plays in the kitchen is ours"
    fake_spotify.add_device("Bedroom")
    own.select_speaker("Bedroom", move=False)
    assert not own.get_status().on_our_device, "nothing was moved"
    own.play(SONGS)
    assert own.get_status().device == "Bedroom"


@pytest.mark.parametrize(
    "images",
    [None, "x", [], [7], [{"url": "http://elsewhere.example/x", "width": 300}], [{"width": 300}]],
)
def test_only_spotify_is_asked_for_pictures(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth, images: object
) -> None:
    fake_spotify.add_device("Kitchen")
    fake_spotify.images = images
    own = speaker(client, auth)
    own.play(SONGS)
    track = own.get_status().track
    assert track is not None
    assert own.get_cover(track) is None


def test_songs_of_other_services_can_not_be_played_there(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    fake_spotify.add_device("Kitchen")
    with pytest.raises(PlaybackError, match="none of the recommended songs"):
        speaker(client, auth).play([Track("file:///a.mp3", "a", "b", "")])


def test_no_secret_is_logged_even_at_debug(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        fake_spotify.expire_access_tokens()
        fake_spotify.add_device("Kitchen")
        speaker(client, auth).play(SONGS)
        fake_spotify.faults.append(Fault("me", 500))
        with pytest.raises(PlaybackError):
            client.me()
        fake_spotify.revoke_sign_ins()
        fake_spotify.faults.clear()
        with pytest.raises(PlaybackError):
            client.me()
    assert not [secret for secret in fake_spotify.secrets if secret in caplog.text]
    assert caplog.messages
    assert session.DEADLINE_S < 25
    assert Emotion.SAD.value not in caplog.text


@pytest.mark.parametrize(
    ("name", "remedy"), [("future", WRONG_CLOCK), ("past", WRONG_CLOCK), ("elsewhere", "check the network")]
)
@pytest.mark.parametrize(("server", "path"), [("ACCOUNTS", ""), ("API", "/v1/")])
def test_a_wrong_clock_is_named_where_a_certificate_is_not_yet_valid(
    signed_in: SignIn,
    auth: SpotifyAuth,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    remedy: str,
    server: str,
    path: str,
) -> None:
    assert signed_in
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ours.pem"))
    with https_server(certificates, name) as address:
        monkeypatch.setattr(auth_module, server, f"{address}{path}")
        client = SpotifyClient(SpotifyAuth(auth.token_file, auth.client_id, auth.redirect_uri, auth.scopes))
        with closing(client), pytest.raises(PlaybackError) as raised:
            client.me()
    assert str(raised.value) == f"Spotify can't be reached; {remedy}"
