"""A relay between FFmpeg and the camera, within this process.

FFmpeg follows redirects to any address and can't be interrupted. So it connects to the relay, which passes everything
on to the one connection whose address was checked, keeps redirects from it, and knows why the camera refuses. Once that
connection is closed, FFmpeg's ends too.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from contextlib import suppress
from typing import Self

from musicond.errors import PasswordRefused, SourceLost

ACCEPT_S = 5.0
CHUNK_BYTES = 2**16
MOST_HEAD, MOST_BODY = 2**14, 2**16
"""Bytes of an answer before the stream begins."""
JOIN_S = 2.0
STATUS = re.compile(rb"RTSP/1\.\d (\d{3})")
LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,8})[ \t]*\r?$")
HEAD_START = b"RTSP/1."
INTERLEAVED = 0x24
"""First byte of a packet between the answers, whose header has HEADER bytes (RFC 2326, 10.12)."""
HEADER = 4
UNAUTHORIZED, REDIRECTS, ERRORS = 401, range(300, 400), range(400, 600)


class Answers:
    """The answers of a camera before the stream begins (RFC 2326): whole ones, and none that is a redirect."""

    def __init__(self, *, has_credentials: bool) -> None:
        self._content = bytearray()
        self._has_credentials = has_credentials
        self.problem: SourceLost | None = None
        """Why the camera has refused the last request."""

    def feed(self, data: bytes) -> bytes:
        """Return what may be passed on; raise SourceLost for a redirect, and for what is no RTSP."""
        self._content += data
        passed = bytearray()
        while (length := self._length()) is not None:
            passed += self._content[:length]
            del self._content[:length]
        return bytes(passed)

    def rest(self) -> bytes:
        """Return what has not been passed on."""
        content, self._content = bytes(self._content), bytearray()
        return content

    def _length(self) -> int | None:
        """Return the length of the first answer or packet; None until it is complete."""
        content = self._content
        if content[:1] == bytes([INTERLEAVED]):
            length = HEADER + int.from_bytes(content[2:HEADER], "big")
            return length if len(content) >= HEADER and length <= len(content) else None
        end = content.find(b"\r\n\r\n")
        if end < 0:
            if len(content) > MOST_HEAD or content[: len(HEAD_START)] != HEAD_START[: len(content)]:
                raise SourceLost("its answer is no RTSP; see whether the address and port are right")
            return None
        head = bytes(content[:end])
        if (status := STATUS.match(head)) is None:
            raise SourceLost("its answer is no RTSP; see whether the address and port are right")
        body = int(found[1]) if (found := LENGTH.search(head)) else 0
        if body > MOST_BODY:
            raise SourceLost("its answer is far too long; see whether the address and port are right")
        length = end + 4 + body
        if length > len(content):
            return None
        self._check_status(int(status[1]))
        return length

    def _check_status(self, status: int) -> None:
        if status in REDIRECTS:
            raise SourceLost("it points to another address, which is not followed; give that of its stream itself")
        if status == UNAUTHORIZED and self._has_credentials:
            self.problem = PasswordRefused()
        elif status == UNAUTHORIZED:
            self.problem = SourceLost(
                "it asks for a name and password; put NAME:PASSWORD into a file, and name it in camera.credentials_file"
            )
        elif status in ERRORS:
            self.problem = SourceLost(f"it answers {status}; see whether the path in the address is right")
        else:
            self.problem = None


class RtspRelay:
    """Passes bytes between `camera`, which it closes, and the first connection to `port` on the loopback address."""

    def __init__(self, camera: socket.socket, *, has_credentials: bool) -> None:
        self._camera, self._answers = camera, Answers(has_credentials=has_credentials)
        self._error: SourceLost | None = None
        self._thread = threading.Thread(target=self._run, name="camera relay", daemon=True)
        try:
            self._server = socket.create_server(("127.0.0.1", 0), backlog=1)
        except OSError as exc:
            camera.close()
            raise SourceLost(f"no connection within this machine: {exc.strerror}") from None
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._camera, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._thread.join(JOIN_S)

    @property
    def problem(self) -> SourceLost | None:
        """Why there is no stream; None where the camera has said nothing."""
        return self._error or self._answers.problem

    def _run(self) -> None:
        with self._camera, self._server:
            self._server.settimeout(ACCEPT_S)
            with suppress(OSError):
                player, _ = self._server.accept()
                self._server.close()
                with player:
                    self._pass_on(player)

    def _pass_on(self, player: socket.socket) -> None:
        """Pass bytes on until one side ends; after the request to play, whatever they are."""
        self._camera.settimeout(None)
        playing = False
        try:
            while True:
                readable, _, _ = select.select([self._camera, player], [], [])
                if player in readable:
                    if not (request := player.recv(CHUNK_BYTES)):
                        return
                    if request.startswith(b"PLAY "):
                        playing = True
                        player.sendall(self._answers.rest())
                    self._camera.sendall(request)
                if self._camera in readable:
                    if not (data := self._camera.recv(CHUNK_BYTES)):
                        self._error = self.problem or SourceLost("it has ended the connection; tried again")
                        return
                    player.sendall(data if playing else self._answers.feed(data))
        except SourceLost as exc:
            self._error = exc
