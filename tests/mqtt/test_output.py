from __future__ import annotations

import json
import logging
import signal
import socket
import subprocess
import sys
import time
from queue import Queue
from typing import TYPE_CHECKING

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pydantic import SecretStr

from musicond.core.models import Emotion, Faces, Mood, Watching
from musicond.mqtt.discovery import node_id
from musicond.mqtt.output import EVENT_EXPIRY_S
from tests.mqtt.conftest import Broker, Listener
from tests.mqtt.device import BACK_S, HERE, QUICK, Device
from tests.mqtt.relay import REFUSED, Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.broker


@pytest.fixture
def device(tmp_path: Path, broker: Broker) -> Iterator[Device]:
    with Device(tmp_path / "device", broker.port) as device:
        yield device


def test_all_topics_but_the_event_are_retained(device: Device, listen: Callable[[], Listener]) -> None:
    early = listen()
    assert device.wait_published(early)
    assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
    assert device.wait_published(early)
    assert early.wait_for("musicond/den/event")
    event = json.loads(early.retained["musicond/den/event"])
    assert (event["event_type"], event["before"], event["after"]) == ("mood_changed", "nobody", "happy")
    late = listen()
    assert device.wait_published(late)
    assert late.wait_for("musicond/den/health")
    assert "musicond/den/event" not in late.retained
    assert all(retained for *_, retained in late.messages)
    assert device.output.status() == f"connected to 127.0.0.1:{device.output.status().rpartition(':')[2]}"
    assert device.output.page_health()["connected"] is True


def test_topics_of_another_configuration_are_removed_from_the_broker(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    topics = {f"musicond/den/{topic}" for topic in ("playback/state", "playback/attributes", "autoplay/state")}
    for topic in topics:
        listener.send(topic, "of a player", retain=True)
    assert listener.until(lambda: topics <= listener.retained.keys())
    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_published(listener)
        assert listener.until(lambda: not topics & listener.retained.keys())


def test_availability_is_published_last(device: Device, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert listener.wait_for("musicond/den/availability", "online")
    topics = [topic.removeprefix("musicond/den/") for topic, *_ in listener.messages]
    assert topics.index("availability") > max(
        topics.index(topic) for topic in ("mood", "state", "health", "pause/state")
    )


def test_an_unchanged_room_sends_no_messages(device: Device, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
    assert device.wait_published(listener)
    count, seq = len(listener.messages), device.latest.seq if device.latest else 0
    assert device.wait_until(lambda outcome: outcome.seq >= seq + 16)
    assert len(listener.messages) == count
    device.room.faces = Faces()
    assert listener.wait_for("musicond/den/mood", "nobody")
    assert device.wait_published(listener)
    assert json.loads(listener.retained["musicond/den/state"])["presence"] is False


def test_a_clean_stop_publishes_offline_and_stopped_within_a_second(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    with Device(tmp_path / "device", broker.port) as device:
        assert device.wait_published(listener)
        started = time.monotonic()
        device.output.stop()
        assert time.monotonic() - started < 1
    assert listener.wait_for("musicond/den/availability", "offline", 2)
    assert json.loads(listener.retained["musicond/den/state"])["status"] == "stopped"
    device.output.stop()


def test_a_crash_leaves_offline_by_the_will_and_running_in_the_state(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    code = (
        "import pathlib, sys, threading\n"
        "from tests.mqtt.device import BACK_S, HERE, Device\n"
        "with Device(pathlib.Path(sys.argv[1]), int(sys.argv[2])):\n"
        "    threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "device"), str(broker.port)]) as process:
        assert listener.wait_for("musicond/den/availability", "online", 30)
        process.send_signal(signal.SIGKILL)
        assert listener.wait_for("musicond/den/availability", "offline")
    assert json.loads(listener.retained["musicond/den/state"])["status"] == "running"


@pytest.mark.parametrize("persistent", [False, True])
def test_a_broker_that_starts_late_or_again_gets_the_current_state(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, persistent: bool
) -> None:
    caplog.set_level(logging.INFO)
    broker = Broker(tmp_path)
    broker.persistent = persistent
    with Device(tmp_path / "device", broker.port) as device:
        try:
            assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
            for emotion in (Emotion.SAD, Emotion.ANGRY):
                broker.start()
                listener = Listener(broker.port)
                assert device.wait_published(listener, BACK_S)
                listener.send("musicond/den/like/set")
                assert device.wait_until(lambda _: bool(device.likes()))
                listener.close()
                broker.stop()
                device.room.emotion = emotion
                assert device.wait_until(lambda outcome, mood=emotion: outcome.mood == mood)  # type: ignore[misc]
            broker.start()
            listener = Listener(broker.port)
            assert device.wait_published(listener, BACK_S)
            events = [text for topic, text, _ in listener.messages if topic.endswith("/event")]
            assert events == [], "nothing stale was queued"
            assert device.likes() == 2, "none lost, none doubled"
            listener.close()
        finally:
            broker.stop()
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert 1 <= len(warnings) <= 4
    assert not any(word in caplog.text.lower() for word in ("happy", "angry", "sad")), "no diary in the log"


def test_a_half_open_connection_is_noticed_and_no_feedback_lost(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    with Relay(broker.port) as relay, Device(tmp_path / "device", relay.port) as device:
        assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
        assert device.wait_published(listener)
        relay.deaf_up = relay.deaf_down = True
        started = time.monotonic()
        listener.send("musicond/den/like/set")
        device.room.emotion = Emotion.SAD
        assert device.wait_until(lambda _: "silent" in device.output.status(), 10)
        assert time.monotonic() - started < 3 * 45 / 42 + 0.5, "as 45 s are to the 42 s of the real timing"
        relay.deaf_up = relay.deaf_down = False
        assert device.wait_published(listener, BACK_S)
        assert device.wait_until(lambda _: device.likes() == 1, 5)


def test_a_packet_that_never_ends_is_noticed(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    listener = listen()
    with Relay(broker.port) as relay, Device(tmp_path / "device", relay.port) as device:
        assert device.wait_published(listener)
        relay.inject(b"\x30\xff\xff\x3f\x00\x01a")  # a message of 1 MiB begins, and takes in all that follows
        end = time.monotonic() + QUICK.silence_s + BACK_S
        while relay.connections < 2 and time.monotonic() < end:  # each command is some bytes, but no whole packet
            listener.send("musicond/den/policy/set", "match")
            time.sleep(0.2)
        assert relay.connections == 2
        assert device.wait_published(listener, BACK_S)


def test_feedback_that_the_broker_sends_again_counts_once(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener], caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen()
    with Relay(broker.port) as relay, Device(tmp_path / "device", relay.port) as device:
        assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
        assert device.wait_published(listener)
        relay.deaf_up = True  # the acknowledgements of these are lost
        for _ in range(3):
            listener.send("musicond/den/like/set")
        assert device.wait_until(lambda _: device.likes() == 3)
        relay.cut()
        relay.deaf_up = False
        assert listener.until(lambda: relay.connections >= 2)
        listener.send("musicond/den/like/set")
        assert device.wait_until(lambda _: device.likes() >= 4)
        assert device.wait_published(listener, BACK_S)
        assert device.likes() == 4
        assert "ignored" not in caplog.text


def test_a_wrong_password_is_logged_and_the_right_one_connects(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    passwords = tmp_path / "passwords"

    def restart(password: str) -> Listener:
        broker.stop()
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "den", password], check=True, capture_output=True)
        passwords.chmod(0o644)
        broker.start()
        return Listener(broker.port)

    broker.config += f"password_file {passwords}\n"
    restart("another").close()
    password = SecretStr("correct horse")
    with Device(tmp_path / "device", broker.port, settings={"username": "den"}, password=password) as device:
        assert device.wait_until(lambda _: "authori" in device.output.status(), 15)
        listener = restart("correct horse")
        assert device.wait_published(listener, BACK_S)
        listener.close()
    assert "check mqtt.username and its password" in caplog.text
    assert "correct horse" not in caplog.text


def test_an_event_expires(tmp_path: Path, broker: Broker) -> None:
    messages: Queue[object] = Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda client, *_: client.subscribe("musicond/den/event")
    client.on_message = lambda _client, _data, message: messages.put(message.properties)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    with Device(tmp_path / "device", broker.port) as device:
        device.room.faces = Faces()
        assert device.wait_until(lambda outcome: outcome.mood is Mood.NOBODY and "connected" in device.output.status())
        device.room.faces = HERE
        properties = messages.get(timeout=10)
    client.disconnect()
    client.loop_stop()
    assert getattr(properties, "MessageExpiryInterval", None) == EVENT_EXPIRY_S


@pytest.mark.parametrize("answer", [REFUSED, b""], ids=["refuses", "hangs up"])
def test_a_broker_without_mqtt_5_gets_3_1_1(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener], answer: bytes
) -> None:
    listener = listen()
    with Relay(broker.port) as relay:
        relay.refuse_5 = answer
        with Device(tmp_path / "device", relay.port) as device:
            assert device.wait_published(listener)
            listener.send("musicond/den/privacy/set", "on")
            assert listener.wait_for("musicond/den/privacy/state", "on")
            assert relay.connections == 2


def test_protocol_3_1_1_can_be_asked_for(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    listener = listen()
    with Relay(broker.port) as relay:
        relay.refuse_5 = b""
        with Device(tmp_path / "device", relay.port, settings={"protocol": "3.1.1"}) as device:
            assert device.wait_published(listener)
            assert relay.connections == 1


def test_two_devices_of_one_name_are_named_in_the_log(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with Device(tmp_path / "one", broker.port) as device, Device(tmp_path / "two", broker.port):
        assert device.wait_until(lambda _: "device.node" in caplog.text, 15)


def test_a_broker_that_hangs_does_not_delay_the_stop(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with Device(tmp_path / "device", server.getsockname()[1]) as device:
            connection, _ = server.accept()
            started = time.monotonic()
            device.output.stop()
            assert time.monotonic() - started < 1
        connection.close()


def test_presence_is_unknown_while_private(device: Device, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert device.wait_until(lambda outcome: outcome.mood is Mood.HAPPY)
    listener.send("musicond/den/privacy/set", "on")
    assert device.wait_until(lambda outcome: outcome.watching is Watching.PRIVATE)
    assert device.wait_published(listener)
    state = json.loads(listener.retained["musicond/den/state"])
    assert (state["presence"], state["mood"], state["confidence"]) == (None, "nobody", None)
    assert not device.room.is_open


def test_the_node_id_is_valid_in_a_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "machine-id").write_text("3f2ac04711\n")
    monkeypatch.setattr(socket, "gethostname", lambda: "küche/+#1")
    assert node_id(None, tmp_path / "machine-id") == "k-che-1-3f2a"
    assert node_id(None, tmp_path / "none") == "k-che-1"
    assert node_id("den", tmp_path / "none") == "den"
