"""Who may open the page where it is open to the network: one token, and a cookie after its first use."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

COOKIE = "musicond_page"
COOKIE_S = 400 * 24 * 3600
"""How long a browser keeps the cookie: the longest that browsers allow (RFC 6265bis, section 5.5)."""
TRIES, WINDOW_S = 10, 60.0
"""Wrong tokens that one address may give within so many seconds."""
MAX_ADDRESSES = 256


class AuthResult(Enum):
    """What becomes of a request."""

    OK = "in"
    NEW = "new"
    """In, by the token itself: a browser gets the cookie now."""
    DENIED = "out"
    RATE_LIMITED = "wait"
    """Out, and too many wrong tokens came from there: nothing is looked at for a while."""


class TokenAuth:
    """Holds the token; every comparison takes the same time, whatever differs. For one thread."""

    def __init__(self, token: SecretStr, clock: Callable[[], float] = time.monotonic) -> None:
        self._token = token.get_secret_value().encode()
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}
        # Not the token itself: who sees the cookie can't make links from it.
        self.cookie = hmac.new(self._token, b"musicond page cookie", hashlib.sha256).hexdigest()

    def authenticate(self, address: str, *, cookie: str | None = None, token: str | None = None) -> AuthResult:
        """Decide on a request from an address that shows a cookie, a token, both or nothing."""
        if cookie is not None and hmac.compare_digest(_bytes(cookie), self.cookie.encode()):
            return AuthResult.OK
        if self._tried(address) >= TRIES:
            return AuthResult.RATE_LIMITED
        if token is not None and hmac.compare_digest(_bytes(token), self._token):
            return AuthResult.NEW
        # A cookie is too long to be guessed, and an old one in an open tab must not keep its owner out.
        if token is not None:
            self._note(address)
        return AuthResult.DENIED

    def _tried(self, address: str) -> int:
        times = self._wrong.get(address, deque())
        while times and self._clock() - times[0] > WINDOW_S:
            times.popleft()
        return len(times)

    def _note(self, address: str) -> None:
        if address not in self._wrong and len(self._wrong) >= MAX_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        self._wrong.setdefault(address, deque(maxlen=TRIES)).append(self._clock())


def _bytes(text: str) -> bytes:
    """Return what came over the wire: headers that are no UTF-8 arrive with surrogates in them."""
    return text.encode("utf-8", "surrogateescape")
