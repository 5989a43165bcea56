"""The real daemon with the fake Spotify, as a process with a page."""

from __future__ import annotations

import http.client
import json
import sys
from typing import TYPE_CHECKING, Any

from tests.spotify.api_objects import entry
from tests.spotify.fake_spotify import CLIENT_ID, FakeSpotify, playlist_entries
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

LISTS = {
    "happy": (f"spotify:playlist:{'1' * 22}", ("Sunny", "Bright", "Gold")),
    "sad": ("spotify:rainy days", ("Rain", "Fog", "Grey")),
    "angry": ("spotify:liked", ("Storm", "Thunder", "Fire")),
}
LAUNCH = """
import sys
from musicond.spotify import auth, backend
auth.API, auth.ACCOUNTS = "{0}/v1/", "{0}"
backend.PICTURES = ("{0}/image/",)
from musicond.cli import main
sys.exit(main(sys.argv[1:]))
"""


def with_lists() -> FakeSpotify:
    """Return a fake Spotify with LISTS, not started."""
    spotify = FakeSpotify()
    spotify.playlists["1" * 22] = ("Sunny days", playlist_entries(*LISTS["happy"][1]))
    spotify.playlists["2" * 22] = ("Rainy Days", playlist_entries(*LISTS["sad"][1]))
    spotify.liked = [entry(name, wrapper="track") for name in LISTS["angry"][1]]
    return spotify


class SpotifyDaemon(Daemon):
    """The daemon with a configuration of `playback` and what else is given; the moods have LISTS."""

    def __init__(self, folder: Path, fake_spotify: FakeSpotify, playback: str, more: str = "") -> None:
        moods = ", ".join(f'{mood}: {{lists: ["{name}"]}}' for mood, (name, _) in LISTS.items())
        super().__init__(
            folder,
            "--source",
            "demo",
            config=f"music: {{cool_down_s: 0, refresh: never, moods: {{{moods}}}}}\n"
            f"playback: {{backend: spotify, {playback}}}\n"
            f"spotify: {{client_id: {CLIENT_ID}}}\n{more}",
        )
        self.launch = LAUNCH.format(fake_spotify.address)

    def program(self) -> list[str]:
        """Return how musicond is started."""
        return [sys.executable, "-c", self.launch]

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST to the page, as a phone does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=10)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def sign_in(self, fake_spotify: FakeSpotify) -> None:
        """Sign in by the page's API."""
        url = self.post("/api/v1/spotify/begin", {})[1]["url"]
        status, answer = self.post("/api/v1/spotify/finish", {"redirect": fake_spotify.authorize(url)})
        assert (status, answer["signed_in"]) == (200, True), answer
