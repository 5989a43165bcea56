"""The files of the page, each with an entity tag for the browser's cache."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

MEDIA_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
COMPRESSED = ("text/", "image/svg", "application/")
"""Beginnings of the media types of files that are sent compressed."""
COMMENTS = re.compile(rb"(?m)^[ \t]*//.*\n")
"""Lines of a script that are only a comment; they are not sent."""


def add_files(app: web.Application, *, has_help: bool = True) -> None:
    """Serve the page at `/` and its files beside it; without the help, no links to it are shown."""
    for file in files("musicond.web").joinpath("static").iterdir():
        if kind := MEDIA_TYPES.get(file.name.rpartition(".")[2]):
            content, is_page = file.read_bytes(), file.name == "index.html"
            if is_page and not has_help:
                content = content.replace(b'<body class="', b'<body class="no-help ', 1)
            if kind == MEDIA_TYPES["js"]:
                content = COMMENTS.sub(b"", content)
            app.router.add_get("/" if is_page else f"/{file.name}", _file_handler(content, kind))


def _file_handler(content: bytes, kind: str) -> Handler:
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {hdrs.ETAG: tag, hdrs.CACHE_CONTROL: "no-cache", hdrs.VARY: hdrs.ACCEPT_ENCODING}
    charset = "utf-8" if kind.startswith("text/") else None
    packed: list[bytes] = []
    """The compressed content, once a browser has asked for it."""

    async def handle(request: web.Request) -> web.Response:
        if request.headers.get(hdrs.IF_NONE_MATCH) == tag:
            return web.Response(status=304, headers=headers)
        if "gzip" not in request.headers.get(hdrs.ACCEPT_ENCODING, "") or not kind.startswith(COMPRESSED):
            return web.Response(body=content, content_type=kind, charset=charset, headers=headers)
        if not packed:
            packed.append(gzip.compress(content, mtime=0))
        packed_headers = {**headers, hdrs.CONTENT_ENCODING: "gzip"}
        return web.Response(body=packed[0], content_type=kind, charset=charset, headers=packed_headers)

    return handle
