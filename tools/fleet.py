"""Put many simulated devices on one broker and measure: python tools/fleet.py [--devices N] [--seconds S].

Each device is the real core and the real MQTT output behind a scripted face instead of a camera; all run in this one
process, and mosquitto in another on a free port. First the devices wait for a broker that is not there yet and all
connect when it starts; then moods change for a while; then the broker is killed and started again. With --hour it
counts the messages of one device in an ordinary hour instead, whose script is in tools/fleet_devices.py. The figures
are printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.fleet_devices import Fleet, ordinary_hour


class Broker:
    """mosquitto on a free port, without persistence."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._file = folder / "mosquitto.conf"
        self._file.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            sys.exit("fleet: mosquitto is missing: apt install mosquitto")
        self._program = program

    def start(self) -> None:
        """Start it and wait until it listens."""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen([self._program, "-c", str(self._file)], stdout=quiet, stderr=quiet)  # noqa: S603 - our own
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", self.port)):
                time.sleep(0.02)

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def cpu_s(self) -> float:
        """Return the processor time it has used (proc(5): utime and stime, fields 14 and 15)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


class Watcher:
    """A second client that receives and counts all messages."""

    def __init__(self, port: int) -> None:
        self.online: set[str] = set()
        self.messages = self.bytes = 0
        self.changes = 0
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("musicond/#")
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ready.wait(10)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def until_online(self, devices: int, seconds: float) -> bool:
        """Wait until this many devices have published everything."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.online) >= devices, seconds)

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.messages += 1
            # Fixed header (2, or 3 from 128 bytes on), length of the topic (2), properties of MQTT 5 (1).
            size = len(message.topic) + len(message.payload)
            self.bytes += size + (6 if size + 3 >= 128 else 5)
            _, node, topic = message.topic.split("/", 2)
            self.changes += topic == "event"
            if topic == "availability" and message.payload == b"online":
                self.online.add(node)
                self._changed.notify_all()


def storm(broker: Broker, devices: int) -> tuple[float, Watcher]:
    """Start the broker; return the seconds until every device has published everything, and the watcher."""
    broker.start()
    started, watcher = time.monotonic(), Watcher(broker.port)
    if not watcher.until_online(devices, 120):
        sys.exit(f"fleet: only {len(watcher.online)} of {devices} came")
    return time.monotonic() - started, watcher


def measure(devices: int, seconds: float, change_s: float, rate: float) -> dict[str, Any]:
    """Return the measured figures of a fleet."""
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        fleet = Fleet(devices, broker.port, change_s, rate)
        fleet.start()
        time.sleep(5)  # so that the waits between two tries have grown
        first_s, watcher = storm(broker, devices)
        time.sleep(2)
        messages, octets, changes = watcher.messages, watcher.bytes, watcher.changes
        cpu, started = broker.cpu_s(), time.monotonic()
        for _ in tqdm(range(round(seconds)), "measuring", disable=None):
            time.sleep(1)
        elapsed, used = time.monotonic() - started, broker.cpu_s() - cpu
        messages, octets, changes = watcher.messages - messages, watcher.bytes - octets, watcher.changes - changes
        nodes = {device.node for device in fleet.devices}
        clashes = devices - len(watcher.online & nodes)
        watcher.close()
        broker.stop()
        again_s, watcher = storm(broker, devices)
        watcher.close()
        fleet.stop()
        broker.stop()
    return {
        "devices": devices,
        "node_clashes": clashes,
        "storm_s": round(first_s, 1),
        "storm_after_kill_s": round(again_s, 1),
        "measured_s": round(elapsed),
        "mood_changes": changes,
        "messages_per_s": round(messages / elapsed, 1),
        "messages_per_mood_change": round(messages / max(1, changes), 1),
        "bytes_per_mood_change": round(octets / max(1, changes)),
        "broker_cpu_percent": round(100 * used / elapsed, 2),
        "broker_cpu_ms_per_message": round(1000 * used / max(1, messages), 3),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=20, metavar="N")
    parser.add_argument("--seconds", type=float, default=30, metavar="S", help="how long moods are let change")
    parser.add_argument(
        "--change", type=float, default=10, metavar="S", help="mean time between two changes of a device"
    )
    parser.add_argument("--rate", type=float, default=4, metavar="R", help="frames per second of each device")
    parser.add_argument("--hour", action="store_true", help="count the messages of an ordinary hour instead")
    parser.add_argument("--music", action="store_true", help="with --hour: a player plays whenever somebody is there")
    args = parser.parse_args()
    if args.hour:
        sent = ordinary_hour(music=args.music)
        figures: dict[str, Any] = {"total": sent.total(), **dict(sorted(sent.items()))}
    else:
        logging.disable()  # each device would log that there is no broker
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        figures = measure(args.devices, args.seconds, args.change, args.rate)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
