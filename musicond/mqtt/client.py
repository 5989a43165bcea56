"""The client of a connection, from the configuration: version, user, certificates."""

from __future__ import annotations

import ssl
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from pydantic import SecretStr

from musicond.config.schema import Mqtt
from musicond.errors import OutputError
from musicond.mqtt.connection_status import failure_text

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
UNSUPPORTED = "Unsupported protocol version"
"""paho's name of the reason code with which a broker refuses MQTT 5."""


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """Return the context for `mqtt.tls` with the system's authorities or `ca`; raise OutputError for a bad file."""
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ValueError) as exc:
        raise OutputError(f"mqtt.ca: {settings.ca}: {failure_text(exc)}; give a PEM file of certificates") from None
    if settings.cert:

        def no_password() -> str:
            raise ValueError("the key needs a password; give one without")

        try:
            context.load_cert_chain(settings.cert, settings.key, password=no_password)
        except (OSError, ValueError) as exc:
            files = f"{settings.cert} and {settings.key}" if settings.key else str(settings.cert)
            raise OutputError(
                f"mqtt.cert and mqtt.key: {files}: {failure_text(exc)}; give a certificate and its key as PEM"
            ) from None
    return context


def make_client(
    settings: Mqtt,
    password: SecretStr | None,
    client_id: str,
    version: MQTTProtocolVersion,
    tls: ssl.SSLContext | None,
) -> paho.Client:
    """Return a client that is not connected and leaves acknowledgements to its user."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if version == V5 else True,
        protocol=version,
        manual_ack=True,
    )
    if settings.username:
        client.username_pw_set(settings.username, password.get_secret_value() if password else None)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def make_properties(packet_type: int, **values: Any) -> Properties:
    """Return the MQTT 5 properties of a packet."""
    properties = Properties(packet_type)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
