from __future__ import annotations

import logging
import os
import random
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import MQTTMessage

from musicond.core.commands import SetSensitivity
from musicond.core.models import Emotion, Mood, Watching
from musicond.mqtt.commands import CommandReceiver
from musicond.mqtt.entities import ENTITIES
from tests.mqtt.house import House

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from musicond.core.commands import Command
    from musicond.mqtt.entities import EntityDescription
    from tests.mqtt.conftest import Broker, Listener

pytestmark = pytest.mark.broker


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> Iterator[House]:
    with House(tmp_path / "house", broker.port) as made:
        assert made.until(lambda outcome: outcome.mood is Mood.HAPPY)
        yield made


@pytest.fixture
def listener(house: House, listen: Callable[[], Listener]) -> Listener:
    made = listen()
    assert house.settled(made)
    return made


def ignored(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "ignored" in record.getMessage()]


@pytest.mark.parametrize(
    ("topic", "payload", "state", "then"),
    [
        ("privacy/set", "on", "privacy/state", "on"),
        ("privacy/set", " ON ", "privacy/state", "on"),
        ("pause/set", "on", "pause/state", "on"),
        ("pause/set", "30", "pause/state", "on"),
        ("pause/set", "tomorrow", "pause/state", "on"),
        ("policy/set", "lift", "policy/state", "lift"),
        ("sensitivity/set", "70", "sensitivity/state", "70"),
        ("mood/set", "sad", "mood/state", "sad"),
        ("mood/set", '{"mood": "sad", "minutes": 5}', "mood/state", "sad"),
        ("mood/set", "sad", "mood", "sad"),
    ],
)
def test_a_command_is_answered_within_a_second(
    house: House, listener: Listener, topic: str, payload: str, state: str, then: str
) -> None:
    started = time.monotonic()
    listener.send(f"musicond/den/{topic}", payload)
    assert listener.wait_for(f"musicond/den/{state}", then)
    assert time.monotonic() - started < 1
    assert house.settled(listener)


@pytest.mark.parametrize("topic", ["next/set", "next"])
@pytest.mark.parametrize("payload", ["", "PRESS"])
def test_next_brings_other_songs(house: House, listener: Listener, topic: str, payload: str) -> None:
    before = listener.retained["musicond/den/recommendation"]
    listener.send(f"musicond/den/{topic}", payload)
    assert listener.until(lambda: listener.retained["musicond/den/recommendation"] != before)
    assert house.settled(listener)


def test_feedback_is_counted_one_by_one_and_for_the_song_that_is_meant(house: House, listener: Listener) -> None:
    assert house.latest is not None
    assert house.latest.recommendation is not None
    third = house.latest.recommendation.tracks[2]
    for _ in range(40):
        listener.send("musicond/den/like/set", "PRESS", qos=2)
    listener.send("musicond/den/like", f'{{"track_id": "{third.track_id}"}}')
    assert house.until(lambda _: house.likes() == 41)
    assert house.said("likes", third.track_id) == 1
    listener.send("musicond/den/dislike/set")
    assert house.until(lambda _: house.said("dislikes") == 1)
    listener.send("musicond/den/wrong_mood/set", "sad")
    assert house.until(lambda outcome: outcome.mood is Mood.SAD)


def test_what_was_switched_is_kept_over_a_restart(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    with House(tmp_path / "house", broker.port) as house:
        assert house.settled(listener)
        for topic, payload in (("sensitivity", "70"), ("policy", "steady"), ("mood", "fear"), ("privacy", "on")):
            listener.send(f"musicond/den/{topic}/set", payload)
            assert listener.wait_for(f"musicond/den/{topic}/state", payload)
    with House(tmp_path / "house", broker.port) as house:
        assert house.until(lambda outcome: outcome.watching is Watching.PRIVATE)
        assert house.settled(listener)
        assert house.latest is not None
        assert house.latest.settings.sensitivity == 70
        assert house.latest.settings.manual_mood is Emotion.FEAR
        assert not house.room.open_now


@pytest.mark.parametrize(
    "entity",
    [entity for entity in ENTITIES if entity.command_fn and not entity.requires],
    ids=lambda entity: entity.key,
)
def test_a_retained_command_is_ignored_with_one_line(
    tmp_path: Path,
    broker: Broker,
    listen: Callable[[], Listener],
    caplog: pytest.LogCaptureFixture,
    entity: EntityDescription,
) -> None:
    topic = entity.command_topic
    assert topic is not None
    good = {"privacy": "on", "pause": "on", "policy": "lift", "sensitivity": "7", "mood": "sad"}
    payload = good.get(topic.partition("/")[0], "PRESS")
    listener = listen()
    listener.send(f"musicond/den/{topic}", payload, retain=True)
    with House(tmp_path / "house", broker.port) as house:
        assert house.until(lambda outcome: outcome.mood is Mood.HAPPY)
        listener.send(f"musicond/den/{topic}", payload, retain=True)  # live, and to be retained
        listener.send("musicond/den/policy/set", "match")
        assert listener.wait_for("musicond/den/policy/state", "match")
        assert house.settled(listener)
        assert len(house.commands) == 1
    assert len(ignored(caplog)) == 1
    assert topic in ignored(caplog)[0]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("privacy/set", "perhaps"),
        ("privacy/set", ""),
        ("pause/set", "-5"),
        ("pause/set", "nan"),
        ("pause/set", "1e99"),
        ("policy/set", "loud"),
        ("sensitivity/set", "101"),
        ("sensitivity/set", "nan"),
        ("sensitivity/set", "true"),
        ("mood/set", "nobody"),
        ("mood/set", '{"mood": "sad", "minutes": "soon"}'),
        ("mood/set", '{"mood": "sad", "minutes": true}'),
        ("mood/set", '{"mood": ["sad"], "minutes": 3}'),
        ("mood/set", "{" * 1000),
        ("next/set", "again"),
        ("like/set", "a lot"),
        ("like/set", "{}"),
        ("like/set", '{"track_id": 3}'),
        ("like/set", '{"track_id": "no such song"}'),
        ("wrong_mood/set", "hungry"),
        ("privacy/set", "x" * 2000),
        ("privacy/set", b"\xff\xfe"),
    ],
)
def test_what_cannot_be_understood_is_ignored_with_one_line_that_says_what_would_be_right(
    house: House, listener: Listener, caplog: pytest.LogCaptureFixture, topic: str, payload: str | bytes
) -> None:
    for _ in range(3):
        listener.send(f"musicond/den/{topic}", payload)
    listener.send("musicond/den/policy/set", "match")
    assert listener.wait_for("musicond/den/policy/state", "match")
    assert house.settled(listener)
    assert house.likes() == 0
    [line] = ignored(caplog)
    assert line.startswith(f"MQTT: {topic} ignored: ")
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else payload
    said = line.removeprefix(f"MQTT: {topic}")
    assert not text or text not in said, "a payload may tell a mood"
    assert "no such song" not in said, "or a song"
    assert not any(emotion in said for emotion in Emotion)


def test_a_flood_ends_with_what_came_last_and_loses_no_feedback(
    house: House, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(5)
    started = time.monotonic()
    for number in range(1000):
        listener.send("musicond/den/sensitivity/set", str(number % 101), qos=0)
        if number % 100 == 0:
            listener.send("musicond/den/like/set", qos=1)
        if number % 50 == 0:
            listener.send(f"musicond/den/{rng.choice(('mood', 'pause', 'next'))}/set", os.urandom(40), qos=0)
    listener.send("musicond/den/sensitivity/set", "33", qos=0)
    assert listener.wait_for("musicond/den/sensitivity/state", "33")
    assert time.monotonic() - started < 6, "a thousand in a second, threefold slack for the sender"
    assert house.until(lambda _: house.likes() == 10)
    assert house.settled(listener)
    set_to = [command for command in house.commands if isinstance(command, SetSensitivity)]
    assert len(set_to) < 500, "most of them were overtaken and cost nothing"
    assert len(ignored(caplog)) <= 6, "one line for a topic and a reason"


def test_random_topics_and_payloads_hurt_nobody(
    house: House, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(7)
    topics = [
        topic for thing in ENTITIES if thing.command_fn for topic in thing.command_topics if "privacy" not in topic
    ]
    for _ in range(300):
        listener.send(f"musicond/den/{rng.choice(topics)}", rng.randbytes(rng.randrange(1, 60)), qos=rng.randrange(3))
    listener.send("musicond/den/privacy/set", "on")
    assert listener.wait_for("musicond/den/privacy/state", "on")
    assert house.settled(listener)
    assert not any(record.levelno >= logging.ERROR for record in caplog.records)


def test_a_packet_identifier_that_comes_again_is_the_same_message_only_for_a_while() -> None:
    counted: list[Command] = []
    acknowledged: list[int] = []

    def submit(command: Command) -> Future[None]:
        counted.append(command)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    things = {topic: thing for thing in ENTITIES for topic in thing.command_topics if thing.key == "like"}
    commands = CommandReceiver(things, submit, acknowledged.append, lambda: None)

    def like(now: float, *, dup: bool) -> None:
        message = MQTTMessage(mid=1)
        message.payload, message.dup = b"PRESS", dup
        commands.on_message("like/set", message, now)
        commands.process(now)

    commands.on_connect(0, resumed=False)
    like(1, dup=False)
    commands.on_connect(20, resumed=True)
    like(20, dup=True)
    assert (len(counted), acknowledged) == (1, [1, 1]), "the acknowledgement had been lost"
    commands.process(100)
    like(101, dup=True)
    assert len(counted) == 2, "another message, which was itself sent again"
    commands.on_connect(102, resumed=False)
    like(102, dup=True)
    assert len(counted) == 3, "of a new session"


def test_a_switch_that_cannot_be_stored_still_holds_and_is_told(
    house: House, listener: Listener, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store.path = house.store.path.parent / "gone" / "settings.json"
    listener.send("musicond/den/privacy/set", "on")
    assert listener.wait_for("musicond/den/privacy/state", "on")
    assert house.until(lambda _: any("could not be stored" in line for line in ignored(caplog)))
