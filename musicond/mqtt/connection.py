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
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from pydantic import SecretStr

from musicond.config.schema import Mqtt
from musicond.errors import OutputError, error_text
from musicond.mqtt.connection_status import ConnectionStatus, failure_text
from musicond.runtime.backoff import Backoff

log = logging.getLogger(__name__)

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
UNSUPPORTED = "Unsupported protocol version"
"""paho's name of the reason code with which a broker refuses MQTT 5."""
UNSPECIFIED = "Unspecified error"
"""paho's reason for a disconnection without one from the broker."""
MAXIMUM_PACKET_SIZE = 2**20
"""Bytes of the largest packet that the broker may send (MQTT 5): a retained message may be of any size."""
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


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """Return the context for `mqtt.tls` with the system's authorities or `ca`; raise OutputError for a bad file."""
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ValueError) as exc:
        raise OutputError(f"mqtt.ca: {settings.ca}: {failure_text(exc)}; give a PEM file of certificates") from None
    if settings.cert:

        def no_password() -> str:
            raise ValueError("the key needs a password; give one without")

        try:
            context.load_cert_chain(settings.cert, settings.key, password=no_password)
        except (OSError, ValueError) as exc:
            files = f"{settings.cert} and {settings.key}" if settings.key else str(settings.cert)
            raise OutputError(
                f"mqtt.cert and mqtt.key: {files}: {failure_text(exc)}; give a certificate and its key as PEM"
            ) from None
    return context


def make_client(
    settings: Mqtt,
    password: SecretStr | None,
    client_id: str,
    version: MQTTProtocolVersion,
    tls: ssl.SSLContext | None,
) -> paho.Client:
    """Return a client that is not connected and leaves acknowledgements to its user."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if version == V5 else True,
        protocol=version,
        manual_ack=True,
    )
    if settings.username:
        client.username_pw_set(settings.username, password.get_secret_value() if password else None)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def make_properties(packet_type: int, **values: Any) -> Properties:
    """Return the MQTT 5 properties of a packet."""
    properties = Properties(packet_type)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


class Handler(Protocol):
    """Callbacks of a connection, all called in its thread."""

    def on_connect(self, *, resumed: bool) -> None:
        """Subscribe and publish; `resumed`: the broker still had the session."""

    def on_disconnect(self) -> None:
        """Note that the connection is lost."""

    def on_message(self, topic: str, message: paho.MQTTMessage) -> None:
        """Handle a message."""

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
        self._topics = f"{availability.removesuffix('/availability')}/# and {settings.discovery_prefix}/device/#"
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
        """Return whether the thread runs as it should."""
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
        """Send a message if there is a connection; `expiry_s` has an effect with MQTT 5 only."""
        if self._connected:
            expires = self._version == V5 and expiry_s is not None
            properties = make_properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry_s) if expires else None
            self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)

    def subscribe(self, topics: dict[str, int], *, as_published: bool = False) -> None:
        """Subscribe to topics, each with its QoS.

        `as_published` (MQTT 5): live messages keep the retain flag with which they were sent.
        """
        if self._version == V5:
            options = {
                qos: SubscribeOptions(qos, noLocal=True, retainAsPublished=as_published) for qos in topics.values()
            }
            self._client.subscribe([(topic, options[qos]) for topic, qos in topics.items()])
        else:
            self._client.subscribe(list(topics.items()))

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
        client.connect_timeout = self._timing.connect_s
        client.will_set(self._availability, "offline", qos=1, retain=True)
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
                self._status.disconnected(f"an error of musicond ({text})")
            self._close()
            if self._connected:
                self._connected = False
                self._handler.on_disconnect()
                if not self._status.short_connections:
                    backoff.reset()
            if not self._retry_now:
                self._stopping.wait(backoff.fail())

    def _connect(self) -> None:
        """Open a connection and request a session; raise OSError."""
        timing = self._timing
        self._received_at, self._refused, self._reason = time.monotonic(), False, None
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
            self._status.disconnected(self._reason or "the connection was closed")
            if not self._has_session and self._settings.five:
                # Some brokers without MQTT 5 close the connection instead of refusing it.
                self._change_version(V311 if self._version == V5 else V5)

    def _close(self) -> None:
        """Close the socket without a DISCONNECT, so that the broker publishes the will."""
        if (sock := self._client.socket()) is not None:
            with suppress(OSError):
                cast("socket.socket", sock).shutdown(socket.SHUT_RDWR)
                self._client.loop_read()

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
                self._received_at = time.monotonic()
                client.loop_read()
                # Bytes that TLS has already decrypted wake no poll.
                while client.socket() is sock and self._tls is not None and sock.pending():  # type: ignore[union-attr]
                    client.loop_read()
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

    def _on_connect(self, _client: paho.Client, _data: object, flags: Any, reason: Any, _more: object) -> None:
        if not reason.is_failure:
            self._status.connected()
            self._connected = self._has_session = True
            self._handler.on_connect(resumed=bool(flags.session_present))
            return
        self._refused = True
        if self._version == V5 and str(reason) == UNSUPPORTED:
            log.info("broker %s: no MQTT 5; going on with 3.1.1", self._address)
            self._change_version(V311)
            self._retry_now = True
        else:
            self._status.disconnected(str(reason).lower())

    def _on_disconnect(self, _client: paho.Client, _data: object, _flags: object, reason: Any, _more: object) -> None:
        # The broker's own reason comes first; a later one only says that the connection is gone.
        if self._reason is None and reason.is_failure and str(reason) != UNSPECIFIED:
            self._reason = str(reason).lower()

    def _on_subscribe(self, _client: paho.Client, _data: object, _mid: int, reasons: Any, _more: object) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._status.refused("subscriptions", str(reason).lower(), f"let it read {self._topics}")

    def _on_publish(self, _client: paho.Client, _data: object, _mid: int, reason: Any, _more: object) -> None:
        if reason.is_failure:
            self._status.refused("messages", str(reason).lower(), f"let it write {self._topics}")

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # such a topic is none of ours
            return
        self._handler.on_message(topic, message)
