"""Runs the flow of examples/ in a real Node-RED: python -m tests.rig.node_red.check FOLDER_OF_NODE_MODULES

Starts mosquitto, the daemon on its demo and Node-RED, presses every button of the flow, prints each check and ends with 1
after a failure. Only the settings of the broker are changed in the flow, and debug nodes also write to the log.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from musicond.core.models import Mood
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor
from tests.mqtt.conftest import Broker, Listener, free_port
from tests.rig.checks import check, failures, mosquitto_version
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable

FLOW = Path(__file__).resolve().parents[3] / "examples/node-red/flow.json"
SETTINGS = """
module.exports = {
  uiHost: "127.0.0.1", flowFile: "flow.json", credentialSecret: "rig", telemetry: {enabled: false},
  editorTheme: {tours: false, projects: {enabled: false}}, diagnostics: {enabled: true}, logging: {console: {level: "info"}}
}
"""


class NodeRed:
    """The process; `lines` are its log."""

    def __init__(self, modules: Path, folder: Path, flow: list[dict[str, Any]]) -> None:
        folder.mkdir()
        (folder / "settings.js").write_text(SETTINGS)
        (folder / "flow.json").write_text(json.dumps(flow))
        self.port, self.lines = free_port(), list[str]()
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            ["node", str(modules / "node_modules/node-red/red.js"), "-u", str(folder), "-p", str(self.port)],
            env={**os.environ, "HOME": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def logs(self, word: str, condition: Callable[[str], bool] = bool, seconds: float = 30) -> bool:
        """Wait for a word in the log whose following text meets a condition."""

        def matches() -> bool:
            # A text of several lines or with odd letters follows on separate lines.
            text = "\n".join(self.lines)
            return any(condition(part) for part in text.split(word)[1:])

        with self._changed:
            return self._changed.wait_for(matches, seconds)

    def press(self, node: str) -> int:
        """Press the button of an inject node; return the status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/inject/{node}", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)


def configured_flow(port: int) -> list[dict[str, Any]]:
    """Return the flow with the broker's address, and with debug nodes that also write to the log."""
    flow: list[dict[str, Any]] = json.loads(FLOW.read_text("utf-8").replace("/NODE/", "/rig/"))
    for node in flow:
        if node["type"] == "mqtt-broker":
            node |= {"broker": "127.0.0.1", "port": str(port)}
        if node["type"] == "debug":
            node["console"] = True
    return flow


def flow_works(red: NodeRed, flow: list[dict[str, Any]], listener: Listener, daemon: Daemon) -> None:
    """Check the displayed states, then press every button and check the effect on the daemon."""
    check(red.logs("Started flows"), "the flow starts")
    check(red.logs("Connected to broker"), "it connects")
    check(red.logs("[debug:the mood]", lambda text: text.split()[0] in [*Mood]), "it shows the mood")
    check(listener.until(lambda: bool(_songs(listener)), 60), "a song is recommended")
    song = _songs(listener)[0]
    check(red.logs("[debug:the first song]", lambda text: song["link"] in text), "it shows the first song")
    effects = {
        "musicond.an-hour": ("musicond/rig/pause/state", "on"),
        "musicond.go-on": ("musicond/rig/pause/state", "off"),
        "musicond.good": ("musicond/rig/like/set", "PRESS"),
    }
    buttons = {node["id"]: node for node in flow if node["type"] == "inject"}
    check(buttons.keys() == effects.keys(), "every button is known here")
    for node, (topic, payload) in effects.items():
        check(red.press(node) == 200, f"the button {buttons[node]['name']!r}")
        # A command is not retained, but this listener keeps the last payload of every topic.
        check(listener.wait_for(topic, payload, 5), f"{topic} says {payload}")
        if payload == "on":
            check(listener.until(lambda: _minutes(listener) == 60, 5), f"for {_minutes(listener):g} minutes")
    check(_liked(daemon), "the like is in the catalogue, once")
    ignored = [line for line in daemon.lines if "ignored" in line]
    check(not ignored, f"the daemon has ignored nothing {ignored or ''}")
    own = ("Projects disabled", "Encrypted credentials not found")  # of this rig's own making
    bad = [line for line in red.lines if "[warn]" in line or "[error]" in line]
    bad = [line for line in bad if not any(words in line for words in own)]
    check(not bad, "Node-RED has logged no warning" + "".join(f"\n     {line}" for line in bad))


def _songs(listener: Listener) -> list[dict[str, str]]:
    tracks: list[dict[str, str]] = json.loads(
        listener.retained.get("musicond/rig/recommendation/attributes", '{"tracks": []}')
    )["tracks"]
    return tracks


def _minutes(listener: Listener) -> float:
    return float(json.loads(listener.retained["musicond/rig/pause/attributes"])["minutes"])


def _liked(daemon: Daemon) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with CatalogueEditor(daemon.folder / "state" / FILE_NAME, read_only=True) as lists:
            if [row["likes"] for row in lists.feedback()] == [1]:
                return True
        daemon.until(lambda: False, 0.1)
    return False


def main() -> int:
    """Run all checks; return 1 after a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", type=Path, help="folder in which npm has installed node-red")
    modules, folder = parser.parse_args().modules, Path(tempfile.mkdtemp(prefix="musicond-node-red-"))
    package = json.loads((modules / "node_modules/node-red/package.json").read_text("utf-8"))
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"     Node-RED {package['version']}, Node.js {node}, {mosquitto_version()}")
    broker = Broker(folder).start()
    listener, flow = Listener(broker.port), configured_flow(broker.port)
    mqtt = f"device: {{node: rig}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    try:
        with Daemon(folder, "--source", "demo", config=mqtt) as daemon, NodeRed(modules, folder / "red", flow) as red:
            daemon.ready()
            flow_works(red, flow, listener, daemon)
    finally:
        listener.close()
        broker.stop()
    if failures:
        (folder / "node-red.log").write_text("\n".join(red.lines))
        print(f"{len(failures)} failures; the files are in {folder}")
        return 1
    shutil.rmtree(folder)
    print("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
