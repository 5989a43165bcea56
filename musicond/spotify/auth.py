"""The right to ask Spotify: the kept sign-in, the hour's token made of it, and the rests that Spotify asked for.

One for the process; the threads that ask share it.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import requests
from spotipy.cache_handler import CacheHandler
from spotipy.exceptions import SpotifyBaseException
from spotipy.oauth2 import SpotifyPKCE

from musicond.core.outcome import Account
from musicond.errors import PlaybackError
from musicond.spotify.http import CONNECT_S, READ_S, SIGN_IN, DeadlineSession, rate_limit_error
from musicond.spotify.token_file import Grant, expiry_warning, warning_due

if TYPE_CHECKING:
    from collections.abc import Collection

    from musicond.spotify.token_file import TokenFile

log = logging.getLogger(__name__)

ACCOUNTS = "https://accounts.spotify.com"
API = "https://api.spotify.com/v1/"
TIMEOUT_S = (CONNECT_S, READ_S)
EARLY_S = 60.0
"""A token is renewed so long before its end."""
LOCK_S = 20.0
"""Longer than a renewal takes: another thread's."""
READ_SCOPES = (
    "playlist-read-private",
    "playlist-read-collaborative",
    "user-library-read",
    "user-read-playback-state",
)
PLAY_SCOPES = ("user-modify-playback-state",)


class MemoryCache(CacheHandler):  # type: ignore[misc]  # spotipy ships no types
    """Keeps spotipy's token in memory: what lasts is ours to store."""

    def __init__(self) -> None:
        self.info: dict[str, Any] | None = None

    def get_cached_token(self) -> dict[str, Any] | None:
        """Return the token."""
        return self.info

    def save_token_to_cache(self, token_info: dict[str, Any]) -> None:
        """Take the token."""
        self.info = token_info


def build_pkce(client_id: str, redirect_uri: str, scopes: Collection[str]) -> tuple[SpotifyPKCE, DeadlineSession]:
    """Return spotipy's half of a sign-in, which opens no browser and asks nobody, and the session it uses."""
    session = DeadlineSession()
    made = SpotifyPKCE(
        client_id=client_id,
        redirect_uri=redirect_uri,
        scope=" ".join(scopes),
        cache_handler=MemoryCache(),
        open_browser=False,
        requests_timeout=TIMEOUT_S,
        requests_session=session,
    )
    made.OAUTH_TOKEN_URL = f"{ACCOUNTS}/api/token"
    return made, session


def token_error(session: DeadlineSession, fault: Exception) -> PlaybackError:
    """Return the error for a token that was not given, for any reason but `invalid_grant`."""
    if session.last_status == 429:  # noqa: PLR2004 - too many requests
        return rate_limit_error(session.wait_s)
    if isinstance(fault, requests.RequestException):
        return network_error(fault)
    if session.last_status is not None and session.last_status >= 500:  # noqa: PLR2004 - the server's own faults
        return PlaybackError(f"Spotify has trouble of its own ({session.last_status}); tried again by itself")
    error = str(getattr(fault, "error", "") or "a broken answer")[:60]
    if error == "invalid_client":
        return PlaybackError("Spotify does not know this client id; check spotify.client_id")
    return PlaybackError(f"Spotify gives no token ({error}); check spotify.client_id and the app's redirect URI")


def network_error(fault: requests.RequestException) -> PlaybackError:
    """Return the error for a network that fails."""
    if isinstance(fault, requests.Timeout):
        return PlaybackError("Spotify does not answer in time; tried again by itself")
    if isinstance(fault, requests.exceptions.ChunkedEncodingError):
        return PlaybackError("Spotify's answer was broken; tried again by itself")
    return PlaybackError("Spotify can't be reached; check the network")


class SpotifyAuth:
    """For any thread. `scopes` are what the configuration needs."""

    def __init__(self, store: TokenFile, client_id: str, redirect_uri: str, scopes: Collection[str]) -> None:
        self.token_file, self.client_id, self.redirect_uri, self.scopes = store, client_id, redirect_uri, tuple(scopes)
        self._lock = threading.Lock()
        self._token: tuple[str, float, str] | None = None
        """The token, when it ends (monotonic seconds), and of which sign-in it is."""
        self._rest: tuple[float, PlaybackError] | None = None
        self._pkce, self._session = build_pkce(client_id, redirect_uri, self.scopes)

    def check_cool_down(self) -> None:
        """Raise SpeakerError while Spotify wants to be left alone."""
        rest = self._rest
        if rest is not None and time.monotonic() < rest[0]:
            left = rest[0] - time.monotonic()
            raise PlaybackError(str(rest[1]), wait_s=left)

    def cool_down(self, fault: PlaybackError) -> PlaybackError:
        """Take note of an error that says how long to wait; return it."""
        if fault.wait_s is not None:
            self._rest = (time.monotonic() + fault.wait_s, fault)
        return fault

    def credentials(self) -> Grant:
        """Return the sign-in in force; raise SpeakerError with `sign_in` where there is none."""
        grant = self.token_file.load()
        if grant is None or grant.client_id != self.client_id:
            raise PlaybackError(f"nobody is signed in at Spotify; {SIGN_IN.replace(' again', '')}", sign_in=True)
        if not set(self.scopes) <= set(grant.scope.split()):
            raise PlaybackError(f"Spotify has to allow more than before; {SIGN_IN}", sign_in=True)
        return grant

    def get_token(self) -> str:
        """Return a token for an hour's requests; raise SpeakerError."""
        self.check_cool_down()
        grant = self.credentials()
        held = self._token
        if held is not None and held[2] == grant.refresh_token and time.monotonic() < held[1]:
            return held[0]
        if not self._lock.acquire(timeout=LOCK_S):
            raise PlaybackError("Spotify does not answer in time; tried again by itself")
        try:
            return self._renewed(grant)
        finally:
            self._lock.release()

    def discard_token(self, token: str) -> None:
        """Forget a token that Spotify no longer takes."""
        held = self._token
        if held is not None and held[0] == token:
            self._token = None

    def get_account(self) -> Account:
        """Return what is known of the account, asking nobody."""
        try:
            grant = self.credentials()
        except PlaybackError:
            return Account(signed_in=False)
        days = (grant.expires_on - datetime.now().astimezone().date()).days
        warning = expiry_warning(grant.expires_on) if warning_due(days) is not None else None
        return Account(signed_in=True, user=grant.user, expires_on=grant.expires_on, days_left=days, warning=warning)

    def _renewed(self, grant: Grant) -> str:
        held = self._token
        if held is not None and held[2] == grant.refresh_token and time.monotonic() < held[1]:
            return held[0]  # another thread was quicker
        try:
            found = self._pkce.refresh_access_token(grant.refresh_token)
            token, lasts, refresh = str(found["access_token"]), float(found["expires_in"]), str(found["refresh_token"])
        except SpotifyBaseException as fault:
            if getattr(fault, "error", None) == "invalid_grant":
                self.token_file.delete()
                log.warning("Spotify no longer takes the sign-in; %s", SIGN_IN)
                raise PlaybackError(f"Spotify no longer takes the sign-in; {SIGN_IN}", sign_in=True) from None
            raise self.cool_down(token_error(self._session, fault)) from None
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as fault:
            raise self.cool_down(token_error(self._session, fault)) from None
        if refresh != grant.refresh_token:
            self.token_file.save(Grant(refresh, grant.authorized_at, grant.scope, grant.client_id, grant.user))
        self._token = (token, time.monotonic() + max(1.0, lasts - EARLY_S), refresh)
        return token
