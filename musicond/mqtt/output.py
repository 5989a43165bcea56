"""The MQTT output: states, discovery and commands below `<base>/<node>/`.

The watch thread only leaves its latest outcome; everything else runs in the connection's thread. Messages are always
made from the latest outcome, so nothing stale is queued.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from paho.mqtt.client import MQTTMessage
from pydantic import SecretStr

from musicond import __version__
from musicond.config.schema import Mqtt
from musicond.core.commands import Command, Rate, WrongMood
from musicond.core.outcome import Outcome
from musicond.mqtt import payloads
from musicond.mqtt.commands import CommandReceiver
from musicond.mqtt.connection import Connection, Timing
from musicond.mqtt.discovery import (
    BIRTH,
    as_json,
    birth_delay,
    config_topic,
    discovery_message,
    removed_components,
    trimmed,
)
from musicond.mqtt.entities import ENTITIES, available_entities
from musicond.mqtt.limits import LARGER, packet_bytes
from musicond.mqtt.published import PublishedTopics
from musicond.mqtt.publisher import StatePublisher
from musicond.runtime.json_file import JsonFile

log = logging.getLogger(__name__)

HEALTH_S = 300.0
FIRST_HEALTH_S = 60.0
"""Wait between the first health message of a connection and the second."""
ANNOUNCE_S = 0.3
"""Wait after a connection for the retained discovery message of an earlier version."""
SAVING_S = 0.05
"""Wait before the next look at settings that are not on the disk yet."""
EVENT_EXPIRY_S = 60


class MqttOutput:
    """Implements `core.ports.Output` and `connection.Handler`.

    `submit` puts a command into the inbox, `health` returns the fields of `payloads.Health`, and `capabilities` are
    those of `EntityDescription.requires` that this installation has. `page` is the page's address in the network, and
    `published` the file that keeps the topics on the broker. Raises StateDirError.
    """

    name = "mqtt"

    def __init__(  # noqa: PLR0913 - one for each part of a device
        self,
        settings: Mqtt,
        node: str,
        device_name: str,
        password: SecretStr | None,
        submit: Callable[[Command], Future[None]],
        health: Callable[[], Mapping[str, object]],
        capabilities: Collection[str] = (),
        timing: Timing | None = None,
        *,
        page: str | None = None,
        published: JsonFile | None = None,
        is_reported: Callable[[], bool] = lambda: True,
    ) -> None:
        self._settings, self._health = settings, health
        self._is_reported = is_reported
        """Whether the settings are on the disk, or the outcomes say that they are not."""
        self.base = f"{settings.base_topic}/{node}"
        self._address = f"{settings.host}:{settings.port}"
        entities = available_entities(capabilities)
        self._config_topic = config_topic(settings.discovery_prefix, node)
        self._discovery = discovery_message(self.base, node, device_name, __version__, entities, page)
        self._announced = self._discovery
        """The discovery message as far as the broker takes it."""
        self._on_broker = PublishedTopics(published, (f"{self.base}/", self._config_topic))
        self._connection = Connection(settings, password, f"{self.base}/availability", self, timing)
        self._commanded = {topic: entity for entity in entities if entity.command_fn for topic in entity.command_topics}
        self._commands = CommandReceiver(
            self._commanded, submit, self._connection.acknowledge, self._connection.wake, self._bind
        )
        self._publisher = StatePublisher(entities, __version__)
        self._latest: Outcome | None = None
        self._published: Outcome | None = None
        """The outcome last published on this connection."""
        self._shown: Outcome | None = None
        """The outcome last published on any connection, which feedback is for: the broker may have queued it."""
        self._changes: deque[Outcome] = deque(maxlen=16)
        """Unpublished changes of mood; the latest outcome may be a later one."""
        self._connected = False
        self._republish_at: float | None = None
        """Time to publish everything: after a connection, and after Home Assistant's birth message."""
        self._removed: dict[str, dict[str, str]] = {}
        """Components of an earlier version that have to be removed."""
        self._stale_topics = {entity.state_topic for entity in ENTITIES if entity.state_topic} - {
            entity.state_topic for entity in entities
        }
        """Topics that the broker may have retained from another configuration, say one with a player."""
        self._health_at = 0.0
        self._has_bug = False
        """Whether the last outcome could not be published as a whole."""

    def start(self) -> None:
        """Start to connect; raise OutputError for an impossible address or certificate."""
        self._connection.start()

    def is_alive(self) -> bool:
        """Return whether the connection's thread is running."""
        return self._connection.is_alive()

    @property
    def busy_since(self) -> float | None:
        """Monotonic seconds at which the connection's thread began the present task."""
        return self._connection.busy_since

    def accept(self, outcome: Outcome) -> None:
        """Replace the latest outcome, which may never be published."""
        self._latest = outcome
        if outcome.change and self._connected:
            self._changes.append(outcome)
        self._connection.wake()

    def page_health(self) -> dict[str, object]:
        """Return the broker's address, whether there is a connection to it, why not, and what it refuses."""
        problem, refusal = self._connection.problem, self._connection.refusal
        return {"address": self._address, "connected": problem is None, "problem": problem, "refusal": refusal}

    def status(self) -> str:
        """Return one plain line."""
        problem = self._connection.problem
        if problem:
            return f"not connected to {self._address}: {problem}"
        refusal = self._connection.refusal
        return f"connected to {self._address}{f', but {refusal}' if refusal else ''}"

    def stop(self) -> None:
        """Disconnect, within a second even if the broker does not answer."""
        self._connection.stop()

    def on_connect(self, *, resumed: bool) -> None:
        """Subscribe; everything is published after `ANNOUNCE_S`."""
        self._commands.on_connect(time.monotonic(), resumed=resumed)
        self._announced = self._fitted_discovery() if self._settings.discovery else self._discovery
        commands = {f"{self.base}/{topic}": int(entity.feedback) for topic, entity in self._commanded.items()}
        birth = {self._settings.status_topic: 0} if self._settings.discovery else {}
        self._connection.subscribe(commands, as_published=True)
        old_names = dict.fromkeys(self._on_broker.connected(time.monotonic()), 0)
        self._connection.subscribe(birth | {self._config_topic: 0} | old_names)
        self._changes.clear()
        self._connected, self._published = True, None
        self._republish_at = time.monotonic() + ANNOUNCE_S

    def on_disconnect(self) -> None:
        """Note that the connection is lost."""
        self._connected = False

    def on_message(self, topic: str, message: MQTTMessage) -> None:
        """Handle a command, Home Assistant's birth message, or a retained discovery message."""
        if topic.startswith(f"{self.base}/"):
            self._commands.on_message(topic.removeprefix(f"{self.base}/"), message, time.monotonic())
        elif topic == self._config_topic:
            self._on_discovery(message)
        elif topic in self._on_broker.foreign:
            self._on_broker.on_availability(topic, message.payload)
        elif not message.retain and message.payload.decode("utf-8", "replace") == BIRTH:
            self._republish_at = time.monotonic() + birth_delay()

    def on_published(self, topic: str) -> None:
        """Note that the broker has a message of QoS 1."""
        self._on_broker.cleared(topic)

    def on_tick(self, now: float) -> float:
        """Publish what is due; return the monotonic second of the next call."""
        self._commands.process(now)
        outcome = self._latest
        if outcome is None:
            return now + ANNOUNCE_S
        if not self._is_reported():  # a retained "private" outlives this process, so the disk comes first
            return now + SAVING_S
        if self._republish_at is not None and now >= self._republish_at:
            self._republish_at = None
            self._announce()
            while self._stale_topics:
                self._send(self._stale_topics.pop(), "")
            self._publisher.republish_all()
            self._published, self._health_at = None, 0.0
        if self._republish_at is None or self._published is not None:
            self._publish(outcome, now)
        while topic := self._on_broker.next_to_clear():
            self._connection.publish(topic, "", retain=True, qos=1)
            if not self._connection.limits.qos:
                self._on_broker.cleared(topic)
        self._on_broker.save(now)
        due = [now + (ANNOUNCE_S if self._commands.busy else HEALTH_S)]
        if self._published is not None:
            due.append(self._health_at)
        if self._republish_at is not None:
            due.append(self._republish_at)
        return min(due)

    def before_disconnect(self) -> None:
        """Publish the state of a clean stop."""
        if self._latest is not None:
            self._send(*self._publisher.stopped(self._latest))

    def _bind(self, command: Command) -> Command:
        """Return a feedback with the song and the mood that others see: they may change until it is stored."""
        shown = self._shown or self._latest
        if shown is not None and isinstance(command, WrongMood):
            return replace(command, wrong=shown.mood)
        recommendation = shown.recommendation if shown else None
        if recommendation is None or not isinstance(command, Rate):
            return command
        track_id = command.track_id or next((track.track_id for track in recommendation.wanted), None)
        if track_id is None or not recommendation.contains(track_id):
            return command
        return replace(command, track_id=track_id, mood=recommendation.mood.emotion)

    def _publish(self, outcome: Outcome, now: float) -> None:
        first = self._published is None
        if outcome is not self._published:
            self._published = self._shown = outcome
            try:
                for topic, payload in self._publisher.pending(outcome):
                    self._send(topic, payload)
                self._has_bug = False
            except Exception:  # a state that can't be a payload must not keep the device offline
                if not self._has_bug:
                    log.exception("MQTT: a state could not be published")
                self._has_bug = True
        while self._changes:
            event = payloads.event(self._changes.popleft())
            if event is not None:
                self._connection.publish(f"{self.base}/event", event.text(), retain=False, expiry_s=EVENT_EXPIRY_S)
        if now >= self._health_at:
            self._health_at = now + (FIRST_HEALTH_S if first else HEALTH_S)
            self._send("health", payloads.Health.model_validate(self._health()).text())
        if first:  # last, so that all other topics are up to date by then
            self._send("availability", "online", qos=1)

    def _send(self, topic: str, payload: str, qos: int = 0) -> None:
        # QoS 0: after a reconnection paho would repeat unacknowledged messages, stale ones, after the new ones.
        # QoS 1 only for what does not change: the broker's answer shows whether it allows to publish (MQTT 5).
        self._on_broker.add(f"{self.base}/{topic}")
        self._connection.publish(f"{self.base}/{topic}", payload, retain=True, qos=qos)

    def _fitted_discovery(self) -> dict[str, Any]:
        """Return the discovery message with the entities for which the broker's packets have room; say how many."""
        limits, topic = self._connection.limits, self._config_topic
        message = trimmed(self._discovery, limits.packet_bytes - packet_bytes(topic, ""))
        some, all_of_them = len(message["components"]), len(self._discovery["components"])
        if some < all_of_them:
            shown = f"Home Assistant gets {some} of {all_of_them} entities"
            self._connection.report(f"{limits.size_text()}, so {shown}; {LARGER}")
        return message

    def _announce(self) -> None:
        if not self._settings.discovery:
            return
        if self._removed:
            message = {**self._announced, "components": {**self._announced["components"], **self._removed}}
            if packet_bytes(self._config_topic, as_json(message)) <= self._connection.limits.packet_bytes:
                self._send_discovery(message)
            self._removed = {}
        self._send_discovery(self._announced)

    def _send_discovery(self, message: Mapping[str, Any]) -> None:
        self._on_broker.add(self._config_topic)
        self._connection.publish(self._config_topic, as_json(message), retain=True, qos=1)

    def _on_discovery(self, message: MQTTMessage) -> None:
        if not message.retain or not message.payload:
            return
        if self._settings.discovery:
            self._removed = removed_components(message.payload, self._announced)
        else:  # discovery was switched off, so the device has to disappear
            self._connection.publish(self._config_topic, "", retain=True)
