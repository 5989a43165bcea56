"""The text of list files: their encodings, line ends and size limit."""

from __future__ import annotations

import codecs
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from musicond.errors import ListError
from musicond.runtime.systemd import remedy_for

MOST_BYTES = 16 * 2**20
"""Of a list, whose text is held as a whole; an export of 20,000 songs as JSON has about 10 MB."""
LINE = re.compile(rb"[^\r\n]*(?:\r\n|[\r\n])?")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    r"""Return the text of a list with "\n" as line ends; raise ListError.

    The list may be UTF-8, UTF-16, UTF-32 or Windows-1252, which also holds the letters of ISO 8859-1.
    A list without a byte order mark is decoded line by line, because some tools mix UTF-8 and Windows-1252.
    """
    try:
        content = _read(path)
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        text = getattr(exc, "strerror", None) or exc
        raise ListError(f"{path}: {text}; {remedy_for(path, 'give a file that can be read')}") from None
    return decode(content).replace("\r\n", "\n").replace("\r", "\n")


def decode(content: bytes) -> str:
    """Return the text of a file's content; no content is refused."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if encoding := _utf_16_without_mark(content[:400]):
        return content.decode(encoding, "replace")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        text = io.StringIO(newline="")  # unlike a list of the lines, it takes no more memory than the text
        for line in LINE.finditer(content):
            text.write(_decode_line(line[0]))
        return text.getvalue()


def split_lines(text: str, start: int = 0) -> Iterator[str]:
    r"""Yield the lines from an offset on, without "\n", one by one: a list of them may take many times the memory."""
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _decode_line(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")  # five bytes have no meaning in cp1252


def _utf_16_without_mark(start: bytes) -> str:
    """Return the encoding of a text in which nearly every second byte is NUL; empty for any other."""
    for encoding, high, low in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(start) >= 4 and high.count(0) > 0.8 * len(high) and not low.count(0):  # noqa: PLR2004 - two letters
            return encoding
    return ""


def _read(path: Path) -> bytes:
    """Return the content of a file; raise OSError, and ListError for what is no file, such as a pipe, or too large."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ListError(f"{path}: not a file; give one")
        if status.st_size > MOST_BYTES:
            raise ListError(f"{path}: larger than {MOST_BYTES // 2**20} MiB; split it")
        return file.read(MOST_BYTES)
