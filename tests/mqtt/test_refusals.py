"""What the broker refuses is shown with a remedy, messages that are too large are not taken."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicond.core.models import Emotion
from musicond.mqtt.connection import MAXIMUM_PACKET_SIZE
from musicond.mqtt.discovery import as_json, discovery_message, trimmed
from musicond.mqtt.entities import ENTITIES
from tests.mqtt.conftest import Broker, Listener
from tests.mqtt.device import Device
from tests.mqtt.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.broker


def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


@contextmanager
def strict_broker(folder: Path, *lines: str, acl: str = "") -> Iterator[Broker]:
    """Run a broker with more lines of configuration."""
    broker = Broker(folder)
    broker.config += "".join(f"{line}\n" for line in lines)
    if acl:
        (folder / "acl").write_text(acl)
        (folder / "acl").chmod(0o600)
        broker.config += f"acl_file {folder}/acl\n"
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("acl", "topics"),
    [
        ("topic read #\n", ["musicond/den/#", "homeassistant/device/den/config"]),
        ("topic read #\ntopic readwrite musicond/#\n", ["homeassistant/device/den/config"]),
        ("topic read #\ntopic readwrite homeassistant/#\n", ["musicond/den/#"]),
    ],
    ids=["nothing", "no discovery", "no states"],
)
def test_a_denied_publish_is_told_with_the_rights_that_are_missing(tmp_path: Path, acl: str, topics: list[str]) -> None:
    with strict_broker(tmp_path, acl=acl) as broker, Device(tmp_path / "device", broker.port) as device:
        status = device.output.status
        assert until(lambda: all(f"let it write {topic}" in status() for topic in topics)), status()
        assert status().count("refuses messages (not authorized)") == len(topics)
        assert status().startswith("connected to ")
        assert f"let it write {topics[0]}" in str(device.output.page_health()["refusal"])


def dynamic_security(folder: Path, *allowed: str) -> list[str]:
    """Return lines that let mosquitto refuse all subscriptions but these, as its access lists can't."""
    plugins = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    assert plugins, "the plugin of mosquitto is missing: apt install mosquitto"
    acls = [{"acltype": "subscribePattern", "topic": topic, "priority": 0, "allow": True} for topic in allowed]
    everything = ("publishClientSend", "publishClientReceive", "unsubscribe")
    rules = {
        "defaultACLAccess": dict.fromkeys(everything, True) | {"subscribe": False},
        "roles": [{"rolename": "device", "acls": acls}],
        "groups": [{"groupname": "devices", "roles": [{"rolename": "device"}], "clients": []}],
        "anonymousGroup": "devices",
        "clients": [],
    }
    (folder / "rules.json").write_text(json.dumps(rules))
    return [f"plugin {plugins[0]}", f"plugin_opt_config_file {folder}/rules.json"]


@pytest.mark.parametrize(
    ("allowed", "topics"),
    [
        ((), ["musicond/den/#", "homeassistant/status", "homeassistant/device/den/config"]),
        (("musicond/den/#",), ["homeassistant/status", "homeassistant/device/den/config"]),
        (("homeassistant/#",), ["musicond/den/#"]),
    ],
    ids=["nothing", "own topics", "Home Assistant's"],
)
def test_a_denied_subscription_is_told_with_the_rights_that_are_missing(
    tmp_path: Path, allowed: tuple[str, ...], topics: list[str]
) -> None:
    with (
        strict_broker(tmp_path, *dynamic_security(tmp_path, *allowed)) as broker,
        Device(tmp_path / "device", broker.port) as device,
    ):
        status = device.output.status
        refused = "refuses subscriptions (not authorized); check the rights of mqtt.username: let it read"
        assert until(lambda: all(f"{refused} {topic}" in status() for topic in topics)), status()
        assert status().startswith("connected to ")
        assert status().count("refuses subscriptions") == len(topics)


LIMITS = {
    "small packets": (["max_packet_size 6000"], {}, "takes packets of at most 6000 bytes, so Home Assistant gets"),
    "small packets without MQTT 5": (
        ["max_packet_size 6000"],
        {"protocol": "3.1.1"},
        "closes the connection at packets of more than",
    ),
    "no QoS 1": (["max_qos 0"], {}, "takes no QoS 1, so feedback can be lost; let it take QoS 1 (max_qos)"),
    "nothing retained": (["retain_available false"], {}, "retains nothing, so others see a state only from its next"),
}


def test_without_mqtt_5_the_fifth_connection_holds_where_packets_are_small(tmp_path: Path) -> None:
    everything = tuple({entity.requires for entity in ENTITIES if entity.requires})
    with strict_broker(tmp_path, "max_packet_size 6000") as broker, Relay(broker.port) as relay:
        listener = Listener(broker.port)
        with Device(tmp_path / "device", relay.port, capabilities=everything, settings={"protocol": "3.1.1"}):
            assert listener.wait_for("musicond/den/availability", "online", 30)
            assert relay.connections == 5
        listener.close()


@pytest.mark.parametrize("line", ["max_packet_size 6000", "max_qos 0", "retain_available false"])
def test_a_limit_ends_with_the_connection(tmp_path: Path, line: str) -> None:
    with strict_broker(tmp_path, line) as broker, Relay(broker.port) as relay:
        with Device(tmp_path / "device", relay.port) as device:
            assert until(lambda: "the broker" in device.output.status())
            broker.stop()
            broker.config = broker.config.replace(line, "")
            broker.start()
            listener = Listener(broker.port)
            assert listener.wait_for("musicond/den/availability", "online", 30)
            assert device.output.status() == f"connected to 127.0.0.1:{relay.port}"
            assert "score_sad" in listener.retained["homeassistant/device/den/config"]
            relay.cut()
            assert listener.until(lambda: ("musicond/den/availability", "offline", False) in listener.messages)
            assert device.wait_published(listener)
        late = Listener(broker.port)
        assert late.wait_for("musicond/den/availability", "offline")
        late.close()
        listener.close()


def test_messages_of_many_sizes_that_are_too_large_are_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with strict_broker(tmp_path, "max_packet_size 300") as broker:
        with Device(tmp_path / "device", broker.port) as device:
            status = device.output.status
            assert until(lambda: "too few for musicond/den/state;" in status()), status()
            for emotion in (Emotion.SAD, Emotion.HAPPY, Emotion.SURPRISE):
                device.room.emotion = emotion
                assert device.wait_until(lambda outcome: outcome.mood.value == device.room.emotion.value)
                time.sleep(0.5)
            assert status().count("musicond/den/state;") == 1
        assert caplog.text.count("musicond/den/state;") == 1


RIGHTS = "closed the connection at our messages; give mqtt.username the rights in docs/mqtt.md"


@pytest.mark.parametrize("topic", ["homeassistant/", "musicond/den/health"])
def test_without_mqtt_5_a_denied_message_is_not_taken_for_a_large_one_for_good(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener], topic: str
) -> None:
    listener = listen()
    with Relay(broker.port) as relay:
        relay.hang_up_on = topic.encode()
        with Device(tmp_path / "device", relay.port, settings={"protocol": "3.1.1"}) as device:
            status = device.output.status
            assert until(lambda: status() == f"not connected to 127.0.0.1:{relay.port}: {RIGHTS}"), status()
            relay.hang_up_on = None
            assert listener.wait_for("musicond/den/availability", "online", 30)
            assert status() == f"connected to 127.0.0.1:{relay.port}"
            assert "score_sad" in listener.retained["homeassistant/device/den/config"]


@pytest.mark.parametrize("case", LIMITS)
def test_what_the_broker_does_not_take_is_said_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    lines, settings, text = LIMITS[case]
    with strict_broker(tmp_path, *lines) as broker:
        listener = Listener(broker.port)
        with Device(tmp_path / "device", broker.port, settings=settings) as device:
            status = device.output.status
            assert until(lambda: text in status()), status()
            assert until(lambda: listener.retained.get("musicond/den/availability") == "online")
            listener.send("musicond/den/privacy/set", "on", qos=0)
            assert listener.wait_for("musicond/den/privacy/state", "on")
            assert text in status()
            announced = json.loads(listener.retained["homeassistant/device/den/config"])["components"]
        listener.close()
    assert "another device" not in caplog.text
    assert announced.keys() >= {"mood", "recommendation", "presence", "privacy"}
    assert ("score_sad" in announced) == ("packets" not in case)


def test_a_broker_of_very_small_packets_gets_what_fits(tmp_path: Path) -> None:
    with strict_broker(tmp_path, "max_packet_size 300") as broker:
        listener = Listener(broker.port)
        with Device(tmp_path / "device", broker.port) as device:
            assert until(lambda: "too few for musicond/den/state;" in device.output.status()), device.output.status()
            assert until(lambda: listener.retained.get("musicond/den/mood") == "happy")
            assert "gets 0 of" in device.output.status()
        listener.close()


def test_a_discovery_message_loses_what_is_used_least() -> None:
    message = discovery_message("musicond/den", "den", "musicond", "1", ENTITIES)
    whole = len(as_json(message).encode())
    assert trimmed(message, whole) == message
    for most in range(0, whole, 500):
        left = trimmed(message, most)["components"]
        assert len(as_json({**message, "components": left}).encode()) <= most or not left
        assert not left or "mood" in left
        if any(key.startswith("score_") for key in left):
            assert "memory" in left


@pytest.mark.parametrize("pause_before", [None, b"\x00\x18musicond", b"/den/privacy/set"])
def test_a_huge_retained_message_takes_no_memory_without_mqtt_5_either(
    tmp_path: Path, broker: Broker, pause_before: bytes | None
) -> None:
    send = f"""
from paho.mqtt import publish
publish.single("musicond/den/privacy/set", b"x" * 100_000_000, 1, True, "127.0.0.1", {broker.port})
"""
    subprocess.run([sys.executable, "-c", send], check=True)
    Path("/proc/self/clear_refs").write_text("5")  # the highest use of memory counts from now
    before = memory_mib("VmRSS")
    topic = "musicond/den/privacy/set"
    text = f"{topic} has a message of 100000026 bytes, too large to receive; clear it: mosquitto_pub -r -n -t {topic}"
    with Relay(broker.port) as relay:
        relay.pause_before = pause_before
        with Device(tmp_path / "device", relay.port, settings={"protocol": "3.1.1"}) as device:
            assert until(lambda: text in device.output.status()), device.output.status()
            assert relay.connections == 2
    assert memory_mib("VmHWM") - before < 60


def memory_mib(name: str) -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) // 1024


def test_a_huge_retained_message_does_not_reach_the_device(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    with Device(tmp_path / "first", broker.port) as device:
        topic = f"homeassistant/device/{device.output.base.rpartition('/')[2]}/config"
    listener = listen()
    listener.send(topic, "x" * (MAXIMUM_PACKET_SIZE + 1), retain=True)
    with Device(tmp_path / "second", broker.port) as device:
        assert until(lambda: listener.retained.get(f"{device.output.base}/availability") == "online")
        assert until(lambda: len(listener.retained.get(topic, "")) < MAXIMUM_PACKET_SIZE)
        assert device.output.status() == f"connected to 127.0.0.1:{broker.port}"
