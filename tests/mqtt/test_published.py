"""Topics of an old name are taken off the broker, those of another device are not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from musicond.mqtt.published import FORGET_S, RETRY_S, PublishedTopics
from musicond.runtime.json_file import JsonFile
from tests.mqtt.device import Device
from tests.mqtt.test_refusals import strict_broker, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.mqtt.conftest import Broker, Listener

pytestmark = pytest.mark.broker


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
        assert until(lambda: f"{device.output.base}/mood" in stored.read()["topics"])


def test_a_copied_card_takes_nothing_from_the_first_device_that_runs(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener, topics = listen(), ("musicond/den/", "homeassistant/device/den/config")
    with Device(tmp_path / "first", broker.port) as first:
        assert first.wait_published(listener)
        assert until(lambda: "musicond/den/availability" in stored_topics(tmp_path / "first"))
        (tmp_path / "copy").mkdir()
        shutil.copy(tmp_path / "first" / "published.json", tmp_path / "copy")
        before = len(listener.messages)
        with Device(tmp_path / "copy", broker.port, node="attic") as copy:
            assert copy.wait_published(listener)
            assert not [topic for topic, text, _ in listener.messages[before:] if topic.startswith(topics) and not text]
            assert first.wait_published(listener)
    with Device(tmp_path / "copy", broker.port, node="attic"):
        del listener.retained["musicond/den/event"]
        assert listener.until(lambda: not any(topic.startswith(topics) for topic in listener.retained))


def test_what_may_not_be_cleared_is_kept_for_the_day_when_it_may(tmp_path: Path) -> None:
    acl = "topic read #\ntopic write musicond/attic/#\ntopic write homeassistant/#\nuser admin\ntopic readwrite #\n"
    with strict_broker(tmp_path, acl=acl) as broker:
        folder, admin = tmp_path / "device", {"username": "admin"}
        with Device(folder, broker.port, settings=admin):
            assert until(lambda: "musicond/den/availability" in stored_topics(folder))
        with Device(folder, broker.port, node="attic") as device:
            assert until(lambda: "let it write musicond/den/" in device.output.status())
            assert until(lambda: {"musicond/den/mood", "musicond/attic/mood"} <= stored_topics(folder))
            assert device.output.status().count("let it write") == 1
        with Device(folder, broker.port, node="attic", settings=admin):
            assert until(lambda: not any(topic.startswith("musicond/den/") for topic in stored_topics(folder)))


def test_a_broker_without_qos_1_is_cleared_too(tmp_path: Path) -> None:
    with strict_broker(tmp_path, "max_qos 0") as broker:
        folder = tmp_path / "device"
        with Device(folder, broker.port):
            assert until(lambda: "musicond/den/mood" in stored_topics(folder))
        with Device(folder, broker.port, node="attic"):
            assert until(lambda: "musicond/attic/mood" in stored_topics(folder))
            assert until(lambda: not any(topic.startswith("musicond/den/") for topic in stored_topics(folder)))


def stored_topics(folder: Path) -> set[str]:
    return set(JsonFile(folder / "published.json").read().get("topics", ()))


OLD = {"musicond/den/availability", "musicond/den/mood", "ha/device/den/config"}
OWN = ("musicond/attic/", "ha/device/attic/config")


def old_names(folder: Path) -> tuple[JsonFile, PublishedTopics]:
    file = JsonFile(folder / "published.json")
    file.save({"topics": [*sorted(OLD), "ha/device/attic/config", 3, "a/#", "x" * 400]})
    return file, PublishedTopics(file, OWN)


def test_old_names_are_cleared_one_after_the_other_when_their_device_is_off(tmp_path: Path) -> None:
    _, topics = old_names(tmp_path)
    assert topics.foreign == OLD
    assert topics.connected(0.0) == {"musicond/den/availability"}
    assert topics.next_to_clear() is None
    topics.on_availability("musicond/den/availability", b"offline")
    topics.on_availability("musicond/den/availability", b"online")
    assert topics.next_to_clear() is None
    topics.on_availability("musicond/den/availability", b"offline")
    for topic in ("ha/device/den/config", "musicond/den/mood", "musicond/den/availability"):
        assert topics.next_to_clear() == topic
        assert topics.next_to_clear() is None
        topics.cleared(topic)
    assert topics.next_to_clear() is None
    assert topics.foreign == set()


def test_the_names_of_a_device_that_stays_connected_are_forgotten(tmp_path: Path) -> None:
    file, topics = old_names(tmp_path)
    topics.connected(10.0)
    topics.on_availability("musicond/den/availability", b"online")
    topics.save(10.0 + FORGET_S - 1)
    assert PublishedTopics(file, OWN).foreign == OLD
    topics.save(10.0 + FORGET_S)
    assert PublishedTopics(file, OWN).foreign == set()


def test_topics_that_could_not_be_saved_are_saved_later(tmp_path: Path) -> None:
    file, topics = old_names(tmp_path)
    topics.add("musicond/attic/mood")
    blocker = tmp_path / "published.json.new"
    blocker.mkdir()
    topics.save(1.0)
    blocker.rmdir()
    topics.save(2.0)
    assert "musicond/attic/mood" not in file.read()["topics"]
    topics.save(1.0 + RETRY_S)
    assert {"musicond/attic/mood", *OLD} <= set(file.read()["topics"])
