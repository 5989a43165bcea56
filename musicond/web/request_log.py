"""The log of the requests that fail."""

from __future__ import annotations

import logging

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

AGAIN_S = 3600.0


class _BadRequestFilter(logging.Filter):
    """Logs requests that are not valid HTTP in one line an hour: anybody in the network can send them."""

    def __init__(self) -> None:
        super().__init__()
        self._once = WarnOnce(log, AGAIN_S)

    def filter(self, record: logging.LogRecord) -> bool:
        exc = record.exc_info[1] if record.exc_info else None
        if not isinstance(exc, HttpProcessingError | RequestPayloadError | ConnectionError):
            return True
        self._once.warn("the page has refused requests that are not valid HTTP; the next ones are logged in an hour")
        return False


def request_log() -> logging.Logger:
    """Return the log for aiohttp's server: tracebacks only for bugs, not for what a client sends."""
    aiohttp_log = logging.getLogger("aiohttp.server")
    aiohttp_log.filters[:] = [_BadRequestFilter()]
    return aiohttp_log
