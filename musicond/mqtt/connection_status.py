"""The problem of the connection to the broker: one plain text with a hint, logged once."""

from __future__ import annotations

import logging
import ssl
import time

from musicond.errors import EXPIRED, NOT_YET_VALID, UNLESS_WRONG_CLOCK, WRONG_CLOCK, error_text
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

MAX_SHORT = 3
"""Successive short connections from which on the network alone does not explain them."""
AGAIN = "closed the connection again and again"
HINTS = {
    "authori": "; check mqtt.username and its password",
    "password": "; check mqtt.username and its password",
    AGAIN: "; perhaps another device has the same device.node: give each its own",
    "taken over": "; another device has the same device.node: give each its own",
    "identifier": "; give the device a shorter device.node, of letters and digits",
    "packet too large": "; let the broker take larger packets (max_packet_size)",
    NOT_YET_VALID: f"; {WRONG_CLOCK}",
    EXPIRED: f"; renew the broker's certificate, {UNLESS_WRONG_CLOCK}",
    "certificate": "; check mqtt.ca and the name in mqtt.host",
    "ssl": "; check mqtt.tls and mqtt.cert, and mqtt.port, which with TLS is usually 8883",
}
"""Remedy by a part of the reason; the first match counts."""
CLOSED = ("closed", "reset", "no answer")
"""Reasons that a wrong port gives: TLS on a plain one, or plain text on one for TLS."""
PORT_HINT = "; check mqtt.tls and mqtt.port, which with TLS is usually 8883"


def failure_text(exc: Exception) -> str:
    """Return the reason of a failed connection in plain words."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"certificate refused: {exc.verify_message}"
    return error_text(exc).lower() if isinstance(exc, ssl.SSLError) else error_text(exc)


class ConnectionStatus:
    """Status of one connection; one that held for less than `steady_s` seconds counts as short."""

    def __init__(self, address: str, steady_s: float) -> None:
        self._address, self._steady_s = address, steady_s
        self.problem: str | None = "connecting"
        """Why there is no connection; None while there is one."""
        self._refusals: list[str] = []
        """The refusals of the broker on this connection, each with a remedy."""
        self.short_connections = 0
        """Number of successive short connections."""
        self._connected_at: float | None = None
        self._ever_connected = False
        self._logged_refusals: set[str] = set()
        self._warnings = WarnOnce(log)

    def connected(self) -> None:
        """Note a new connection."""
        lasted_s = self._warnings.lasted_s
        if lasted_s is None:
            log.info("connected to the broker %s", self._address)
        elif self.short_connections == 0:
            log.info("broker %s is back after %.0f s", self._address, lasted_s)
        self.problem, self._connected_at, self._ever_connected = None, time.monotonic(), True
        self._refusals.clear()

    @property
    def refusal(self) -> str | None:
        """What the broker does not allow on this connection, with remedies; None: nothing."""
        return "; ".join(self._refusals) or None

    def refused(self, text: str) -> None:
        """Note what the broker does not allow, though it accepts the connection; each is logged once."""
        if text not in self._refusals:
            self._refusals.append(text)
        if text not in self._logged_refusals:
            self._logged_refusals.add(text)
            log.warning("broker %s: %s", self._address, text)

    def disconnected(self, reason: str, *, known: bool = False) -> None:
        """Note a lost connection or a failed attempt; `known`: the broker, or an error of ours, says the reason."""
        if self._connected_at is not None:
            if time.monotonic() - self._connected_at >= self._steady_s:
                self.short_connections = 0
                self._warnings.clear()
            else:
                self.short_connections += 1
            reason = AGAIN if self.short_connections >= MAX_SHORT and not known else reason
        self._connected_at = None
        hint = next((text for part, text in HINTS.items() if part in reason), "")
        if not hint and not self._ever_connected and any(part in reason for part in CLOSED):
            hint = PORT_HINT
        if hint or self._warnings.lasted_s is None:
            self._warnings.warn("broker %s: %s%s; retrying", self._address, reason, hint)
        self.problem = reason
