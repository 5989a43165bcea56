"""A client of paho as the configuration wants it, the times that it keeps, and a message as it comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt import properties as paho_properties
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

if TYPE_CHECKING:
    from ssl import SSLContext

    from pydantic import SecretStr

    from musicond.config.schema import Mqtt

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
UNSUPPORTED = "Unsupported protocol version"
"""How paho names the refusal of a broker that knows no MQTT 5."""
UNSPECIFIED = "Unspecified error"
"""How paho names the end of a connection for which the broker gave no reason."""
IN_FLIGHT = 20
"""Unacknowledged commands that the broker may send; more wait there until these are done."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; shorter ones are for tests."""

    keepalive_s: int = 30
    silence_s: float = 42.0
    """After so long without a byte from the broker, which answers every ping, the link is dead."""
    connect_s: float = 5.0
    """How long a connection may take to be accepted."""
    backoff_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 10.0)
    """Waits between two tries; the last one repeats. Each varies by `jitter`."""
    jitter: float = 0.2
    steady_s: float = 10.0
    """A connection that held this long starts the waits anew."""
    session_s: int = 300
    """For how long the broker keeps feedback for us while the link is down (MQTT 5)."""
    look_s: float = 2.5
    """Longest wait within the thread."""
    farewell_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker; `mid` is its packet identifier, 0 with QoS 0."""

    topic: str
    payload: bytes
    retain: bool
    mid: int
    dup: bool


def make_client(
    settings: Mqtt, password: SecretStr | None, name: str, version: MQTTProtocolVersion, tls: SSLContext | None
) -> paho.Client:
    """Return a client that is not connected, called `name` at the broker, and acknowledges nothing by itself."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=name,
        clean_session=None if version == V5 else True,
        protocol=version,
        manual_ack=True,
    )
    if settings.username:
        client.username_pw_set(settings.username, password.get_secret_value() if password else None)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def make_properties(packet: int, **values: Any) -> paho_properties.Properties:
    """Return MQTT 5 properties for a kind of packet."""
    made = paho_properties.Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return made
