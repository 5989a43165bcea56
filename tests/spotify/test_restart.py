"""After a restart of the daemon its own music is still its own, and autoplay stays suppressed."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.spotify.api_objects import track_uri
from tests.spotify.spotify_daemon import SpotifyDaemon, with_lists

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PLAYBACK = "device: Kitchen, autoplay: true, when: now"


def ours(state: dict[str, Any]) -> bool:
    """Whether the page shows that what plays is ours; just after the start it shows no player."""
    return bool(state["playback"] and state["playback"]["ours"])


def test_music_stays_ours_and_silence_holds_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state" / "playback.json"
    with with_lists() as fake_spotify:
        kitchen = fake_spotify.add_device("Kitchen")
        with SpotifyDaemon(tmp_path, fake_spotify, PLAYBACK) as daemon:
            daemon.ready().sign_in(fake_spotify)
            daemon.wait_state(lambda state: state["recommendation"] is not None)
            assert daemon.post("/api/v1/play", {})[0] == 200
            daemon.wait_state(ours)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with SpotifyDaemon(tmp_path, fake_spotify, PLAYBACK) as daemon:  # killed, not stopped
            daemon.ready().wait_state(ours)
            assert daemon.post("/api/v1/pause", {"minutes": 5})[0] == 200
            assert fake_spotify.wait_until(lambda: not fake_spotify.player.playing), "a pause stops what is ours"
            assert daemon.post("/api/v1/resume", {})[0] == 200
            assert daemon.post("/api/v1/play", {})[0] == 200
            assert fake_spotify.wait_until(lambda: fake_spotify.player.playing)
            assert daemon.post("/api/v1/stop", {})[0] == 200
            daemon.wait_state(lambda state: "silent until" in str(state["playback"]))
            assert fake_spotify.wait_until(lambda: not fake_spotify.player.playing)
        plays = fake_spotify.count("PUT", "me/player/play")
        with fake_spotify.lock:
            fake_spotify.player.play([track_uri("Theirs")], kitchen, "spotify:album:1")
        with SpotifyDaemon(tmp_path, fake_spotify, PLAYBACK) as daemon:
            state = daemon.ready().wait_state(lambda state: "silent until" in str(state["playback"]))
            daemon.wait_state(lambda state: not ours(state) and state["playback"]["state"] == "playing")
            assert not state["playback"]["trouble"]
            assert json.loads(file.read_text())["ours"] == "[]"
            assert fake_spotify.count("PUT", "me/player/play") == plays
            assert fake_spotify.player.playing
            daemon.wait_state(lambda state: state["recommendation"] is not None)
            assert daemon.post("/api/v1/play", {})[0] == 200
            state = daemon.wait_state(ours)
            assert "silent" not in str(state["playback"]["holding"])
            assert json.loads(file.read_text())["silent_until"] is None
        assert fake_spotify.violations == []
