"""The sign-in at Music Assistant: a token for a year in a file that only its owner can read."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from musicond.core.expiry import warning_due
from musicond.core.outcome import Account
from musicond.errors import PlaybackError, bounded_number
from musicond.music_assistant.client import SIGN_IN
from musicond.runtime.sign_in_file import SignInFile

FILE_NAME = "music-assistant.json"
BARE_TOKEN = re.compile(r"[\w.~+/=-]{8,}", re.ASCII)
"""A token that was written into the file by hand, in the form of RFC 6750."""
LASTS_DAYS = 365
"""A long-lived token of Music Assistant; it is not renewed."""
RECHECK_S = 300.0
"""After this time a refused token is tried again: the server may have been in trouble."""


@dataclass(frozen=True, slots=True)
class ServerToken:
    """A token, and the server that has given it."""

    token: str = field(repr=False)
    url: str | None = None
    user: str | None = None
    created_at: str | None = None
    """ISO 8601 with its zone; None for a token that was written into the file by hand."""

    @property
    def expires_on(self) -> date | None:
        """The day on which it ends: the token's own, else a year after the sign-in; None if unknown."""
        if (expiry := _token_expiry(self.token)) is not None:
            return expiry
        return None if self.created_at is None else date_of(self.created_at) + timedelta(days=LASTS_DAYS)


class ServerTokenFile(SignInFile[ServerToken]):
    """The file of `musicond music-assistant login`, or one with a token in its only line."""

    def read(self) -> ServerToken | None:
        """Return the stored token; None for text that is no token; raise as the base does."""
        text = self.path.read_text("utf-8").strip()
        if text and not text.startswith("{"):
            return ServerToken(text) if BARE_TOKEN.fullmatch(text) else None
        token = self.parse(ServerToken)
        _ = token.expires_on
        return token if token.token else None


class MusicAssistantAuth:
    """The authorisation of the process, for any thread. `url` overrides that of the sign-in."""

    def __init__(self, token_file: ServerTokenFile, url: str | None) -> None:
        self.token_file, self.configured_url = token_file, url
        self._rejected: tuple[str, float] | None = None
        """The token that the server did not accept, and the monotonic time at which it is tried again."""

    def find_url(self) -> str | None:
        """Return the server's address; None where none is known; raise PlaybackError for an unreadable file."""
        stored = self.token_file.load()
        return self.configured_url or (stored.url if stored else None)

    def get_url(self) -> str:
        """Return the server's address; raise PlaybackError where none is known."""
        url = self.find_url()
        if url is None:
            raise PlaybackError(f"no Music Assistant server is known; {SIGN_IN}, or set music_assistant.url")
        return url

    def get_token(self) -> str:
        """Return the token; raise PlaybackError with `sign_in` where there is none in force."""
        stored = self.token_file.load()
        if stored is None:
            raise PlaybackError(f"nobody is signed in at Music Assistant; {SIGN_IN}", sign_in=True)
        if self._rejected is not None and stored.token == self._rejected[0] and time.monotonic() < self._rejected[1]:
            raise PlaybackError(f"Music Assistant no longer takes the sign-in; {SIGN_IN}", sign_in=True)
        return stored.token

    def reject(self) -> None:
        """Note that the server no longer accepts the stored token; it stays in its file, and is tried again later."""
        stored = self.token_file.load()
        self._rejected = (stored.token, time.monotonic() + RECHECK_S) if stored else None

    def get_account(self) -> Account:
        """Return the account as far as it is stored, without a request."""
        try:
            self.get_token()
            stored = self.token_file.load()
        except PlaybackError:
            stored = None
        if stored is None:
            return Account(signed_in=False)
        expires_on = stored.expires_on
        if expires_on is None:
            return Account(signed_in=True, user=stored.user)
        days = (expires_on - datetime.now().astimezone().date()).days
        text = f"the sign-in at Music Assistant ends on {expires_on.isoformat()}; {SIGN_IN} before"
        warning = text if warning_due(days) is not None else None
        return Account(signed_in=True, user=stored.user, expires_on=expires_on, days_left=days, warning=warning)


def date_of(moment: str) -> date:
    """Return the day of an ISO 8601 time; raise ValueError."""
    return datetime.fromisoformat(moment).date()


def _token_expiry(token: str) -> date | None:
    """Return the day of the claim `exp` of a JSON Web Token (RFC 7519); None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        seconds = bounded_number(claims.get("exp"), 0, 1e10) if isinstance(claims, dict) else None
    except (ValueError, binascii.Error, RecursionError):
        return None
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).astimezone().date()
