from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Mood
from musicond.mqtt.discovery import BIRTH_DELAY_S, discovery_message, removed_components
from musicond.mqtt.entities import ENTITIES, available_entities
from tests.mqtt.device import Device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.mqtt.conftest import Broker, Listener

CONFIG = "homeassistant/device/den/config"
MESSAGE = discovery_message("musicond/den", "den", "Küche 1", "0.1", available_entities({"temperature"}))


@pytest.fixture
def device(tmp_path: Path, broker: Broker) -> Iterator[Device]:
    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
        yield device


def components(listener: Listener) -> dict[str, Any]:
    return dict(json.loads(listener.retained[CONFIG])["components"])


def test_the_message_has_all_that_home_assistant_requires() -> None:
    assert MESSAGE["device"]["identifiers"] == ["musicond_den"]
    assert MESSAGE["origin"]["name"] == "musicond"
    assert MESSAGE["availability_topic"] == "musicond/den/availability"
    ids = [component["unique_id"] for component in MESSAGE["components"].values()]
    assert len(set(ids)) == len(ids)
    for key, component in MESSAGE["components"].items():
        assert component["default_entity_id"] == f"{component['platform']}.k_che_1_{key}"
        assert re.fullmatch(r"[a-z0-9_]+", key)
        assert "object_id" not in component
        topics = [value for option, value in component.items() if option.endswith("_topic")]
        assert topics
        assert all(topic.startswith("musicond/den/") for topic in topics)


def test_the_options_are_those_of_the_contract() -> None:
    mood = MESSAGE["components"]["mood"]
    assert mood["options"] == ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise", "unsure", "nobody"]
    assert MESSAGE["components"]["watching"]["options"] == ["yes", "dark", "paused", "private", "no_camera"]
    assert MESSAGE["components"]["mood_changed"]["event_types"] == ["mood_changed"]
    assert MESSAGE["components"]["presence"]["device_class"] == "occupancy"
    scores = [component for key, component in MESSAGE["components"].items() if key.startswith("score_")]
    assert len(scores) == 7
    assert all(component["enabled_by_default"] is False for component in scores)


PLAYER = {"playback", "playback_trouble", "autoplay", "volume", "play", "previous", "stop"}
ACCOUNT = {"sign_in", "sign_in_ends", "sign_in_days"}


def test_an_entity_without_its_capability_is_not_announced() -> None:
    keys = {entity.key for entity in ENTITIES}
    assert {entity.key for entity in available_entities(())} == keys - {
        "temperature",
        "slowed",
        "throttled",
        "undervoltage",
        "width_seen",
    } - PLAYER - ACCOUNT
    assert {entity.key for entity in available_entities(("playback",))} == keys - {
        "temperature",
        "slowed",
        "throttled",
        "undervoltage",
        "width_seen",
    } - ACCOUNT
    assert "temperature" in MESSAGE["components"]
    assert "throttled" not in MESSAGE["components"]


def test_each_command_topic_has_one_parser() -> None:
    parsers: dict[str, list[bool]] = {}
    for entity in ENTITIES:
        if entity.command_topic:
            parsers.setdefault(entity.command_topic, []).append(entity.command_fn is not None)
    assert all(sum(has_parser) == 1 for has_parser in parsers.values())


@pytest.mark.parametrize(
    "old",
    [
        b"",
        b"{",
        b"[]",
        b'{"components": 3}',
        b'{"components": {"a": 1}}',
        b"[" * 100000,
        b'{"components": {"\\ud800": {"platform": "sensor"}}}',
        b'{"components": {"a": {"platform": "sensor\\udfff"}, "b\\u0000": {"platform": "sensor"}}}',
        b'{"components": {"a": {"platform": ["\\ud800"]}, "b": {"platform": null}}}',
    ],
)
def test_a_malformed_retained_message_is_ignored(old: bytes) -> None:
    assert removed_components(old, MESSAGE) == {}


@pytest.mark.broker
def test_the_message_is_sent_once_and_again_after_home_assistant_s_birth_message(
    device: Device, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    assert listener.wait_for(CONFIG)
    assert set(components(listener)) == {entity.key for entity in available_entities(())}
    count = [topic for topic, *_ in listener.messages].count(CONFIG)
    listener.retained.clear()
    born = time.monotonic()
    listener.send("homeassistant/status", "online")
    assert listener.wait_for(CONFIG)
    assert time.monotonic() - born >= BIRTH_DELAY_S[0]
    assert listener.wait_for("musicond/den/availability", "online")
    assert device.wait_published(listener)
    assert [topic for topic, *_ in listener.messages].count(CONFIG) == count + 1


@pytest.mark.broker
def test_a_birth_message_may_be_retained(device: Device, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert listener.wait_for("musicond/den/availability", "online")
    count = [topic for topic, *_ in listener.messages].count(CONFIG)
    listener.send("homeassistant/status", "online", retain=True)
    assert listener.until(lambda: [topic for topic, *_ in listener.messages].count(CONFIG) > count)


@pytest.mark.broker
def test_a_removed_entity_disappears(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    with Device(tmp_path / "device", broker.port, capabilities=("temperature",)):
        assert (listener := listen()).wait_for(CONFIG)
        assert "temperature" in components(listener)
    late = listen()
    with Device(tmp_path / "device", broker.port):
        assert late.until(lambda: CONFIG in late.retained and "temperature" not in components(late))
        announced = [
            json.loads(text)["components"].get("temperature") for topic, text, _ in late.messages if topic == CONFIG
        ]
        assert announced[-2:] == [{"platform": "sensor"}, None], "removed first, then no longer named"
        late.send("homeassistant/status", "online")
        assert late.until(lambda: [topic for topic, *_ in late.messages].count(CONFIG) > len(announced))
        assert "temperature" not in components(late)
    with Device(tmp_path / "device", broker.port, settings={"discovery": False}) as device:
        assert late.until(lambda: CONFIG not in late.retained)
        assert device.wait_published(late)


@pytest.mark.broker
def test_half_a_surrogate_in_the_retained_message_keeps_no_device_offline(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener], caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen()
    components = '{"old": {"platform": "sensor"}, "\\ud800": {"platform": "sensor"}, "b": {"platform": "\\ud800"}}'
    listener.send(CONFIG, f'{{"components": {components}}}', retain=True)
    with Device(tmp_path / "device", broker.port):
        assert listener.wait_for("musicond/den/availability", "online")
    removed = [json.loads(text)["components"] for topic, text, _ in listener.messages if topic == CONFIG][1]
    assert removed["old"] == {"platform": "sensor"}, "what can be removed, is"
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.broker
def test_prefix_and_status_topic_can_be_chosen(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    listener = listen()
    own = {"discovery_prefix": "ha", "status_topic": "ha/birth", "base_topic": "home/mood"}
    with Device(tmp_path / "device", broker.port, settings=own):
        assert listener.wait_for("ha/device/den/config")
        assert listener.wait_for("home/mood/den/availability", "online")
        message = json.loads(listener.retained["ha/device/den/config"])
        assert message["availability_topic"] == "home/mood/den/availability"
        listener.retained.clear()
        listener.send("ha/birth", "online")
        assert listener.wait_for("ha/device/den/config")
    assert CONFIG not in listener.retained
