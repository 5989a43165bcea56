"""The files of the page, each with an entity tag by which a browser knows whether it has changed."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web
from aiohttp.typedefs import Handler

MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def add_files(app: web.Application) -> None:
    """Serve the page at `/` and its files beside it."""
    for file in files("musicond.web").joinpath("static").iterdir():
        if kind := MEDIA_TYPES.get(file.name.rpartition(".")[2]):
            app.router.add_get("/" if file.name == "index.html" else f"/{file.name}", _file_handler(file, kind))


def _file_handler(file: Traversable, kind: str) -> Handler:
    content = file.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def handle(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)

    return handle
