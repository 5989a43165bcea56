"""All names that users and other programs see equal the files in tests/golden/interfaces/, one for each subject.

After an intended change run MUSICOND_RENEW=1 python -m pytest tests/golden/test_interfaces.py and read the difference.

The files contain the output of the program byte for byte; values that differ between runs or machines stand in angle
brackets, such as <time>. The layout of help.txt is that of Python 3.11's argparse; with any other version white space is
not compared.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from musicond import __version__
from musicond.cli import main
from musicond.config.paths import models_dir
from musicond.history import FOLDER, HistoryBook
from tests.mqtt.conftest import broker, listen  # noqa: F401 - fixtures are found by their names
from tests.mqtt.device import Device
from tests.spotify.conftest import fake_spotify  # noqa: F401 - likewise
from tests.spotify.spotify_daemon import SpotifyDaemon
from tests.web.full_server import full_server  # noqa: F401 - likewise
from tools import make_mqtt_docs, make_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.mqtt.conftest import Broker, Listener
    from tests.spotify.fake_spotify import FakeSpotify
    from tests.web.full_server import FullServer

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = Path(__file__).with_name("interfaces")
CAPABILITIES = ("playback", "account", "temperature", "throttled", "undervoltage", "pi_camera")
"""All capabilities, which decide on the entities of an installation."""
SETTINGS = 15
"""Number of keys in settings.json with all settings changed, with the time and the checksum."""
CONTROLS = {
    "policy": "lift",
    "sensitivity": "60",
    "autoplay": "on",
    "volume": "30",
    "mood": "happy",
    "stop": "",
    "pause": "30",
    "privacy": "on",
}
"""MQTT commands, below <base>/<node>/."""
CHANGING = (
    (r"\d{4}-\d\d-\d\dT[\d:.]+(?:[+-]\d\d:\d\d|Z)", "<time>"),
    (r'"\d{4}-\d\d-\d\d"', '"<day>"'),
    (r'"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"', '"<boot>"'),
    (r'"checksum": "[0-9a-f ]+"', '"checksum": "<checksum>"'),
    (r'"refresh_token": "[^"]+"', '"refresh_token": "<token>"'),
    (r'"bias": "-?[\d.]+( -?[\d.]+){6}"', '"bias": "<seven shifts>"'),
    (r"(?<=: )\d+\.\d{3,}", "<seconds>"),
)
"""Patterns in the files of the state directory."""


def compare(name: str, text: str, *, layout: bool = True) -> None:
    """Compare a text with the expected file, or write that file with MUSICOND_RENEW."""
    file = EXPECTED / name
    if os.environ.get("MUSICOND_RENEW"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    expected = file.read_text("utf-8")
    if not layout:
        text, expected = " ".join(text.split()), " ".join(expected.split())
    assert text == expected, f"{file.relative_to(ROOT)} differs; see the head of this test"


def readable(document: str | bytes) -> str:
    """Return a JSON document in lines, with its keys in the same order and without the version of the program."""
    text = json.dumps(json.loads(document), indent=1, ensure_ascii=False) + "\n"
    return text.replace(f'"{__version__}"', '"<version>"')


def get_help(*command: str) -> str:
    """Return what `musicond COMMAND --help` prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    return output.getvalue()


def all_help(*command: str) -> Iterator[str]:
    """Yield the help of a command and of all its sub-commands, which argparse indents by four blanks."""
    text = get_help(*command)
    yield f"$ {' '.join(('musicond', *command, '--help'))}\n{text}\n"
    for name in re.findall(r"(?m)^ {4}([a-z][a-z-]*)(?= |$)", text):
        yield from all_help(*command, name)


def test_help_of_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    compare("help.txt", "".join(all_help()), layout=sys.version_info[:2] == (3, 11))


@pytest.mark.skipif(Path("/var/lib/musicond").is_dir(), reason="shows the settings of the musicond installed here, too")
def test_default_configuration(tmp_path: Path) -> None:
    changed = ("STATE_DIRECTORY", "MUSICOND_MODELS", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY")
    env = {name: value for name, value in os.environ.items() if name not in changed}
    env |= {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "musicond", "config", "--config", "/dev/null"]
    text = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    for folder, name in ((tmp_path, "<state>"), (models_dir().parent, "<root>")):
        text = re.sub(rf"{re.escape(str(folder))}(\S*) +#", rf"{name}\1  #", text)
    compare("default-configuration.yaml", text)


def test_schema_of_the_configuration() -> None:
    compare("configuration.schema.json", make_schema.text())


def test_schema_of_mqtt() -> None:
    compare("mqtt.schema.json", make_mqtt_docs.schema())


@pytest.mark.broker
def test_discovery(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:  # noqa: F811 - the fixtures
    listener, topic = listen(), "homeassistant/device/den/config"
    with Device(tmp_path / "state", broker.port, node="den", capabilities=CAPABILITIES):
        assert listener.wait_for(topic)
    compare("discovery.json", readable(listener.retained[topic]))


def get(page: FullServer, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", page.server.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


def test_openapi(full_server: FullServer) -> None:  # noqa: F811 - the fixture
    compare("openapi.json", readable(get(full_server, "/api/v1/openapi.json")))


def test_metrics(full_server: FullServer) -> None:  # noqa: F811 - the fixture
    text = get(full_server, "/metrics").decode()
    compare("metrics.txt", "".join(re.findall(r"(?m)^# .*? musicond_?.*\n", text)))


def test_routes_of_the_page(full_server: FullServer) -> None:  # noqa: F811 - the fixture
    app = full_server.output._api.app("127.0.0.1", None)
    routes = {f"{route.resource.canonical} {route.method}" for route in app.router.routes() if route.resource}
    compare("routes.txt", "".join(f"{route}\n" for route in sorted(routes)))


def test_texts_of_the_page(full_server: FullServer) -> None:  # noqa: F811 - the fixture
    script = get(full_server, "/texts-en.js").decode()
    compare("texts.txt", "".join(f"{key}\n" for key in re.findall(r"(?m)^(\w+):", script)))


def wait_until(true: Callable[[], bool], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def stored(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return values


def is_refreshed(file: Path) -> bool:
    state = stored(file)
    return state.get("refreshed") is not None and state.get("done") is None


@pytest.fixture
def used(tmp_path: Path, broker: Broker, listen: Callable[[], Listener], fake_spotify: FakeSpotify) -> Iterator[Path]:  # noqa: F811
    """Yield the state directory of a daemon after the use of every feature that writes to it."""
    config = f"device: {{node: den}}\nhistory: {{enabled: true}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    listener, state = listen(), tmp_path / "state"
    umask = os.umask(0o022)
    with SpotifyDaemon(tmp_path, fake_spotify, "device: Kitchen", config) as home:
        home.ready()
        home.sign_in(fake_spotify)
        home.wait_state(lambda values: values["mood"] not in ("nobody", "unsure"))
        assert home.post("/api/v1/wrong_mood", {})[0] == 200
        assert home.post("/api/v1/catalogue/source", {"emotion": "sad", "lists": ["starter"]})[0] == 200
        assert home.post("/api/v1/catalogue/refresh", {})[0] == 200
        assert listener.wait_for("musicond/den/availability", "online")
        for topic, payload in CONTROLS.items():
            listener.send(f"musicond/den/{topic}/set", payload)
        wait_until(lambda: len(stored(state / "settings.json")) == SETTINGS, "every control is set")
        wait_until((state / "playback.json").exists, "the silence after a stop is kept")
        wait_until(lambda: is_refreshed(state / "refresh.json"), "the lists are read, again as a person has asked")
        home.process.send_signal(signal.SIGTERM)
        home.process.wait(20)
    assert not (state / FOLDER).exists(), "the moods of the demo are not counted"
    HistoryBook(state / FOLDER).add({("2026-11-30", "happy"): 1.5}, date(2026, 1, 1))
    yield state
    os.umask(umask)


@pytest.mark.broker
def test_state_directory(used: Path) -> None:
    layout = []
    for path in sorted(used.rglob("*")):
        name = re.sub(r"\d{4}-\d\d(?=\.json)", "<month>", str(path.relative_to(used)))
        layout.append(f"{path.stat().st_mode & 0o777:o} {name}\n")
        if path.suffix == ".json":
            text = path.read_text("utf-8")
            for pattern, word in CHANGING:
                text = re.sub(pattern, word, text)
            if name.startswith("history"):
                text = re.sub(r'("\w+": [\d.]+,?\n)+', '"<mood>": <minutes>\n', text)
            compare(f"state/{name}", text)
    compare("state/layout.txt", "".join(layout))
    with contextlib.closing(sqlite3.connect(used / "catalogue.sqlite")) as catalogue:
        compare("catalogue.txt", "".join(describe(catalogue)))


def describe(catalogue: sqlite3.Connection) -> Iterator[str]:
    """Yield the tables with their columns, and the indices; the order of the columns is not significant."""
    yield f"application_id {catalogue.execute('PRAGMA application_id').fetchone()[0]:#x}\n"
    for (table,) in catalogue.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        yield f"\n{table}\n"
        for _, name, kind, required, default, key in sorted(
            catalogue.execute(f"PRAGMA table_info({table})"), key=lambda row: row[1]
        ):
            null, place = "" if required or key else " or null", f", key {key}" if key else ""
            yield f"  {name} {kind}{null}{place}{'' if default is None else f', default {default}'}\n"
        for _, name, unique, *_ in sorted(catalogue.execute(f"PRAGMA index_list({table})"), key=lambda row: row[1]):
            columns = ", ".join(str(row[2]) for row in catalogue.execute(f"PRAGMA index_info({name})"))
            yield f"  {'unique' if unique else 'index'} {columns}\n"
