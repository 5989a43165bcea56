"""After a restart of the daemon: what it started is still its own, and a silence that a person asked for holds."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.spotify.api_objects import track_uri
from tests.spotify.spotify_daemon import Home, with_lists

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

PLAYBACK = "device: Kitchen, autoplay: true, when: now"


def ours(state: dict[str, Any]) -> bool:
    """Whether the page shows that what plays is ours; just after the start it shows no player."""
    return bool(state["playback"] and state["playback"]["ours"])


def test_music_stays_ours_and_silence_holds_over_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "state" / "playback.json"
    with with_lists() as double:
        kitchen = double.add_device("Kitchen")
        with Home(tmp_path, double, PLAYBACK) as home:
            home.ready().sign_in(double)
            home.wait_state(lambda state: state["recommendation"] is not None)
            assert home.post("/api/v1/play", {})[0] == 200
            home.wait_state(ours)
            assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        with Home(tmp_path, double, PLAYBACK) as home:  # killed, not stopped
            home.ready().wait_state(ours)
            assert home.post("/api/v1/pause", {"minutes": 5})[0] == 200
            assert double.until(lambda: not double.player.playing), "a pause stops what is ours"
            assert home.post("/api/v1/resume", {})[0] == 200
            assert home.post("/api/v1/play", {})[0] == 200
            assert double.until(lambda: double.player.playing)
            assert home.post("/api/v1/stop", {})[0] == 200
            home.wait_state(lambda state: "silent until" in str(state["playback"]))
            assert double.until(lambda: not double.player.playing)
        plays = double.count("PUT", "me/player/play")
        with double.lock:
            double.player.play([track_uri("Theirs")], kitchen, "spotify:album:1")
        with Home(tmp_path, double, PLAYBACK) as home:
            state = home.ready().wait_state(lambda state: "silent until" in str(state["playback"]))
            home.wait_state(lambda state: not ours(state) and state["playback"]["state"] == "playing")
            assert not state["playback"]["trouble"]
            assert json.loads(kept.read_text())["ours"] == "[]"
            assert double.count("PUT", "me/player/play") == plays
            assert double.player.playing
            home.wait_state(lambda state: state["recommendation"] is not None)
            assert home.post("/api/v1/play", {})[0] == 200
            state = home.wait_state(ours)
            assert "silent" not in str(state["playback"]["holding"])
            assert json.loads(kept.read_text())["silent_until"] is None
        assert double.violations == []
