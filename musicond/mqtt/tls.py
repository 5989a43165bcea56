"""TLS for the broker: the context from the configuration."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from musicond.errors import OutputError
from musicond.mqtt.connection_status import why

if TYPE_CHECKING:
    from musicond.config.schema import Mqtt


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """Return the context for `mqtt.tls`: the system's authorities or `ca`; raise OutputError for a bad file."""
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ValueError) as fault:
        raise OutputError(f"mqtt.ca: {settings.ca}: {why(fault)}; give a PEM file of certificates") from None
    if settings.cert:

        def no_password() -> str:
            raise ValueError("the key needs a password; give one without")

        try:
            context.load_cert_chain(settings.cert, settings.key, password=no_password)
        except (OSError, ValueError) as fault:
            where = f"{settings.cert} and {settings.key}" if settings.key else str(settings.cert)
            raise OutputError(
                f"mqtt.cert and mqtt.key: {where}: {why(fault)}; give a certificate and its key as PEM"
            ) from None
    return context
