"""Who may ask, and how errors and headers look: against DNS rebinding, cross-site posts and framing."""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Middleware

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

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

SAYS = {
    404: "there is nothing here; the page is at /, its data at /api/v1/state",
    405: "this method is not for this address",
    413: "the body is too large; a small JSON object is all that is needed",
}


class Refused(Exception):  # noqa: N818 - says what happens to the request
    """The request is not answered; the text says what would be right."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def failure(status: int, text: str) -> web.Response:
    """Return an error as JSON: `{"error": text}`."""
    return web.Response(status=status, text=json.dumps({"error": text}), content_type="application/json")


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of every answer just before it goes out."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "musicond"


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors in one shape."""
    try:
        return await handler(request)
    except Refused as fault:
        return failure(fault.status, str(fault))
    except web.HTTPError as fault:
        answer = failure(fault.status, SAYS.get(fault.status, fault.reason))
        if "Allow" in fault.headers:
            answer.headers["Allow"] = fault.headers["Allow"]
        return answer


def guard(own_host: str) -> Middleware:
    """Return the middleware that lets in only who asks for this machine by a name of its own."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _by_unix_socket(request):
            host = request.headers.get("Host", "")
            if not is_local(host, own_host):
                raise Refused(403, "this host name is not served; open the page by its address, such as 127.0.0.1")
            origin = request.headers.get("Origin")
            if request.method == "POST" and origin is not None and not same_origin(origin, host):
                raise Refused(403, "another site may not switch anything here; use the page itself")
        if request.method == "POST" and request.content_type != "application/json":
            raise Refused(415, "send JSON, with the header Content-Type: application/json")
        return await handler(request)

    return check


def is_local(host: str, own_host: str) -> bool:
    """Whether a Host header names this machine: a loopback name or address, or the configured one."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", own_host.lower()):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def same_origin(origin: str, host: str) -> bool:
    """Whether an Origin header is this very page's, which was asked for as `host`."""
    return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


def _by_unix_socket(request: web.Request) -> bool:
    """Return True for the control socket: its file mode says who may, and no browser reaches it."""
    door = request.transport.get_extra_info("socket") if request.transport else None
    return door is not None and door.family == socket.AF_UNIX
