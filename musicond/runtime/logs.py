"""Logging: to the journal under systemd, to standard error otherwise."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module

LEVELS = ("debug", "info", "warning", "error")

KEPT_LINES = 200
"""Number of lines kept for the page."""
MAX_LENGTH = 1000
"""Characters kept of a line."""

NOISY = ("aiohttp.access", "asyncio", "mpd")
"""Libraries whose lines below WARNING are dropped."""


def setup(level: str) -> None:
    """Send lines from `level` on to the journal if systemd collects stderr, else to stderr."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    under_journal = _under_journal()
    handler = _journal_handler() if under_journal else None
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        readable = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
        handler.setFormatter(_PriorityFormatter() if under_journal else readable)
    root.handlers[:] = [handler, RECENT]


def _under_journal() -> bool:
    """Return whether systemd has connected stderr to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        device, inode = os.environ.get("JOURNAL_STREAM", "").split(":")
        stderr = os.fstat(sys.stderr.fileno())
        return (int(device), int(inode)) == (stderr.st_dev, stderr.st_ino)
    except (ValueError, OSError):
        return False


def _journal_handler() -> logging.Handler | None:
    try:
        handler: logging.Handler = import_module("systemd.journal").JournalHandler(SYSLOG_IDENTIFIER="musicond")
    except (ImportError, OSError):
        return None
    return handler


class RecentLines(logging.Handler):
    """Keeps the latest lines from INFO on for the page; those below may hold private details."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[Mapping[str, str]] = deque(maxlen=KEPT_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, shortened to MAX_LENGTH."""
        try:
            at = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
            text = textwrap.shorten(record.getMessage(), MAX_LENGTH, placeholder=" …")
            self._lines.append({"at": at, "level": record.levelname, "text": text})
        except Exception:  # as every handler of the standard library does
            self.handleError(record)

    def lines(self) -> list[Mapping[str, str]]:
        """Return the lines, oldest first, each with `at` (ISO 8601), `level` and `text`."""
        self.acquire()
        try:
            return list(self._lines)
        finally:
            self.release()


RECENT = RecentLines()


class _PriorityFormatter(logging.Formatter):
    """Puts the priority before each line, in the form of sd-daemon(3)."""

    def format(self, record: logging.LogRecord) -> str:
        priority = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4}.get(record.levelno, 3)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
