"""Access to the page: the token with its cookie, and the checks against DNS rebinding, cross-site posts and framing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import SecretStr

from musicond.web.links import PageLinks, cookie_of, digest
from musicond.web.rate_limit import RateLimit
from musicond.web.responses import HttpError

if TYPE_CHECKING:  # aiohttp 3.8 does not have it
    from aiohttp.typedefs import Middleware

COOKIE = "musicond_page"
COOKIE_S = 400 * 24 * 3600
"""Lifetime of the cookie: the longest that browsers allow (RFC 6265bis, section 5.5)."""
PUBLIC = ("/notice", "/style.css", "/icon.svg")
"""Paths that everybody in the network may open: the notice and its parts."""
INGRESS_PATH = "X-Ingress-Path"
"""Header of the path below which Home Assistant's ingress shows the page."""
STRANGER = web.RequestKey("stranger", bool)
"""Key of a request for a public address without the right cookie."""
LINK = web.RequestKey("link", str)
"""Key of a request by a link: its id."""
OWNER = "owner"
"""Stands for the id of the link with the page's own token; the ids of named links are hexadecimal."""
MAX_FAILURES, WINDOW_S = 10, 60.0
"""Wrong tokens that one address may send within so many seconds."""
MAX_ADDRESSES = 256
POLICY, FRAMES = "Content-Security-Policy", "frame-ancestors 'none'"
HEADERS = {
    POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""Of every response; a handler may set its own Cache-Control."""
RESOLVER, MOST_RESOLVER = Path("/etc/resolv.conf"), 10_000
"""The resolver's file, and the characters of it that are read."""
PRIVATE_DOMAINS = ("local", "lan", "home", "home.arpa", "internal")
"""Domains of home networks that nobody can register."""

LOCKED_STYLE = (
    ":root{color-scheme:light dark}body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:12vh auto;"
    "padding:0 24px}h1{font-size:1.5rem}code{overflow-wrap:anywhere}section+section{margin-top:2rem}"
)
LOCKED_STYLE_HASH = base64.b64encode(hashlib.sha256(LOCKED_STYLE.encode()).digest()).decode()
LOCKED_PAGE = f"""<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<title>musicond</title>
<style>{LOCKED_STYLE}</style>
<main>
<section>
<h1>This page opens with its link</h1>
<p>Open it by the link or the QR code that you were given. Whoever runs this device gets the link there with
<code>sudo musicond page-link</code>.</p>
</section>
<section lang=de>
<h2>Diese Seite öffnet sich mit ihrem Link</h2>
<p>Öffne sie mit dem Link oder dem QR-Code, den du bekommen hast. Wer das Gerät betreibt, erhält den Link dort mit
<code>sudo musicond page-link</code>.</p>
</section>
</main>
"""


class TokenAuth:
    """Authentication by the page's token, a named link's, or the cookie of either; for one thread."""

    def __init__(
        self, token: SecretStr, clock: Callable[[], float] = time.monotonic, links: PageLinks | None = None
    ) -> None:
        self._links, self._failures = links, RateLimit(MAX_FAILURES, WINDOW_S, MAX_ADDRESSES, clock)
        self.cookie = cookie_of(token.get_secret_value())
        self._transports: dict[str, set[asyncio.Transport | None]] = defaultdict(set)
        """The connections that serve a request now, by the id of the link."""

    def authenticate(self, address: str, *, cookie: str | None = None, token: str | None = None) -> str | None:
        """Return the id of the link whose token or cookie a request from `address` has; None where it has neither.

        Raises HttpError 429 after too many wrong tokens from this address: none is compared for a while.
        """
        by_cookie, is_limited = self.link_of(cookie), self._failures.count(address) >= MAX_FAILURES
        if is_limited and by_cookie is None:
            raise HttpError(429, "too many wrong tokens; try again in a minute", retry_after_s=60)
        if token is None or is_limited:
            # A cookie is too long to be guessed, and an old one in an open tab must not lock its owner out.
            return by_cookie
        if (by_token := self.link_of(cookie_of(token))) is None:
            self._failures.add(address)
        return by_token or by_cookie

    def link_of(self, cookie: str | None) -> str | None:
        """Return the id of the link with this cookie; None for a wrong one."""
        if cookie is None:
            return None
        if hmac.compare_digest(digest(cookie), digest(self.cookie)):
            return OWNER
        return self._links.find(cookie) if self._links is not None else None

    @contextmanager
    def serving(self, link: str, request: web.Request) -> Iterator[None]:
        """Let `disconnect` end a request that is served meanwhile."""
        transports, transport = self._transports[link], request.transport
        transports.add(transport)
        try:
            yield
        finally:
            transports.discard(transport)

    def disconnect(self, link: str) -> None:
        """End the requests by a link that are served now, streams included."""
        for transport in self._transports.pop(link, ()):
            if transport is not None:
                transport.abort()


def header_adder(
    embed: Sequence[str] = (), ingress: str | None = None
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return the function that adds the headers of every response.

    Pages of the origins `embed` may frame the page, and those of Home Assistant what its `ingress` requests.
    """
    headers = dict(HEADERS)
    if embed:
        del headers["X-Frame-Options"]  # it knows no list of origins
        headers[POLICY] = HEADERS[POLICY].replace(FRAMES, f"frame-ancestors {' '.join(embed)}")

    framed = {**headers, POLICY: HEADERS[POLICY].replace(FRAMES, "frame-ancestors 'self'")}
    framed.pop("X-Frame-Options", None)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in (framed if by_ingress(request, ingress) else headers).items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "musicond"

    return add_headers


def access_middleware(own_host: str, auth: TokenAuth | None = None, ingress: str | None = None) -> Middleware:
    """Return the middleware that refuses foreign host names, other sites and, with `auth`, requests without a token.

    Those of `ingress`, the address of Home Assistant's proxy, have Home Assistant's host name and need no token.
    """

    @web.middleware
    async def check_access(request: web.Request, handler: Handler) -> web.StreamResponse:
        if by_ingress(request, ingress):
            _check_origin(request, request.headers.get("X-Forwarded-Host", "") or request.headers.get("Host", ""))
        elif not by_unix_socket(request):
            _check_host_and_origin(request, own_host)
            if request.path in PUBLIC and auth is not None:
                request[STRANGER] = auth.link_of(request.cookies.get(COOKIE)) is None
                return await handler(request)
            if auth is not None:
                return await _serve_by_link(request, auth, handler)
        return await _serve(request, handler)

    return check_access


async def _serve_by_link(request: web.Request, auth: TokenAuth, handler: Handler) -> web.StreamResponse:
    """Return the response to a request that needs a token or its cookie."""
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    in_link = request.query.get("token") if request.path == "/" else None
    token = bearer.strip() if kind.lower() == "bearer" else in_link
    link = auth.authenticate(request.remote or "", cookie=request.cookies.get(COOKIE), token=token)
    if link is None:
        if request.path != "/":
            raise HttpError(401, "this page opens with its link; on the device, run: sudo musicond page-link")
        return _locked_page()
    if in_link is not None:
        return _without_token(auth, in_link, request.cookies.get(COOKIE))
    request[LINK] = link
    with auth.serving(link, request):
        return await _serve(request, handler)


def _without_token(auth: TokenAuth, token: str, own_cookie: str | None) -> web.Response:
    """Return the redirect that takes the token out of the address bar and the history; a right one sets its cookie.

    The owner who opens the link of a guest keeps the own cookie. The address is relative: another server may show the
    page below a path of its own.
    """
    response, cookie = web.Response(status=303, headers={"Location": "./"}), cookie_of(token)
    if auth.link_of(cookie) is not None and auth.link_of(own_cookie) != OWNER:
        response.set_cookie(COOKIE, cookie, max_age=COOKIE_S, httponly=True, samesite="Lax", path="/")
    return response


async def _serve(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method == "POST" and request.content_type != "application/json":
        raise HttpError(415, "send JSON, with the header Content-Type: application/json")
    return await handler(request)


def _check_host_and_origin(request: web.Request, own_host: str) -> None:
    host, local = request.headers.get("Host", ""), request.get_extra_info("sockname")
    address = str(local[0]) if isinstance(local, tuple) else ""
    if not is_local(host, own_host, address):
        raise HttpError(403, f"this host name is not served; open the page by its address: {address}")
    _check_origin(request, host)


def _check_origin(request: web.Request, host: str) -> None:
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and not same_origin(origin, host):
        raise HttpError(403, "another site may not switch anything here; use the page itself")


def _locked_page() -> web.Response:
    """Return the page for who comes without the link; its files are for those who have it, so its style is inside."""
    policy = HEADERS[POLICY].replace("style-src 'self'", f"style-src 'sha256-{LOCKED_STYLE_HASH}'")
    return web.Response(status=401, text=LOCKED_PAGE, content_type="text/html", headers={POLICY: policy})


def is_local(host: str, own_host: str, local_address: str = "", resolver: Path = RESOLVER) -> bool:
    """Return whether a Host header names this machine.

    That is: a loopback name or address, the configured one, the address that the connection came to, or the host name,
    alone, with its own domain, with one of PRIVATE_DOMAINS, or with one that the network has given to the `resolver`.
    Of these a foreign site can have none (DNS rebinding needs a name of its own).
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    full = socket.gethostname().lower()
    hostname, _, domain = name.partition(".")
    if name in ("localhost", own_host.lower(), full) or (
        hostname == full.partition(".")[0] and domain in ("", *PRIVATE_DOMAINS, *_search_domains(resolver))
    ):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or str(address) == local_address.removeprefix("::ffff:")


def _search_domains(resolver: Path) -> list[str]:
    """Return the domains of the network, such as fritz.box, from a file of the form of resolv.conf(5)."""
    with suppress(OSError, UnicodeDecodeError):
        lines = [line.lower().split() for line in resolver.read_text("ascii")[:MOST_RESOLVER].splitlines()]
        return [domain.strip(".") for words in lines if words[:1] in (["search"], ["domain"]) for domain in words[1:]]
    return []


def same_origin(origin: str, host: str) -> bool:
    """Return whether an Origin header is that of the page itself, requested as `host`."""
    return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


def by_unix_socket(request: web.Request) -> bool:
    """Return whether a request came by the control socket: its file mode decides on access, no browser reaches it."""
    connection = request.get_extra_info("socket")
    return connection is not None and connection.family == socket.AF_UNIX


def by_ingress(request: web.Request, ingress: str | None) -> bool:
    """Return whether a request came by Home Assistant's proxy, whose address is `ingress`."""
    remote = (request.remote or "").removeprefix("::ffff:")
    return ingress is not None and remote == ingress and INGRESS_PATH in request.headers
