"""Tells the broker: availability, mood, watching and recommendation as retained topics below `<base>/<node>/`.

Only the watch thread publishes states, always from the latest outcome: paho's thread notes that it is
connected and wakes the loop. So nothing stale is queued, and nothing newer is overtaken by it.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from musicond.core.ports import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from musicond.config import Mqtt
    from musicond.core.messages import Outcome, Recommendation

log = logging.getLogger(__name__)

PLAIN_LIMIT = 255
"""Characters that a state may have in Home Assistant."""
KEEPALIVE_S = 30
BACKOFF_S = (1, 10)
CONNECT_S = 5.0
FAREWELL_S = 0.4
"""How long `stop` waits for "offline" to be acknowledged, and again for the connection to end."""
MACHINE_ID = Path("/etc/machine-id")


def node_id(configured: str | None, machine_id: Path = MACHINE_ID) -> str:
    """Return the node's name in topics: the configured one, else host name and four digits of the machine id."""
    if configured:
        return configured
    try:
        digits = machine_id.read_text("ascii").strip()[:4]
    except (OSError, UnicodeDecodeError):
        digits = ""
    host = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-") or "musicond"
    return f"{host}-{digits}" if digits else host


class MqttOutput:
    """Implements `core.ports.Output`. `wake` makes the watch loop take a turn soon."""

    name = "mqtt"

    def __init__(self, settings: Mqtt, node: str, password: SecretStr | None, wake: Callable[[], None]) -> None:
        self._settings, self._password, self._wake = settings, password, wake
        self.base = f"{settings.base_topic}/{node}"
        self._address = f"{settings.host}:{settings.port}"
        self._client: paho.Client | None = None
        self._sent: dict[str, str] = {}
        self._connections = 0
        """Counts connections; a new one makes the next outcome be published whole."""
        self._published_for = 0
        self._online = False
        self._trouble: str | None = "connecting"

    def start(self) -> None:
        """Begin to connect in paho's thread, for ever if need be; raise OutputError for a hopeless address."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.base.replace("/", "-"))
        client.suppress_exceptions = True
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        if self._settings.username:
            secret = self._password.get_secret_value() if self._password else None
            client.username_pw_set(self._settings.username, secret)
        client.will_set(f"{self.base}/availability", "offline", qos=1, retain=True)
        client.reconnect_delay_set(*BACKOFF_S)
        client.connect_timeout = CONNECT_S
        client.max_queued_messages_set(50)
        try:
            # paho's thread would die of a name that can't be encoded.
            str(self._settings.host).encode("idna")
            client.connect_async(str(self._settings.host), self._settings.port, KEEPALIVE_S)
        except ValueError as fault:
            raise OutputError(f"mqtt.host: {self._settings.host}: {fault}; correct it") from None
        client.loop_start()
        self._client = client

    def accept(self, outcome: Outcome) -> None:
        """Publish what has changed, or everything after a new connection; nothing while there is none."""
        client = self._client  # a stop in the main thread may take it away meanwhile
        if client is None or not self._online:
            return
        if self._published_for != self._connections:
            self._published_for = self._connections
            self._sent.clear()
        for topic, payload in self._states(outcome).items():
            if self._sent.get(topic) != payload:
                self._sent[topic] = payload
                # QoS 0: paho would send what a dying connection left unacknowledged again, after the next one.
                client.publish(f"{self.base}/{topic}", payload, qos=0, retain=True)

    def status(self) -> str:
        """Return one plain line."""
        return (
            f"not connected to {self._address}: {self._trouble}" if self._trouble else f"connected to {self._address}"
        )

    def stop(self) -> None:
        """Say goodbye and end, even where the broker no longer listens."""
        client, self._client = self._client, None
        if client is None:
            return
        if self._online:
            farewell = client.publish(f"{self.base}/availability", "offline", qos=1, retain=True)
            try:
                farewell.wait_for_publish(FAREWELL_S)
            except (RuntimeError, ValueError):
                log.debug("the broker was gone before the farewell; its will says offline")
        client.disconnect()
        # loop_stop joins paho's thread without a limit; a connection attempt may hold it for seconds.
        end = threading.Thread(target=client.loop_stop, name="mqtt-end", daemon=True)
        end.start()
        end.join(FAREWELL_S)
        self._online = False

    def _states(self, outcome: Outcome) -> dict[str, str]:
        found = outcome.recommendation
        return {
            "availability": "online",
            "mood": outcome.mood.value,
            "watching": outcome.watching.value,
            "recommendation": plain(found),
            "recommendation/attributes": json.dumps(attributes(found), ensure_ascii=False),
        }

    def _on_connect(self, _client: paho.Client, _data: object, _flags: object, reason: Any, _more: object) -> None:
        if reason.is_failure:
            self._fail(str(reason).lower())
            return
        if self._trouble != "connecting":
            log.info("broker %s is back", self._address)
        else:
            log.info("connected to the broker %s", self._address)
        self._trouble = None
        self._connections += 1
        self._online = True
        self._wake()

    def _on_disconnect(self, _client: paho.Client, _data: object, _flags: object, reason: Any, _more: object) -> None:
        self._online = False
        if self._client is not None and self._trouble is None:
            self._fail(str(reason).lower() if reason.is_failure else "the connection was closed")

    def _on_connect_fail(self, _client: paho.Client, _data: object) -> None:
        self._fail("no answer")

    def _fail(self, why: str) -> None:
        if self._trouble != why:
            remedy = "; check mqtt.username and its password" if "authori" in why or "password" in why else ""
            log.warning("broker %s: %s%s; retrying", self._address, why, remedy)
        self._trouble = why


def plain(found: Recommendation | None) -> str:
    """Return the songs in one line, as many as fit into 255 characters."""
    line = ""
    for track in found.tracks if found else ():
        song = f"{track.title} – {track.artist}"  # noqa: RUF001 - the dash of a list of songs
        longer = f"{line}; {song}" if line else song
        if len(longer) > PLAIN_LIMIT:
            break
        line = longer
    if found and found.tracks and not line:
        line = found.tracks[0].title[: PLAIN_LIMIT - 1] + "…"
    return line


def attributes(found: Recommendation | None) -> dict[str, object]:
    """Return the recommendation for the attributes topic."""
    if found is None:
        return {"mood": None, "reason": None, "tracks": []}
    tracks = [{"title": track.title, "artist": track.artist, "link": track.link} for track in found.tracks]
    return {"mood": found.mood.value, "reason": found.reason, "tracks": tracks}
