"""What the broker refuses is shown with a remedy, messages that are too large are not taken, old names are cleared."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicond.mqtt.connection import MAXIMUM_PACKET_SIZE
from musicond.mqtt.discovery import as_json, discovery_message, trimmed
from musicond.mqtt.entities import ENTITIES
from musicond.mqtt.published import PublishedTopics
from musicond.runtime.json_file import JsonFile
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


def test_a_denied_subscription_is_told_with_the_rights_that_are_missing(tmp_path: Path, broker: Broker) -> None:
    with Relay(broker.port) as relay:
        relay.refuse_subscriptions = True
        with Device(tmp_path / "device", relay.port) as device:
            status = device.output.status
            for topic in ("musicond/den/#", "homeassistant/status", "homeassistant/device/den/config"):
                text = f"refuses subscriptions (not authorized); check the rights of mqtt.username: let it read {topic}"
                assert until(lambda text=text: text in status()), status()  # type: ignore[misc]
            assert status().count("refuses subscriptions") == 3


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
            assert until(lambda: "musicond/den/state has" in device.output.status()), device.output.status()
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


@pytest.mark.parametrize(
    ("node", "settings", "gone"),
    [
        ("attic", {}, ("musicond/den/", "homeassistant/device/den/config")),
        ("den", {"base_topic": "home/music"}, ("musicond/den/",)),
        ("den", {"discovery_prefix": "ha"}, ("homeassistant/device/den/config",)),
    ],
    ids=["host name", "base topic", "prefix"],
)
def test_what_was_published_under_another_name_is_cleared(
    tmp_path: Path,
    broker: Broker,
    listen: Callable[[], Listener],
    node: str,
    settings: dict[str, str],
    gone: tuple[str, ...],
) -> None:
    listener = listen()

    def old() -> list[str]:
        return [topic for topic in listener.retained if topic.startswith(gone) and not topic.endswith("/event")]

    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_published(listener)
        assert old()
    with Device(tmp_path / "device", broker.port, node=node, settings=settings) as device:
        assert listener.until(lambda: not old()), old()
        assert listener.wait_for(f"{device.output.base}/availability", "online")
        assert listener.wait_for(f"{settings.get('discovery_prefix', 'homeassistant')}/device/{node}/config")
        stored = JsonFile(tmp_path / "device" / "published.json")
        assert until(lambda: not any(topic.startswith(gone) for topic in stored.read()["topics"]))
        assert f"{device.output.base}/mood" in stored.read()["topics"]


def test_old_names_are_kept_until_a_broker_has_cleared_them(tmp_path: Path) -> None:
    file = JsonFile(tmp_path / "published.json")
    file.save({"topics": ["old/den/mood", "new/den/mood", 3, "a/#", "x" * 400]})
    topics = PublishedTopics(file, ("new/den/",))
    assert topics.foreign == {"old/den/mood"}
    topics.add("new/den/state")
    topics.save(cleared=False)
    assert file.read()["topics"] == ["new/den/mood", "new/den/state", "old/den/mood"]
    topics.save(cleared=True)
    assert PublishedTopics(file, ("new/den/",)).foreign == set()


def test_a_huge_retained_message_takes_no_memory_without_mqtt_5_either(tmp_path: Path, broker: Broker) -> None:
    send = f"""
from paho.mqtt import publish
publish.single("musicond/den/privacy/set", b"x" * 100_000_000, 1, True, "127.0.0.1", {broker.port})
"""
    subprocess.run([sys.executable, "-c", send], check=True)
    Path("/proc/self/clear_refs").write_text("5")  # the highest use of memory counts from now
    before = memory_mib("VmRSS")
    with Device(tmp_path / "device", broker.port, settings={"protocol": "3.1.1"}) as device:
        topic = "musicond/den/privacy/set"
        text = (
            f"{topic} has a message of 100000026 bytes, too large to receive; clear it: mosquitto_pub -r -n -t {topic}"
        )
        assert until(lambda: text in device.output.status()), device.output.status()
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
