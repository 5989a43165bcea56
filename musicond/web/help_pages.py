"""The help: the documents for users as plain pages, made from docs/ when they are first opened."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from musicond.web.static_files import PAGE_LANGUAGES, read_page_texts

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler
    from markdown_it.token import Token

HELP = "/help"
"""Path of the help; within it, all addresses are relative: another server may show the page below a path of its own."""
ENGLISH, INDEX = "en", "README"
NOT_FOR_USERS = ("architecture", "from-musicon", "reliability")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
EMPTY_PARAGRAPH = re.compile(r"<p>\s*</p>\n?")
"""Where a picture was that is not there."""
UNSAFE_ANCHOR = re.compile(r"[^\w\- ]")
PICTURES = ("pictures", "screenshots")
PICTURE_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".gif": "image/gif"}
SCROLLS = "<div class=scrolls tabindex=0>"
"""Around a table or a diagram, which may be wider than a phone."""
DIAGRAM = re.compile(r'<p>(<img [^>]*src="\.\./pictures/[^>]*>)</p>')
PAGE = """<!doctype html>
<html lang={language}>
<head>
<meta charset=utf-8>
<meta name=viewport content="width=device-width, initial-scale=1">
<title>{title} | musicond</title>
<link rel=icon href="../../icon.svg" type="image/svg+xml">
<link rel=stylesheet href="../../style.css">
<link rel=stylesheet href="../../help.css">
</head>
<body class=help>
<nav class=help-nav><a href="../../">{back}</a> <a href="./">{index}</a></nav>
<main class=card{own_language}>
{note}{content}</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class HelpDocument:
    """A document in one language: its name, and the file that holds it or its English original."""

    name: str
    language: str
    file: Path

    @property
    def own_language(self) -> str:
        """The language of the file."""
        return self.language if self.file.parent.name == self.language else ENGLISH

    @property
    def address(self) -> str:
        """The path of its page."""
        return f"{HELP}/{self.language}/{'' if self.name == INDEX else self.name}"


def documents(folder: Path) -> Iterator[HelpDocument]:
    """Yield each document for users in each language; a translation lies in a folder of its language."""
    for file in sorted(folder.glob("*.md")):
        if file.stem not in NOT_FOR_USERS:
            for language in PAGE_LANGUAGES:
                translated = folder / language / file.name
                yield HelpDocument(file.stem, language, translated if translated.is_file() else file)


def has_help(folder: Path | None) -> bool:
    """Return whether a folder holds documents."""
    return folder is not None and next(documents(folder.resolve()), None) is not None


def add_help(app: web.Application, folder: Path) -> None:
    """Serve the documents of a folder and their pictures; nothing without it."""
    folder = folder.resolve()
    known = {document.address: document for document in documents(folder)}
    for address, document in known.items():
        app.router.add_get(address, _handler(partial(_page, document, folder), "text/html"))
    for file in (picture for name in PICTURES for picture in sorted((folder / name).glob("*"))):
        if kind := PICTURE_TYPES.get(file.suffix):
            app.router.add_get(f"{HELP}/{file.relative_to(folder)}", _handler(file.read_bytes, kind))


def _handler(make: Callable[[], bytes], kind: str) -> Handler:
    made = cache(make)

    async def handle(_: web.Request) -> web.Response:
        charset = "utf-8" if kind == "text/html" else None
        response = web.Response(body=made(), content_type=kind, charset=charset)
        response.headers[hdrs.CACHE_CONTROL] = "private, max-age=3600"
        response.enable_compression()
        return response

    return handle


def _page(document: HelpDocument, folder: Path) -> bytes:
    """Return the page of a document; raise OSError."""
    words, own = read_page_texts(document.language), document.own_language
    title, content = render(document.file, document.language, folder)
    only_english = f"<p class=notice lang={document.language}>{words['help_only_english']}</p>\n"
    return PAGE.format(
        language=document.language,
        own_language="" if own == document.language else f" lang={own}",
        title=html.escape(title),
        back=words["help_back"],
        index=words["help_index"],
        note="" if own == document.language else only_english,
        content=content,
    ).encode()


def render(file: Path, language: str, folder: Path) -> tuple[str, str]:
    """Return the title of a Markdown file, and its content as HTML whose links lead to pages of the help."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(COMMENT.sub("", file.read_text("utf-8")))
    title = ""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            plain = "".join(child.content for child in following.children or [])
            token.attrSet("id", anchor(plain))
            title = title or plain
        elif token.type == "inline":
            _lead_links(token.children or [], file.parent, language, folder)
    content = EMPTY_PARAGRAPH.sub("", parser.renderer.render(tokens, parser.options, {}))
    content = DIAGRAM.sub(rf"{SCROLLS}\1</div>", content)
    return title, content.replace("<table>", f"{SCROLLS}<table>").replace("</table>", "</table></div>")


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return UNSAFE_ANCHOR.sub("", heading.lower()).replace(" ", "-")


def _lead_links(children: list[Token], base: Path, language: str, folder: Path) -> None:
    """Let links and pictures of a file in `base` lead to the help; one that leads to nothing there becomes text."""
    dropped = False
    for token in children:
        if token.type == "link_open":
            address = _address(str(token.attrGet("href")), base, language, folder)
            dropped = token.hidden = address is None
            token.attrSet("href", address or "")
            if address is not None and address.startswith("https:"):
                token.attrSet("target", "_blank")
                token.attrSet("rel", "noopener noreferrer")
        elif token.type == "link_close":
            token.hidden = dropped
        elif token.type == "image":
            file = (base / str(token.attrGet("src"))).resolve()
            if file.is_file() and file.parent.parent == folder and file.suffix in PICTURE_TYPES:
                token.attrSet("src", f"../{file.relative_to(folder)}")
            else:
                token.type, token.tag, token.content = "text", "", ""


def _address(href: str, base: Path, language: str, folder: Path) -> str | None:
    """Return the address to which a link of a document leads; None where the help has nothing for it."""
    path, mark, fragment = href.partition("#")
    if not path or href.startswith("https:"):
        return href
    file = (base / path).resolve()
    name = file.stem
    if file.suffix != ".md" or file.parent not in (folder, folder / language) or name in NOT_FOR_USERS:
        return None
    if base == folder and (folder / language / file.name).is_file():
        mark = fragment = ""  # a translation has other headings
    return f"{'./' if name == INDEX else name}{mark}{fragment}"
