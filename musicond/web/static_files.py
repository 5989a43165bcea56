"""The files of the page, each with a tag by which a browser knows whether it has changed."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
NAMES = (
    "index.html",
    "style.css",
    "icon.svg",
    "app.js",
    "device.js",
    "history.js",
    "music.js",
    "now.js",
    "page.js",
    "texts.js",
)


def add_files(app: web.Application) -> None:
    """Serve the page at `/` and its files beside it."""
    for name in NAMES:
        app.router.add_get("/" if name == "index.html" else f"/{name}", _served(name))


def _served(name: str) -> Handler:
    content = files("musicond.web").joinpath("static", name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    kind = KINDS[name.rpartition(".")[2]]

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)

    return answer
