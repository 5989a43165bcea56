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
    from pydantic import SecretStr

    from musicond.config.schema import Mqtt
    from musicond.mqtt.limits import BrokerLimits

RIGHTS = "give the user of mqtt.username the rights that docs/mqtt.md names, The connection"


@dataclass(slots=True)
class _Answers:
    """What the broker has answered, by kind; filled by paho's thread."""

    connack: queue.SimpleQueue[tuple[Any, Any]] = field(default_factory=queue.SimpleQueue)
    suback: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    puback: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    messages: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)


@check("broker", "see docs/mqtt.md, The connection")
def check_broker(mqtt: Mqtt, password: SecretStr | None, node: str = "doctor", timeout_s: float = 5.0) -> Result:
    """Check that the broker accepts a connection with these credentials, and messages on the topics of `node`."""
    if mqtt.host is None:
        return "ok", "off: mqtt.host is not set"
    from musicond.mqtt.client import UNSUPPORTED, V5, V311, make_client, tls_context
    from musicond.mqtt.limits import BrokerLimits

    where, tls = f"{mqtt.host}:{mqtt.port}", tls_context(mqtt) if mqtt.tls else None
    client = make_client(mqtt, password, f"musicond-doctor-{os.getpid()}", V5 if mqtt.five else V311, tls)
    answers = _listen(client)
    client.connect_timeout = timeout_s
    try:
        client.connect(mqtt.host, mqtt.port)
    except (OSError, ValueError) as error:
        remedy = "start the broker, or correct mqtt.host, mqtt.port and mqtt.tls"
        return "failed", f"{where}: {one_line(error)}", remedy
    client.loop_start()
    try:
        reason, properties = answers.connack.get(timeout=timeout_s)
        if str(reason) == UNSUPPORTED:
            return "ok", f"{where} knows no MQTT 5: musicond goes on with 3.1.1"
        if reason.is_failure:
            remedy = "correct mqtt.username and the password (mqtt.password_file)"
            return "failed", f"{where} refuses: {reason}", remedy
        limits = BrokerLimits().connected(properties)
        problems = [problem for topic in _topics(mqtt, node) for problem in _round_trip(client, answers, topic, limits)]
        return _result(where, problems, limits)
    except queue.Empty:
        return "failed", f"{where} does not answer as an MQTT broker", "correct mqtt.host, mqtt.port and mqtt.tls"
    finally:
        client.disconnect()
        client.loop_stop()


def _result(where: str, problems: list[str], limits: BrokerLimits) -> Result:
    if problems:
        return "failed", f"{where}: {'; '.join(problems)}", RIGHTS
    if limited := limits.problems():
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
