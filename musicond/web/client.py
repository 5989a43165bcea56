"""The client of a running daemon for the command line: the page's API over the control socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musicond.errors import ControlError, NotRunning, NotUnderstood

TIMEOUT_S = 8.0
"""Longer than the daemon waits for a command's effect."""
ACTION_TIMEOUT_S = 40.0
"""Longer than the daemon waits for an action before it says that it is busy."""

OF_THE_SERVICE = (Path("/run/musicond"), Path("/var/lib/musicond"))
"""Folders of the socket of an installed musicond."""


class ControlClient:
    """A client of the daemon whose control socket is `path`; every method raises ControlError."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path, self._timeout_s = path, timeout_s

    def state(self) -> dict[str, Any]:
        """Return the whole state, as the page gets it."""
        return self._request("GET", "state", None, self._timeout_s)

    def log(self) -> list[dict[str, str]]:
        """Return the latest lines of the log, each with `at`, `level` and `text`."""
        return list(self._request("GET", "log", None, self._timeout_s)["lines"])

    def send(self, command: str, **body: object) -> bool:
        """Send a command by its path; return whether it has taken effect, False if a player is still at it."""
        return bool(self._request("POST", command, body, self._timeout_s)["done"])

    def run_action(self, endpoint: str, action: str, arguments: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Run an action of an endpoint: catalogue, history, doctor or spotify; return its answer."""
        return self._request("POST", f"{endpoint}/{action}", arguments or {}, ACTION_TIMEOUT_S)

    def _request(self, method: str, path: str, body: Mapping[str, object] | None, timeout_s: float) -> dict[str, Any]:
        connection = _UnixConnection(self._path, timeout_s)
        try:
            connection.request(
                method,
                f"/api/v1/{path}",
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": "application/json", "Connection": "close"},
            )
            response = connection.getresponse()
            status, content = response.status, json.loads(response.read())
        except (FileNotFoundError, ConnectionRefusedError):
            start = "sudo systemctl start musicond" if self._path.parent in OF_THE_SERVICE else "musicond run"
            raise NotRunning(f"musicond is not running (nobody answers on {self._path}); start it: {start}") from None
        except PermissionError:
            raise ControlError(
                f"{self._path}: only the daemon's user may do this; put sudo before it, or sudo -u musicond"
            ) from None
        except TimeoutError:
            raise ControlError(f"musicond does not answer on {self._path}; see musicond doctor") from None
        except (OSError, http.client.HTTPException, ValueError) as exc:
            problem = " ".join(str(exc).split())
            raise ControlError(f"{self._path}: the answer is broken ({problem}); restart musicond") from exc
        finally:
            connection.close()
        if status not in (http.client.OK, http.client.ACCEPTED):
            if status == http.client.NOT_FOUND:
                raise ControlError(
                    f"the running musicond has no {path}; after a change of the configuration restart it"
                )
            error = NotUnderstood if status == http.client.BAD_REQUEST else ControlError
            raise error(str(content.get("error", f"musicond answers with status {status}")))
        return dict(content)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
