"""HTTP requests with a deadline for the whole answer, without automatic retries and redirects.

The timeouts of requests apply to each read: a server that sends a byte now and then would block its caller for ever.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import requests

CONNECT_S = 3.0
DEADLINE_S = 12.0
"""For a whole answer."""
MOST_BYTES = 4 * 2**20
CHUNK_BYTES = 65536
TOO_MANY_REQUESTS = 429

logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # it logs addresses, which may hold codes, at DEBUG


class DeadlineSession(requests.Session):
    """A session with a deadline for each answer; raises the errors of requests.

    With `json_only`, a GET that returns no JSON is a broken answer.
    """

    def __init__(self, deadline_s: float = DEADLINE_S, *, json_only: bool = True) -> None:
        super().__init__()
        self._deadline_s, self._json_only = deadline_s, json_only
        self.last_status: int | None = None
        """Status of the last answer."""
        self.retry_after_s: float | None = None
        """Its Retry-After."""
        self.headers["Accept-Encoding"] = "identity"  # an answer read in parts is not unpacked

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Return the whole answer."""
        self.last_status, self.retry_after_s = None, None
        deadline = time.monotonic() + self._deadline_s
        kwargs["stream"], kwargs["allow_redirects"] = True, False
        response = super().send(request, **kwargs)
        try:
            # Where the library itself would put it; it has no way to read with a deadline.
            response._content = _read(response, deadline)  # noqa: SLF001 - see above
        except BaseException:
            response.raw.close()  # the rest of this answer must not be taken for the next one
            raise
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        response.close()
        self.last_status = response.status_code
        if response.status_code in (TOO_MANY_REQUESTS, 503):
            text = response.headers.get("Retry-After", "")
            self.retry_after_s = float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004 - 11 days
        if self._json_only and request.method == "GET" and response.status_code == 200:  # noqa: PLR2004 - OK
            _check_json(response)
        return response


def _read(response: requests.Response, deadline: float) -> bytes:
    raw: Any = response.raw._original_response  # noqa: SLF001 - the standard library's answer, whose read1 waits only once
    content = bytearray()
    while True:
        try:
            chunk = raw.read1(CHUNK_BYTES)
        except OSError as exc:
            raise requests.exceptions.ReadTimeout(str(exc)) from exc
        except Exception as exc:  # http.client.HTTPException, ValueError: a broken answer
            raise requests.exceptions.ChunkedEncodingError(str(exc)) from exc
        if not chunk:
            break
        content += chunk
        if len(content) > MOST_BYTES:
            raise requests.exceptions.ChunkedEncodingError("the answer is too long")
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout("the answer did not arrive in time")
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and len(content) < int(length) and response.request.method != "HEAD":
        raise requests.exceptions.ChunkedEncodingError("the answer was cut off")
    raw.close()  # the connection is free for the next request
    return bytes(content)


def _check_json(response: requests.Response) -> None:
    """Raise for an answer that is no JSON: a library may take it for an empty one."""
    try:
        json.loads(response.content)
    except (ValueError, RecursionError) as exc:
        raise requests.exceptions.ChunkedEncodingError("the answer was cut off") from exc


def as_object(value: object) -> dict[str, Any]:
    """Return a JSON object, an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON list, an empty list for any other value."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
