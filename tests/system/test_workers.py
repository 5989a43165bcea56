"""Faults at the edges of the running daemon: an early reload, files that vanish, a player that answers nonsense."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import sqlite3
from typing import TYPE_CHECKING

from tests.player.test_mpd import FakeMpd, fake_mpd
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fake_mpd"]


def post(daemon: Daemon, path: str, body: dict[str, object]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port(), timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", f"/api/v1/{path}", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status


def likes(catalogue: Path) -> int:
    with contextlib.closing(sqlite3.connect(catalogue)) as connection:
        return int(connection.execute("SELECT coalesce(sum(likes), 0) FROM feedback").fetchone()[0])


def test_a_reload_before_the_start_is_complete_does_not_end_it(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo") as daemon:
        assert daemon.until(lambda: any("configuration: " in line for line in daemon.lines))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.ready()
        assert daemon.until(lambda: any("configuration read again" in line for line in daemon.lines))


def test_an_acknowledged_like_is_in_the_file_that_the_next_process_opens(tmp_path: Path) -> None:
    catalogue = tmp_path / "state" / "catalogue.sqlite"
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        state = daemon.wait_state(lambda state: state["recommendation"] is not None)
        track = state["recommendation"]["tracks"][0]["id"]
        like = {"verdict": "like", "id": track}
        assert post(daemon, "rate", like) == 200
        for file in catalogue.parent.glob("catalogue.sqlite*"):
            file.unlink()
        acknowledged = sum(post(daemon, "rate", like) == 200 for _ in range(3))
        assert acknowledged >= 2
        assert likes(catalogue) == acknowledged
        for file in catalogue.parent.glob("catalogue.sqlite-*"):
            file.unlink()
        catalogue.write_bytes(b"\xa5" * 8192)
        daemon.command("catalogue", "remove", "no such song")
        acknowledged = sum(post(daemon, "rate", like) == 200 for _ in range(3))
        assert acknowledged >= 2
        assert likes(catalogue) >= acknowledged


def test_a_player_that_answers_nonsense_is_shown_and_playback_lives(tmp_path: Path, fake_mpd: FakeMpd) -> None:
    fake_mpd.answers |= {"status": "no colon\n"}
    config = f"playback: {{backend: mpd}}\nmpd: {{host: 127.0.0.1, port: {fake_mpd.server_address[1]}}}\n"
    with Daemon(tmp_path, "--source", "demo", config=config) as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["playback"] is not None and state["playback"]["trouble"] is not None)
        fake_mpd.answers |= {"status": "volume: 900\nstate: stop\n"}
        state = daemon.wait_state(lambda state: state["playback"]["trouble"] is None, 60)
        assert state["playback"]["volume"] is None
        assert daemon.get("/healthz")[0] == 200
