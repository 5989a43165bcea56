"""The sockets of the page: a TCP port with a limit on its connections, and the control socket."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from pathlib import Path
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from musicond.config.schema import split_address
from musicond.errors import OutputError, error_text

CONNECT_WAIT_S = 0.5
"""How long a daemon that may own the control socket has to accept a connection."""
MAX_CONNECTIONS = 200
"""Connections to the TCP port at a time: fifty pages and what they fetch, and files to spare for everything else."""
FIRST_REQUEST_S = 10.0
"""How long a connection has to send its first request."""


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
    """Limit on the connections to the TCP port, and on the time that each may take for its first request.

    For the loop's thread.
    """

    def __init__(self) -> None:
        self._timers: dict[int, asyncio.TimerHandle] = {}
        """For each open connection, by its protocol: aborts it, unless cancelled by its first request."""

    def limited(self, protocol: asyncio.Protocol) -> asyncio.Protocol:
        """Return the protocol that serves a new connection with `protocol` if there are not too many."""
        return cast("asyncio.Protocol", _LimitedProtocol(protocol, self._timers))

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a connection has sent a request."""
        if timer := self._timers.get(id(request.protocol)):
            timer.cancel()
        return await handler(request)


class _LimitedProtocol:
    """The protocol of a counted connection; passes everything on to the server's own."""

    def __init__(self, inner: asyncio.Protocol, timers: dict[int, asyncio.TimerHandle]) -> None:
        self._inner, self._timers = inner, timers

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def connection_made(self, transport: asyncio.Transport) -> None:
        if len(self._timers) >= MAX_CONNECTIONS:
            transport.abort()
            return
        self._timers[id(self._inner)] = asyncio.get_running_loop().call_later(FIRST_REQUEST_S, transport.abort)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if timer := self._timers.pop(id(self._inner), None):
            timer.cancel()
            self._inner.connection_lost(exc)
