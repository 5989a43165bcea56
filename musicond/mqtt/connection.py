"""The connection to the broker: one thread that connects, reads, writes, notices silence and begins anew.

Everything but `start`, `wake` and `stop` happens in that thread, so nothing here is shared. paho is driven through its
interface for foreign event loops: the waits between two tries, a silent link and the reason of a failed TLS handshake
can be told no other way. Nothing is queued while there is no connection.
"""

from __future__ import annotations

import logging
import random
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from paho.mqtt import client as paho
from paho.mqtt import properties as paho_properties
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

from musicond.errors import OutputError
from musicond.mqtt.connection_status import ConnectionStatus, why

if TYPE_CHECKING:
    from ssl import SSLContext

    from pydantic import SecretStr

    from musicond.config.schema import Mqtt


log = logging.getLogger(__name__)

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


UNSUPPORTED = "Unsupported protocol version"
"""How paho names the refusal of a broker that knows no MQTT 5."""


UNSPECIFIED = "Unspecified error"
"""How paho names the end of a connection for which the broker gave no reason."""


IN_FLIGHT = 20
"""Unacknowledged commands that the broker may send; more wait there until these are done."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; shorter ones are for tests."""

    keepalive_s: int = 30
    silence_s: float = 42.0
    """After so long without a byte from the broker, which answers every ping, the link is dead."""
    connect_s: float = 5.0
    """How long a connection may take to be accepted."""
    backoff_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 10.0)
    """Waits between two tries; the last one repeats. Each varies by `jitter`."""
    jitter: float = 0.2
    steady_s: float = 10.0
    """A connection that held this long starts the waits anew."""
    session_s: int = 300
    """For how long the broker keeps feedback for us while the link is down (MQTT 5)."""
    look_s: float = 2.5
    """Longest wait within the thread."""
    farewell_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker; `mid` is its packet identifier, 0 with QoS 0."""

    topic: str
    payload: bytes
    retain: bool
    mid: int
    dup: bool


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """Return the context for `mqtt.tls`: the system's authorities or `ca`; raise OutputError for a bad file."""
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ValueError) as fault:
        raise OutputError(f"mqtt.ca: {settings.ca}: {why(fault)}; give a PEM file of certificates") from None
    if settings.cert:

        def no_password() -> str:
            raise ValueError("the key needs a password; give one without")

        try:
            context.load_cert_chain(settings.cert, settings.key, password=no_password)
        except (OSError, ValueError) as fault:
            where = f"{settings.cert} and {settings.key}" if settings.key else str(settings.cert)
            raise OutputError(
                f"mqtt.cert and mqtt.key: {where}: {why(fault)}; give a certificate and its key as PEM"
            ) from None
    return context


def make_client(
    settings: Mqtt, password: SecretStr | None, name: str, version: MQTTProtocolVersion, tls: SSLContext | None
) -> paho.Client:
    """Return a client that is not connected, called `name` at the broker, and acknowledges nothing by itself."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=name,
        clean_session=None if version == V5 else True,
        protocol=version,
        manual_ack=True,
    )
    if settings.username:
        client.username_pw_set(settings.username, password.get_secret_value() if password else None)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def make_properties(packet: int, **values: Any) -> paho_properties.Properties:
    """Return MQTT 5 properties for a kind of packet."""
    made = paho_properties.Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Handler(Protocol):
    """Whoever uses the connection; called in its thread."""

    def on_connect(self, *, resumed: bool) -> None:
        """Begin: subscribe and publish. `resumed`: the broker still knew the session."""

    def on_disconnect(self) -> None:
        """Take note that there is no connection any more."""

    def on_message(self, message: Received) -> None:
        """Take a message."""

    def on_tick(self, now: float) -> float:
        """Publish what is due; return the monotonic second from which something more will be."""

    def before_disconnect(self) -> None:
        """Publish the last words."""


class Connection:
    """Keeps one connection for ever; `user` says what goes over it, `will` is the topic that then says `offline`."""

    def __init__(
        self, settings: Mqtt, password: SecretStr | None, will: str, user: Handler, timing: Timing | None = None
    ) -> None:
        self._settings, self._password, self._will, self._user = settings, password, will, user
        self._timing = timing or Timing()
        self._address = f"{settings.host}:{settings.port}"
        self._version = V5 if settings.five else V311
        self._client: paho.Client | None = None
        self._tls: SSLContext | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._woken: socket.socket | None = None
        self._waker: socket.socket | None = None
        self._up = self._refused = self._at_once = False
        self._heard_at = 0.0
        self._known = False
        """The broker has taken a session of this process, which a new connection may resume."""
        self._reason: str | None = None
        self._trouble = ConnectionStatus(self._address, self._timing.steady_s)

    @property
    def trouble(self) -> str | None:
        """Why there is no connection; None while there is one."""
        return self._trouble.now

    def start(self) -> None:
        """Begin to connect, for ever if need be; raise OutputError for a hopeless address or certificate."""
        try:
            str(self._settings.host).encode("idna")
        except ValueError as fault:
            raise OutputError(f"mqtt.host: {self._settings.host}: {fault}; correct it") from None
        self._tls = tls_context(self._settings) if self._settings.tls else None
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)  # noqa: FBT003 - the standard library's form
        self._client = self._make()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Make the thread take a turn now. From any thread; never waits, never raises."""
        if self._waker is not None:
            with suppress(OSError):  # full: it is awake already; or over
                self._waker.send(b"x")

    def stop(self) -> None:
        """Say goodbye and end, within a second even where the broker no longer listens."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping.set()
        self.wake()
        thread.join(self._timing.farewell_s + 0.3)
        if (
            not thread.is_alive() and self._woken and self._waker
        ):  # else a connection attempt holds it, and these with it, until the process ends
            self._woken.close()
            self._waker.close()

    def publish(self, topic: str, payload: str, *, retain: bool, qos: int = 0, expiry_s: int | None = None) -> None:
        """Send a message if there is a connection."""
        if self._client is None or not self._up:
            return
        five = self._version == V5 and expiry_s is not None
        properties = make_properties(PacketTypes.PUBLISH, MessageExpiryInterval=expiry_s) if five else None
        self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)

    def subscribe(self, topics: dict[str, int], *, as_published: bool = False) -> None:
        """Subscribe to topics, each with its QoS.

        `as_published` (MQTT 5): what was sent to be retained is told as such even where it arrives live.
        """
        if self._client is None:
            return
        if self._version == V5:
            options = {
                qos: SubscribeOptions(qos, noLocal=True, retainAsPublished=as_published) for qos in topics.values()
            }
            self._client.subscribe([(topic, options[qos]) for topic, qos in topics.items()])
        else:
            self._client.subscribe(list(topics.items()))

    def acknowledge(self, mid: int) -> None:
        """Tell the broker that a message of QoS 1 has been dealt with."""
        if self._client is not None and self._up:
            self._client.ack(mid, 1)

    def _make(self) -> paho.Client:
        name = self._will.removesuffix("/availability").replace("/", "-")
        client = make_client(self._settings, self._password, name, self._version, self._tls)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message = self._on_message
        client.connect_timeout = self._timing.connect_s
        client.will_set(self._will, "offline", qos=1, retain=True)
        return client

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            self._at_once = False
            try:
                self._connect()
                self._serve()
            except OSError as fault:
                self._trouble.disconnected(why(fault))
            except Exception:  # a bug must not end the connection for good
                log.exception("the connection to the broker failed")
                self._trouble.disconnected("an error of musicond")
            self._cut()
            if self._up:
                self._up = False
                self._user.on_disconnect()
                tries = tries if self._trouble.short else 0
            if self._at_once:
                continue
            self._rest(self._timing.backoff_s[min(tries, len(self._timing.backoff_s) - 1)])
            tries += 1

    def _connect(self) -> None:
        """Open a connection and ask to be let in; raise OSError."""
        assert self._client is not None
        settings, timing = self._settings, self._timing
        self._heard_at, self._refused, self._reason = time.monotonic(), False, None
        if self._version == V5:
            session = make_properties(
                PacketTypes.CONNECT, SessionExpiryInterval=timing.session_s, ReceiveMaximum=IN_FLIGHT
            )
            # What an earlier process left unread is stale.
            self._client.connect(
                str(settings.host),
                settings.port,
                timing.keepalive_s,
                clean_start=not self._known,
                properties=session,
            )
        else:
            self._client.connect(str(settings.host), settings.port, timing.keepalive_s)

    def _serve(self) -> None:
        """Read and write until the connection ends; raise OSError where it is to be given up."""
        assert self._client is not None
        client, asked_at, due = self._client, time.monotonic(), 0.0
        while (sock := client.socket()) is not None:
            now = time.monotonic()
            if self._stopping.is_set():
                return self._farewell()
            if not self._up and now - asked_at > self._timing.connect_s:
                raise TimeoutError("no answer")
            if now - self._heard_at > self._timing.silence_s:
                raise TimeoutError(f"silent for {now - self._heard_at:.0f} s")
            if self._up:
                due = self._user.on_tick(now)
            self._wait(sock, min(max(0.0, due - now) if self._up else 1.0, self._timing.look_s))
            client.loop_misc()
        if not self._refused:
            self._trouble.disconnected(self._reason or "the connection was closed")
            if not self._known and self._settings.five:
                # Some brokers without MQTT 5 hang up instead of refusing it.
                self._take(V311 if self._version == V5 else V5)
        return None

    def _cut(self) -> None:
        """Close what is left of the connection at once, so that the broker's will speaks."""
        if self._client is not None and (sock := self._client.socket()) is not None:
            with suppress(OSError):
                cast("socket.socket", sock).shutdown(socket.SHUT_RDWR)
                self._client.loop_read()

    def _take(self, version: MQTTProtocolVersion) -> None:
        self._version, self._client = version, None
        self._client = self._make()

    def _wait(self, sock: Any, seconds: float) -> None:
        """Wait for the broker, for a `wake` or for some seconds, then read and write what can be."""
        assert self._client is not None
        assert self._woken is not None
        client = self._client
        if sock.fileno() < 0:
            return
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(sock, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
        for number, event in poll.poll(seconds * 1000):
            if number == self._woken.fileno():
                self._woken.recv(4096)
                continue
            if event & ~select.POLLOUT:
                self._heard_at = time.monotonic()
                client.loop_read()
                # What TLS has decrypted already, no poll will announce.
                while client.socket() is sock and self._tls is not None and sock.pending():  # type: ignore[union-attr]
                    client.loop_read()
            if event & select.POLLOUT and client.socket() is sock:
                client.loop_write()

    def _farewell(self) -> None:
        assert self._client is not None
        client, end = self._client, time.monotonic() + self._timing.farewell_s
        if self._up:
            self._user.before_disconnect()
            last = client.publish(self._will, "offline", qos=1, retain=True)
            while (sock := client.socket()) is not None and not last.is_published() and time.monotonic() < end:
                self._wait(sock, 0.05)
        client.disconnect()
        while (sock := client.socket()) is not None and client.want_write() and time.monotonic() < end:
            self._wait(sock, 0.05)

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds * random.uniform(1 - self._timing.jitter, 1 + self._timing.jitter)  # noqa: S311 - no secret
        self._stopping.wait(max(0.0, end - time.monotonic()))

    def _on_connect(self, _client: paho.Client, _data: object, flags: Any, reason: Any, _more: object) -> None:
        if reason.is_failure:
            self._refused = True
            if self._version == V5 and str(reason) == UNSUPPORTED:
                log.info("broker %s: no MQTT 5; going on with 3.1.1", self._address)
                self._take(V311)
                self._at_once = True
                return
            self._trouble.disconnected(str(reason).lower())
            return
        self._trouble.connected()
        self._up = self._known = True
        self._user.on_connect(resumed=bool(flags.session_present))

    def _on_disconnect(self, _client: paho.Client, _data: object, _flags: object, reason: Any, _more: object) -> None:
        # The broker's own word comes first; what follows is that the connection is gone.
        if self._reason is None and reason.is_failure and str(reason) != UNSPECIFIED:
            self._reason = str(reason).lower()

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # such a topic is none of ours
            return
        self._user.on_message(Received(topic, bytes(message.payload), message.retain, message.mid, message.dup))
