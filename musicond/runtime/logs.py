"""Where log lines go: the journal under systemd, standard error otherwise."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
from collections import deque
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = ("debug", "info", "warning", "error")

KEPT = 200
"""Lines that are kept for the page."""
LONGEST = 1000
"""Characters that are kept of a line."""

QUIET = ("aiohttp.access", "asyncio", "mpd")
"""Libraries that log noise below WARNING."""


def setup(level: str) -> None:
    """Send what is at or above `level` to the journal if systemd collects it, else to stderr."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    handler = _journal() if _under_journal() else None
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        pattern = "%(message)s" if _under_journal() else "%(asctime)s %(levelname)-7s %(message)s"
        handler.setFormatter(
            _Prefixed(pattern, "%H:%M:%S") if _under_journal() else logging.Formatter(pattern, "%H:%M:%S")
        )
    root.handlers[:] = [handler, RECENT]


def _under_journal() -> bool:
    """Whether stderr is the very stream that systemd connected to the journal (sd_journal(3))."""
    try:
        device, inode = os.environ.get("JOURNAL_STREAM", "").split(":")
        here = os.fstat(sys.stderr.fileno())
        return (int(device), int(inode)) == (here.st_dev, here.st_ino)
    except (ValueError, OSError):
        return False


def _journal() -> logging.Handler | None:
    try:
        handler: logging.Handler = import_module("systemd.journal").JournalHandler(SYSLOG_IDENTIFIER="musicond")
    except (ImportError, OSError):
        return None
    return handler


class Recent(logging.Handler):
    """Keeps the latest lines from INFO on, whatever else is logged: below it more may be told than people like."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[Mapping[str, str]] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, of what is too long the beginning."""
        try:
            at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
            text = textwrap.shorten(record.getMessage(), LONGEST, placeholder=" …")
            self._lines.append({"at": at, "level": record.levelname, "text": text})
        except Exception:  # as every handler of the library does
            self.handleError(record)

    def lines(self) -> list[Mapping[str, str]]:
        """Return them, oldest first; each with `at` (ISO 8601), `level` and `text`."""
        self.acquire()
        try:
            return list(self._lines)
        finally:
            self.release()


RECENT = Recent()


class _Prefixed(logging.Formatter):
    """Begin each line with its priority in the form that the journal reads (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        priority = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4}.get(record.levelno, 3)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
