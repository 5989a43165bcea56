"""MJPEG over HTTP: an endless answer of the type multipart/x-mixed-replace whose parts are JPEGs."""

from __future__ import annotations

import base64
import http.client
import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress

from pydantic import SecretStr

from musicond.capture.connection import CameraConnection
from musicond.capture.network import NewestPicture
from musicond.config.camera_url import CameraUrl
from musicond.errors import SourceLost, error_text

CHUNK_BYTES = 2**16
MOST_BYTES = 4 * 2**20
"""Largest part; a JPEG of 1280 x 720 has at most about 1.5 MB."""
LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,8})[ \t]*\r?$")
BOUNDARY = re.compile(r'(?i)boundary="?-{0,2}([^";]+)')
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
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
                raise SourceLost("it does not take the name and password in camera.credentials_file; correct them")
        except http.client.HTTPException:
            raise SourceLost("its answer is no HTTP; see whether the address and port are right") from None
        except TimeoutError:
            raise SourceLost("it does not answer; see whether the camera is well, or switch it off and on") from None
        except OSError as exc:
            raise SourceLost(f"the connection was lost: {error_text(exc)}; tried again") from None

    def close(self) -> None:
        """Close the connection at once."""
        self._connection.close()

    def _read(self, newest: NewestPicture, authorization: str | None) -> list[str] | None:
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

    def _authorization(self, challenges: list[str]) -> str:
        """Return the header that answers one of the challenges: Digest where it can be, else Basic."""
        if self._credentials is None:
            raise SourceLost(
                "it asks for a name and password; put NAME:PASSWORD into a file, and name it in camera.credentials_file"
            )
        name, password = self._credentials[0], self._credentials[1].get_secret_value()
        kinds = {challenge.partition(" ")[0].lower(): challenge.partition(" ")[2] for challenge in challenges}
        if "digest" in kinds and (answer := _digest(kinds["digest"], name, password, self._url.target)):
            return answer
        if "basic" in kinds:
            return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
        raise SourceLost("it asks for a password in a way that is not known here; set it to Basic or Digest")


def _digest(challenge: str, name: str, password: str, target: str) -> str | None:
    """Return the answer to a challenge of RFC 7616, by the standard library; None where that can't."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, "http://camera/", name, password)
    request = urllib.request.Request(f"http://camera{target}")  # which is never sent
    with suppress(ValueError, KeyError):
        values = urllib.request.parse_keqv_list(list(filter(None, urllib.request.parse_http_list(challenge))))
        answer = urllib.request.HTTPDigestAuthHandler(passwords).get_authorization(request, values)
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


def _parts(response: http.client.HTTPResponse, boundary: bytes) -> Iterator[bytes]:
    """Yield the content of each part."""
    content = bytearray()
    while chunk := response.read1(CHUNK_BYTES):
        content += chunk
        while (part := _take_part(content, boundary)) is not None:
            if part:
                yield part
        if len(content) > MOST_BYTES:
            raise SourceLost("its pictures are larger than 4 MiB; see whether this is an MJPEG stream")


def _take_part(content: bytearray, boundary: bytes) -> bytes | None:
    """Remove the first whole part from the content and return it; None where it is not complete yet."""
    blank = BLANK_LINE.search(content)
    if blank is None:
        return None
    head, start = bytes(content[: blank.start()]), blank.end()
    if boundary not in head:
        raise SourceLost("it sends something other than an MJPEG stream; give the address of that")
    if (length := LENGTH.search(head)) is not None:
        end = start + int(length[1])
        if end > MOST_BYTES + len(head) or end > len(content):
            return None
    elif (end := content.find(boundary, start)) < 0:
        return None
    part = bytes(content[start:end])
    del content[:end]
    return part if length is not None else part.rstrip(b"\r\n")
