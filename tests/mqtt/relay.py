"""A TCP relay before the broker that can fail as networks and old brokers do."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = b"\x20\x02\x00\x01"
"""CONNACK of MQTT 3.1.1: unacceptable protocol version."""


PUBLISH = 0x3


def whole_packets(data: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Remove the whole packets from the beginning of `data`, and yield each with the topic that it is published to."""
    while True:
        size, place = 0, 1
        while place < len(data):
            size |= (data[place] & 0x7F) << 7 * (place - 1)
            place += 1
            if not data[place - 1] & 0x80:
                break
        else:
            return
        if len(data) < place + size:
            return
        end = place + 2 + int.from_bytes(data[place : place + 2], "big")
        yield bytes(data[place + 2 : end] if data[0] >> 4 == PUBLISH else b""), bytes(data[: place + size])
        del data[: place + size]


class Relay:
    """Forwards between its port and another one, in both directions."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.deaf_up = self.deaf_down = False
        """Discard all bytes from the client, or from the broker; the connections stay open."""
        self.refuse_5: bytes | None = None
        """Answer to a connection with MQTT 5, which is then closed."""
        self.hang_up_on: bytes | None = None
        """Close the connection at a message of the client to a topic with this, as a broker may."""
        self.pause_before: bytes | None = None
        """Send what comes from the broker in two parts, the second of which begins with this."""
        self.connections = 0
        self._pairs: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Close every connection."""
        pairs, self._pairs = self._pairs, []
        for connection in pairs:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def inject(self, content: bytes) -> None:
        """Send bytes to the client that the broker did not send."""
        for client in self._pairs[::2]:
            with suppress(OSError):
                client.sendall(content)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self.connections += 1
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with suppress(OSError):
            first = client.recv(4096)
            if self.refuse_5 is not None and first[first.index(b"MQTT") + 4] == 5:
                client.sendall(self.refuse_5)
                client.close()
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                return
            self._pairs += [client, broker]
            broker.sendall(first)
            threading.Thread(target=self._pump, args=(client, broker), kwargs={"up": True}, daemon=True).start()
            self._pump(broker, client, up=False)

    def _pump(self, source: socket.socket, sink: socket.socket, *, up: bool) -> None:
        unsent = bytearray()
        with suppress(OSError):
            while data := source.recv(65536):
                if up and self.hang_up_on:
                    unsent += data
                    for topic, packet in whole_packets(unsent):
                        if self.hang_up_on in topic:
                            time.sleep(0.2)  # the answers to what came before
                            raise OSError
                        sink.sendall(packet)
                    continue
                if self.pause_before and not up and (place := data.find(self.pause_before)) > 0:
                    sink.sendall(data[:place])
                    time.sleep(0.5)
                    data = data[place:]
                if not (self.deaf_up if up else self.deaf_down):
                    sink.sendall(data)
        for connection in (source, sink):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
