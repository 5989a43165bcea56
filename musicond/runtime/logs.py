"""Logging: to the journal under systemd, to standard error otherwise, by a thread of its own."""

from __future__ import annotations

import logging
import os
import socket
import sys
import textwrap
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib import import_module
from logging.handlers import QueueHandler
from queue import SimpleQueue

LEVELS = ("debug", "info", "warning", "error")

KEPT_LINES = 200
"""Number of lines kept for the page."""
MAX_LENGTH = 1000
"""Characters kept of a line."""

NOISY = ("aiohttp.access", "asyncio", "mpd")
"""Libraries whose lines below WARNING are dropped."""
MAX_WAITING = 1000
"""Lines that wait to be written; further ones are dropped and counted."""
FLUSH_S = 0.5
"""Longest wait, at the end, for the lines to be written."""
JOURNAL = "/run/systemd/journal/socket"
MAX_JOURNAL_BYTES = 64 * 1024
"""Longest message to the journal; a datagram takes up to about 200 KiB."""


def setup(level: str) -> None:
    """Send lines from `level` on to the journal if systemd collects stderr, else to stderr."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    under_journal = _under_journal()
    handler = _journal_handler() if under_journal else None
    if handler is None:
        handler = DescriptorHandler(2, sys.stderr.encoding if sys.stderr else "utf-8")
        readable = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
        handler.setFormatter(_PriorityFormatter() if under_journal else readable)
    queued = QueuedHandler(handler)
    queued.start()
    root.handlers[:] = [queued, RECENT]


def flush() -> None:
    """Wait until all lines are written, at most FLUSH_S."""
    for handler in logging.getLogger().handlers:
        handler.flush()


class QueuedHandler(QueueHandler):
    """Leaves lines to a thread that gives them to `target`: nobody else waits for a log that is not read."""

    def __init__(self, target: logging.Handler) -> None:
        self._waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()  # the only queue that a finalizer may use
        super().__init__(self._waiting)
        self._target, self._dropped = target, 0

    def start(self) -> None:
        """Start the thread, which runs to the end of the process."""
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line in its order, or drop it; called with the lock of the handler held."""
        if self._waiting.qsize() >= MAX_WAITING:
            self._dropped += 1
            return
        self._report_dropped()
        self._waiting.put(partial(self._target.emit, record))

    def flush(self) -> None:
        """Wait until all lines are written, at most FLUSH_S."""
        self.acquire()
        try:
            self._report_dropped()
        finally:
            self.release()
        written = threading.Event()
        self._waiting.put(written.set)
        written.wait(FLUSH_S)

    def _report_dropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            text = "the log was not read: lines dropped here: %d"
            record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (dropped,), None)
            self._waiting.put(partial(self._target.emit, record))

    def _run(self) -> None:
        # Without the lock of the target: a thread that takes it, at the end for example, would wait, too.
        while True:
            write = self._waiting.get()
            with suppress(Exception):  # one line that can't be written must not end the log
                write()


class DescriptorHandler(logging.Handler):
    """Writes lines to a file descriptor, without the lock of a stream, which the end of the process would wait for."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        super().__init__()
        self._descriptor, self._encoding = descriptor, encoding

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; it is lost where it can't be written."""
        data = f"{self.format(record)}\n".encode(self._encoding, "replace")
        with suppress(OSError):
            while data:
                data = data[os.write(self._descriptor, data) :]


def _under_journal() -> bool:
    """Return whether systemd has connected stderr to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        device, inode = os.environ.get("JOURNAL_STREAM", "").split(":")
        stderr = os.fstat(2)
        return (int(device), int(inode)) == (stderr.st_dev, stderr.st_ino)
    except (ValueError, OSError):
        return False


def _journal_handler() -> logging.Handler | None:
    try:
        handler_class: Callable[..., logging.Handler] = import_module("systemd.journal").JournalHandler
    except (ImportError, OSError):
        return None
    return handler_class(sender_function=send_to_journal, SYSLOG_IDENTIFIER="musicond")


def send_to_journal(message: str, /, **fields: object) -> None:
    """Send an entry in the journal's native protocol; fields have capital letters. It is lost where nobody takes it.

    `systemd.journal.send` would stop all threads while the journal does not read: it waits with the interpreter's lock.
    """
    entry = bytearray()
    for name, value in {"MESSAGE": message, **fields}.items():
        if name.isupper():
            data = str(value).encode("utf-8", "replace")[:MAX_JOURNAL_BYTES]
            entry += name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(entry, JOURNAL)


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
