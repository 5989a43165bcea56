"""The sign-in at Spotify: authorisation code with PKCE, in two steps that may lie minutes apart.

The browser ends on http://127.0.0.1:PORT/callback, which on a phone is the phone itself: the address shown there has to
come back to the daemon, pasted by the user or received by `musicond spotify login`.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from spotipy.oauth2 import SpotifyPKCE

from musicond.errors import CommandError, ListError, PlaybackError, clean_text
from musicond.runtime.http_session import DeadlineSession
from musicond.spotify.auth import TOKEN_ERRORS, SpotifyAuth, build_pkce
from musicond.spotify.backend import is_usable
from musicond.spotify.client import SpotifyClient
from musicond.spotify.http import token_error
from musicond.spotify.token_file import Grant

LASTS_S = 600.0
"""Between the two steps."""
MOST = 4096
"""Characters of a pasted address."""
SLOW = "Spotify takes its time; the sign-in goes on by itself"
AGAIN = "begin again: musicond spotify login, or on the page"
WHOLE = "paste the whole address that the browser shows after the sign-in: it begins with http://127.0.0.1"


class SignIn:
    """The sign-in of the process, for one thread at a time. `on_change` is called after a sign-in or sign-out."""

    def __init__(self, auth: SpotifyAuth, on_change: Callable[[], None] = lambda: None) -> None:
        self._auth, self.on_change = auth, on_change
        self._begun: tuple[SpotifyPKCE, DeadlineSession, str, float] | None = None
        """The client and session of the first step, its state, and its time (monotonic seconds)."""
        self._error: str | None = None
        """Why the last sign-in failed."""
        self._pending = False
        """Whether the second step is running."""

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> dict[str, object]:
        """Run one of `status`, `begin`, `finish`, `logout`, `devices`.

        Raises ListError for wrong arguments, CommandError for a wrong moment, PlaybackError where Spotify refuses.
        """
        if action == "finish":
            return self._finish(str(arguments.get("redirect") or ""))
        actions = {"status": self.status, "begin": self.begin, "logout": self.logout, "devices": self.devices}
        if action not in actions:
            raise ListError(f"there is no action {action!r}; give one of {', '.join(actions)}, finish")
        return actions[action]()

    def status(self) -> dict[str, object]:
        """Return the sign-in and its end, without a request; `pending` while a sign-in is running."""
        pending, account = self._pending, self._auth.get_account()
        try:
            grant, problem = self._auth.credentials(), account.warning or self._auth.cool_down_error
        except PlaybackError as exc:
            grant, problem = None, self._error or exc
        if pending:
            problem = SLOW
        return {
            "configured": True,
            "pending": pending,
            "signed_in": account.signed_in,
            "user": account.user,
            "scopes": sorted(grant.scope.split()) if grant else [],
            "signed_in_on": grant and grant.signed_in_on.isoformat(),
            "expires_on": account.expires_on and account.expires_on.isoformat(),
            "days_left": account.days_left,
            "trouble": problem and str(problem),
        }

    def begin(self) -> dict[str, object]:
        """Return the address to open; an earlier first step becomes invalid."""
        pkce, session = build_pkce(self._auth.client_id, self._auth.redirect_uri, self._auth.scopes)
        state, self._error = secrets.token_urlsafe(16), None
        self._begun = (pkce, session, state, time.monotonic())
        return {"url": pkce.get_authorize_url(state)}

    def logout(self) -> dict[str, object]:
        """Delete the sign-in."""
        self._auth.token_file.delete()
        self.on_change()
        return self.status()

    def devices(self) -> dict[str, object]:
        """Return the visible devices."""
        with closing(SpotifyClient(self._auth)) as client:
            devices = client.devices()
        return {
            "devices": [
                {
                    "name": clean_text(device.get("name") or ""),
                    "type": str(device.get("type") or ""),
                    "active": device.get("is_active") is True,
                    "restricted": device.get("is_restricted") is True,
                    "usable": is_usable(device),
                }
                for device in devices
            ]
        }

    def _finish(self, redirect: str) -> dict[str, object]:
        self._error, self._pending = None, True
        try:
            self._sign_in(redirect)
        except (ListError, CommandError, PlaybackError) as exc:
            self._error = str(exc)
            raise
        finally:
            self._pending = False
        return self.status()

    def _sign_in(self, redirect: str) -> None:
        """Sign in by the address on which the browser has ended."""
        begun = self._begun
        if begun is None or time.monotonic() - begun[3] > LASTS_S:
            self._begun = None
            raise CommandError(f"no sign-in has begun, or it took longer than ten minutes; {AGAIN}")
        pkce, session, state, _ = begun
        code = _parse_code(redirect, state)
        self._begun = None
        try:
            pkce.get_access_token(code, check_cache=False)
            token = pkce.cache_handler.get_cached_token()
            refresh, scope = str(token["refresh_token"]), str(token.get("scope") or " ".join(self._auth.scopes))
        except TOKEN_ERRORS as exc:
            if getattr(exc, "error", None) == "invalid_grant":
                raise CommandError(f"this address was used already or has become too old; {AGAIN}") from None
            raise token_error(session, exc) from None
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self._auth.token_file.save(Grant(refresh, now, scope, self._auth.client_id))
        self._save_user_name()
        self.on_change()

    def _save_user_name(self) -> None:
        """Store the user's name for display, if Spotify returns it."""
        try:
            with closing(SpotifyClient(self._auth)) as client:
                name = client.me()
        except PlaybackError:
            return
        grant = self._auth.token_file.load()  # the first access token may have brought another refresh token
        if grant is not None and name:
            self._auth.token_file.save(replace(grant, user=name))


def _parse_code(redirect: str, state: str) -> str:
    """Return the code of the address; raise ListError for a wrong address, CommandError where Spotify refused."""
    try:
        query = parse_qs(urlsplit(redirect.strip()).query) if len(redirect) <= MOST else {}
    except ValueError:
        query = {}
    given_state = query.get("state", [""])[0]
    if not given_state or not (query.get("code") or query.get("error")):
        raise ListError(WHOLE)
    if not hmac.compare_digest(given_state.encode(), state.encode()):
        raise ListError(f"this address belongs to another sign-in; open the link of this one, or {AGAIN}")
    if query.get("error"):
        reason = "it was not allowed there" if query["error"][0] == "access_denied" else "Spotify refused"
        raise CommandError(f"{reason}; {AGAIN}")
    return query["code"][0]
