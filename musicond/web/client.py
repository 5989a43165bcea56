"""The command line's way to a running daemon: the page's API over the control socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

from musicond.errors import ControlError, NotRunning, NotUnderstood

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = 8.0
"""Longer than the daemon waits for a command's effect."""
DESK_TIMEOUT_S = 40.0
"""Longer than the daemon takes over such a thing before it says that it is busy."""


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

    def pause_until_tomorrow(self) -> None:
        """Pause until the next morning."""
        self._ask("POST", "/api/v1/pause", {"until": "tomorrow"})

    def reset(self, key: str | None) -> None:
        """Forget what was switched: one of `core.controls.SWITCHES`, or everything."""
        self._ask("POST", "/api/v1/settings/reset", {"key": key})

    def resume(self) -> None:
        """End a pause."""
        self._ask("POST", "/api/v1/resume", {})

    def rate(self, verdict: str, track_id: str | None) -> None:
        """Like, dislike or skip a song (None: the first one shown); on return it is on the daemon's disk."""
        self._ask("POST", "/api/v1/rate", {"verdict": verdict, "id": track_id})

    def wrong_mood(self, right: str | None) -> None:
        """Take the mood announced now for wrong."""
        self._ask("POST", "/api/v1/wrong_mood", {"right": right})

    def policy(self, policy: str | None) -> None:
        """Choose how the music follows the mood."""
        self._ask("POST", "/api/v1/policy", {"policy": policy})

    def next(self) -> None:
        """Have other songs offered now."""
        self._ask("POST", "/api/v1/next", {})

    def calibrate(self, *, reset: bool = False) -> None:
        """Begin to learn from the neutral face shown now, or forget what was learnt."""
        self._ask("POST", "/api/v1/calibrate", {"reset": reset})

    def run_action(self, name: str, action: str, arguments: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Do something with the catalogue or the history (`name`); return what there is to say."""
        return self._ask("POST", f"/api/v1/{name}/{action}", arguments or {}, timeout_s=DESK_TIMEOUT_S)

    def _ask(
        self, method: str, address: str, body: Mapping[str, object] | None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        connection = _UnixConnection(self._path, timeout_s or self._timeout_s)
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
            kind = NotUnderstood if status == http.client.BAD_REQUEST else ControlError
            raise kind(f"musicond refuses: {found.get('error', status)}")
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
