"""The connection to the broker: one thread that connects, reads, writes, notices a silent broker and reconnects.

All but `start`, `wake` and `stop` runs in that thread, so nothing is shared. paho is driven through its interface for
external event loops, because its own loop gives no reason of a failed TLS handshake, notices a silent broker late and
has no jitter in its backoff. Nothing is queued while there is no connection.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, cast

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions
from pydantic import SecretStr

from musicond.config.schema import Mqtt
from musicond.errors import OutputError, error_text
from musicond.mqtt.client import UNSUPPORTED, V5, V311, make_client, make_properties, tls_context
from musicond.mqtt.connection_status import ConnectionStatus, failure_text
from musicond.mqtt.limits import HEAD_BYTES, LARGER, MIN_PACKET_BYTES, BrokerLimits, packet_bytes
from musicond.runtime.backoff import Backoff

log = logging.getLogger(__name__)

UNSPECIFIED = "Unspecified error"
"""paho's reason for a disconnection without one from the broker."""
MAXIMUM_PACKET_SIZE = 2**20
"""Bytes of the largest packet that is received: a retained message may be of any size. With MQTT 5 the broker knows."""
MAX_CLOSED = 3
"""Times that a broker without MQTT 5 closes the connection at our messages until smaller ones are sent."""
RECEIVE_BUFFER = 2**15
"""Bytes of the socket's buffer; paho reads it up to a hundred times in one call."""
RECEIVE_MAXIMUM = 20
"""Unacknowledged commands that the broker may send; it queues the others."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of a connection; tests shorten them."""

    keepalive_s: int = 30
    silence_s: float = 42.0
    """Time without a byte, even an answer to a ping, after which the connection is given up."""
    connect_s: float = 5.0
    """Longest wait for a connection to be accepted."""
    backoff_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 10.0)
    """Waits before each new attempt, varied by `jitter`; the last one repeats."""
    jitter: float = 0.2
    steady_s: float = 10.0
    """Duration of a connection that resets the backoff."""
    session_s: int = 300
    """Time for which the broker queues feedback while there is no connection (MQTT 5)."""
    poll_s: float = 2.5
    """Longest wait of the thread for the broker."""
    disconnect_s: float = 0.5
    """Longest wait for the broker in `stop`."""


class Handler(Protocol):
    """Callbacks of a connection, all called in its thread."""

    def on_connect(self, *, resumed: bool) -> None:
        """Subscribe and publish; `resumed`: the broker still had the session."""

    def on_disconnect(self) -> None:
        """Note that the connection is lost."""

    def on_message(self, topic: str, message: paho.MQTTMessage) -> None:
        """Handle a message."""

    def on_published(self, topic: str) -> None:
        """Note that the broker has accepted a message of QoS 1."""

    def on_tick(self, now: float) -> float:
        """Publish what is due; return the monotonic second of the next call."""

    def before_disconnect(self) -> None:
        """Publish the last messages before a clean stop."""


class Connection:
    """Keeps a connection until `stop`; the retained topic `availability` becomes `offline` without one."""

    _client: paho.Client
    _wake_receiver: socket.socket

    def __init__(
        self, settings: Mqtt, password: SecretStr | None, availability: str, handler: Handler, timing: Timing | None
    ) -> None:
        self._settings, self._password = settings, password
        self._availability, self._handler = availability, handler
        self._timing = timing or Timing()
        self._address = f"{settings.host}:{settings.port}"
        self._limits = BrokerLimits()
        self._requests: dict[int, tuple[list[str], int]] = {}
        """Topics and bytes of each subscription and message of QoS 1 that is not answered, by packet identifier."""
        self._largest = self._closed = 0
        """Bytes of the largest packet of this connection; times that the broker closed it without an answer."""
        self._accepted = 0
        """Bytes of a packet that is certainly not too large."""
        self._subscribed: set[str] = set()
        self._too_large: dict[str, int] = {}
        """Topics with a message that is too large to receive, with its bytes."""
        self._version = V5 if settings.five else V311
        self._tls: ssl.SSLContext | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._wake_sender: socket.socket | None = None
        self._connected = self._refused = self._retry_now = False
        self._received_at = 0.0
        self.busy_since: float | None = None
        self._has_session = False
        """The broker has a session of this process, which a new connection may resume."""
        self._reason: str | None = None
        """The broker's own reason for the end of the connection."""
        self._bug: str | None = None
        """The last unexpected error, which is logged once."""
        self._status = ConnectionStatus(self._address, self._timing.steady_s)

    @property
    def problem(self) -> str | None:
        """Why there is no connection; None while there is one."""
        return self._status.problem

    @property
    def refusal(self) -> str | None:
        """The refusals of the broker on this connection, with a remedy; None if there are none."""
        return self._status.refusal

    @property
    def limits(self) -> BrokerLimits:
        """What the broker takes on this connection."""
        return self._limits

    def report(self, text: str) -> None:
        """Show what does not work on this connection."""
        self._status.refused(text)

    def start(self) -> None:
        """Start the thread; raise OutputError for an impossible address or certificate."""
        try:
            str(self._settings.host).encode("idna")
        except ValueError as exc:
            raise OutputError(f"mqtt.host: {self._settings.host}: {exc}; correct it") from None
        self._tls = tls_context(self._settings) if self._settings.tls else None
        self._stopping.clear()
        self._connected = False
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_sender.setblocking(False)  # noqa: FBT003 - the standard library's form
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Return whether the thread is running."""
        return self._thread is None or self._thread.is_alive()

    def wake(self) -> None:
        """Make the thread call `on_tick` now, from any thread, without waiting or raising."""
        if self._wake_sender is not None:
            with suppress(OSError):  # the buffer is full, so the thread wakes anyway; or it has ended
                self._wake_sender.send(b"x")

    def stop(self) -> None:
        """Disconnect and end the thread, within a second even if the broker does not answer."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        self.wake()
        thread.join(self._timing.disconnect_s + 0.3)
        if not thread.is_alive() and self._wake_sender is not None:  # else a connection attempt still uses them
            self._wake_receiver.close()
            self._wake_sender.close()

    def publish(self, topic: str, payload: str, *, retain: bool, qos: int = 0, expiry_s: int | None = None) -> None:
        """Send a message if there is a connection; `expiry_s` has an effect with MQTT 5 only.

        Instead of a message that is too large for the broker, an empty one is sent, so that no old one stays there.
        """
        if not self._connected:
            return
        limits = self._limits
        if packet_bytes(topic, payload) > limits.packet_bytes:
            self.report(f"{limits.size_text()}, too few for {topic}; {LARGER}")
            if not (retain and limits.retain):
                return
            payload = ""
        size = packet_bytes(topic, payload)
        self._largest = max(self._largest, size)
        expires = self._version == V5 and expiry_s is not None
        properties = make_properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry_s) if expires else None
        qos = min(qos, limits.qos)
        info = self._client.publish(topic, payload, qos=qos, retain=retain and limits.retain, properties=properties)
        if qos:
            self._requests[info.mid] = [topic], size

    def subscribe(self, topics: dict[str, int], *, as_published: bool = False) -> None:
        """Subscribe to topics, each with its QoS.

        `as_published` (MQTT 5): live messages keep the retain flag with which they were sent.
        """
        self._subscribed |= topics.keys()
        for topic in topics.keys() & self._too_large.keys():
            self.report(
                f"{topic} has a message of {self._too_large[topic]} bytes, too large to receive; "
                f"clear it: mosquitto_pub -r -n -t {topic}"
            )
        topics = {topic: qos for topic, qos in topics.items() if topic not in self._too_large}
        if self._limits.packet_bytes < packet_bytes("".join(topics), "") + HEAD_BYTES * len(topics):
            for topic, qos in topics.items():
                self._subscribe({topic: qos}, as_published=as_published)
        elif topics:
            self._subscribe(topics, as_published=as_published)

    def _subscribe(self, topics: dict[str, int], *, as_published: bool) -> None:
        if self._version == V5:
            options = {
                qos: SubscribeOptions(qos, noLocal=True, retainAsPublished=as_published) for qos in topics.values()
            }
            _, mid = self._client.subscribe([(topic, options[qos]) for topic, qos in topics.items()])
        else:
            _, mid = self._client.subscribe(list(topics.items()))
        if mid is not None:
            self._requests[mid] = list(topics), 0

    def acknowledge(self, mid: int) -> None:
        """Acknowledge a message of QoS 1; 0 is the packet identifier of one that needs none."""
        if mid and self._connected:
            self._client.ack(mid, 1)

    def _make_client(self) -> paho.Client:
        client_id = self._availability.removesuffix("/availability").replace("/", "-")
        client = make_client(self._settings, self._password, client_id, self._version, self._tls)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe, client.on_publish = self._on_subscribe, self._on_publish
        client.on_socket_open = lambda _client, _data, sock: cast("socket.socket", sock).setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER
        )
        client.connect_timeout = self._timing.connect_s
        client.will_set(self._availability, "offline", qos=self._limits.qos, retain=self._limits.retain)
        return client

    def _run(self) -> None:
        backoff = Backoff(self._timing.backoff_s, self._timing.jitter)
        while not self._stopping.is_set():
            self._retry_now, self.busy_since = False, time.monotonic()
            try:
                self._connect()
                self._serve()
            except OSError as exc:
                self._status.disconnected(failure_text(exc))
            except Exception as exc:  # a bug must not end the connection for good
                if (text := error_text(exc)) != self._bug:
                    log.exception("the connection to the broker failed")
                self._bug = text
                self._status.disconnected(f"an error of musicond ({text})", known=True)
            self._close()
            if self._connected:
                self._connected = False
                if self._version == V5 and self._limits != BrokerLimits():  # the next CONNACK has them again
                    self._limits = BrokerLimits()
                    self._change_version(V5)
                self._handler.on_disconnect()
                if not self._status.short_connections:
                    backoff.reset()
            if not self._retry_now:
                self._stopping.wait(backoff.fail())

    def _connect(self) -> None:
        """Open a connection and request a session; raise OSError."""
        timing = self._timing
        self._received_at, self._refused, self._reason = time.monotonic(), False, None
        self._requests.clear()
        self._largest = 0
        options: dict[str, Any] = {}
        if self._version == V5:
            # What an earlier process left unread is stale.
            options["clean_start"] = not self._has_session
            options["properties"] = make_properties(
                PacketTypes.CONNECT,
                SessionExpiryInterval=timing.session_s,
                ReceiveMaximum=RECEIVE_MAXIMUM,
                MaximumPacketSize=MAXIMUM_PACKET_SIZE,
            )
        self._client.connect(str(self._settings.host), self._settings.port, timing.keepalive_s, **options)

    def _serve(self) -> None:
        """Read and write until the connection ends; raise OSError if the broker does not answer."""
        client, started, due = self._client, time.monotonic(), 0.0
        while (sock := client.socket()) is not None:
            now = self.busy_since = time.monotonic()
            if self._stopping.is_set():
                self._disconnect()
                return
            if not self._connected and now - started > self._timing.connect_s:
                raise TimeoutError("no answer")
            if now - self._received_at > self._timing.silence_s:
                raise TimeoutError(f"silent for {now - self._received_at:.0f} s")
            if self._connected:
                due = self._handler.on_tick(now)
            self._wait(sock, min(max(0.0, due - now) if self._connected else 1.0, self._timing.poll_s))
            client.loop_misc()
        if not self._refused:
            self._on_closed()

    def _close(self) -> None:
        """Close the socket without a DISCONNECT, so that the broker publishes the will."""
        if (sock := self._client.socket()) is not None:
            with suppress(OSError):
                cast("socket.socket", sock).shutdown(socket.SHUT_RDWR)
                self._client.loop_read()

    def _on_closed(self) -> None:
        """Note that the broker closed the connection; without MQTT 5 it can't say why."""
        reason, unanswered = self._reason, self._version == V311 and self._connected and self._requests
        if unanswered:
            reason = "closed the connection at our messages; give mqtt.username the rights in docs/mqtt.md"
            if self._largest > self._accepted:
                reason += f", or let the broker take packets of {self._largest} bytes (max_packet_size)"
        more = "" if self._settings.five else " (with mqtt.protocol: 5 the broker can say why)"
        self._status.disconnected(reason or f"the connection was closed{more}", known=reason is not None)
        if not self._has_session and self._settings.five:
            # Some brokers without MQTT 5 close the connection instead of refusing it.
            self._change_version(V311 if self._version == V5 else V5)
        elif unanswered:
            self._closed += 1
            if 0 < self._largest <= MIN_PACKET_BYTES:  # so small a packet is never too large
                self._limits, self._accepted = BrokerLimits(), BrokerLimits().packet_bytes
            elif self._closed >= MAX_CLOSED and self._largest > self._accepted:
                self._limits = self._limits.closed(self._largest)
            self._change_version(V311)  # else paho would send what was not acknowledged again

    def _check_size(self) -> None:
        """Raise OSError for a message that is too large to receive, before it takes memory."""
        packet = self._client._in_packet  # noqa: SLF001 - paho has no limit of its own
        content, size = packet["packet"], packet["remaining_length"]
        end = 2 + int.from_bytes(content[:2], "big")
        if size > MAXIMUM_PACKET_SIZE and len(content) >= end:
            topic = bytes(content[2:end]).decode("utf-8", "replace")
            if topic in self._subscribed:
                self._too_large[topic] = size
            raise OSError(f"a message of {size} bytes was too large to receive")

    def _change_version(self, version: MQTTProtocolVersion) -> None:
        self._version = version
        self._client = self._make_client()

    def _wait(self, sock: Any, seconds: float) -> None:
        """Wait for the broker, for `wake` or for a time, then read and write."""
        client = self._client
        if sock.fileno() < 0:
            return
        poll = select.poll()
        poll.register(self._wake_receiver, select.POLLIN)
        poll.register(sock, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        for fd, event in poll.poll(seconds * 1000):
            if fd == self._wake_receiver.fileno():
                self._wake_receiver.recv(4096)
                continue
            if event & ~select.POLLOUT:
                client.loop_read()
                # Bytes that TLS has already decrypted wake no poll.
                while client.socket() is sock and self._tls is not None and sock.pending():  # type: ignore[union-attr]
                    self._check_size()
                    client.loop_read()
                self._check_size()
                if not client._in_packet["command"]:  # noqa: SLF001 - a part of a packet, of any length, is no answer
                    self._received_at = time.monotonic()
            if event & select.POLLOUT and client.socket() is sock:
                client.loop_write()

    def _disconnect(self) -> None:
        """Publish the last messages and `offline`, then disconnect."""
        client, end = self._client, time.monotonic() + self._timing.disconnect_s
        if self._connected:
            self._handler.before_disconnect()
            offline = client.publish(self._availability, "offline", qos=1, retain=True)
            while (sock := client.socket()) is not None and not offline.is_published() and time.monotonic() < end:
                self._wait(sock, 0.05)
        client.disconnect()
        while (sock := client.socket()) is not None and client.want_write() and time.monotonic() < end:
            self._wait(sock, 0.05)

    def _on_connect(self, _client: paho.Client, _data: object, flags: Any, reason: Any, properties: Any) -> None:
        if not reason.is_failure:
            self._limits = self._limits.connected(properties)
            self._status.connected()
            self._connected = self._has_session = True
            for text in self._limits.problems():
                self.report(text)
            self._handler.on_connect(resumed=bool(flags.session_present))
            return
        self._refused = True
        if self._version == V5 and str(reason) == UNSUPPORTED:
            log.info("broker %s: no MQTT 5; going on with 3.1.1", self._address)
            self._change_version(V311)
            self._retry_now = True
        elif (limits := self._limits.refused(str(reason))) != self._limits:
            self._limits, self._retry_now = limits, True
            self._change_version(self._version)
        else:
            self._status.disconnected(str(reason).lower(), known=True)

    def _on_disconnect(self, _client: paho.Client, _data: object, _flags: object, reason: Any, _more: object) -> None:
        # The broker's own reason comes first; a later one only says that the connection is gone.
        if self._reason is None and reason.is_failure and str(reason) != UNSPECIFIED:
            self._reason = str(reason).lower()

    def _on_subscribe(self, _client: paho.Client, _data: object, mid: int, reasons: Any, _more: object) -> None:
        for topic, reason in zip(self._requests.pop(mid, ((), 0))[0], reasons, strict=False):
            self._note_answer("subscriptions", "read", topic, reason)

    def _on_publish(self, _client: paho.Client, _data: object, mid: int, reason: Any, _more: object) -> None:
        topics, size = self._requests.pop(mid, ((), 0))
        for topic in topics:
            self._note_answer("messages", "write", topic, reason)
            self._closed, self._accepted = 0, max(self._accepted, size)
            if not reason.is_failure:
                self._handler.on_published(topic)

    def _note_answer(self, what: str, right: str, topic: str, reason: Any) -> None:
        """Show a refusal with the right that is missing, once for all topics of the node."""
        if reason.is_failure:
            below = self._availability.removesuffix("availability")
            topic = f"{below}#" if topic.startswith(below) else topic
            self.report(
                f"the broker refuses {what} ({str(reason).lower()}); "
                f"check the rights of mqtt.username: let it {right} {topic}"
            )

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # such a topic is none of ours
            return
        self._handler.on_message(topic, message)
