"""The two doors of the page: a TCP port and the control socket, opened before any thread runs."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from typing import TYPE_CHECKING, cast

from aiohttp import web

from musicond.errors import OutputError, error_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp.typedefs import Handler, Middleware


ANSWER_S = 0.5
"""How long a daemon that may own the control socket has to take a connection."""
MOST = 200
"""Connections to the TCP port at a time: fifty pages and what they fetch, and files to spare for everything else."""
FIRST_S = 10.0
"""How long a connection has to bring its first request."""


def split_listen(listen: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[address]:port`."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise OutputError(f"web.listen: {listen!r} is not host:port; write for example 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def open_tcp(listen: str) -> socket.socket:
    """Return a listening socket on `listen`; raise OutputError with what to do."""
    host, port = split_listen(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as fault:
        taken = isinstance(fault, OSError) and fault.errno == errno.EADDRINUSE
        what = "is taken by another program" if taken else f"can't be opened ({error_text(fault)})"
        remedy = "stop that program, or set another port in web.listen" if taken else "set another web.listen"
        raise OutputError(f"the page's address {listen} {what}; {remedy}") from fault


def open_unix(path: Path) -> socket.socket:
    """Return a listening Unix socket that only this user may use; raise OutputError with what to do.

    A socket file that nobody answers on is left over from a killed daemon and is replaced.
    """
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(path)
        # Linux gives the file the mode of the socket: there is no moment in which others could connect.
        os.fchmod(door.fileno(), 0o600)
        door.bind(str(path))
        door.listen(16)
    except OSError as fault:
        door.close()
        raise OutputError(
            f"the control socket {path} can't be made ({error_text(fault)}); "
            "make its folder writable for this user, or set RUNTIME_DIRECTORY to another"
        ) from fault
    except OutputError:
        door.close()
        raise
    return door


class ConnectionLimiter:
    """Keeps those out who would hold the TCP port's connections without asking anything; used in the loop's thread.

    As a factory it makes the protocol of each new connection; its `middleware` tells it of the requests.
    """

    def __init__(self) -> None:
        self.server: Callable[[], asyncio.Protocol] | None = None
        """Makes the protocol that serves a connection; to be set before the first one."""
        self.open = 0
        """How many connections there are."""
        self._waiting: dict[int, asyncio.TimerHandle] = {}

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a connection that has just been made."""
        assert self.server is not None
        return cast("asyncio.Protocol", _Counted(self, self.server()))

    def enter(self, inner: asyncio.BaseProtocol, transport: asyncio.BaseTransport) -> bool:
        """Let a connection in, for a while; False where there are too many."""
        if self.open >= MOST:
            return False
        self.open += 1
        end = cast("asyncio.Transport", transport).abort
        self._waiting[id(inner)] = asyncio.get_running_loop().call_later(FIRST_S, end)
        return True

    def leave(self, inner: asyncio.BaseProtocol) -> None:
        """Forget a connection."""
        self.open -= 1
        self._heard(inner)

    @property
    def middleware(self) -> Middleware:
        """What notes that a connection brought a request."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._heard(request.protocol)
            return await handler(request)

        return note

    def _heard(self, inner: asyncio.BaseProtocol) -> None:
        if timer := self._waiting.pop(id(inner), None):
            timer.cancel()


class _Counted:
    """A connection: passes everything on to the server's own protocol."""

    def __init__(self, keeper: ConnectionLimiter, inner: asyncio.Protocol) -> None:
        self._keeper, self._inner, self._inside = keeper, inner, False

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inside = self._keeper.enter(self._inner, transport)
        if self._inside:
            self._inner.connection_made(transport)
        else:
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, fault: Exception | None) -> None:
        if self._inside:
            self._keeper.leave(self._inner)
            self._inner.connection_lost(fault)


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OutputError(f"{path} is not a socket; remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise OutputError(f"another musicond answers on {path}; stop it first")
