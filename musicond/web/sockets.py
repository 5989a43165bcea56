"""The sockets of the page: a TCP port with a limit on its connections, and the control socket."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from musicond.config.addresses import split_address
from musicond.errors import OutputError, error_text
from musicond.web.access import STRANGER
from musicond.web.rate_limit import RateLimit

ADMITTED = web.RequestKey("admitted", bool)
"""Key of a request that was allowed."""
CONNECT_WAIT_S = 0.5
"""Time limit, in seconds, for a daemon that may own the control socket to accept a connection."""
MAX_CONNECTIONS = 200
"""Connections to the TCP port at a time: fifty pages and what they fetch, and files to spare for everything else."""
MAX_STRANGERS = 40
"""Of these, connections of strangers: of addresses from which no request was allowed lately."""
MAX_STRANGERS_EACH = 10
"""Of these, connections of one address; a browser opens six."""
MAX_OPENED, WINDOW_S = 60, 10.0
"""Connections that a stranger may open within so many seconds."""
KNOWN_S = 24 * 3600.0
"""Seconds for which an address counts as known after its last allowed request."""
MAX_ADDRESSES = 256
OWN_ADDRESSES = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
"""Addresses of this machine; they are no strangers'."""
FIRST_REQUEST_S = 10.0
"""Time limit, in seconds, for the first allowed request of a connection."""
FIRST_HEAD_BYTES = 32 * 2**10
"""Longest head of that request; aiohttp gets no other byte before it is allowed."""
HEAD_END = b"\r\n\r\n"
BACKLOG = 256
"""Connections that may come at once; the kernel keeps them until the loop takes them."""


def open_tcp(listen: str) -> socket.socket:
    """Return a listening socket on HOST:PORT; raise OutputError."""
    host, port = split_address(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        taken = exc.errno == errno.EADDRINUSE
        problem = "is taken by another program" if taken else f"can't be opened ({error_text(exc)})"
        remedy = "stop that program, or set another port in web.listen" if taken else "set another web.listen"
        raise OutputError(f"the page's address {listen} {problem}; {remedy}") from exc


def open_unix(path: Path) -> socket.socket:
    """Return a listening Unix socket that only this user may use; raise OutputError.

    A socket file on which nobody listens is left over from a killed daemon and is replaced.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_stale(path)
        # Linux gives the file the mode of the socket: there is no moment in which others could connect.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
        listener.listen(16)
    except OSError as exc:
        listener.close()
        raise OutputError(
            f"the control socket {path} can't be made ({error_text(exc)}); "
            "make its folder writable for this user, or set RUNTIME_DIRECTORY to another"
        ) from exc
    except OutputError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket file on which nobody listens; raise OutputError for any other file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OutputError(f"{path} is not a socket; remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_WAIT_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise OutputError(f"another musicond answers on {path}; stop it first")


class ConnectionLimiter:
    """Limits on the connections to the TCP port; strangers leave places free for those who may open the page.

    For the loop's thread.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[int, _LimitedProtocol] = {}
        """The open connections by their server's protocol, oldest first."""
        self._known_until: dict[str, float] = {}
        """Monotonic time at which each address becomes unknown again."""
        self._opened = RateLimit(MAX_OPENED, WINDOW_S, MAX_ADDRESSES, clock)

    def limited(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """Return the protocol that serves a new connection with `protocol` if there is a place for it."""
        return cast("asyncio.Protocol", _LimitedProtocol(protocol, self))

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a request is allowed, and not only for a public address; the innermost middleware."""
        if request.get(STRANGER):
            return await handler(request)
        if connection := self._open.get(id(request.protocol)):
            connection.admit()
            self._remember(connection.address)
        request[ADMITTED] = True
        return await handler(request)

    async def close_refused(self, request: web.Request, response: web.StreamResponse) -> None:
        """Close the connection of a request that was not noted as allowed, with its response."""
        if ADMITTED not in request:
            response.headers["Connection"] = "close"
            response.force_close()

    def take_place(self, connection: _LimitedProtocol) -> bool:
        """Return whether there is a place for a new connection; one that waits may be closed for it."""
        address = connection.address
        waiting = [each for each in self._open.values() if not each.admitted]
        if not self._is_known(address):
            if self._opened.count(address) >= MAX_OPENED:
                return False
            self._opened.add(address)
            waiting = [each for each in waiting if not self._is_known(each.address)]
            if sum(each.address == address for each in waiting) >= MAX_STRANGERS_EACH:
                return False
            if len(waiting) >= MAX_STRANGERS:
                _close_one(waiting)
        if len(self._open) >= MAX_CONNECTIONS:
            if not waiting:
                return False
            _close_one(waiting)
        self._open[id(connection.inner)] = connection
        return True

    def free_place(self, connection: _LimitedProtocol) -> bool:
        """Return whether the connection had a place, which is now free."""
        return self._open.pop(id(connection.inner), None) is not None

    def _is_known(self, address: str) -> bool:
        return address in OWN_ADDRESSES or self._clock() < self._known_until.get(address, 0.0)

    def _remember(self, address: str) -> None:
        self._known_until.pop(address, None)
        while len(self._known_until) >= MAX_ADDRESSES:
            del self._known_until[next(iter(self._known_until))]
        self._known_until[address] = self._clock() + KNOWN_S


def _close_one(waiting: Sequence[_LimitedProtocol]) -> None:
    """Close the oldest connection of the address that has most."""
    counts = Counter(each.address for each in waiting)
    max(waiting, key=lambda each: counts[each.address]).abort()


class _FirstHead:
    """Separates the head of a connection's first request from what follows it."""

    def __init__(self) -> None:
        self.length = 0
        """Bytes of the head so far."""
        self.rest: bytearray | None = None
        """The bytes after the head; None before its end."""
        self._last = b""

    def take(self, data: bytes) -> bytes:
        """Return what of the next bytes belongs to the head; keep the others in `rest`."""
        if self.rest is not None:
            self.rest += data
            return b""
        text = self._last + data
        end = text.find(HEAD_END)
        head = data if end < 0 else data[: end + len(HEAD_END) - len(self._last)]
        self._last = text[1 - len(HEAD_END) :]
        if end >= 0:
            self.rest = bytearray(data[len(head) :])
        self.length += len(head)
        return head


class _LimitedProtocol:
    """The protocol of a connection that is limited; passes everything on to the server's own."""

    def __init__(self, inner: asyncio.Protocol, limiter: ConnectionLimiter) -> None:
        self.inner, self._limiter = inner, limiter
        self.address, self.admitted = "", False
        self._first = _FirstHead()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.address, self._transport = str(transport.get_extra_info("peername")[0]), transport
        if not self._limiter.take_place(self):
            transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(FIRST_REQUEST_S, transport.abort)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self.admitted:
            data = self._first.take(data)
            if self._first.length > FIRST_HEAD_BYTES:
                self.abort()
                return
            if self._first.rest and self._transport is not None:
                self._transport.pause_reading()
        if data:
            self.inner.data_received(data)

    def admit(self) -> None:
        """Lift the limits on the first request."""
        if self.admitted:
            return
        self.admitted = True
        if self._timer is not None:
            self._timer.cancel()
        rest, self._first = self._first.rest, _FirstHead()
        if rest and self._transport is not None:
            self._transport.resume_reading()  # first, as the server may pause it at once
            self.inner.data_received(bytes(rest))

    def abort(self) -> None:
        """Close the connection at once, and free its place."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._limiter.free_place(self):
            self.inner.connection_lost(exc)
