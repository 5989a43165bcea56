"""`musicond notice`: a card (A6) that says what the camera does, as SVG or PDF."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import segno

from musicond.app.notice import build_notice
from musicond.commands.options import add_config, write_file, write_output
from musicond.commands.page_link import names
from musicond.config.addresses import is_loopback
from musicond.config.overrides import load_effective
from musicond.config.schema import Config
from musicond.errors import ListError
from musicond.web.notice import DEFAULT, LANGUAGES, text

DESCRIPTION = "make a card of the size A6 for the wall: what the camera does, and how to switch it off"
WIDTH_MM, HEIGHT_MM, MARGIN_MM = 105.0, 148.0, 9.0
TITLE_MM, BODY_MM, SMALL_MM = 6.0, 4.0, 3.0
"""Sizes of the letters; those of the body shrink until the text ends above the QR code."""
SHRINK = 0.95
LEADING = 1.35
"""Distance of two lines, in sizes of their letters."""
LETTER = 0.5
"""Mean width of a letter of Helvetica, in its size; 0.55 for bold."""
BOLD_LETTER = 0.55
QR_MM = 36.0
POINTS = 72 / 25.4
"""Points in a millimetre: the unit of PDF (ISO 32000-1, 8.3.2.3)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; y is its base line from the upper edge, in millimetres."""

    text: str
    y: float
    size: float
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Square:
    """A dark square of the QR code: its upper left corner and its side in millimetres."""

    x: float
    y: float
    side: float


@dataclass(frozen=True, slots=True)
class Card:
    """A laid-out card."""

    lines: tuple[Line, ...]
    squares: tuple[Square, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("--language", choices=LANGUAGES, default=DEFAULT, help=f"default: {DEFAULT}")
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="a name in .svg or .pdf; default: SVG on standard output"
    )


def run(args: argparse.Namespace) -> None:
    """Write the card; raise ConfigError or ListError."""
    config = load_effective(args.config).config
    kind = args.file.suffix.lower() if args.file else ".svg"
    if kind not in (".svg", ".pdf"):
        raise ListError(f"{args.file}: give a name that ends in .svg or .pdf")
    url = notice_url(config)
    if url is None:
        note = "the card has no QR code: only this machine may open the page; open it first: musicond page-link --lan"
        print(f"musicond: {note}", file=sys.stderr)
    card = lay_out(config, args.language, url)
    if args.file is None:
        write_output(None, to_svg(card))
        return
    write_file(args.file, to_pdf(card) if kind == ".pdf" else to_svg(card).encode())
    print(f"{args.file} written; print it in the size A6")


def notice_url(config: Config) -> str | None:
    """Return the address of the notice view; None where phones can't reach the page."""
    host, port = config.web.address
    if is_loopback(host):
        return None
    name = names(host)[0]
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/notice"


def lay_out(config: Config, language: str, url: str | None) -> Card:
    """Return the card in a language; without an address it has no QR code."""
    top = HEIGHT_MM - MARGIN_MM - QR_MM
    end = HEIGHT_MM - MARGIN_MM if url is None else top - 2 * SMALL_MM * LEADING
    body = BODY_MM
    while (lines := _set_text(config, language, body))[-1].y > end:
        body *= SHRINK
    if url is None:
        return Card(tuple(lines), ())
    lines += [
        Line(text("scan", language), top - SMALL_MM * 1.2, SMALL_MM),
        Line(url, HEIGHT_MM - SMALL_MM, SMALL_MM),
    ]
    return Card(tuple(lines), tuple(_squares(url, top)))


def _set_text(config: Config, language: str, body: float) -> list[Line]:
    """Return the lines of the text, with letters of the body of this size in millimetres."""
    paragraphs = [(text("title", language), TITLE_MM, True)]
    paragraphs += [(line, body, False) for line in build_notice(config).lines(language)]
    lines: list[Line] = []
    y = MARGIN_MM
    for paragraph, size, bold in paragraphs:
        letters = int((WIDTH_MM - 2 * MARGIN_MM) / (size * (BOLD_LETTER if bold else LETTER)))
        for row in textwrap.wrap(paragraph, letters):
            y += size * LEADING
            lines.append(Line(row, y, size, bold))
        y += size * 0.6
    return lines


def _squares(url: str, top: float) -> Iterator[Square]:
    matrix = segno.make(url, micro=False, error="m").matrix
    side = QR_MM / len(matrix)
    for row, cells in enumerate(matrix):
        for column, dark in enumerate(cells):
            if dark:
                yield Square(MARGIN_MM + column * side, top + row * side, side)


def to_svg(card: Card) -> str:
    """Return the card as SVG."""
    size = f'width="{WIDTH_MM:g}mm" height="{HEIGHT_MM:g}mm" viewBox="0 0 {WIDTH_MM:g} {HEIGHT_MM:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}" fill="#fff"/>',
    ]
    for line in card.lines:
        weight = ' font-weight="bold"' if line.bold else ""
        parts.append(
            f'<text x="{MARGIN_MM:g}" y="{line.y:.2f}" font-size="{line.size:g}"{weight}>{escape(line.text)}</text>'
        )
    moves = "".join(
        f"M{item.x:.3f} {item.y:.3f}h{item.side:.3f}v{item.side:.3f}h-{item.side:.3f}z" for item in card.squares
    )
    return "\n".join([*parts, f'<path d="{moves}"/>' if moves else "", "</svg>", ""])


def to_pdf(card: Card) -> bytes:
    """Return the card as PDF 1.4 with the fonts that every reader has (ISO 32000-1, 9.6.2.2)."""
    drawing = []
    for line in card.lines:
        place = f"{MARGIN_MM * POINTS:.2f} {(HEIGHT_MM - line.y) * POINTS:.2f} Td"
        content = (
            line.text.encode("cp1252", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        )
        font = "F2" if line.bold else "F1"
        drawing.append(f"BT /{font} {line.size * POINTS:.2f} Tf {place} (".encode() + content + b") Tj ET")
    for item in card.squares:
        corner = f"{item.x * POINTS:.3f} {(HEIGHT_MM - item.y - item.side) * POINTS:.3f}"
        drawing.append(f"{corner} {item.side * POINTS:.3f} {item.side * POINTS:.3f} re f".encode())
    stream = b"\n".join(drawing)
    size = f"{WIDTH_MM * POINTS:.2f} {HEIGHT_MM * POINTS:.2f}"
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size}] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>".encode(),
        f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream",
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
    ]
    return _pdf_file(objects)


def _pdf_file(objects: list[bytes]) -> bytes:
    """Return a file with these objects, numbered from 1, and its table of cross references (ISO 32000-1, 7.5)."""
    content, places = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        places.append(len(content))
        content += f"{number} 0 obj\n".encode() + item + b"\nendobj\n"
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}"
    end = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(content)}\n%%EOF\n"
    return content + (table + end).encode()
