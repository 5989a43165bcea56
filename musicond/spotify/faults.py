"""What Spotify answers when it does not do something: in a plain sentence, with the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.errors import PlaybackError

if TYPE_CHECKING:
    from spotipy.exceptions import SpotifyException

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


def folded(fault: SpotifyException) -> PlaybackError:
    """Return the error to raise for an answer of the Web API that is not 401."""
    status, reason, message = fault.http_status, str(fault.reason or ""), str(fault.msg).lower()
    if status == 429:  # noqa: PLR2004 - too many requests
        return limited(_retry_after(fault), quota="QUOTA" in reason.upper() or "quota" in message)
    if status >= 500:  # noqa: PLR2004 - the server's own faults
        return PlaybackError(f"Spotify has trouble of its own ({status}); tried again by itself")
    known = REASONS.get(reason) or next((words for sign, words in WORDS.items() if sign in message), None)
    text = known or STATUSES.get(status) or f"Spotify refuses ({status}); see docs/spotify.md"
    return PlaybackError(text, sign_in="permissions" in text, gone=known is None and status in (403, 404))


def limited(wait_s: float | None, *, quota: bool = False) -> PlaybackError:
    """Return the error for too many requests, to be asked again after `wait_s`."""
    wait_s = wait_s or RATE_S
    minutes = -(-wait_s // 60)
    what = REASONS["QUOTA_EXCEEDED"] if quota else "Spotify asks for a rest"
    return PlaybackError(f"{what}; tried again in {minutes:.0f} min", wait_s=wait_s)


def _retry_after(fault: SpotifyException) -> float | None:
    text = str((fault.headers or {}).get("Retry-After", ""))
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004 - 11 days
