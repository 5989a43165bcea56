"""Who may open the page where it is open to the network: one token, and a cookie after its first use."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
import time
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from musicond.web.responses import HttpError, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler, Middleware
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


HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""On every answer; a handler may set its own Cache-Control."""


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of every answer just before it goes out."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "musicond"


def guard(own_host: str, access: TokenAuth | None = None) -> Middleware:
    """Return the middleware that lets in who asks for this machine by a name of its own and, with `access`, may."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not by_unix_socket(request):
            host = request.headers.get("Host", "")
            if not is_local(host, own_host, _reached_at(request)):
                raise HttpError(
                    403, f"this host name is not served; open the page by its address: {_reached_at(request)}"
                )
            origin = request.headers.get("Origin")
            if request.method == "POST" and origin is not None and not same_origin(origin, host):
                raise HttpError(403, "another site may not switch anything here; use the page itself")
            if access is not None and (answer := _at_the_door(request, access)) is not None:
                return answer
        if request.method == "POST" and request.content_type != "application/json":
            raise HttpError(415, "send JSON, with the header Content-Type: application/json")
        return await handler(request)

    return check


def _at_the_door(request: web.Request, access: TokenAuth) -> web.Response | None:
    """Return the answer to who may not come in, or brings the token in a link; None lets the request through."""
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    in_link = request.query.get("token") if request.path == "/" else None
    token = bearer.strip() if kind.lower() == "bearer" else in_link
    match access.authenticate(request.remote or "", cookie=request.cookies.get(COOKIE), token=token):
        case AuthResult.RATE_LIMITED:
            answer = failure(429, "too many wrong tokens; try again in a minute")
            answer.headers["Retry-After"] = "60"
            return answer
        case AuthResult.DENIED:
            return _closed(request)
        case AuthResult.NEW | AuthResult.OK if in_link is not None:
            # The token leaves the address bar and the history at once.
            answer = web.Response(status=303, headers={"Location": "/"})
            answer.set_cookie(COOKIE, access.cookie, max_age=COOKIE_S, httponly=True, samesite="Lax", path="/")
            return answer
    return None


def _closed(request: web.Request) -> web.Response:
    text = "this page opens with its link; on the device, run: sudo musicond page-link"
    if request.path != "/":
        return failure(401, text)
    body = f'<!doctype html><meta name=viewport content="width=device-width"><title>musicond</title><p>musicond: {text}'
    return web.Response(status=401, text=body, content_type="text/html")


def _reached_at(request: web.Request) -> str:
    """Return the address of this machine by which the request came."""
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return str(name[0]) if isinstance(name, tuple) else ""


def is_local(host: str, own_host: str, reached_at: str = "") -> bool:
    """Whether a Host header names this machine.

    That is: a loopback name or address, the configured one, the address that the connection came to, or `<hostname>`
    and `<hostname>.local`. Of these a foreign site can have none (DNS rebinding needs a name of its own).
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    mine = socket.gethostname().lower().partition(".")[0]
    if name in ("localhost", own_host.lower(), mine, f"{mine}.local"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or str(address) == reached_at.removeprefix("::ffff:")


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header is this very page's, which was asked for as `host`."""
    return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


def by_unix_socket(request: web.Request) -> bool:
    """Return True for the control socket: its file mode says who may, and no browser reaches it."""
    door = request.transport.get_extra_info("socket") if request.transport else None
    return door is not None and door.family == socket.AF_UNIX
