"""The two doors of the page: a TCP port and the control socket, opened before any thread runs."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import TYPE_CHECKING

from musicond.core.ports import OutputError

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_S = 0.5
"""How long a daemon that may own the control socket has to take a connection."""


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
        what = "is taken by another program" if taken else f"can't be opened ({_why(fault)})"
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
            f"the control socket {path} can't be made ({_why(fault)}); "
            "make its folder writable for this user, or set RUNTIME_DIRECTORY to another"
        ) from fault
    except OutputError:
        door.close()
        raise
    return door


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


def _why(fault: Exception) -> str:
    return getattr(fault, "strerror", None) or str(fault)
