"""The doctor's check of the broker: a connection, and a message there and back on each kind of topic."""

from __future__ import annotations

import os
import queue
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from musicond.commands.checks import Result, check, one_line

if TYPE_CHECKING:  # the doctor runs without pydantic and paho
    from paho.mqtt.enums import MQTTProtocolVersion
    from pydantic import SecretStr

    from musicond.config.schema import Mqtt
    from musicond.mqtt.limits import BrokerLimits

RIGHTS = "give the user of mqtt.username the rights that docs/mqtt.md names, The connection"


@dataclass(slots=True)
class _Answers:
    """What the broker has answered, by kind; filled by paho's thread."""

    connack: queue.SimpleQueue[tuple[Any, Any] | None] = field(default_factory=queue.SimpleQueue)
    """None: the connection was closed."""
    suback: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    puback: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    messages: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)


@check("broker", "see docs/mqtt.md, The connection")
def check_broker(mqtt: Mqtt, password: SecretStr | None, node: str = "doctor", timeout_s: float = 5.0) -> Result:
    """Check that the broker accepts a connection with these credentials, and messages on the topics of `node`."""
    if mqtt.host is None:
        return "ok", "off: mqtt.host is not set"
    from musicond.mqtt.client import V5, V311

    if mqtt.five and (result := _try_version(mqtt, password, node, timeout_s, V5)):
        return result
    result = _try_version(mqtt, password, node, timeout_s, V311)
    if result is None:
        return _no_broker(mqtt)
    if mqtt.five and result[0] == "ok":
        return "ok", f"{result[1]}; it knows no MQTT 5: musicond goes on with 3.1.1"
    return result


def _try_version(
    mqtt: Mqtt, password: SecretStr | None, node: str, timeout_s: float, version: MQTTProtocolVersion
) -> Result | None:
    """Return the result with one version of MQTT; None where the broker does not know it, or hangs up on it."""
    from musicond.mqtt.client import UNSUPPORTED, make_client, tls_context
    from musicond.mqtt.limits import BrokerLimits

    where, tls = f"{mqtt.host}:{mqtt.port}", tls_context(mqtt) if mqtt.tls else None
    client = make_client(mqtt, password, f"musicond-doctor-{os.getpid()}", version, tls)
    answers = _listen(client)
    client.connect_timeout = timeout_s
    try:
        client.connect(str(mqtt.host), mqtt.port)
    except (OSError, ValueError) as error:
        remedy = "start the broker, or correct mqtt.host, mqtt.port and mqtt.tls"
        return "failed", f"{where}: {one_line(error)}", remedy
    client.loop_start()
    try:
        connack = answers.connack.get(timeout=timeout_s)
        if connack is None or str(connack[0]) == UNSUPPORTED:
            return None
        reason, properties = connack
        if reason.is_failure:
            remedy = "correct mqtt.username and the password (mqtt.password_file)"
            return "failed", f"{where} refuses: {reason}", remedy
        limits = BrokerLimits().connected(properties)
        problems = _problems(client, answers, _topics(mqtt, node), limits)
        return _result(where, problems, limits, _largest(mqtt, node))
    except queue.Empty:
        return _no_broker(mqtt)
    finally:
        client.disconnect()
        client.loop_stop()


def _no_broker(mqtt: Mqtt) -> Result:
    where = f"{mqtt.host}:{mqtt.port}"
    return "failed", f"{where} does not answer as an MQTT broker", "correct mqtt.host, mqtt.port and mqtt.tls"


def _problems(client: Any, answers: _Answers, topics: list[str], limits: BrokerLimits) -> list[str]:
    """Return what the broker refuses on these topics, until the first one without an answer."""
    problems: list[str] = []
    for topic in topics:
        try:
            problems += _round_trip(client, answers, topic, limits)
        except queue.Empty:
            return [*problems, f"it does not answer a message to {topic}, or hangs up: it may not write or not read it"]
    return problems


def _largest(mqtt: Mqtt, node: str) -> int:
    """Return the bytes of the message that announces all entities to Home Assistant."""
    from musicond import __version__
    from musicond.mqtt.discovery import as_json, config_topic, discovery_message
    from musicond.mqtt.entities import ENTITIES
    from musicond.mqtt.limits import packet_bytes

    message = discovery_message(f"{mqtt.base_topic}/{node}", node, node, __version__, ENTITIES)
    return packet_bytes(config_topic(mqtt.discovery_prefix, node), as_json(message)) if mqtt.discovery else 0


def _result(where: str, problems: list[str], limits: BrokerLimits, largest: int) -> Result:
    if problems:
        return "failed", f"{where}: {'; '.join(problems)}", RIGHTS
    if limited := limits.problems(largest):
        return "warning", f"{where}: {'; '.join(limited)}", "change it in the configuration of the broker"
    return "ok", f"{where} accepts the connection, and messages there and back"


def _topics(mqtt: Mqtt, node: str) -> list[str]:
    """Return a topic of each kind on which nobody else listens: states, commands and discovery."""
    base = f"{mqtt.base_topic}/{node}/doctor"
    discovery = [f"{mqtt.discovery_prefix}/device/{node}/doctor"] if mqtt.discovery else []
    return [base, f"{base}/set", *discovery]


def _listen(client: Any) -> _Answers:
    answers = _Answers()
    client.manual_ack_set(False)  # noqa: FBT003 - paho's form
    client.on_connect = lambda _client, _data, _flags, reason, more: answers.connack.put((reason, more))
    client.on_disconnect = lambda *_: answers.connack.put(None)
    client.on_subscribe = lambda _client, _data, _mid, reasons, _more: answers.suback.put(reasons[0])
    client.on_publish = lambda _client, _data, _mid, reason, _more: answers.puback.put(reason)
    client.on_message = lambda _client, _data, message: answers.messages.put(message.payload)
    return answers


def _round_trip(client: Any, answers: _Answers, topic: str, limits: BrokerLimits, timeout_s: float = 2.0) -> list[str]:
    """Return what the broker refuses on a topic; raise queue.Empty where it does not answer."""
    client.subscribe(topic, 0)
    if (reason := answers.suback.get(timeout=timeout_s)).is_failure:
        return [f"it refuses to let it read {topic} ({str(reason).lower()})"]
    payload = secrets.token_hex(8).encode()
    client.publish(topic, payload, qos=limits.qos)
    if limits.qos and (reason := answers.puback.get(timeout=timeout_s)).is_failure:
        return [f"it refuses to let it write {topic} ({str(reason).lower()})"]
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        try:
            if answers.messages.get(timeout=max(0.0, end - time.monotonic())) == payload:
                return []
        except queue.Empty:
            break
    return [f"a message to {topic} does not come back: it may not write or not read it"]
