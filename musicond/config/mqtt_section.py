"""The section `mqtt` of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from musicond.config.music_section import Section

PASSWORD_VARIABLE = "MUSICOND_MQTT_PASSWORD"  # noqa: S105 - the variable's name, not a password
TOPIC_PATTERN = r"^[^+#/\s][^+#\s]*$"


class Mqtt(Section):
    """The broker. Without a host nothing is sent."""

    host: str | None = Field(None, min_length=1, description="Host name or address of the broker. Unset: MQTT is off.")
    port: int = Field(1883, ge=1, le=65535, description="TCP port of the broker.")
    username: str | None = Field(None, min_length=1, description="User name, if the broker asks for one.")
    password_file: Path | None = Field(
        None, description=f"File that holds the password in its first line. ${PASSWORD_VARIABLE} wins."
    )
    protocol: Literal[5, "5", "3.1.1"] = Field(
        5, description="Version of MQTT: 5, falling back to 3.1.1 where the broker knows no 5, or 3.1.1 at once."
    )
    tls: bool = Field(default=False, description="Encrypt the connection; the port is then usually 8883.")
    ca: Path | None = Field(
        None, description="PEM file of the authorities that may vouch for the broker. Unset: those of the system."
    )
    cert: Path | None = Field(None, description="PEM file of this device's certificate, if the broker asks for one.")
    key: Path | None = Field(None, description="PEM file of the certificate's key, without a password.")
    base_topic: str = Field(
        "musicond",
        pattern=TOPIC_PATTERN,
        description="First part of every topic, without blanks, + or #, and not beginning with /.",
    )
    discovery: bool = Field(default=True, description="Announce the device to Home Assistant.")
    discovery_prefix: str = Field(
        "homeassistant",
        pattern=TOPIC_PATTERN,
        description="Where Home Assistant looks for devices, without blanks, + or #, and not beginning with /.",
    )
    status_topic: str = Field(
        "homeassistant/status",
        pattern=TOPIC_PATTERN,
        description="Where Home Assistant says that it has started, without blanks, + or #, and not beginning with /.",
    )

    @property
    def five(self) -> bool:
        """Whether MQTT 5 is tried first."""
        return self.protocol != "3.1.1"

    @model_validator(mode="after")
    def _certificates(self) -> Mqtt:
        given = [name for name in ("ca", "cert", "key") if getattr(self, name) is not None]
        if given and not self.tls:
            raise ValueError(f"{given[0]} needs tls: true")
        if self.key is not None and self.cert is None:
            raise ValueError("key needs cert, the certificate that it belongs to")
        return self
