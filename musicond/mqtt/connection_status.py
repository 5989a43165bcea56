"""What is wrong with the connection to the broker: in plain words, with the remedy, and once in the log."""

from __future__ import annotations

import logging
import ssl
import time

log = logging.getLogger(__name__)

OFTEN = 3
"""Connections that did not hold, until there is more to it than a network."""
AGAIN = "closed the connection again and again"
HINTS = {
    "authori": "; check mqtt.username and its password",
    "password": "; check mqtt.username and its password",
    AGAIN: "; perhaps another device has the same device.node: give each its own",
    "taken over": "; another device has the same device.node: give each its own",
    "certificate": "; check mqtt.ca and the name in mqtt.host",
    "ssl": "; check mqtt.tls and mqtt.cert, and mqtt.port, which with TLS is usually 8883",
}
"""What to do about a trouble, by a word of it."""
HUNG_UP = ("closed", "reset", "no answer")
"""How a broker answers TLS on a plain port, or plain text on one for TLS."""
PORT = "; check mqtt.tls and mqtt.port, which with TLS is usually 8883"


def why(fault: Exception) -> str:
    """Return the reason in plain words."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"certificate refused: {fault.verify_message}"
    text = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    return " ".join(str(text).split()).lower() if isinstance(fault, ssl.SSLError) else " ".join(str(text).split())


class ConnectionStatus:
    """One for a connection; a connection that held for `steady_s` seconds was a good one."""

    def __init__(self, address: str, steady_s: float) -> None:
        self._address, self._steady_s = address, steady_s
        self.now: str | None = "connecting"
        """What is wrong; None while all is well."""
        self.short = 0
        """So many connections on end did not hold."""
        self._lost_at: float | None = None
        self._up_at: float | None = None
        self._ever = False
        self._warned: str | None = None
        """What the log knows already."""

    def connected(self) -> None:
        """Take note that there is a connection."""
        if self._lost_at is None:
            log.info("connected to the broker %s", self._address)
        elif self.short == 0:
            log.info("broker %s is back after %.0f s", self._address, time.monotonic() - self._lost_at)
        self.now, self._lost_at, self._up_at, self._ever = None, None, time.monotonic(), True

    def disconnected(self, reason: str) -> None:
        """Take note that there is none, or none any more."""
        self._lost_at = self._lost_at or time.monotonic()
        if self._up_at is not None:
            steady = time.monotonic() - self._up_at >= self._steady_s
            self.short = 0 if steady else self.short + 1
            self._warned = None if steady else self._warned
            reason = AGAIN if self.short >= OFTEN else reason
        self._up_at = None
        remedy = next((text for sign, text in HINTS.items() if sign in reason), "")
        if not self._ever and any(sign in reason for sign in HUNG_UP):
            remedy = remedy or PORT
        if self._warned is None or (remedy and self._warned != reason):
            self._warned = reason
            log.warning("broker %s: %s%s; retrying", self._address, reason, remedy)
        self.now = reason
