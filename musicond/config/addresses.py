"""Checks of host names and addresses in the configuration; the texts never repeat a password."""

from __future__ import annotations

import ipaddress
import re

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE)
WITH_PORT = re.compile(r"(\[[^]]*\]|[^:]*)(?::([0-9]{1,5}))?")
ENCRYPTED = ("mqtts", "ssl", "tls", "wss", "https")
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


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return bool(NAME.fullmatch(text))
    return True
