"""Invalid texts, songs and answers for the real daemon: it logs one line and continues."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from musicond.library.database import BACKUP, FILE_NAME
from tests.mqtt.conftest import Broker, Listener
from tests.player.test_mpd import FakeMpd, fake_mpd
from tests.system.daemon import Daemon
from tests.system.quick import QuickDaemon
from tests.system.test_locked_storage import post

if TYPE_CHECKING:
    from collections.abc import Iterator
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


EVERY_ACTION = f"""\
device: {{node: den}}
playback: {{backend: music-assistant}}
music_assistant: {{url: 'http://127.0.0.1:9', player: Kitchen}}
spotify: {{client_id: {"0123456789abcdef" * 2}}}
history: {{enabled: true}}
"""
VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    "",
    "x",
    "like",
    "on",
    "\0",
    "x" * 900,
    [],
    [1],
    ["x"],
    {},
    {"x": 1},
)


def odd_bodies(schema: dict[str, Any]) -> Iterator[object]:
    """Yield bodies that a schema forbids: of another type, with other values, with more or fewer keys."""
    parts = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    known = {
        name: value.get("const", value.get("default", "x"))
        for part in parts
        for name, value in part.get("properties", {}).items()
    }
    bodies = [*VALUES, {**known, "more": 1}, {}]
    bodies += [{**known, name: value} for name in known for value in VALUES]
    bodies += [{name: value} for name in known for value in VALUES]
    validator = jsonschema.Draft202012Validator(schema)
    yield from (body for body in bodies if not validator.is_valid(body))


def test_no_operation_takes_a_body_that_its_schema_forbids(tmp_path: Path) -> None:
    with QuickDaemon(tmp_path, EVERY_ACTION) as daemon:
        daemon.state()
        paths = daemon.request("GET", "openapi.json")[1]["paths"]
        before, sent, taken = daemon.request("GET", "state")[1]["controls"], 0, []
        for path, operations in paths.items():
            for operation in operations.values():
                body = operation.get("requestBody", {}).get("content", {}).get("application/json")
                for odd in odd_bodies(body["schema"]) if body else ():
                    status, answer = daemon.request("POST", path.removeprefix("/api/v1/"), odd)
                    sent += 1
                    if status not in (400, 403, 413):
                        taken.append((path, odd, status, answer))
        assert taken == []
        assert sent > 1000
        assert daemon.request("GET", "state")[1]["controls"] == before
        assert "Traceback" not in daemon.log()
        assert daemon.stop() == 0


def test_no_file_of_the_daemon_can_be_read_by_others(tmp_path: Path) -> None:
    state, config = tmp_path / "state", "history: {enabled: true}\n"
    with Daemon(tmp_path, "--source", "demo", config=config, umask=0o000) as daemon:
        daemon.ready()
        shown = daemon.wait_state(lambda state: state["recommendation"] is not None)
        assert post(daemon.port(), "rate", {"verdict": "like", "id": shown["recommendation"]["tracks"][0]["id"]}) == 200
        assert post(daemon.port(), "privacy", {"on": True}) == 200
        assert daemon.command("catalogue", "refresh").returncode == 0
        daemon.process.terminate()
        assert daemon.process.wait(30) == 0
    (state / f"{FILE_NAME}-wal").unlink(missing_ok=True)  # from which SQLite would take every page
    (state / FILE_NAME).write_bytes(b"\xa5" * 8192)
    with Daemon(tmp_path, "--source", "demo", config=config, umask=0o000) as daemon:
        daemon.ready()
        assert len(list(state.glob("catalogue.damaged*"))) == 1
        modes = {str(path.relative_to(state)): path.stat().st_mode & 0o777 for path in (state, *state.rglob("*"))}
    assert modes.keys() >= {".", FILE_NAME, BACKUP, "settings.json", "refresh.json", "lock"}
    assert not {name: oct(mode) for name, mode in modes.items() if mode & 0o077}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"music:\n" + b"  # a comment\n" * 75_000, "larger than 64 KiB"),
        (b"music: " + b"[" * 1_000_000, "larger than 64 KiB"),
        (b"a: &a [x, x]\n" + b"".join(b"%c: &%c [%s]\n" % (n, n, b"*%c, " % (n - 1) * 9) for n in range(98, 122)), ""),
        (b"music: " + b"[" * 65_000, ""),
        (b"".join(b"key%d: {a: [1, 2], b: 3}\n" % number for number in range(2400)), "key0"),
    ],
    ids=["comments", "brackets", "aliases", "deep", "keys"],
)
def test_a_configuration_near_a_megabyte_is_refused_at_once(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "musicon.yaml"
    file.write_bytes(content)
    for command in (["check-config", str(file)], ["run", "--config", str(file)]):
        began = time.monotonic()
        out = subprocess.run(
            [sys.executable, "-m", "musicond", *command], capture_output=True, text=True, timeout=60, check=False
        )
        assert out.returncode == 78, out
        assert says in out.stderr
        assert "Traceback" not in out.stderr
        assert time.monotonic() - began < 15
