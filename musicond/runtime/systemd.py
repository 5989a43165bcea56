"""What systemd is told: READY, RELOADING, STATUS, WATCHDOG, STOPPING, over its notification socket."""

from __future__ import annotations

import os
import socket
import time
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


class Notifier:
    """Sends notifications; does nothing where systemd did not start the process."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        usec = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.watchdog_s: float | None = int(usec) / 1e6 if usec.isdigit() and int(usec) and ours else None
        self._beaten_at = 0.0
        self._status = ""
        self._library: ModuleType | None
        try:
            self._library = import_module("systemd.daemon")
        except ImportError:
            self._library = None

    def ready(self) -> None:
        """Say that start-up is complete."""
        self.send("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` says that it has been."""
        self.send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self.send("STOPPING=1")

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`; sent only when it differs from the last one."""
        if text != self._status:
            self._status = text
            self.send(f"STATUS={text}")

    def beat(self) -> None:
        """Feed the watchdog; sent at most four times per WatchdogSec."""
        now = time.monotonic()
        if self.watchdog_s is not None and now - self._beaten_at >= self.watchdog_s / 4:
            self._beaten_at = now
            self.send("WATCHDOG=1")

    def send(self, state: str) -> None:
        """Send one notification through systemd-python, or else as a plain datagram."""
        if not self._address:
            return
        if self._library is not None:
            self._library.notify(state)
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.connect(path)
            out.sendall(state.encode())
