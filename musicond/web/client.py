"""The command line's way to a running daemon: the page's API over the control socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = 8.0
"""Longer than the daemon waits for a command's effect."""


class ControlError(Exception):
    """The daemon can't be reached or refuses; the text says what to do."""


class NotRunning(ControlError):  # noqa: N818 - a state of the daemon, not a fault of the program
    """No daemon answers on the control socket."""


class ControlClient:
    """Asks the daemon whose control socket is `path`; every call raises ControlError where it can't."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path, self._timeout_s = path, timeout_s

    def state(self) -> dict[str, Any]:
        """Return the whole state, as the page gets it."""
        return self._ask("GET", "/api/v1/state", None)

    def privacy(self, *, on: bool) -> None:
        """Close the camera or let it be opened; on return it has taken effect and is stored."""
        self._ask("POST", "/api/v1/privacy", {"on": on})

    def pause(self, minutes: float | None) -> None:
        """Pause for some minutes, or until resumed."""
        self._ask("POST", "/api/v1/pause", {"minutes": minutes})

    def resume(self) -> None:
        """End a pause."""
        self._ask("POST", "/api/v1/resume", {})

    def _ask(self, method: str, address: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        connection = _UnixConnection(self._path, self._timeout_s)
        try:
            connection.request(
                method,
                address,
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": "application/json", "Connection": "close"},
            )
            answer = connection.getresponse()
            status, found = answer.status, json.loads(answer.read())
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(
                f"musicond is not running (nobody answers on {self._path}); start it: musicond run"
            ) from None
        except PermissionError:
            raise ControlError(
                f"{self._path}: only the daemon's user may do this; put sudo before it, or sudo -u musicond"
            ) from None
        except TimeoutError:
            raise ControlError(f"musicond does not answer on {self._path}; see musicond doctor") from None
        except (OSError, http.client.HTTPException, ValueError) as fault:
            what = " ".join(str(fault).split())
            raise ControlError(f"{self._path}: the answer is broken ({what}); restart musicond") from fault
        finally:
            connection.close()
        if status != http.client.OK:
            raise ControlError(f"musicond refuses: {found.get('error', status)}")
        return dict(found)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
