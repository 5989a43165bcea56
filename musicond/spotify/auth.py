"""Authorisation at Spotify: the stored sign-in, its access token, and the cool-down that Spotify asks for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import requests
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.exceptions import SpotifyBaseException
from spotipy.oauth2 import SpotifyPKCE

from musicond.core.expiry import warning_due
from musicond.core.outcome import Account
from musicond.errors import PlaybackError
from musicond.runtime.http_session import CONNECT_S, DeadlineSession
from musicond.spotify.http import READ_S, SIGN_IN, token_error
from musicond.spotify.token_file import Grant, TokenFile, expiry_warning

log = logging.getLogger(__name__)

ACCOUNTS = "https://accounts.spotify.com"
API = "https://api.spotify.com/v1/"
TIMEOUT_S = (CONNECT_S, READ_S)
EARLY_S = 60.0
"""A token is renewed this long before it expires."""
LOCK_S = 20.0
"""Longer than another thread's renewal."""
READ_SCOPES = (
    "playlist-read-private",
    "playlist-read-collaborative",
    "user-library-read",
    "user-read-playback-state",
)
PLAY_SCOPES = ("user-modify-playback-state",)
TOKEN_ERRORS = (
    SpotifyBaseException,
    requests.RequestException,
    ValueError,
    OverflowError,
    KeyError,
    TypeError,
    AttributeError,
)
"""Raised by spotipy for a failed or broken request for a token."""


def build_pkce(client_id: str, redirect_uri: str, scopes: Collection[str]) -> tuple[SpotifyPKCE, DeadlineSession]:
    """Return spotipy's client for a sign-in by PKCE, which opens no browser and asks nobody, and its session."""
    session = DeadlineSession()
    pkce = SpotifyPKCE(
        client_id=client_id,
        redirect_uri=redirect_uri,
        scope=" ".join(scopes),
        cache_handler=MemoryCacheHandler(),
        open_browser=False,
        requests_timeout=TIMEOUT_S,
        requests_session=session,
    )
    pkce.OAUTH_TOKEN_URL = f"{ACCOUNTS}/api/token"
    return pkce, session


class SpotifyAuth:
    """The authorisation of the process, for any thread. `scopes` are those that the configuration needs."""

    def __init__(self, token_file: TokenFile, client_id: str, redirect_uri: str, scopes: Collection[str]) -> None:
        self.token_file, self.client_id, self.redirect_uri = token_file, client_id, redirect_uri
        self.scopes = tuple(scopes)
        self._lock = threading.Lock()
        self._token: tuple[str, float, str] | None = None
        """The access token, its expiry (monotonic seconds), and the refresh token it belongs to."""
        self._cool_down: tuple[float, PlaybackError] | None = None
        """Its end (monotonic seconds), and the error that asked for it."""
        self._pkce, self._session = build_pkce(client_id, redirect_uri, self.scopes)

    @property
    def cool_down_error(self) -> PlaybackError | None:
        """The error with the rest of the cool-down, None while Spotify takes requests."""
        if self._cool_down is not None and (left_s := self._cool_down[0] - time.monotonic()) > 0:
            return PlaybackError(str(self._cool_down[1]), wait_s=left_s)
        return None

    def cool_down(self, error: PlaybackError) -> PlaybackError:
        """Start the cool-down that an error asks for, if any; return the error."""
        if error.wait_s is not None:
            self._cool_down = (time.monotonic() + error.wait_s, error)
        return error

    def credentials(self) -> Grant:
        """Return the sign-in in force; raise PlaybackError with `sign_in` where there is none."""
        grant = self.token_file.load()
        if grant is None or grant.client_id != self.client_id:
            raise PlaybackError(f"nobody is signed in at Spotify; {SIGN_IN.replace(' again', '')}", sign_in=True)
        if not set(self.scopes) <= set(grant.scope.split()):
            raise PlaybackError(f"Spotify has to allow more than before; {SIGN_IN}", sign_in=True)
        return grant

    def get_token(self) -> str:
        """Return an access token; raise PlaybackError."""
        if error := self.cool_down_error:
            raise error
        grant = self.credentials()
        if (token := self._valid_token(grant)) is not None:
            return token
        if not self._lock.acquire(timeout=LOCK_S):
            raise PlaybackError("Spotify does not answer in time; tried again by itself")
        try:
            return self._valid_token(grant) or self._renew(grant)  # another thread may have been quicker
        finally:
            self._lock.release()

    def discard_token(self, token: str) -> None:
        """Forget an access token that Spotify no longer accepts."""
        current = self._token
        if current is not None and current[0] == token:
            self._token = None

    def get_account(self) -> Account:
        """Return the account as far as it is stored, without a request."""
        try:
            grant = self.credentials()
        except PlaybackError:
            return Account(signed_in=False)
        days = (grant.expires_on - datetime.now().astimezone().date()).days
        warning = expiry_warning(grant.expires_on) if warning_due(days) is not None else None
        return Account(signed_in=True, user=grant.user, expires_on=grant.expires_on, days_left=days, warning=warning)

    def _valid_token(self, grant: Grant) -> str | None:
        current = self._token
        if current is not None and current[2] == grant.refresh_token and time.monotonic() < current[1]:
            return current[0]
        return None

    def _renew(self, grant: Grant) -> str:
        try:
            answer = self._pkce.refresh_access_token(grant.refresh_token)
            token, lasts_s, refresh = answer["access_token"], float(answer["expires_in"]), str(answer["refresh_token"])
        except TOKEN_ERRORS as exc:
            if getattr(exc, "error", None) == "invalid_grant":
                self.token_file.delete()
                log.warning("Spotify no longer takes the sign-in; %s", SIGN_IN)
                raise PlaybackError(f"Spotify no longer takes the sign-in; {SIGN_IN}", sign_in=True) from None
            raise self.cool_down(token_error(self._session, exc)) from None
        if refresh != grant.refresh_token:
            self.token_file.save(replace(grant, refresh_token=refresh))
        self._token = (str(token), time.monotonic() + max(1.0, lasts_s - EARLY_S), refresh)
        return str(token)
