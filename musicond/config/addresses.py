"""Checks of host names and addresses in the configuration; the texts never repeat a password."""

from __future__ import annotations

import ipaddress
import re

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the page is opened to the network on purpose
"""The address that stands for all of this machine (IPv4)."""
EVERYWHERE_IPV6 = "::"
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE)
WITH_PORT = re.compile(r"(\[[^]]*\]|[^:]*)(?::([0-9]{1,5}))?")
ENCRYPTED = ("mqtts", "ssl", "tls", "wss", "https")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


def check_host(text: str) -> str:
    """Return the name or address of a host; raise ValueError with the right form for an address of another form."""
    if "@" in text:
        raise ValueError("has a name or password before an @; give the host alone")
    scheme, rest = match.groups() if (match := SCHEME.fullmatch(text)) else ("", text)
    rest = rest.partition("/")[0]
    host, port = rest, ""
    if match := WITH_PORT.fullmatch(rest):
        host, port = match[1].strip("[]"), match[2] or ""
    if not _is_host(host):
        raise ValueError(f"{text!r} is no host; give a name, such as broker.local, or an address")
    if host != text:
        tls = " and tls: true" if scheme.lower() in ENCRYPTED else ""
        raise ValueError(f"{text!r} is more than a host; give host: {host}{f', port: {port}' if port else ''}{tls}")
    return text


def check_host_or_socket(text: str) -> str:
    """Return the name or address of a host, or a Unix socket: a path, or an abstract name after an @."""
    return text if text.startswith(("/", "@")) else check_host(text)


def split_address(text: str) -> tuple[str, int]:
    """Split HOST:PORT of the page; raise ValueError unless HOST is an address of IPv4 or (in brackets) IPv6."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()):
        raise ValueError(f"{text!r} has no port; give HOST:PORT, such as 127.0.0.1:8080")
    if len(port) > 5 or int(port) > 65535:  # noqa: PLR2004 - the highest TCP port, which has five digits
        raise ValueError(f"port {port} is too large; give 0 to 65535")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if host == "localhost":
        return host, int(port)
    try:
        right = (ipaddress.ip_address(bare).version == 6) == (bare != host)  # noqa: PLR2004 - IPv6
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{host!r} is no address; give 127.0.0.1:{port}, [::1]:{port} or 0.0.0.0:{port}")
    return bare, int(port)


def is_loopback(host: str) -> bool:
    """Return whether an address (without brackets) is reachable only from this machine."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def check_origin(text: str) -> None:
    """Raise ValueError unless a text is an origin: a scheme and a host, with a port or without."""
    if not ORIGIN.fullmatch(text):
        raise ValueError(f"{text!r} is no origin; give one such as http://homeassistant.local:8123")


def check_address(text: str) -> None:
    """Raise ValueError unless a text is an address of IPv4 or IPv6, without a port."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no address; give one such as 172.30.32.2") from None


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(NAME.fullmatch(text))
    return True
