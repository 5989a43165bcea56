"""Notifications to systemd: READY, RELOADING, STATUS, WATCHDOG, STOPPING; see sd_notify(3)."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SEND_S = 0.5
"""Longest wait of a notification for a reader whose queue is full, in seconds; then it is dropped."""

HOMES = ("/home", "/root", "/run/user")
"""Folders that ProtectHome hides."""


def remedy_for(path: Path, usual: str, homes: Sequence[str] = HOMES) -> str:
    """Return the `usual` remedy for a path that can't be used, or another one where ProtectHome hides it."""
    for home in homes if os.environ.get("INVOCATION_ID") else ():
        with suppress(ValueError):  # a NUL in the path
            if Path(os.path.realpath(path)).is_relative_to(home) and _is_hidden(home):
                return f"the service may not look into {home} (ProtectHome): move it, to /srv for example"
    return usual


def _is_hidden(folder: str) -> bool:
    try:
        return not os.listdir(folder)  # noqa: PTH208 - one call
    except OSError:
        return True


class Notifier:
    """Sends notifications; does nothing if systemd did not start the process."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        usec = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.watchdog_s: float | None = int(usec) / 1e6 if usec.isdigit() and int(usec) and ours else None
        self._beaten_at = 0.0
        self._status = ""

    def ready(self) -> None:
        """Report that the start, or a reload, is complete."""
        self.send("READY=1")

    def reloading(self) -> None:
        """Report that a reload has begun."""
        self.send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the shutdown has begun."""
        self.send("STOPPING=1")

    def status(self, text: str) -> None:
        """Set the line in `systemctl status`; sent only if it has changed."""
        if text != self._status:
            self._status = text
            self.send(f"STATUS={text}")

    def beat(self) -> None:
        """Feed the watchdog, at most four times per WatchdogSec."""
        now = time.monotonic()
        if self.watchdog_s is not None and now - self._beaten_at >= self.watchdog_s / 4:
            self._beaten_at = now
            self.send("WATCHDOG=1")

    def send(self, state: str) -> None:
        """Send one notification as a datagram; one that nobody takes is dropped."""
        if not self._address:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(SEND_S)
            out.connect(path)
            out.sendall(state.encode())
