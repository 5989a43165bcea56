"""HTTP to Spotify: whole answers within a deadline, no automatic retries, no token in a log, errors with a remedy.

The library's timeouts apply to each read: a server that sends a byte now and then would block its caller for ever.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import requests
from spotipy.exceptions import SpotifyException

from musicond.errors import PlaybackError

CONNECT_S, READ_S = 3.0, 8.0
DEADLINE_S = 12.0
"""For a whole answer."""
MOST_BYTES = 4 * 2**20
CHUNK_BYTES = 65536
RATE_LIMIT_S = 30.0
"""Pause after a 429 without Retry-After."""
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500
SIGN_IN = "sign in again: musicond spotify login, or on the page"

REASONS = {
    "PREMIUM_REQUIRED": "Spotify plays by remote control for Premium accounts only; sign in with one",
    "NO_ACTIVE_DEVICE": "the speaker is not visible at Spotify; select it once in a Spotify app (docs/spotify.md)",
    "VOLUME_CONTROL_DISALLOW": "Spotify can't set the volume of this speaker; set it there",
    "DEVICE_NOT_CONTROLLABLE": "Spotify can't control this speaker; choose another with playback.device",
    "QUOTA_EXCEEDED": "the quota of your Spotify developer account is used up",
}
"""By the `reason` of an answer."""
MESSAGES = {
    "premium subscription required": "the owner of your Spotify app needs Premium; renew it",
    "scope": f"Spotify asks for more permissions; {SIGN_IN}",
    "not registered": "this user is not in your Spotify app's list; add them at developer.spotify.com, User Management",
    "device not found": "the speaker is gone from Spotify; select it once in a Spotify app (docs/spotify.md)",
    "no active device": REASONS["NO_ACTIVE_DEVICE"],
    "restriction violated": "the speaker can't do this now, because of what plays there; try it again later",
}
"""By a part of its message."""
STATUSES = {
    400: "Spotify did not accept the request",
    403: "Spotify forbids this to your app; of playlists it gives those of your own (docs/spotify.md)",
    404: "Spotify does not know this; it may be private, deleted or made by Spotify itself",
}
PLAYER_STATUSES = {
    400: "Spotify does not accept one of the songs",
    403: "Spotify does not allow this on the speaker now; try it again later, or choose another speaker",
    404: REASONS["NO_ACTIVE_DEVICE"],
}
"""The same for the player."""
PLAYER = "/me/player"
BAD_REQUEST = 400

for _name in ("spotipy", "spotipy.client", "spotipy.oauth2", "urllib3"):
    # They log tokens and codes at DEBUG, and at ERROR what our own messages say.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class NotAcceptedError(PlaybackError):
    """Spotify does not accept what it was asked to play; `answer` is its answer, which may name a track."""

    def __init__(self, text: str, answer: str) -> None:
        super().__init__(text)
        self.answer = answer


class DeadlineSession(requests.Session):
    """A session with a deadline for each answer; raises the errors of requests."""

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
    """Raise for an answer that is no JSON: spotipy would take it for an empty one, which means that nothing plays."""
    try:
        json.loads(response.content)
    except (ValueError, RecursionError) as exc:
        raise requests.exceptions.ChunkedEncodingError("the answer was cut off") from exc


def network_error(exc: requests.RequestException) -> PlaybackError:
    """Return the error for a request without a whole answer."""
    if isinstance(exc, requests.Timeout):
        return PlaybackError("Spotify does not answer in time; tried again by itself")
    if isinstance(exc, requests.exceptions.ChunkedEncodingError):
        return PlaybackError("Spotify's answer was broken; tried again by itself")
    return PlaybackError("Spotify can't be reached; check the network")


def api_error(exc: SpotifyException, retry_after_s: float | None) -> PlaybackError:
    """Return the error for an answer of the Web API with an error status other than 401."""
    status, reason, message = exc.http_status, str(exc.reason or ""), str(exc.msg).lower()
    if status == TOO_MANY_REQUESTS:
        return _rate_limit_error(retry_after_s, quota="QUOTA" in reason.upper() or "quota" in message)
    if status >= SERVER_ERROR:
        return _server_error(status)
    known = REASONS.get(reason) or next((text for part, text in MESSAGES.items() if part in message), None)
    player = PLAYER in message  # spotipy puts the address before the message
    text = known or (PLAYER_STATUSES if player else STATUSES).get(status)
    text = text or f"Spotify refuses ({status}); see docs/spotify.md"
    if player and status == BAD_REQUEST and known is None:
        return NotAcceptedError(text, str(exc.msg))
    gone = known is None and status in (403, 404) and not player
    return PlaybackError(text, sign_in="permissions" in text, gone=gone)


def token_error(session: DeadlineSession, exc: Exception) -> PlaybackError:
    """Return the error for a failed request for a token, except for `invalid_grant`."""
    if session.last_status == TOO_MANY_REQUESTS:
        return _rate_limit_error(session.retry_after_s)
    if isinstance(exc, requests.RequestException):
        return network_error(exc)
    if session.last_status is not None and session.last_status >= SERVER_ERROR:
        return _server_error(session.last_status)
    error = str(getattr(exc, "error", "") or "a broken answer")[:60]
    if error == "invalid_client":
        return PlaybackError("Spotify does not know this client id; check spotify.client_id")
    return PlaybackError(f"Spotify gives no token ({error}); check spotify.client_id and the app's redirect URI")


def _rate_limit_error(retry_after_s: float | None, *, quota: bool = False) -> PlaybackError:
    wait_s = retry_after_s or RATE_LIMIT_S
    minutes = -(-wait_s // 60)
    text = REASONS["QUOTA_EXCEEDED"] if quota else "Spotify asks for a rest"
    return PlaybackError(f"{text}; tried again in {minutes:.0f} min", wait_s=wait_s)


def _server_error(status: int) -> PlaybackError:
    return PlaybackError(f"Spotify has trouble of its own ({status}); tried again by itself")
