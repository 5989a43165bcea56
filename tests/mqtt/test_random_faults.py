"""Random faults of the link to the broker: it breaks, does not answer, or carries invalid data; script/fault-test random runs a thousand.

After each fault the broker has the present state, commands work, and each like counts once.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from musicond.core.models import Emotion
from musicond.mqtt.output import MqttOutput
from tests.figures import MANY, SEED, random_faults, record
from tests.mqtt.conftest import Broker, Listener
from tests.mqtt.device import Device
from tests.mqtt.relay import Relay

if TYPE_CHECKING:
    from pathlib import Path

    from paho.mqtt.client import MQTTMessage

pytestmark = pytest.mark.broker

WAIT_S = 20.0
"""Longest wait for what must hold again after a fault."""


KINDS = ("cut", "cut twice", "deaf", "garbage", "nonsense", "retained commands", "another client removes the mood")


@dataclass
class Link:
    """The link between a device and its broker, which fails."""

    rng: random.Random
    relay: Relay
    listener: Listener
    base: str

    def fail(self, kind: str) -> None:
        """Let one thing of KINDS go wrong."""
        match kind:
            case "cut":
                self.relay.cut()
            case "cut twice":
                self.relay.cut()
                time.sleep(self.rng.uniform(0, 0.2))
                self.relay.cut()
            case "deaf":
                relay = self.relay
                relay.deaf_up, relay.deaf_down = self.rng.choice(((True, False), (False, True), (True, True)))
                time.sleep(self.rng.uniform(0, 0.3))
                relay.cut()
                relay.deaf_up = relay.deaf_down = False
            case "garbage":
                self.relay.inject(self.rng.randbytes(self.rng.randrange(1, 300)))
            case "nonsense":
                for _ in range(self.rng.choice((1, 5, 50))):
                    payload = self.rng.choice((b"", b"\xff", b"nonsense", b"-1", b"NaN", b"{", b"x" * 2000, b"\0"))
                    self.listener.send(self.command(), payload, qos=self.rng.randrange(2))
            case "retained commands":
                topic = f"{self.base}/privacy/set"
                for command in (self.rng.choice(("on", "off")), ""):
                    self.listener.send(topic, command, retain=True)
            case _:
                self.listener.send(f"{self.base}/mood", "", retain=True)
                self.relay.cut()  # the next connection brings it back

    def command(self) -> str:
        """Return a topic of a command."""
        return f"{self.base}/{self.rng.choice(('privacy', 'pause', 'mood', 'policy', 'sensitivity'))}/set"


def run_mqtt(count: int, seed: int, folder: Path, output_type: type[MqttOutput] = MqttOutput) -> dict[str, int]:
    """Break the link; after each fault the broker has the present state, commands work, and each like counts once."""
    rng, broker = random.Random(seed), Broker(folder)
    broker.start()
    listener, likes, private = Listener(broker.port), 0, False
    try:
        with Relay(broker.port) as relay, Device(folder / "device", relay.port, output_type=output_type) as device:
            link = Link(rng, relay, listener, device.base)
            assert device.wait_published(listener, WAIT_S)
            for _ in range(count):
                kind = rng.choice(KINDS)
                device.room.emotion = rng.choice((Emotion.HAPPY, Emotion.SAD))
                link.fail(kind)
                assert device.output.is_alive()
                assert device.wait_published(listener, WAIT_S), kind
                assert device.latest is not None
                assert device.latest.settings.private == private, f"{kind} has switched privacy"
                private = not private
                assert switched(listener, device.base, "on" if private else "off"), f"no command works after {kind}"
                if not private:
                    assert device.wait_until(lambda outcome: outcome.recommendation is not None, WAIT_S)
                    likes += 1
                    listener.send(f"{device.base}/like/set")
                    assert device.wait_until(lambda _, likes=likes: device.likes() >= likes, WAIT_S)  # type: ignore[misc]
                assert device.likes() == likes, f"after {kind} a like is lost or doubled"
    finally:
        listener.close()
        broker.stop()
    return {"faults": count, "likes": likes, "connections": relay.connections}


def switched(listener: Listener, base: str, state: str) -> bool:
    """Switch privacy, again if the connection was not back yet; return whether that works."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        listener.send(f"{base}/privacy/set", state)
        if listener.wait_for(f"{base}/privacy/state", state, 1.0):
            return True
    return False


class ForgetsTheState(MqttOutput):
    """A planted bug: after a new connection only changes are published."""

    def on_connect(self, *, resumed: bool) -> None:
        """Subscribe."""
        published = self._published
        super().on_connect(resumed=resumed)
        if published is not None:
            self._published, self._republish_at = published, None


class ObeysRetained(MqttOutput):
    """A planted bug: a retained message is a command."""

    def on_message(self, topic: str, message: MQTTMessage) -> None:
        """Handle a message as if it were not retained."""
        message.retain = False
        super().on_message(topic, message)


def test_no_fault_of_a_link_leaves_a_wrong_state_or_loses_a_like(tmp_path: Path) -> None:
    record("mqtt", **run_mqtt(random_faults(10), SEED, tmp_path))


@pytest.mark.parametrize(
    ("bug", "text"), [(ForgetsTheState, "retained .*\nexpected"), (ObeysRetained, "has switched privacy|expected")]
)
def test_a_bug_of_mqtt_is_found(tmp_path: Path, bug: type[MqttOutput], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        run_mqtt(MANY, SEED, tmp_path, bug)
