"""The address of a camera in the network; the texts never repeat a password."""

from __future__ import annotations

import string
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

PORTS = {"rtsp": 554, "http": 80, "https": 443}
"""The default port of each scheme."""
HIDDEN = "********"
NO_ADDRESS = "is no address of a camera; give one such as rtsp://192.168.1.20/stream"
WITH_PASSWORD = (
    "has a name or password before an @; put NAME:PASSWORD into a file, and name it in camera.credentials_file"  # noqa: S105 - no password
)


@dataclass(frozen=True, slots=True)
class CameraUrl:
    """An address such as rtsp://192.168.1.20/stream2."""

    scheme: str
    host: str
    """Name or address, of IPv6 without brackets."""
    port: int
    target: str
    """Path and query."""

    @property
    def place(self) -> str:
        """Host and port, the default one left out; for display."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def may_hold_a_password(self) -> bool:
        """Whether the path or query gives values, as cameras that take their password there want it."""
        return "=" in self.target

    @property
    def shown(self) -> str:
        """The address for display, without what may be a password."""
        return f"{self.scheme}://{self.place}{f'/{HIDDEN}' if self.may_hold_a_password else self.target}"


def is_url(source: str) -> bool:
    """Return whether `camera.source` is an address in the network."""
    return source.partition("://")[0].lower() in PORTS


def parse_url(text: str) -> CameraUrl:
    """Return the parts of an address; raise ValueError with the right form."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # also for a password with a /
        raise ValueError(WITH_PASSWORD if "@" in text else NO_ADDRESS) from None
    if parts.username is not None:
        raise ValueError(WITH_PASSWORD)
    if parts.scheme not in PORTS or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError(NO_ADDRESS)
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=string.punctuation)
    return CameraUrl(parts.scheme, parts.hostname, PORTS[parts.scheme] if port is None else port, target)


def shown_source(source: str) -> str:
    """Return `camera.source` for display, without what may be a password."""
    try:
        return parse_url(source).shown if is_url(source) else source
    except ValueError:
        return HIDDEN
