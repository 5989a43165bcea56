"""Tells the broker and obeys it: states, discovery and commands below `<base>/<node>/`.

The watch thread leaves its latest outcome here and goes on; all else is done in the thread of the connection. What is
said is always made from the latest outcome, so nothing stale is queued.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from musicond import __version__
from musicond.mqtt import discovery as homeassistant
from musicond.mqtt import payloads
from musicond.mqtt.commands import CommandReceiver
from musicond.mqtt.connection import Connection
from musicond.mqtt.entities import ENTITIES, available_entities
from musicond.mqtt.publisher import StatePublisher

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Future
    from typing import Any

    from pydantic import SecretStr

    from musicond.config.schema import Mqtt
    from musicond.core.commands import Command
    from musicond.core.outcome import Outcome
    from musicond.mqtt.connection import Received, Timing

HEALTH_S = 300.0
FIRST_HEALTH_S = 60.0
"""The first one after a connection tells of a start; the next comes soon."""
ANNOUNCE_S = 0.3
"""After a connection, the wait for the announcement that the broker may hold of an earlier version."""
EVENT_EXPIRY_S = 60
MACHINE_ID = Path("/etc/machine-id")


def node_id(configured: str | None, machine_id: Path = MACHINE_ID) -> str:
    """Return the node's name in topics: the configured one, else host name and four digits of the machine id."""
    if configured:
        return configured
    try:
        digits = machine_id.read_text("ascii").strip()[:4]
    except (OSError, UnicodeDecodeError):
        digits = ""
    host = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-") or "musicond"
    return f"{host}-{digits}" if digits else host


class MqttOutput:
    """Implements `core.ports.Output`.

    `submit` puts a command into the one inbox, `health` returns the fields of `payloads.Health`, `facts` name what this
    installation has: see `Thing.needs`.
    """

    name = "mqtt"

    def __init__(
        self,
        settings: Mqtt,
        node: str,
        device_name: str,
        password: SecretStr | None,
        submit: Callable[[Command], Future[None]],
        health: Callable[[], Mapping[str, object]],
        facts: Collection[str] = (),
        timing: Timing | None = None,
    ) -> None:
        self._settings, self._health = settings, health
        self.base = f"{settings.base_topic}/{node}"
        self._address = f"{settings.host}:{settings.port}"
        things = available_entities(facts)
        self._config_topic = homeassistant.config_topic(settings.discovery_prefix, node)
        self._discovery = homeassistant.discovery(self.base, node, device_name, __version__, things)
        self._link = Connection(settings, password, f"{self.base}/availability", self, timing)
        self._commands = CommandReceiver(
            {topic: thing for thing in things if thing.command_fn for topic in thing.command_topics},
            submit,
            self._link.acknowledge,
            self._link.wake,
        )
        self._subscriptions = {
            f"{self.base}/{topic}": int(thing.feedback)
            for thing in things
            if thing.command_fn
            for topic in thing.command_topics
        }
        self._news = StatePublisher(things, __version__)
        self._latest: Outcome | None = None
        self._told: Outcome | None = None
        self._changes: deque[Outcome] = deque(maxlen=16)
        """Changes of mood that have not been told yet; the latest outcome may be a later one."""
        self._up = False
        self._all_at: float | None = None
        """When everything is to be published: after a connection, and after Home Assistant's birth."""
        self._earlier: dict[str, dict[str, str]] = {}
        """What was announced once and is no more."""
        self._stale = {thing.state_topic for thing in ENTITIES if thing.state_topic} - {
            thing.state_topic for thing in things
        }
        """Topics that the broker may keep of a time when there was a player, say."""
        self._health_at = 0.0

    def start(self) -> None:
        """Begin to connect, for ever if need be; raise OutputError for a hopeless address or certificate."""
        self._link.start()

    def accept(self, outcome: Outcome) -> None:
        """Take the latest outcome; the one before may never be told."""
        self._latest = outcome
        if outcome.change and self._up:
            self._changes.append(outcome)
        self._link.wake()

    def status(self) -> str:
        """Return one plain line."""
        trouble = self._link.trouble
        return f"not connected to {self._address}: {trouble}" if trouble else f"connected to {self._address}"

    def stop(self) -> None:
        """Say goodbye and end, even where the broker no longer listens."""
        self._link.stop()

    def on_connect(self, *, resumed: bool) -> None:
        """Subscribe; the truth follows in a moment."""
        self._commands.on_connect(time.monotonic(), resumed=resumed)
        own = {self._config_topic: 0}
        birth = {self._settings.status_topic: 0} if self._settings.discovery else {}
        self._link.subscribe(self._subscriptions, as_published=True)
        self._link.subscribe(birth | own)
        self._changes.clear()
        self._up, self._told = True, None
        self._all_at = time.monotonic() + ANNOUNCE_S

    def on_disconnect(self) -> None:
        """Take note that there is no connection."""
        self._up = False

    def on_message(self, message: Received) -> None:
        """Take a command, Home Assistant's birth message, or the announcement of an earlier version."""
        if message.topic.startswith(f"{self.base}/"):
            self._commands.on_message(message.topic.removeprefix(f"{self.base}/"), message, time.monotonic())
        elif message.topic == self._config_topic:
            self._on_announcement(message)
        elif not message.retain and message.payload.decode("utf-8", "replace") == homeassistant.BIRTH:
            self._all_at = time.monotonic() + homeassistant.birth_delay()

    def on_tick(self, now: float) -> float:
        """Publish what is due and return when more will be."""
        self._commands.process(now)
        outcome = self._latest
        if outcome is None:
            return now + ANNOUNCE_S
        if self._all_at is not None and now >= self._all_at:
            self._all_at = None
            self._announce()
            while self._stale:
                self._send(self._stale.pop(), "")
            self._news.republish_all()
            self._told, self._health_at = None, 0.0
        if self._all_at is None or self._told is not None:
            self._tell(outcome, now)
        due = [now + (ANNOUNCE_S if self._commands.busy else HEALTH_S)]
        if self._told is not None:
            due.append(self._health_at)
        if self._all_at is not None:
            due.append(self._all_at)
        return min(due)

    def before_disconnect(self) -> None:
        """Leave the state of a clean stop."""
        if self._latest is not None:
            self._send(*self._news.stopped(self._latest))

    def _tell(self, outcome: Outcome, now: float) -> None:
        first = self._told is None
        if outcome is not self._told:
            self._told = outcome
            for topic, payload in self._news.pending(outcome):
                self._send(topic, payload)
        while self._changes:
            event = payloads.event(self._changes.popleft())
            if event is not None:
                self._link.publish(f"{self.base}/event", event.text(), retain=False, expiry_s=EVENT_EXPIRY_S)
        if now >= self._health_at:
            self._health_at = now + (FIRST_HEALTH_S if first else HEALTH_S)
            self._send("health", payloads.Health.model_validate(self._health()).text())
        if first:  # last, so that nobody who waits for it sees an old state
            self._send("availability", "online")

    def _send(self, topic: str, payload: str) -> None:
        # QoS 0: paho would send what a dying connection left unacknowledged again, after the next one.
        self._link.publish(f"{self.base}/{topic}", payload, retain=True)

    def _announce(self) -> None:
        if not self._settings.discovery:
            return
        if self._earlier:
            components = {**self._discovery["components"], **self._earlier}
            self._announce_as({**self._discovery, "components": components})
            self._earlier = {}
        self._announce_as(self._discovery)

    def _announce_as(self, message: Mapping[str, Any]) -> None:
        self._link.publish(self._config_topic, json.dumps(message, ensure_ascii=False), retain=True)

    def _on_announcement(self, message: Received) -> None:
        if not message.retain or not message.payload:
            return
        if self._settings.discovery:
            self._earlier = homeassistant.removed(message.payload, self._discovery)
        else:  # it was switched off: the device is to disappear
            self._link.publish(self._config_topic, "", retain=True)
