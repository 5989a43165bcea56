"""Requests that end: whole answers within a deadline, nothing sent again by itself, no token in a log.

The library's timeouts hold for each read: a server that sends a byte now and then would hold its caller for ever.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import requests

from musicond.errors import PlaybackError

if TYPE_CHECKING:
    from spotipy.exceptions import SpotifyException

CONNECT_S, READ_S = 3.0, 8.0
DEADLINE_S = 12.0
"""For a whole answer."""
MOST_BYTES = 4 * 2**20
PART = 65536

for _name in ("spotipy", "spotipy.client", "spotipy.oauth2", "urllib3"):
    # At DEBUG they log tokens and codes, at ERROR what we tell in our own words.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class DeadlineSession(requests.Session):
    """Raises requests' own errors; `last_status` and `wait_s` tell of the last answer."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        super().__init__()
        self._deadline_s = deadline_s
        self.last_status: int | None = None
        self.wait_s: float | None = None
        """What its Retry-After said, in seconds."""
        self.headers["Accept-Encoding"] = "identity"  # what is read piece by piece is not unpacked

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Return the whole answer."""
        self.last_status, self.wait_s = None, None
        end = time.monotonic() + self._deadline_s
        kwargs["stream"], kwargs["allow_redirects"] = True, False
        response = super().send(request, **kwargs)
        try:
            # Where the library itself would put it; it has no way to read with a deadline.
            response._content = _read(response, end)  # noqa: SLF001 - see above
        except BaseException:
            response.raw.close()  # what is left of the answer must not be taken for the next one
            raise
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        response.close()
        self.last_status = response.status_code
        if response.status_code in (429, 503):
            self.wait_s = _seconds(response.headers.get("Retry-After", ""))
        if request.method == "GET" and response.status_code == 200:  # noqa: PLR2004 - OK
            _whole(response)
        return response


def _read(response: requests.Response, end: float) -> bytes:
    raw: Any = response.raw._original_response  # noqa: SLF001 - the standard library's answer, whose read1 waits only once
    content = bytearray()
    while True:
        try:
            part = raw.read1(PART)
        except OSError as fault:
            raise requests.exceptions.ReadTimeout(str(fault)) from fault
        except Exception as fault:  # http.client.HTTPException, ValueError: a broken answer
            raise requests.exceptions.ChunkedEncodingError(str(fault)) from fault
        if not part:
            break
        content += part
        if len(content) > MOST_BYTES:
            raise requests.exceptions.ChunkedEncodingError("the answer is too long")
        if time.monotonic() > end:
            raise requests.exceptions.ReadTimeout("the answer did not arrive in time")
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and len(content) < int(length) and response.request.method != "HEAD":
        raise requests.exceptions.ChunkedEncodingError("the answer was cut off")
    raw.close()  # the connection is free for the next request
    return bytes(content)


def _whole(response: requests.Response) -> None:
    """Raise for an answer that is no JSON: spotipy would take it for an empty one, which means that nothing plays."""
    try:
        json.loads(response.content)
    except (ValueError, RecursionError) as fault:
        raise requests.exceptions.ChunkedEncodingError("the answer was cut off") from fault


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004 - 11 days


SIGN_IN = "sign in again: musicond spotify login, or on the page"


RATE_S = 30.0
"""Where a 429 does not say how long."""


REASONS = {
    "PREMIUM_REQUIRED": "Spotify plays by remote control for Premium accounts only; sign in with one",
    "NO_ACTIVE_DEVICE": "the speaker is not visible at Spotify; select it once in a Spotify app (docs/spotify.md)",
    "VOLUME_CONTROL_DISALLOW": "Spotify can't set the volume of this speaker; set it there",
    "DEVICE_NOT_CONTROLLABLE": "Spotify can't control this speaker; choose another with playback.device",
    "QUOTA_EXCEEDED": "the quota of your Spotify developer account is used up",
}
"""By the `reason` of an answer."""


WORDS = {
    "premium subscription required": "the owner of your Spotify app needs Premium; renew it",
    "scope": f"Spotify asks for more permissions; {SIGN_IN}",
    "not registered": "this user is not in your Spotify app's list; add them at developer.spotify.com, User Management",
    "device not found": "the speaker is gone from Spotify; select it once in a Spotify app (docs/spotify.md)",
    "no active device": REASONS["NO_ACTIVE_DEVICE"],
}
"""By words of its message."""


STATUSES = {
    400: "Spotify did not understand the request; update musicond",
    403: "Spotify forbids this to your app; of playlists it gives those of your own (docs/spotify.md)",
    404: "Spotify does not know this; it may be private, deleted or made by Spotify itself",
}


def api_error(fault: SpotifyException) -> PlaybackError:
    """Return the error to raise for an answer of the Web API that is not 401."""
    status, reason, message = fault.http_status, str(fault.reason or ""), str(fault.msg).lower()
    if status == 429:  # noqa: PLR2004 - too many requests
        return rate_limit_error(_retry_after(fault), quota="QUOTA" in reason.upper() or "quota" in message)
    if status >= 500:  # noqa: PLR2004 - the server's own faults
        return PlaybackError(f"Spotify has trouble of its own ({status}); tried again by itself")
    known = REASONS.get(reason) or next((words for sign, words in WORDS.items() if sign in message), None)
    text = known or STATUSES.get(status) or f"Spotify refuses ({status}); see docs/spotify.md"
    return PlaybackError(text, sign_in="permissions" in text, gone=known is None and status in (403, 404))


def rate_limit_error(wait_s: float | None, *, quota: bool = False) -> PlaybackError:
    """Return the error for too many requests, to be asked again after `wait_s`."""
    wait_s = wait_s or RATE_S
    minutes = -(-wait_s // 60)
    what = REASONS["QUOTA_EXCEEDED"] if quota else "Spotify asks for a rest"
    return PlaybackError(f"{what}; tried again in {minutes:.0f} min", wait_s=wait_s)


def _retry_after(fault: SpotifyException) -> float | None:
    text = str((fault.headers or {}).get("Retry-After", ""))
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004 - 11 days
