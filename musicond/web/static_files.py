"""The files of the page, each with an entity tag for the browser's cache. Each file texts-XX.js is a language."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from musicond.web.notice import DEFAULT, choose_language

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
STATIC = files("musicond.web").joinpath("static")
TEXTS_OF = re.compile(r"texts-([a-z]{2})\.js")
PAGE_LANGUAGES = tuple(sorted(match[1] for file in STATIC.iterdir() if (match := TEXTS_OF.fullmatch(file.name))))
LANGUAGES_TAG = '<meta name=languages content="{}">'
"""In the page: the languages that there are. The file of English texts stands there for that of the chosen one."""
COMMENTS = re.compile(rb"(?m)^[ \t]*//.*\n")
"""Lines of a script that are only a comment; they are not sent."""


@cache
def read_page_texts(language: str) -> dict[str, str]:
    """Return the texts of a language by key; after the = a file is JSON, except for the keys."""
    raw = STATIC.joinpath(f"texts-{language}.js").read_text("utf-8").partition("TEXTS = ")[2].strip().removesuffix(";")
    return dict(json.loads(re.sub(r"^(\w+):", r'"\1": ', raw, flags=re.MULTILINE)))


def add_files(app: web.Application, get_language: Callable[[], object], *, has_help: bool = True) -> None:
    """Serve the page at `/` and its files beside it; without the help, no links to it are shown.

    `get_language` returns the language of the device; where that is not in PAGE_LANGUAGES, the browser chooses.
    """
    for file in STATIC.iterdir():
        kind = MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if file.name == "index.html":
            app.router.add_get("/", _page_handler(file.read_text("utf-8"), get_language, has_help=has_help))
        elif kind:
            content = file.read_bytes()
            if kind == MEDIA_TYPES["js"]:
                content = COMMENTS.sub(b"", content)
            app.router.add_get(f"/{file.name}", _file_handler(content, kind))


def _page_handler(page: str, get_language: Callable[[], object], *, has_help: bool) -> Handler:
    """Return the handler of the page, which names the texts of the likely language so that no other is loaded."""
    if not has_help:
        page = page.replace('<body class="', '<body class="no-help ', 1)
    page = page.replace(LANGUAGES_TAG.format(DEFAULT), LANGUAGES_TAG.format(" ".join(PAGE_LANGUAGES)))
    pages = {language: page.replace(f"texts-{DEFAULT}.js", f"texts-{language}.js") for language in PAGE_LANGUAGES}
    handlers = {language: _file_handler(page.encode(), MEDIA_TYPES["html"]) for language, page in pages.items()}

    async def handle(request: web.Request) -> web.StreamResponse:
        accepted = f"{get_language()},{request.headers.get(hdrs.ACCEPT_LANGUAGE, '')}"
        return await handlers[choose_language(accepted, PAGE_LANGUAGES)](request)

    return handle


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
