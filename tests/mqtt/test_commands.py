from __future__ import annotations

import logging
import os
import random
import sqlite3
import time
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import MQTTMessage

from musicond.core.commands import (
    Next,
    Play,
    Previous,
    SetManualMood,
    SetPolicy,
    SetPrivacy,
    SetSensitivity,
    Stop,
    Withdraw,
)
from musicond.core.models import Emotion, Mood, Watching
from musicond.errors import CatalogueLocked, PlaybackError
from musicond.mqtt.commands import CERTAIN_S, MAX_PRESSES, MAX_WAITING, OVERTAKE_S, RETRY_S, CommandReceiver
from musicond.mqtt.entities import ENTITIES
from musicond.runtime.inbox import InboxFull, settle
from tests.mqtt.device import QUICK, Device
from tests.mqtt.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from musicond.core.commands import Command
    from musicond.mqtt.entities import EntityDescription
    from tests.mqtt.conftest import Broker, Listener

pytestmark = pytest.mark.broker


@pytest.fixture
def device(tmp_path: Path, broker: Broker) -> Iterator[Device]:
    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
        yield device


@pytest.fixture
def listener(device: Device, listen: Callable[[], Listener]) -> Listener:
    client = listen()
    assert device.wait_published(client)
    return client


def ignored(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "ignored" in record.getMessage()]


@pytest.mark.parametrize(
    ("topic", "payload", "state_topic", "state"),
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
def test_a_command_takes_effect_within_a_second(
    device: Device, listener: Listener, topic: str, payload: str, state_topic: str, state: str
) -> None:
    started = time.monotonic()
    listener.send(f"musicond/den/{topic}", payload)
    assert listener.wait_for(f"musicond/den/{state_topic}", state)
    assert time.monotonic() - started < 1
    assert device.wait_published(listener)


@pytest.mark.parametrize("topic", ["next/set", "next"])
@pytest.mark.parametrize("payload", ["", "PRESS"])
def test_next_brings_other_songs(device: Device, listener: Listener, topic: str, payload: str) -> None:
    before = listener.retained["musicond/den/recommendation"]
    listener.send(f"musicond/den/{topic}", payload)
    assert listener.until(lambda: listener.retained["musicond/den/recommendation"] != before)
    assert device.wait_published(listener)


def test_every_feedback_counts_for_its_track(device: Device, listener: Listener) -> None:
    assert device.latest is not None
    assert device.latest.recommendation is not None
    third = device.latest.recommendation.tracks[2]
    for _ in range(40):
        listener.send("musicond/den/like/set", "PRESS", qos=2)
    listener.send("musicond/den/like", f'{{"track_id": "{third.track_id}"}}')
    assert device.wait_until(lambda _: device.likes() == 41)
    assert device.count_feedback("likes", third.track_id) == 1
    listener.send("musicond/den/dislike/set")
    assert device.wait_until(lambda _: device.count_feedback("dislikes") == 1)
    listener.send("musicond/den/wrong_mood/set", "sad")
    assert device.wait_until(lambda outcome: outcome.mood is Mood.SAD)


def liked_songs(device: Device) -> list[tuple[str, str]]:
    """Return the mood and the track of each song with a like."""
    with closing(sqlite3.connect(device.file)) as connection:
        query = "SELECT mood, track_id FROM feedback JOIN tracks USING (track) WHERE likes > 0"
        return connection.execute(query).fetchall()


def first_song(device: Device, mood: Mood) -> str:
    """Wait for the recommendation of a mood; return its first track."""
    assert device.wait_until(lambda outcome: outcome.recommendation is not None and outcome.recommendation.mood is mood)
    assert device.latest is not None
    assert device.latest.recommendation is not None
    return device.latest.recommendation.tracks[0].track_id


def test_a_like_that_can_not_be_stored_at_once_stays_with_its_song_and_mood(device: Device, listener: Listener) -> None:
    liked = first_song(device, Mood.HAPPY)
    with closing(sqlite3.connect(device.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        listener.send("musicond/den/like/set", "PRESS")
        listener.send("musicond/den/mood/set", "sad")
        assert first_song(device, Mood.SAD) != liked
        other.execute("ROLLBACK")
    assert device.wait_until(lambda _: device.likes() == 1, 30)
    assert liked_songs(device) == [("happy", liked)]


def test_a_like_that_the_broker_has_queued_is_for_the_song_that_was_shown(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener, slow = listen(), replace(QUICK, backoff_s=(5.0,))
    with Relay(broker.port) as relay, Device(tmp_path / "device", relay.port, timing=slow) as device:
        assert listener.wait_for("musicond/den/availability", "online")
        liked = first_song(device, Mood.HAPPY)
        assert device.wait_published(listener)
        relay.cut()
        assert listener.wait_for("musicond/den/availability", "offline")
        listener.send("musicond/den/like/set", "PRESS")
        device.inbox.put(SetManualMood(Emotion.SAD))
        assert first_song(device, Mood.SAD) != liked
        assert device.likes() == 0
        assert device.wait_until(lambda _: device.likes() == 1, 30)
        assert liked_songs(device) == [("happy", liked)]


def test_settings_survive_a_restart(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    listener = listen()
    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_published(listener)
        for topic, payload in (("sensitivity", "70"), ("policy", "steady"), ("mood", "fear"), ("privacy", "on")):
            listener.send(f"musicond/den/{topic}/set", payload)
            assert listener.wait_for(f"musicond/den/{topic}/state", payload)
    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_until(lambda outcome: outcome.watching is Watching.PRIVATE)
        assert device.wait_published(listener)
        assert device.latest is not None
        assert device.latest.settings.sensitivity == 70
        assert device.latest.settings.manual_mood is Emotion.FEAR
        assert not device.room.is_open


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
    payloads = {"privacy": "on", "pause": "on", "policy": "lift", "sensitivity": "7", "mood": "sad"}
    payload = payloads.get(topic.partition("/")[0], "PRESS")
    listener = listen()
    listener.send(f"musicond/den/{topic}", payload, retain=True)
    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
        listener.send(f"musicond/den/{topic}", payload, retain=True)  # sent now, and to be retained
        listener.send("musicond/den/policy/set", "match")
        assert listener.wait_for("musicond/den/policy/state", "match")
        assert device.wait_published(listener)
        assert len(device.commands) == 1
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
        ("like/set", '{"track_id": "no such song\'s"}'),
        ("like/set", '{"track_id": "it isn\'t \\"no such song\\""}'),
        ("like/set", '{"track_id": "\\ud800"}'),
        ("like/set", '{"track_id": "a\\u0000b"}'),
        ("wrong_mood/set", "hungry"),
        ("privacy/set", "x" * 2000),
        ("privacy/set", b"\xff\xfe"),
    ],
)
def test_a_malformed_payload_is_ignored_with_one_line_that_names_a_correct_one(
    device: Device, listener: Listener, caplog: pytest.LogCaptureFixture, topic: str, payload: str | bytes
) -> None:
    for _ in range(3):
        listener.send(f"musicond/den/{topic}", payload)
    listener.send("musicond/den/policy/set", "match")
    assert listener.wait_for("musicond/den/policy/state", "match")
    assert device.wait_published(listener)
    assert device.likes() == 0
    [line] = ignored(caplog)
    assert line.startswith(f"MQTT: {topic} ignored: ")
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else payload
    reason = line.removeprefix(f"MQTT: {topic}")
    assert not text or text not in reason, "a payload may name a mood"
    assert "no such song" not in reason, "or a song"
    assert not any(emotion in reason for emotion in Emotion)


def test_a_flood_ends_with_the_last_value_and_loses_no_feedback(
    device: Device, listener: Listener, caplog: pytest.LogCaptureFixture
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
    assert device.wait_until(lambda _: device.likes() == 10)
    assert device.wait_published(listener)
    set_to = [command for command in device.commands if isinstance(command, SetSensitivity)]
    assert len(set_to) < 500, "most of them were overtaken and cost nothing"
    assert len(ignored(caplog)) <= 6, "one line for a topic and a reason"


def test_random_payloads_cause_no_error(device: Device, listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(7)
    topics = [
        topic for entity in ENTITIES if entity.command_fn for topic in entity.command_topics if "privacy" not in topic
    ]
    for _ in range(300):
        listener.send(f"musicond/den/{rng.choice(topics)}", rng.randbytes(rng.randrange(1, 60)), qos=rng.randrange(3))
    listener.send("musicond/den/privacy/set", "on")
    assert listener.wait_for("musicond/den/privacy/state", "on")
    assert device.wait_published(listener)
    assert not any(record.levelno >= logging.ERROR for record in caplog.records)


def test_a_repeated_packet_identifier_means_the_same_message_only_for_a_while() -> None:
    submitted: list[Command] = []
    acknowledged: list[int] = []

    def submit(command: Command) -> Future[None]:
        submitted.append(command)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    entities = {topic: entity for entity in ENTITIES for topic in entity.command_topics if entity.key == "like"}
    commands = CommandReceiver(entities, submit, acknowledged.append, lambda: None)

    def like(now: float, *, dup: bool) -> None:
        message = MQTTMessage(mid=1)
        message.payload, message.dup = b"PRESS", dup
        commands.on_message("like/set", message, now)
        commands.process(now)

    commands.on_connect(0, resumed=False)
    like(1, dup=False)
    commands.on_connect(20, resumed=True)
    like(20, dup=True)
    assert (len(submitted), acknowledged) == (1, [1, 1]), "the acknowledgement had been lost"
    commands.process(100)
    like(101, dup=True)
    assert len(submitted) == 2, "another message, which was itself sent again"
    commands.on_connect(102, resumed=False)
    like(102, dup=True)
    assert len(submitted) == 3, "of a new session"


def test_a_setting_that_cannot_be_stored_takes_effect_with_a_warning(
    device: Device, listener: Listener, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.store.path = device.store.path.parent / "gone" / "settings.json"
    listener.send("musicond/den/privacy/set", "on")
    assert listener.wait_for("musicond/den/privacy/state", "on")
    assert device.wait_until(lambda _: "privacy/set is in force, but not saved yet" in caplog.text)
    assert ignored(caplog) == []


def feedback_receiver(errors: Sequence[BaseException | None]) -> tuple[CommandReceiver, list[Command], list[int]]:
    """Return a receiver of feedback, what is submitted to it, and what is acknowledged; None is success."""
    submitted: list[Command] = []
    acknowledged: list[int] = []
    left = list(errors)

    def submit(command: Command) -> Future[None]:
        submitted.append(command)
        done: Future[None] = Future()
        settle(done, left.pop(0) if left else None)
        return done

    entities = {topic: entity for entity in ENTITIES for topic in entity.command_topics if entity.feedback}
    commands = CommandReceiver(entities, submit, acknowledged.append, lambda: None)
    commands.on_connect(0, resumed=False)
    return commands, submitted, acknowledged


def test_what_the_player_can_not_do_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def submit(_: Command) -> Future[None]:
        refused: Future[None] = Future()
        refused.set_exception(PlaybackError("mpd refuses; check it"))
        return refused

    entities = {topic: entity for entity in ENTITIES for topic in entity.command_topics if entity.key == "play"}
    commands = CommandReceiver(entities, submit, lambda _: None, lambda: None)
    press(commands, "play/set", 1, 1)
    commands.process(2)
    assert [record.getMessage() for record in caplog.records] == ["MQTT: play/set ignored: mpd refuses; check it"]
    assert caplog.records[0].levelname == "WARNING"


def press(commands: CommandReceiver, topic: str, mid: int, now: float, *, dup: bool = False) -> None:
    message = MQTTMessage(mid=mid)
    message.payload, message.dup = b"PRESS", dup
    commands.on_message(topic, message, now)
    commands.process(now)


def test_feedback_that_can_not_be_stored_is_tried_again_and_then_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    commands, submitted, acknowledged = feedback_receiver([CatalogueLocked("locked"), None, None])
    press(commands, "like/set", 1, 1)
    press(commands, "like/set", 2, 2)
    assert (len(submitted), acknowledged) == (2, [2]), "the next one does not wait for it"
    commands.process(1 + RETRY_S)
    commands.on_connect(100, resumed=True)
    press(commands, "like/set", 1, 100, dup=True)
    commands.process(100)
    assert (len(submitted), acknowledged) == (3, [2, 1])
    assert "like/set is not stored yet, and tried again: locked" in caplog.text


def test_feedback_that_waits_longer_than_the_broker_keeps_its_number_is_not_doubled() -> None:
    commands, submitted, acknowledged = feedback_receiver([CatalogueLocked("locked"), CatalogueLocked("locked"), None])
    press(commands, "like/set", 1, 1)
    commands.process(1 + CERTAIN_S + RETRY_S)
    commands.on_connect(100, resumed=True)
    press(commands, "like/set", 1, 100, dup=True)
    commands.process(100 + RETRY_S)
    commands.process(100 + RETRY_S)
    assert (len(submitted), acknowledged) == (3, [1])


def test_a_withdrawal_without_a_song_is_not_repeated_as_it_would_be_of_another_one() -> None:
    commands, submitted, acknowledged = feedback_receiver([CatalogueLocked("locked")])
    press(commands, "withdraw/set", 1, 1)
    commands.process(1 + RETRY_S)
    assert (submitted, acknowledged) == ([Withdraw()], [1])


def test_feedback_in_force_but_not_saved_is_acknowledged_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    commands, submitted, acknowledged = feedback_receiver([OSError(28, "No space left on device")])
    press(commands, "wrong_mood/set", 1, 1)
    commands.process(1 + RETRY_S)
    assert (len(submitted), acknowledged) == (1, [1])
    assert ignored(caplog) == []


def test_no_more_feedback_waits_than_is_bearable() -> None:
    commands, _, acknowledged = feedback_receiver([InboxFull("full")] * 4 * MAX_WAITING)
    for _ in range(2 * MAX_WAITING):
        press(commands, "like/set", 0, 1)
    assert len(commands._waiting_feedback) == MAX_WAITING
    assert acknowledged == []


def test_privacy_waits_neither_for_the_storing_of_the_one_before_nor_for_other_commands() -> None:
    submitted: list[Command] = []

    def submit(command: Command) -> Future[None]:
        future: Future[None] = Future()
        if isinstance(command, SetPolicy):
            future.set_exception(InboxFull("full"))
        else:
            submitted.append(command)
        return future

    entities = {topic: entity for entity in ENTITIES for topic in entity.command_topics}
    commands = CommandReceiver(entities, submit, lambda _: None, lambda: None)

    def send(topic: str, payload: bytes, now: float) -> None:
        message = MQTTMessage()
        message.payload = payload
        commands.on_message(topic, message, now)

    commands.on_connect(0, resumed=False)
    send("policy/set", b"lift", 1)
    send("privacy/set", b"off", 1)
    send("privacy/set", b"on", 1.1)
    assert submitted == [SetPrivacy(on=False)]
    assert commands.busy
    commands.process(1.1 + OVERTAKE_S)
    assert submitted == [SetPrivacy(on=False), SetPrivacy(on=True)]


def slow_receiver() -> tuple[CommandReceiver, list[Command], list[Future[None]]]:
    """Return a receiver whose commands are under way until their futures are settled, with these commands and futures."""
    submitted: list[Command] = []
    futures: list[Future[None]] = []

    def submit(command: Command) -> Future[None]:
        submitted.append(command)
        futures.append(Future())
        return futures[-1]

    entities = {topic: entity for entity in ENTITIES for topic in entity.command_topics}
    commands = CommandReceiver(entities, submit, lambda _: None, lambda: None)
    commands.on_connect(0, resumed=False)
    return commands, submitted, futures


def settle_all(commands: CommandReceiver, futures: list[Future[None]]) -> None:
    while any(not future.done() for future in futures):
        for future in futures:
            settle(future)
        commands.process(2)


def test_presses_wait_for_one_another_and_settings_do_not(caplog: pytest.LogCaptureFixture) -> None:
    commands, submitted, futures = slow_receiver()
    for number in range(MAX_PRESSES + 3):
        press(commands, "next/set", 0, 1)
        message = MQTTMessage()
        message.payload = b"%d" % number
        commands.on_message("sensitivity/set", message, 1)
    settle_all(commands, futures)
    assert submitted.count(Next()) == MAX_PRESSES + 1, "one was under way"
    settings = [command for command in submitted if isinstance(command, SetSensitivity)]
    assert settings == [SetSensitivity(0), SetSensitivity(MAX_PRESSES + 2)]
    assert ignored(caplog) == ["MQTT: next/set ignored: too many presses wait already; try again later"]


@pytest.mark.parametrize(("topic", "last"), [("stop/set", Stop()), ("play/set", Play())])
def test_stop_and_play_drop_the_presses_that_still_wait(topic: str, last: Command) -> None:
    commands, submitted, futures = slow_receiver()
    for pressed in ("next/set", "next/set", "previous/set", "previous/set", topic):
        press(commands, pressed, 0, 1)
    settle_all(commands, futures)
    assert submitted == [Next(), Previous(), last]
    press(commands, "next/set", 0, 3)
    assert submitted[3:] == [Next()], "a later press counts"
