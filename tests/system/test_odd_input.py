"""Input that is no text, no song or no answer, for the real daemon: it says so in one line and goes on."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from musicond.library.database import BACKUP, FILE_NAME
from tests.mqtt.conftest import Broker, Listener
from tests.player.test_mpd import FakeMpd, fake_mpd
from tests.system.daemon import Daemon
from tests.system.test_locked_storage import likes, post

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fake_mpd"]

HALF = b"\xed\xa0\x80"
"""Half a surrogate, as some programs encode it."""
PAYLOADS = (HALF, b'{"track_id": "\\ud800"}', b'{"track_id": "it\'s secret"}', b'"\\udfff"', b"\0\xff", b"[" * 1000)
STATUSES = (
    "no colon\n",
    "volume: loud\nstate: stop\n",
    "volume: 10\nvolume: 20\nstate: play\nstate: stop\n",
    "elapsed: abc\nstate: play\n",
    "volume: 900\nstate: stop\n",
)


def has_trouble(state: dict[str, Any]) -> bool:
    return state["playback"]["trouble"] is not None


def has_none(state: dict[str, Any]) -> bool:
    return not has_trouble(state)


@pytest.mark.broker
def test_odd_messages_and_answers_of_a_player_end_nothing(tmp_path: Path, fake_mpd: FakeMpd) -> None:
    broker = Broker(tmp_path).start()
    listener = Listener(broker.port)
    mqtt = f"device: {{node: den}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    mpd = f"playback: {{backend: mpd}}\nmpd: {{host: 127.0.0.1, port: {fake_mpd.server_address[1]}}}\n"
    try:
        with Daemon(tmp_path, "--source", "demo", config=mqtt + mpd) as daemon:
            daemon.ready()
            assert listener.wait_for("musicond/den/availability", "online", 30)
            for topic in ("like", "dislike", "wrong_mood", "mood", "privacy", "pause", "volume"):
                for payload in PAYLOADS:
                    listener.send(f"musicond/den/{topic}/set", payload)
            for status in STATUSES:
                fake_mpd.answers |= {"status": status}
                daemon.wait_state(has_trouble if status is STATUSES[0] else has_none, 60)
            listener.send("musicond/den/privacy/set", "on")
            assert listener.wait_for("musicond/den/watching", "private", 30)
            assert listener.retained["musicond/den/availability"] == "online"
            assert daemon.get("/healthz")[0] == 200
            text = "\n".join(line for line in daemon.lines if " DEBUG " not in line)
            assert "Traceback" not in text
            assert "secret" not in text
            assert b"secret" not in daemon.get("/api/v1/log")[1]
    finally:
        listener.close()
        broker.stop()


def test_odd_files_among_the_lists_hold_up_no_refresh(tmp_path: Path) -> None:
    music, state = tmp_path / "music", tmp_path / "state"
    (state / "history").mkdir(parents=True)
    music.mkdir()
    os.mkfifo(music / "pipe.mp3")
    (music / os.fsdecode(b"caf\xe9.mp3")).write_bytes(b"no music")
    odd = [{"title": "\ud800 odd", "artist": "b"}, {"title": "good", "artist": "c"}, {"title": ["x"]}]
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "broken.json").write_text("[{")
    month = datetime.now(UTC).strftime("%Y-%m")
    (state / "history" / f"{month}.json").write_text(f'{{"{month}-01": {{"happy": NaN}}}}')
    names = [str(tmp_path / name) for name in ("music", "odd.json", "pipe.csv", "broken.json")]
    config = f"music: {{moods: {{sad: {{lists: {json.dumps(names)}}}}}}}\n"
    with Daemon(tmp_path, "--source", "demo", config=config) as daemon:
        daemon.ready()
        assert daemon.until(lambda: any("refreshed: " in line for line in daemon.lines))
        for _ in range(2):
            answer = daemon.command("catalogue", "refresh")
            assert answer.returncode == 69
            assert "pipe.csv: not a file" in answer.stderr
            assert "broken.json: not JSON" in answer.stderr
        listed = daemon.command("catalogue", "list", "sad").stdout
        assert "good" in listed
        assert "\ufffd odd" in listed
        assert "caf" in listed
        assert daemon.command("history", "export").returncode == 0
        assert daemon.get("/healthz")[0] == 200
        assert not any("Traceback" in line for line in daemon.lines)


def test_a_notification_socket_that_nobody_reads_holds_up_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unread:
        unread.bind(str(tmp_path / "unread"))
        env = {"NOTIFY_SOCKET": str(tmp_path / "unread")}
        with Daemon(tmp_path, "--source", "demo", env=env, watchdog_s=30) as daemon:
            assert daemon.until(lambda: any("the page is" in line for line in daemon.lines))
            seen: set[str] = set()
            for state in daemon.states(60):
                seen.add(state["mood"])
                if {"happy", "sad"} <= seen:  # some hundred turns, and as many notifications
                    break
            assert {"happy", "sad"} <= seen
            assert post(daemon.port(), "privacy", {"on": True}) == 200


@pytest.mark.parametrize("what", ["another schema", "not readable"])
def test_a_damaged_catalogue_and_a_backup_that_cannot_be_used_are_kept(tmp_path: Path, what: str) -> None:
    state = tmp_path / "state"
    catalogue, backup = state / FILE_NAME, state / BACKUP
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        shown = daemon.wait_state(lambda state: state["recommendation"] is not None)
        assert post(daemon.port(), "rate", {"verdict": "like", "id": shown["recommendation"]["tracks"][0]["id"]}) == 200
    with closing(sqlite3.connect(catalogue)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'scanned'")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        with closing(sqlite3.connect(backup)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA user_version = 3")
            copy.commit()
    if what == "not readable":
        backup.write_bytes(b"\xa5" * 8192)
    content = backup.read_bytes()
    for number in (1, 2):
        for file in state.glob(f"{FILE_NAME}-*"):
            file.unlink()
        with catalogue.open("r+b") as handle:
            handle.seek((root - 1) * size)
            handle.write(b"\xa5" * size)
        with Daemon(tmp_path, "--source", "demo") as daemon:
            daemon.ready()
        assert likes(catalogue) == 1, "the feedback is taken over"
        assert len(list(state.glob("catalogue.damaged*.sqlite"))) == number, "no copy is overwritten"
        assert content in [file.read_bytes() for file in state.glob("catalogue.backup*.sqlite")], "nor is the backup"
        assert not any("Traceback" in line for line in daemon.lines)
        with closing(sqlite3.connect(catalogue)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [(root,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'scanned'")
