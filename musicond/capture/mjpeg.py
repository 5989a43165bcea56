"""MJPEG over HTTP: an endless answer of the type multipart/x-mixed-replace whose parts are JPEGs."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from pydantic import SecretStr

from musicond.capture.connection import CameraConnection
from musicond.capture.network import NewestPicture
from musicond.config.camera_url import CameraUrl
from musicond.errors import PasswordRefused, SourceLost, error_text

CHUNK_BYTES = 2**16
MOST_BYTES = 4 * 2**20
"""Largest part; a JPEG of 1280 x 720 has at most about 1.5 MB."""
LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,8})[ \t]*\r?$")
BOUNDARY = re.compile(r'(?i)boundary="?-{0,2}([^";]+)')
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
EMPTY_LINES = re.compile(rb"[\r\n]+")
PICTURE_HEAD = re.compile(rb"(?im)^content-type:[ \t]*image/")
NO_STREAM = "it sends something other than an MJPEG stream; give the address of that"
MOST_PREAMBLE = 2**12
"""Bytes before the first part (RFC 2046, section 5.1.1)."""
ALGORITHMS = {"MD5": "md5", "SHA": "sha1", "SHA-256": "sha256"}
"""Of Digest (RFC 7616), by the names of hashlib."""
STREAM, PICTURE = "multipart/x-mixed-replace", "image/"
OK, UNAUTHORIZED, REDIRECTS = 200, 401, range(300, 400)


class MjpegStream:
    """The stream of a camera at `url`, with its name and password, if it asks for them."""

    def __init__(self, url: CameraUrl, credentials: tuple[str, SecretStr] | None, *, allow_public: bool) -> None:
        self._url, self._credentials = url, credentials
        self._connection = CameraConnection(url, allow_public=allow_public)

    def read(self, newest: NewestPicture) -> None:
        """Put every picture until the stream ends; raise SourceLost."""
        try:
            challenges = self._read(newest, None)
            if challenges is not None and self._read(newest, self._authorization(challenges)) is not None:
                raise PasswordRefused
        except http.client.IncompleteRead:
            raise SourceLost("the connection was lost; tried again") from None
        except http.client.HTTPException:
            raise SourceLost("its answer is no HTTP; see whether the address and port are right") from None
        except TimeoutError:
            raise SourceLost("it does not answer; check the camera, or switch it off and on") from None
        except OSError as exc:
            raise SourceLost(f"the connection was lost: {error_text(exc)}; tried again") from None

    def close(self) -> None:
        """Close the connection at once."""
        self._connection.close()

    def _read(self, newest: NewestPicture, authorization: bytes | None) -> list[str] | None:
        """Put every picture of one answer; return how it wants a password, if it does."""
        with closing(self._connection.open()) as connected:
            client = http.client.HTTPConnection(self._url.host, self._url.port)
            client.sock = connected
            client.request("GET", self._url.target, headers={"Authorization": authorization} if authorization else {})
            with client.getresponse() as response:
                if response.status == UNAUTHORIZED:
                    return response.headers.get_all("WWW-Authenticate", [])
                boundary = _boundary(response)
                for picture in _parts(response, boundary):
                    newest.put(picture)
        return None

    def _authorization(self, challenges: list[str]) -> bytes:
        """Return the header that answers one of the challenges: Digest where it can be, else Basic."""
        if self._credentials is None:
            raise SourceLost(
                "it asks for a name and password; put NAME:PASSWORD into a file, and name it in camera.credentials_file"
            )
        name, password = self._credentials[0], self._credentials[1].get_secret_value()
        kinds = [(kind.lower(), values) for kind, _, values in (challenge.partition(" ") for challenge in challenges)]
        for values in (values for kind, values in kinds if kind == "digest"):
            if answer := _digest(values, name, password, self._url.target):
                return answer.encode()
        if any(kind == "basic" for kind, _ in kinds):
            return b"Basic " + base64.b64encode(f"{name}:{password}".encode())
        raise SourceLost("it asks for a password in a way that is not known here; set it to Basic or Digest")


class _Utf8Digest(urllib.request.HTTPDigestAuthHandler):
    """Digest with names and passwords in UTF-8; the library's takes ASCII only, and SHA-256 from Python 3.13 on."""

    def get_algorithm_impls(self, algorithm: str) -> tuple[Any, Any]:
        kind = ALGORITHMS[algorithm.upper()]

        def digest(text: str) -> str:
            return hashlib.new(kind, text.encode()).hexdigest()

        return digest, lambda secret, data: digest(f"{secret}:{data}")


def _digest(challenge: str, name: str, password: str, target: str) -> str | None:
    """Return the answer to a challenge of RFC 7616, by the standard library; None where that can't."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, "http://camera/", name, password)
    request = urllib.request.Request(f"http://camera{target}")  # which is never sent
    with suppress(ValueError, KeyError):
        values = urllib.request.parse_keqv_list(list(filter(None, urllib.request.parse_http_list(challenge))))
        answer = _Utf8Digest(passwords).get_authorization(request, values)
        return f"Digest {answer}" if answer else None
    return None


def _boundary(response: http.client.HTTPResponse) -> bytes:
    """Return the line between two parts without its end; raise SourceLost for any other answer."""
    kind = response.headers.get_content_type()
    if response.status in REDIRECTS:
        raise SourceLost("it points to another address, which is not followed; give the address of its stream itself")
    if response.status != OK:
        raise SourceLost(f"it answers {response.status}; see whether the path in the address is right")
    if kind.startswith(PICTURE):
        raise SourceLost("it gives single pictures; give the address of its MJPEG stream")
    match = BOUNDARY.search(response.headers.get("Content-Type", ""))
    if kind != STREAM or match is None:
        raise SourceLost(f"it gives {kind}, which is no MJPEG stream; give the address of that")
    return b"--" + match[1].strip().encode("latin-1", "replace")


def _parts(response: io.BufferedIOBase, boundary: bytes) -> Iterator[bytes]:
    """Yield the content of each part."""
    content, first = bytearray(), True
    while chunk := response.read1(CHUNK_BYTES):
        content += chunk
        while (part := _take_part(content, boundary, first=first)) is not None:
            first = False
            if part:
                yield part
        if len(content) > MOST_BYTES:
            raise SourceLost("its pictures are larger than 4 MiB; see whether this is an MJPEG stream")


def _take_part(content: bytearray, boundary: bytes, *, first: bool) -> bytes | None:
    """Remove the first whole part from the content and return it; None where it is not complete yet.

    Before the first one there may be a preamble, or its boundary may be missing.
    """
    if empty := EMPTY_LINES.match(content):
        del content[: empty.end()]
    blank = BLANK_LINE.search(content)
    head = bytes(content[: blank.start()]) if blank else b""
    if first and boundary not in head and not PICTURE_HEAD.search(head):
        return _take_part(content, boundary, first=False) if _skip_preamble(content, boundary) else None
    if blank is None:
        return None
    start = blank.end()
    if boundary not in head and not first:
        raise SourceLost(NO_STREAM)
    if (length := LENGTH.search(head)) is not None:
        end = start + int(length[1])
        if end > MOST_BYTES + len(head) or end > len(content):
            return None
    elif (end := content.find(boundary, start)) < 0:
        return None
    part = bytes(content[start:end])
    del content[:end]
    return part if length is not None else part.rstrip(b"\r\n")


def _skip_preamble(content: bytearray, boundary: bytes) -> bool:
    """Remove what comes before the first boundary; return whether that has come."""
    start = content.find(boundary)
    if start < 0 and len(content) > MOST_PREAMBLE:
        raise SourceLost(NO_STREAM)
    del content[: max(start, 0)]
    return start >= 0
