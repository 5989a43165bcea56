"""What the broker takes: the size of a packet, the QoS of a message, and whether it retains messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

HEAD_BYTES = 16
"""Most bytes of a message besides its topic and payload: header, packet identifier and properties."""
LARGER = "let it take larger packets (max_packet_size)"
MIN_PACKET_BYTES = 512
"""Smallest limit that is tried where the broker does not say its own."""
REFUSED_QOS, REFUSED_RETAIN = "QoS not supported", "Retain not supported"
"""paho's names of the reason codes with which a broker refuses the will (MQTT 5)."""


def packet_bytes(topic: str, payload: str) -> int:
    """Return the most bytes that a message may take on the wire."""
    return HEAD_BYTES + len(topic.encode()) + len(payload.encode())


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """The limits of one broker; without any of its own, those of MQTT and of this daemon."""

    packet_bytes: int = 2**28
    """Bytes of the largest packet."""
    qos: int = 1
    retain: bool = True
    is_guess: bool = False
    """Whether `packet_bytes` is not the broker's own word."""

    def connected(self, properties: Any) -> BrokerLimits:
        """Return these limits with those in a CONNACK, which only MQTT 5 has."""
        return BrokerLimits(
            min(getattr(properties, "MaximumPacketSize", self.packet_bytes), self.packet_bytes),
            min(getattr(properties, "MaximumQoS", 1), self.qos),
            self.retain and bool(getattr(properties, "RetainAvailable", 1)),
            self.is_guess,
        )

    def refused(self, reason: str) -> BrokerLimits:
        """Return these limits without what a refused connection asked for; the same ones for any other reason."""
        if reason == REFUSED_QOS:
            return replace(self, qos=0)
        return replace(self, retain=False) if reason == REFUSED_RETAIN else self

    def closed(self, largest: int) -> BrokerLimits:
        """Return these limits with half the size of the largest packet, after which the broker said nothing more."""
        return replace(self, packet_bytes=max(MIN_PACKET_BYTES, largest // 2), is_guess=True)

    def size_text(self) -> str:
        """Return the limit of a packet in plain words."""
        if self.is_guess:
            return f"the broker closes the connection at packets of more than {self.packet_bytes} bytes, it seems"
        return f"the broker takes packets of at most {self.packet_bytes} bytes"

    def problems(self, largest: int = 0) -> list[str]:
        """Return what does not work with these limits and a packet of `largest` bytes, each with a remedy."""
        texts = []
        if largest > self.packet_bytes:
            texts.append(f"{self.size_text()}, but all entities take {largest}; {LARGER}")
        if not self.qos:
            texts.append("the broker takes no QoS 1, so feedback can be lost; let it take QoS 1 (max_qos)")
        if not self.retain:
            texts.append(
                "the broker retains nothing, so others see a state only from its next change; "
                "let it retain messages (retain_available)"
            )
        return texts
