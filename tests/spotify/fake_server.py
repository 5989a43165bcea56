"""The HTTP server of the fake Spotify, and the faults that it can inject."""

from __future__ import annotations

import http.server
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import cv2
import numpy as np

if TYPE_CHECKING:
    from tests.spotify.fake_spotify import FakeSpotify


@dataclass
class Fault:
    """A fault of the requests whose path begins with `path`, for `times` requests (None: until it is removed)."""

    path: str
    status: int = 200
    error: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    how: str = "answer"
    """answer, late (once released), cut (half the body), drip (a byte now and then), hang (nothing), close (hangs up)."""
    after: str = ""
    """Only after a request to this path was answered with success."""


@dataclass
class RecordedRequest:
    """One request to the Web API."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    status: int


def in_bytes(content: Any) -> bytes:
    """Return the body of an answer."""
    return b"" if content is None else json.dumps(content).encode()


def handler(fake_spotify: FakeSpotify) -> type[http.server.BaseHTTPRequestHandler]:
    """Return what serves the fake Spotify."""

    class Bound(Handler):
        pass

    Bound.fake_spotify = fake_spotify
    return Bound


PICTURE: bytes = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8))[1].tobytes()
"""The picture at each address below image/; a browser shows it."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes the token endpoint and the Web API."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer waits until its head is acknowledged
    fake_spotify: FakeSpotify

    def do_any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = parts.path.strip("/").removeprefix("v1/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        fault = self.fake_spotify.fault_for(path)
        if path.startswith("image/"):
            self._send(200, PICTURE, fault)
            return
        status, content = self._answer(path, query, body, fault)
        fields = json.loads(body) if body[:1] == b"{" else {}
        self.fake_spotify.record(RecordedRequest(self.command, path, query, fields, status))
        self._send(status, in_bytes(content), fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_any  # noqa: N815 - the base class's names

    def _answer(self, path: str, query: dict[str, str], body: bytes, fault: Fault | None) -> tuple[int, Any]:
        if fault is not None and fault.status >= 400:
            return fault.status, fault.error
        if path == "api/token":
            return self.fake_spotify.issue_token(dict(parse_qsl(body.decode())))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.fake_spotify.answer(self.command, path, query, body, token)

    def _send(self, status: int, body: bytes, fault: Fault | None) -> None:
        how = fault.how if fault else "answer"
        if how in ("close", "hang"):
            self.fake_spotify.released.wait(60 if how == "hang" else 0)
            self.close_connection = True
            return
        if how == "late":
            self.fake_spotify.released.wait(60)
        self.send_response(status)
        for name, value in (fault.headers if fault else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        if how == "cut":
            self.close_connection, body = True, body[: len(body) // 2]
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for place in range(len(body) if how == "drip" else 0):
            self.wfile.write(body[place : place + 1])
            if self.fake_spotify.released.wait(0.2):
                return
        if how != "drip":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""

    def handle(self) -> None:
        """Serve a connection; a client may close it at any time."""
        with suppress(ConnectionError):
            super().handle()
