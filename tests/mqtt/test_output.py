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
from musicond.mqtt.output import EVENT_EXPIRY_S, node_id
from tests.mqtt.conftest import Broker, Listener
from tests.mqtt.house import BACK_S, HERE, House
from tests.mqtt.relay import REFUSED, Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.broker


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> Iterator[House]:
    with House(tmp_path / "house", broker.port) as made:
        yield made


def test_everything_is_told_and_retained_but_the_event(house: House, listen: Callable[[], Listener]) -> None:
    early = listen()
    assert house.settled(early)
    assert house.until(lambda outcome: outcome.mood is Mood.HAPPY)
    assert house.settled(early)
    assert early.wait_for("musicond/den/event")
    event = json.loads(early.retained["musicond/den/event"])
    assert (event["event_type"], event["before"], event["after"]) == ("mood_changed", "nobody", "happy")
    late = listen()
    assert house.settled(late)
    assert late.wait_for("musicond/den/health")
    assert "musicond/den/event" not in late.retained
    assert all(retained for *_, retained in late.heard)
    assert house.output.status() == f"connected to 127.0.0.1:{house.output.status().rpartition(':')[2]}"


def test_what_is_no_longer_there_leaves_no_state_on_the_broker(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    topics = {f"musicond/den/{topic}" for topic in ("playback/state", "playback/attributes", "autoplay/state")}
    for topic in topics:
        listener.send(topic, "of a player", retain=True)
    assert listener.until(lambda: topics <= listener.retained.keys())
    with House(tmp_path / "house", broker.port) as house:
        assert house.settled(listener)
        assert listener.until(lambda: not topics & listener.retained.keys())


def test_the_order_of_a_connection_is_truth_first_available_last(house: House, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert listener.wait_for("musicond/den/availability", "online")
    topics = [topic.removeprefix("musicond/den/") for topic, *_ in listener.heard]
    assert topics.index("availability") > max(
        topics.index(topic) for topic in ("mood", "state", "health", "pause/state")
    )


def test_a_steady_room_makes_no_messages(house: House, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert house.until(lambda outcome: outcome.mood is Mood.HAPPY)
    assert house.settled(listener)
    heard, seq = len(listener.heard), house.latest.seq if house.latest else 0
    assert house.until(lambda outcome: outcome.seq >= seq + 16)
    assert len(listener.heard) == heard
    house.room.faces = Faces()
    assert listener.wait_for("musicond/den/mood", "nobody")
    assert house.settled(listener)
    assert json.loads(listener.retained["musicond/den/state"])["presence"] is False


def test_a_clean_stop_says_offline_at_once_and_that_it_was_clean(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    with House(tmp_path / "house", broker.port) as house:
        assert house.settled(listener)
        started = time.monotonic()
        house.output.stop()
        assert time.monotonic() - started < 1
    assert listener.wait_for("musicond/den/availability", "offline", 2)
    assert json.loads(listener.retained["musicond/den/state"])["status"] == "stopped"
    house.output.stop()


def test_a_crash_leaves_offline_by_the_will_and_the_state_tells_it_from_a_stop(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    code = (
        "import pathlib, sys, threading\n"
        "from tests.mqtt.house import BACK_S, HERE, House\n"
        "with House(pathlib.Path(sys.argv[1]), int(sys.argv[2])):\n"
        "    threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "house"), str(broker.port)]) as process:
        assert listener.wait_for("musicond/den/availability", "online", 30)
        process.send_signal(signal.SIGKILL)
        assert listener.wait_for("musicond/den/availability", "offline")
    assert json.loads(listener.retained["musicond/den/state"])["status"] == "running"


@pytest.mark.parametrize("persistent", [False, True])
def test_a_broker_that_comes_late_and_one_that_comes_back_are_told_the_truth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, persistent: bool
) -> None:
    caplog.set_level(logging.INFO)
    broker = Broker(tmp_path)
    broker.persistent = persistent
    with House(tmp_path / "house", broker.port) as house:
        try:
            assert house.until(lambda outcome: outcome.mood is Mood.HAPPY)
            for emotion in (Emotion.SAD, Emotion.ANGRY):
                broker.start()
                listener = Listener(broker.port)
                assert house.settled(listener, BACK_S)
                listener.send("musicond/den/like/set")
                assert house.until(lambda _: bool(house.likes()))
                listener.close()
                broker.stop()
                house.room.emotion = emotion
                assert house.until(lambda outcome, mood=emotion: outcome.mood == mood)  # type: ignore[misc]
            broker.start()
            listener = Listener(broker.port)
            assert house.settled(listener, BACK_S)
            events = [text for topic, text, _ in listener.heard if topic.endswith("/event")]
            assert events == [], "nothing stale was queued"
            assert house.likes() == 2, "none lost, none doubled"
            listener.close()
        finally:
            broker.stop()
    lost = [record for record in caplog.records if record.levelname == "WARNING"]
    assert 1 <= len(lost) <= 4
    assert not any(word in caplog.text.lower() for word in ("happy", "angry", "sad")), "no diary in the log"


def test_a_half_open_link_is_noticed_and_no_feedback_lost(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener]
) -> None:
    listener = listen()
    with Relay(broker.port) as relay, House(tmp_path / "house", relay.port) as house:
        assert house.until(lambda outcome: outcome.mood is Mood.HAPPY)
        assert house.settled(listener)
        relay.deaf_up = relay.deaf_down = True
        started = time.monotonic()
        listener.send("musicond/den/like/set")
        house.room.emotion = Emotion.SAD
        assert house.until(lambda _: "silent" in house.output.status(), 10)
        assert time.monotonic() - started < 3 * 45 / 42 + 0.5, "as 45 s are to the 42 s of the real timing"
        relay.deaf_up = relay.deaf_down = False
        assert house.settled(listener, BACK_S)
        assert house.until(lambda _: house.likes() == 1, 5)


def test_feedback_that_the_broker_sends_again_counts_once(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener], caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen()
    with Relay(broker.port) as relay, House(tmp_path / "house", relay.port) as house:
        assert house.until(lambda outcome: outcome.mood is Mood.HAPPY)
        assert house.settled(listener)
        relay.deaf_up = True  # the acknowledgements of these are lost
        for _ in range(3):
            listener.send("musicond/den/like/set")
        assert house.until(lambda _: house.likes() == 3)
        relay.cut()
        relay.deaf_up = False
        assert listener.until(lambda: relay.connections >= 2)
        listener.send("musicond/den/like/set")
        assert house.until(lambda _: house.likes() >= 4)
        assert house.settled(listener, BACK_S)
        assert house.likes() == 4
        assert "ignored" not in caplog.text


def test_a_wrong_password_is_told_and_once_it_is_right_the_truth(
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
    mine = SecretStr("correct horse")
    with House(tmp_path / "house", broker.port, settings={"username": "den"}, password=mine) as house:
        assert house.until(lambda _: "authori" in house.output.status(), 15)
        listener = restart("correct horse")
        assert house.settled(listener, BACK_S)
        listener.close()
    assert "check mqtt.username and its password" in caplog.text
    assert "correct horse" not in caplog.text


def test_an_event_expires(tmp_path: Path, broker: Broker) -> None:
    heard: Queue[object] = Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect = lambda client, *_: client.subscribe("musicond/den/event")
    client.on_message = lambda _client, _data, message: heard.put(message.properties)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    with House(tmp_path / "house", broker.port) as house:
        house.room.faces = Faces()
        assert house.until(lambda outcome: outcome.mood is Mood.NOBODY and "connected" in house.output.status())
        house.room.faces = HERE
        properties = heard.get(timeout=10)
    client.disconnect()
    client.loop_stop()
    assert getattr(properties, "MessageExpiryInterval", None) == EVENT_EXPIRY_S


@pytest.mark.parametrize("answer", [REFUSED, b""], ids=["refuses", "hangs up"])
def test_a_broker_without_mqtt_5_is_spoken_to_with_3_1_1(
    tmp_path: Path, broker: Broker, listen: Callable[[], Listener], answer: bytes
) -> None:
    listener = listen()
    with Relay(broker.port) as relay:
        relay.refuse_5 = answer
        with House(tmp_path / "house", relay.port) as house:
            assert house.settled(listener)
            listener.send("musicond/den/privacy/set", "on")
            assert listener.wait_for("musicond/den/privacy/state", "on")
            assert relay.connections == 2


def test_protocol_3_1_1_can_be_asked_for(tmp_path: Path, broker: Broker, listen: Callable[[], Listener]) -> None:
    listener = listen()
    with Relay(broker.port) as relay:
        relay.refuse_5 = b""
        with House(tmp_path / "house", relay.port, settings={"protocol": "3.1.1"}) as house:
            assert house.settled(listener)
            assert relay.connections == 1


def test_two_devices_of_one_name_are_told_apart_in_the_log(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with House(tmp_path / "one", broker.port) as one, House(tmp_path / "two", broker.port):
        assert one.until(lambda _: "device.node" in caplog.text, 15)


def test_a_broker_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with House(tmp_path / "house", server.getsockname()[1]) as house:
            connection, _ = server.accept()
            started = time.monotonic()
            house.output.stop()
            assert time.monotonic() - started < 1
        connection.close()


def test_private_and_paused_are_no_presence(house: House, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert house.until(lambda outcome: outcome.mood is Mood.HAPPY)
    listener.send("musicond/den/privacy/set", "on")
    assert house.until(lambda outcome: outcome.watching is Watching.PRIVATE)
    assert house.settled(listener)
    state = json.loads(listener.retained["musicond/den/state"])
    assert (state["presence"], state["mood"], state["confidence"]) == (None, "nobody", None)
    assert not house.room.open_now


def test_the_node_is_fit_for_a_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "machine-id").write_text("3f2ac04711\n")
    monkeypatch.setattr(socket, "gethostname", lambda: "küche/+#1")
    assert node_id(None, tmp_path / "machine-id") == "k-che-1-3f2a"
    assert node_id(None, tmp_path / "none") == "k-che-1"
    assert node_id("den", tmp_path / "none") == "den"
