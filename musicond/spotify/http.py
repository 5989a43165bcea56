"""Errors of requests to Spotify, each with its remedy; no token in a log."""

from __future__ import annotations

import logging

import requests
from spotipy.exceptions import SpotifyException

from musicond.errors import EXPIRED, NOT_YET_VALID, WRONG_CLOCK, PlaybackError
from musicond.runtime.http_session import TOO_MANY_REQUESTS, DeadlineSession

READ_S = 8.0
RATE_LIMIT_S = 30.0
"""Pause after a 429 without Retry-After."""
SERVER_ERROR = 500
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

for _name in ("spotipy", "spotipy.client", "spotipy.oauth2"):
    # They log tokens and codes at DEBUG, and at ERROR what our own messages say.
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class NotAcceptedError(PlaybackError):
    """Spotify does not accept what it was asked to play; `answer` is its answer, which may name a track."""

    def __init__(self, text: str, answer: str) -> None:
        super().__init__(text)
        self.answer = answer


def network_error(exc: requests.RequestException) -> PlaybackError:
    """Return the error for a request without a whole answer."""
    if isinstance(exc, requests.Timeout):
        return PlaybackError("Spotify does not answer in time; tried again by itself")
    if isinstance(exc, requests.exceptions.ChunkedEncodingError):
        return PlaybackError("Spotify's answer was broken; tried again by itself")
    # Spotify renews its certificates in time, so an expired one, too, means a wrong clock.
    wrong_clock = NOT_YET_VALID in str(exc) or EXPIRED in str(exc)
    return PlaybackError(f"Spotify can't be reached; {WRONG_CLOCK if wrong_clock else 'check the network'}")


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
