"""A real broker on a free loopback port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Broker:
    """mosquitto, started and stopped at will on one port; without persistence."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder, self._process = free_port(), folder, None
        self.config = f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"

    _process: subprocess.Popen[bytes] | None

    def start(self) -> Self:
        assert MOSQUITTO, "mosquitto is missing: apt install mosquitto"
        (self._folder / "mosquitto.conf").write_text(self.config)
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            assert self._process.poll() is None
        raise AssertionError("mosquitto did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Listener:
    """A second client that hears everything below `#`."""

    def __init__(self, port: int) -> None:
        self.retained: dict[str, str] = {}
        self.heard: list[tuple[str, str, bool]] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.heard.append((message.topic, message.payload.decode(), message.retain))
            self.retained[message.topic] = message.payload.decode()
            self._changed.notify_all()

    def until(self, true: Callable[[], bool], seconds: float = 10) -> bool:
        with self._changed:
            return self._changed.wait_for(true, seconds)

    def wait_for(self, topic: str, payload: str | None = None, seconds: float = 10) -> bool:
        """Wait until a topic holds a payload, or anything."""
        return self.until(lambda: self.retained.get(topic) == payload if payload else topic in self.retained, seconds)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def listen(broker: Broker) -> Iterator[Callable[[], Listener]]:
    made: list[Listener] = []

    def listener() -> Listener:
        made.append(Listener(broker.port))
        return made[-1]

    yield listener
    for each in made:
        each.close()
