"""A real broker on a free loopback port."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
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
    """mosquitto on a free port, which a test starts and stops; persistent only if the test sets that."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder, self._process = free_port(), folder, None
        self.config = f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous true\n"
        self.persistent = False

    _process: subprocess.Popen[bytes] | None

    def start(self) -> Self:
        assert MOSQUITTO, "mosquitto is missing: apt install mosquitto"
        location = f"persistence_location {self._folder}/\n" if self.persistent else ""
        persistence = f"persistence {str(self.persistent).lower()}\n{location}"
        (self._folder / "mosquitto.conf").write_text(self.config + persistence)
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
        """Kill it; one that is persistent may write its file first."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM if self.persistent else signal.SIGKILL)
            self._process.wait(10)
            self._process = None


class Listener:
    """A second client that receives all topics."""

    def __init__(self, port: int) -> None:
        self.retained: dict[str, str] = {}
        self.messages: list[tuple[str, str, bool]] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def send(self, topic: str, payload: str | bytes = "", *, qos: int = 1, retain: bool = False) -> None:
        """Publish; with QoS 1 the broker has it on return."""
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        if qos:
            info.wait_for_publish(10)
            assert info.is_published()

    def below(self, base: str) -> dict[str, str]:
        """Return what is retained below a topic."""
        return {
            topic.removeprefix(f"{base}/"): text
            for topic, text in self.retained.items()
            if topic.startswith(f"{base}/")
        }

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            text = message.payload.decode("utf-8", "replace")
            self.messages.append((message.topic, text, message.retain))
            self.retained[message.topic] = text
            if not text:  # that is how a retained message is removed
                del self.retained[message.topic]
            self._changed.notify_all()

    def until(self, true: Callable[[], bool], seconds: float = 10) -> bool:
        with self._changed:
            return self._changed.wait_for(true, seconds)

    def wait_for(self, topic: str, payload: str | None = None, seconds: float = 10) -> bool:
        """Wait until a topic holds a payload, or anything."""
        return self.until(lambda: self.retained.get(topic) == payload if payload else topic in self.retained, seconds)

    def close(self) -> None:
        self._client.disconnect()
        with suppress(AttributeError):  # paho's thread may end, and clear its attribute, before it is joined
            self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def listen(broker: Broker) -> Iterator[Callable[[], Listener]]:
    listeners: list[Listener] = []

    def listener() -> Listener:
        listeners.append(Listener(broker.port))
        return listeners[-1]

    yield listener
    for client in listeners:
        client.close()
