"""A TCP connection to a camera in the network: its address is checked, and any thread may close it at once."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from contextlib import suppress

from musicond.config.camera_url import CameraUrl
from musicond.errors import SourceLost, error_text

CONNECT_S = 4.0
READ_S = 10.0
"""Longest wait for a byte; whoever waits for a picture closes the connection sooner."""
MOST_ADDRESSES = 4
"""Addresses of one name that are tried."""
NEAR: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = (
    *map(ipaddress.IPv4Network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")),
    *map(ipaddress.IPv6Network, ("::1/128", "fc00::/7", "fe80::/10")),
)
"""Loopback, private and link-local networks (RFC 1918, 3927, 4193, 4291)."""


def is_near(address: str) -> bool:
    """Return whether an address is of this machine or of a private network."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return any((mapped or parsed) in network for network in NEAR)


class CameraConnection:
    """A connection to the camera at `url`; unless `allow_public`, only to an address that `is_near`."""

    def __init__(self, url: CameraUrl, *, allow_public: bool) -> None:
        self._url, self._allow_public = url, allow_public
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False

    def open(self) -> socket.socket:
        """Return a connected socket, encrypted for https, which the caller closes; raise SourceLost."""
        error: OSError | None = None
        for family, address in self._resolve()[:MOST_ADDRESSES]:
            connected = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._register(connected)
                connected.settimeout(CONNECT_S)
                connected.connect(address)
                connected.settimeout(READ_S)
                return self._encrypted(connected) if self._url.scheme == "https" else connected
            except ssl.SSLError as exc:
                connected.close()
                raise SourceLost(_tls_text(exc)) from None
            except OSError as exc:
                connected.close()
                error = exc
            except BaseException:
                connected.close()
                raise
        reason = "no answer" if isinstance(error, TimeoutError) else error_text(error or OSError())
        raise SourceLost(f"{reason}; see whether the camera is on, and its address and port")

    def close(self) -> None:
        """Close the connection at once, also one that is being made, and allow no other; from any thread."""
        with self._lock:
            self._closed = True
            connected = self._socket
        if connected is not None:
            with suppress(OSError):
                # Not the method of an SSLSocket, which would send the thread that reads from it unencrypted bytes.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _register(self, connected: socket.socket) -> None:
        with self._lock:
            if self._closed:
                raise SourceLost("the connection was closed")
            self._socket = connected

    def _resolve(self) -> list[tuple[int, tuple[str, int]]]:
        """Return the families and addresses that may be used."""
        url = self._url
        try:
            found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SourceLost(f"its name {url.host} is not known; give the camera's address in numbers") from None
        addresses = [(family, address) for family, _, _, _, address in found]
        usable = [item for item in addresses if self._allow_public or is_near(str(item[1][0]))]
        if not usable:
            raise SourceLost(
                f"its address {addresses[0][1][0]} is outside your own network; "
                "give a camera in it, or set camera.allow_public: true"
            )
        return usable  # type: ignore[return-value]  # of AF_INET6 there are two numbers more

    def _encrypted(self, plain: socket.socket) -> socket.socket:
        encrypted = ssl.create_default_context().wrap_socket(
            plain, server_hostname=self._url.host, do_handshake_on_connect=False
        )
        try:
            self._register(encrypted)
            encrypted.do_handshake()
        except BaseException:
            encrypted.close()
            raise
        return encrypted


def _tls_text(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}); "
            "add its authority to the system's (update-ca-certificates), or use http in your own network"
        )
    return f"no encrypted connection ({error.reason or error}); see whether it is http instead of https"
