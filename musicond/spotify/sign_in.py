"""Signing in at Spotify: authorisation code with PKCE, in two steps that may lie minutes apart.

The browser ends on http://127.0.0.1:PORT/callback, which on a phone is the phone itself: the address that it shows
there is what has to come back to us, by hand or caught by `musicond spotify login`.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import requests
from spotipy.exceptions import SpotifyBaseException

from musicond.errors import CommandError, ListError, PlaybackError
from musicond.spotify.auth import build_pkce, token_error
from musicond.spotify.backend import is_usable
from musicond.spotify.client import SpotifyClient
from musicond.spotify.token_file import Grant, expiry_warning, warning_due

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spotipy.oauth2 import SpotifyPKCE

    from musicond.spotify.auth import SpotifyAuth
    from musicond.spotify.http import DeadlineSession

log = logging.getLogger(__name__)

LASTS_S = 600.0
"""Between the two steps."""
MOST = 4096
SLOW = "Spotify takes its time; the sign-in goes on by itself"
AGAIN = "begin again: musicond spotify login, or on the page"
WHOLE = "paste the whole address that the browser shows after the sign-in: it begins with http://127.0.0.1"


class SignIn:
    """One for the process, for one thread at a time. `changed` is called when somebody signs in or out."""

    def __init__(self, access: SpotifyAuth, changed: Callable[[], None] = lambda: None) -> None:
        self._access, self.on_change = access, changed
        self._begun: tuple[SpotifyPKCE, DeadlineSession, str, float] | None = None
        self._failed: str | None = None
        """Why the last sign-in came to nothing."""
        self._pending = False
        """The second step is being done."""

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> dict[str, object]:
        """Do one of `status`, `begin`, `finish`, `logout`, `devices`.

        Raises ListError for what makes no sense, CommandError for a wrong moment, SpeakerError where Spotify refuses.
        """
        if action == "finish":
            self._failed, self._pending = None, True
            try:
                self.finish(str(arguments.get("redirect") or ""))
            except (ListError, CommandError, PlaybackError) as fault:
                self._failed = str(fault)
                raise
            finally:
                self._pending = False
            return self.status()
        acts = {"status": self.status, "begin": self.begin, "logout": self.logout, "devices": self.devices}
        if action not in acts:
            raise ListError(f"there is no action {action!r}; give one of {', '.join(acts)}, finish")
        return acts[action]()

    def status(self) -> dict[str, object]:
        """Return who is signed in and until when, asking nobody; `pending` while a sign-in is on its way."""
        pending = self._pending
        found: dict[str, object] = {
            "configured": True,
            "pending": pending,
            **dict.fromkeys(("user", "signed_in_on", "expires_on", "days_left")),
        }
        try:
            grant = self._access.credentials()
        except PlaybackError as fault:
            return {
                **found,
                "signed_in": False,
                "scopes": [],
                "trouble": SLOW if pending else self._failed or str(fault),
            }
        days = (grant.expires_on - datetime.now().astimezone().date()).days
        return {
            **found,
            "signed_in": True,
            "user": grant.user,
            "scopes": sorted(grant.scope.split()),
            "signed_in_on": grant.signed_in_on.isoformat(),
            "expires_on": grant.expires_on.isoformat(),
            "days_left": days,
            "trouble": SLOW
            if pending
            else expiry_warning(grant.expires_on)
            if warning_due(days) is not None
            else self._resting(),
        }

    def begin(self) -> dict[str, object]:
        """Return the address to open; an earlier beginning is forgotten."""
        made, session = build_pkce(self._access.client_id, self._access.redirect_uri, self._access.scopes)
        state, self._failed = secrets.token_urlsafe(16), None
        self._begun = (made, session, state, time.monotonic())
        return {"url": made.get_authorize_url(state)}

    def finish(self, redirect: str) -> None:
        """Sign in by the address on which the browser has ended."""
        begun = self._begun
        if begun is None or time.monotonic() - begun[3] > LASTS_S:
            self._begun = None
            raise CommandError(f"no sign-in has begun, or it took longer than ten minutes; {AGAIN}")
        made, session, state, _ = begun
        code = _code(redirect, state)
        self._begun = None
        try:
            made.get_access_token(code, check_cache=False)
            found = made.cache_handler.info
            refresh, scope = str(found["refresh_token"]), str(found.get("scope") or " ".join(self._access.scopes))
        except (
            SpotifyBaseException,
            requests.RequestException,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as fault:
            if getattr(fault, "error", None) == "invalid_grant":
                raise CommandError(f"this address was used already or has become too old; {AGAIN}") from None
            raise token_error(session, fault) from None
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        grant = Grant(refresh, now, scope, self._access.client_id)
        self._access.token_file.save(grant)
        self._failed = None
        self._name(grant)
        self.on_change()

    def logout(self) -> dict[str, object]:
        """Forget the sign-in."""
        self._access.token_file.delete()
        self.on_change()
        return self.status()

    def devices(self) -> dict[str, object]:
        """Return the speakers that Spotify shows now."""
        client = SpotifyClient(self._access)
        try:
            found = client.devices()
        finally:
            client.close()
        return {
            "devices": [
                {
                    "name": str(each.get("name") or ""),
                    "type": str(each.get("type") or ""),
                    "active": each.get("is_active") is True,
                    "restricted": each.get("is_restricted") is True,
                    "usable": is_usable(each),
                }
                for each in found
            ]
        }

    def _name(self, grant: Grant) -> None:
        """Keep the user's name too; it is only for people to read."""
        client = SpotifyClient(self._access)
        try:
            name = client.me()
        except PlaybackError:
            return
        finally:
            client.close()
        kept = self._access.token_file.load()  # the first token may have brought another refresh token
        if kept is not None and name:
            self._access.token_file.save(
                Grant(kept.refresh_token, grant.authorized_at, grant.scope, grant.client_id, name)
            )

    def _resting(self) -> str | None:
        try:
            self._access.check_cool_down()
        except PlaybackError as fault:
            return str(fault)
        return None


def warn_of_expiry(access: SpotifyAuth, told_at: int | None) -> int | None:
    """Log once for each of the days ahead at which the end of the sign-in is told; return the one told last."""
    account = access.get_account()
    if account.expires_on is None or account.days_left is None:
        return None
    ahead = warning_due(account.days_left)
    if ahead is not None and ahead != told_at:
        log.warning("%s", expiry_warning(account.expires_on))
    return ahead


def _code(redirect: str, state: str) -> str:
    """Return the code of the address; raise ListError for one that can't be it, CommandError where Spotify refused."""
    try:
        found = parse_qs(urlsplit(redirect.strip()).query) if len(redirect) <= MOST else {}
    except ValueError:
        found = {}
    given = found.get("state", [""])[0]
    if not given or not (found.get("code") or found.get("error")):
        raise ListError(WHOLE)
    if not hmac.compare_digest(given.encode(), state.encode()):
        raise ListError(f"this address belongs to another sign-in; open the link of this one, or {AGAIN}")
    if found.get("error"):
        refused = "it was not allowed there" if found["error"][0] == "access_denied" else "Spotify refused"
        raise CommandError(f"{refused}; {AGAIN}")
    return found["code"][0]
