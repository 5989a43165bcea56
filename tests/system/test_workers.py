"""Faults at the edges of the running daemon: an early reload, files that vanish, a player that answers nonsense."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.figures import FULL
from tests.player.test_mpd import FakeMpd, fake_mpd
from tests.system.daemon import Daemon

__all__ = ["fake_mpd"]
ROOT = Path(__file__).resolve().parents[2]


def post(daemon: Daemon, path: str, body: dict[str, object]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port(), timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", f"/api/v1/{path}", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status


def try_to_post(daemon: Daemon, path: str, body: dict[str, object]) -> int | None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return post(daemon, path, body)
    return None


def likes(catalogue: Path) -> int:
    with contextlib.closing(sqlite3.connect(catalogue)) as connection:
        return int(connection.execute("SELECT coalesce(sum(likes), 0) FROM feedback").fetchone()[0])


def test_a_reload_before_the_start_is_complete_does_not_end_it(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo") as daemon:
        assert daemon.until(lambda: any("configuration: " in line for line in daemon.lines))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.ready()
        assert daemon.until(lambda: any("configuration read again" in line for line in daemon.lines))


def test_a_reload_in_the_first_moment_does_not_end_it(tmp_path: Path) -> None:
    config = tmp_path / "musicon.yaml"
    config.write_text("mood: {dwell_s: often}\n", "utf-8")
    command = [sys.executable, "-m", "musicond", "run", "--config", str(config)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        status = Path(f"/proc/{process.pid}/status")
        blocked = 0
        while not blocked & 1 << signal.SIGHUP - 1:
            [blocked] = [
                int(line.split()[1], 16) for line in status.read_text("ascii").splitlines() if "SigBlk" in line
            ]
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 78, "the fault of the configuration, not the signal"


def test_a_camera_that_never_opens_ends_the_process_and_privacy_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    os.mkfifo(folder / "1.png")  # reading it waits for ever, as some drivers do
    with Daemon(tmp_path, "--source", f"file:{folder}") as daemon:
        daemon.ready()
        thread = threading.Thread(target=try_to_post, args=(daemon, "privacy", {"on": True}))
        thread.start()
        assert daemon.process.wait(60) == 1, "it ends before the watchdog would kill it"
        thread.join(30)
        assert any("the camera has not ended within 20 s" in line for line in daemon.lines)
        assert not any("Traceback" in line for line in daemon.lines)
    saved = json.loads((tmp_path / "state" / "settings.json").read_text("utf-8"))
    assert saved["private"] is True


BLOCKING_STOP = """
import time
from tests.capture.fake_picamera2 import Board, module
Picamera2 = module(Board()).Picamera2
Picamera2.stop = lambda _camera: time.sleep(600)
"""


@pytest.mark.skipif(not FULL, reason="takes the 20 s of a hanging camera; run by script/fault-test")
def test_a_pi_camera_whose_stop_blocks_ends_the_process_and_privacy_is_stored(tmp_path: Path) -> None:
    (tmp_path / "double").mkdir()
    (tmp_path / "double" / "picamera2.py").write_text(BLOCKING_STOP, "utf-8")
    folders = [str(tmp_path / "double"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    with Daemon(tmp_path, "--source", "pi", env={"PYTHONPATH": os.pathsep.join(filter(None, folders))}) as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["watching"] in ("yes", "dark"))
        thread = threading.Thread(target=try_to_post, args=(daemon, "privacy", {"on": True}))
        thread.start()
        assert daemon.process.wait(60) == 1, "it ends before the watchdog would kill it"
        thread.join(30)
        assert any("the camera has not ended within 20 s" in line for line in daemon.lines)
    saved = json.loads((tmp_path / "state" / "settings.json").read_text("utf-8"))
    assert saved["private"] is True


def _taken_over(daemon: Daemon) -> int:
    return sum("taken over: playback.autoplay" in line for line in daemon.lines)


def test_reloads_under_load_are_in_force_when_they_are_logged(tmp_path: Path) -> None:
    reloads = 8 if FULL else 2
    with Daemon(tmp_path, "--source", "demo", config="playback:\n  backend: mpd\n") as daemon:
        daemon.ready()
        plain, ended, statuses = daemon.config.read_text("utf-8"), threading.Event(), set[int | None]()

        def flood() -> None:
            for policy in itertools.cycle(("match", "lift")):
                statuses.add(try_to_post(daemon, "policy", {"policy": policy}))
                if ended.is_set():
                    break

        threads = [threading.Thread(target=flood) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(1, reloads + 1):
            daemon.config.write_text(f"{plain}  autoplay: {str(bool(number % 2)).lower()}\n", "utf-8")
            daemon.process.send_signal(signal.SIGHUP)
            assert daemon.until(lambda number=number: _taken_over(daemon) >= number)  # type: ignore[misc] # mypy sees no defaults of lambdas
            on = bool(number % 2)
            daemon.wait_state(lambda state, on=on: state["playback"]["autoplay"] is on)  # type: ignore[misc] # likewise
        ended.set()
        for thread in threads:
            thread.join(30)
        assert 200 in statuses


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
        acknowledged = sum(post(daemon, "rate", like) == 200 for _ in range(8))
        assert acknowledged >= 5, "the first ones may find the old file"
        assert likes(catalogue) == acknowledged
        for file in catalogue.parent.glob("catalogue.sqlite-*"):
            file.unlink()
        catalogue.write_bytes(b"\xa5" * 8192)
        daemon.command("catalogue", "remove", "no such song")
        acknowledged = sum(post(daemon, "rate", like) == 200 for _ in range(8))
        assert acknowledged >= 5, "the first ones may find the old file"
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
