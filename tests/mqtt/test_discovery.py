from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Mood
from musicond.mqtt.discovery import BIRTH_DELAY_S, discovery_message, removed_components
from musicond.mqtt.entities import ENTITIES, available_entities
from tests.mqtt.house import House

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.mqtt.conftest import Broker, Listener

CONFIG = "homeassistant/device/den/config"
MESSAGE = discovery_message("musicond/den", "den", "Küche 1", "0.1", available_entities({"temperature"}))


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> Iterator[House]:
    with House(tmp_path / "house", broker.port) as made:
        assert made.until(lambda outcome: outcome.mood is Mood.HAPPY)
        yield made


def components(listener: Listener) -> dict[str, Any]:
    return dict(json.loads(listener.retained[CONFIG])["components"])


def test_what_home_assistant_refuses_a_message_for_is_there() -> None:
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


def test_the_words_are_the_contract_s() -> None:
    mood = MESSAGE["components"]["mood"]
    assert mood["options"] == ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise", "unsure", "nobody"]
    assert MESSAGE["components"]["watching"]["options"] == ["yes", "dark", "paused", "private", "no_camera"]
    assert MESSAGE["components"]["mood_changed"]["event_types"] == ["mood_changed"]
    assert MESSAGE["components"]["presence"]["device_class"] == "occupancy"
    scores = [each for key, each in MESSAGE["components"].items() if key.startswith("score_")]
    assert len(scores) == 7
    assert all(each["enabled_by_default"] is False for each in scores)


PLAYER = {"playback", "playback_trouble", "autoplay", "volume", "play", "stop"}
ACCOUNT = {"sign_in", "sign_in_ends", "sign_in_days"}


def test_what_an_installation_lacks_is_not_announced() -> None:
    keys = {thing.key for thing in ENTITIES}
    assert {thing.key for thing in available_entities(())} == keys - {"temperature", "throttled"} - PLAYER - ACCOUNT
    assert {thing.key for thing in available_entities(("playback",))} == keys - {"temperature", "throttled"} - ACCOUNT
    assert "temperature" in MESSAGE["components"]
    assert "throttled" not in MESSAGE["components"]


def test_commands_to_one_topic_are_understood_by_one_row() -> None:
    by_topic: dict[str, list[bool]] = {}
    for thing in ENTITIES:
        if thing.command_topic:
            by_topic.setdefault(thing.command_topic, []).append(thing.command_fn is not None)
    assert all(sum(understood) == 1 for understood in by_topic.values())


@pytest.mark.parametrize("old", [b"", b"{", b"[]", b'{"components": 3}', b'{"components": {"a": 1}}', b"[" * 100000])
def test_an_announcement_that_is_none_is_forgotten(old: bytes) -> None:
    assert removed_components(old, MESSAGE) == {}


@pytest.mark.broker
def test_it_is_announced_once_and_again_after_home_assistant_s_birth(
    house: House, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    assert listener.wait_for(CONFIG)
    assert set(components(listener)) == {thing.key for thing in available_entities(())}
    heard = [topic for topic, *_ in listener.heard].count(CONFIG)
    listener.retained.clear()
    born = time.monotonic()
    listener.send("homeassistant/status", "online")
    assert listener.wait_for(CONFIG)
    assert time.monotonic() - born >= BIRTH_DELAY_S[0]
    assert listener.wait_for("musicond/den/availability", "online")
    assert house.settled(listener)
    assert [topic for topic, *_ in listener.heard].count(CONFIG) == heard + 1


@pytest.mark.broker
def test_a_birth_message_may_be_retained(house: House, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert listener.wait_for("musicond/den/availability", "online")
    heard = [topic for topic, *_ in listener.heard].count(CONFIG)
    listener.send("homeassistant/status", "online", retain=True)
    assert listener.until(lambda: [topic for topic, *_ in listener.heard].count(CONFIG) > heard)


@pytest.mark.broker
def test_what_was_removed_disappears(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    with House(tmp_path / "house", broker.port, facts=("temperature",)):
        assert (listener := listen()).wait_for(CONFIG)
        assert "temperature" in components(listener)
    late = listen()
    with House(tmp_path / "house", broker.port):
        assert late.until(lambda: CONFIG in late.retained and "temperature" not in components(late))
        told = [json.loads(text)["components"].get("temperature") for topic, text, _ in late.heard if topic == CONFIG]
        assert told[-2:] == [{"platform": "sensor"}, None], "removed first, then no longer named"
        late.send("homeassistant/status", "online")
        assert late.until(lambda: [topic for topic, *_ in late.heard].count(CONFIG) > len(told))
        assert "temperature" not in components(late)
    with House(tmp_path / "house", broker.port, settings={"discovery": False}) as house:
        assert late.until(lambda: CONFIG not in late.retained)
        assert house.settled(late)


@pytest.mark.broker
def test_prefix_and_status_topic_can_be_chosen(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    listener = listen()
    own = {"discovery_prefix": "ha", "status_topic": "ha/birth", "base_topic": "home/mood"}
    with House(tmp_path / "house", broker.port, settings=own):
        assert listener.wait_for("ha/device/den/config")
        assert listener.wait_for("home/mood/den/availability", "online")
        message = json.loads(listener.retained["ha/device/den/config"])
        assert message["availability_topic"] == "home/mood/den/availability"
        listener.retained.clear()
        listener.send("ha/birth", "online")
        assert listener.wait_for("ha/device/den/config")
    assert CONFIG not in listener.retained
