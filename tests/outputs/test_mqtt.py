from __future__ import annotations

import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from musicond.config import Mqtt
from musicond.core.messages import Faces, Mood, Outcome, Recommendation, Track, Watching
from musicond.outputs.mqtt import MqttOutput, attributes, node_id, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.outputs.conftest import Broker, Listener

pytestmark = pytest.mark.broker

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SONGS = (
    Track("1", "Für Elise", "Beethoven", "https://example.org/1"),
    Track("2", "Señorita ☀", "Café del Mar", "https://example.org/2"),
)
HAPPY = Outcome(
    seq=1,
    captured_at=1.0,
    wall=NOON,
    watching=Watching.YES,
    mood=Mood.HAPPY,
    since=NOON,
    confidence=0.8,
    scores=None,
    raw_scores=None,
    faces=Faces(),
    recommendation=Recommendation(Mood.HAPPY, SONGS, "because", NOON),
)
NOBODY = replace(HAPPY, mood=Mood.NOBODY, recommendation=None)


class Rig:
    """The output with a thread that hands it the latest outcome whenever it is woken, as the watch loop does."""

    def __init__(self, port: int, **settings: object) -> None:
        self.woken, self.over = threading.Event(), threading.Event()
        password = settings.pop("password", None)
        config = Mqtt.model_validate({"host": "127.0.0.1", "port": port, **settings})
        secret = SecretStr(str(password)) if password else None
        self.output = MqttOutput(config, "den", secret, self.woken.set)
        self.latest = HAPPY
        self._thread = threading.Thread(target=self._turn)

    def _turn(self) -> None:
        while not self.over.is_set():
            self.woken.wait(5)
            self.woken.clear()
            self.output.accept(self.latest)

    def tell(self, outcome: Outcome) -> None:
        self.latest = outcome
        self.woken.set()

    def start(self) -> Rig:
        self.output.start()
        self._thread.start()
        return self

    def stop(self) -> None:
        self.over.set()
        self.woken.set()
        self._thread.join(5)
        self.output.stop()


@pytest.fixture
def rig(broker: Broker) -> Iterator[Rig]:
    made = Rig(broker.port)
    yield made.start()
    made.stop()


ALL = {
    "musicond/den/availability": "online",
    "musicond/den/mood": "happy",
    "musicond/den/watching": "yes",
    "musicond/den/recommendation": "Für Elise – Beethoven; Señorita ☀ – Café del Mar",  # noqa: RUF001 - the dash
    "musicond/den/recommendation/attributes": json.dumps(attributes(HAPPY.recommendation), ensure_ascii=False),
}


def test_everything_is_retained(rig: Rig, listen: Callable[[], Listener]) -> None:
    early = listen()
    assert early.until(lambda: early.retained == ALL), early.retained
    late = listen()
    assert late.until(lambda: late.retained == ALL)
    assert all(retained for *_, retained in late.heard)
    assert rig.output.status().startswith("connected to 127.0.0.1")


def test_only_changes_are_published(rig: Rig, listen: Callable[[], Listener]) -> None:
    listener = listen()
    assert listener.until(lambda: listener.retained == ALL)
    heard = len(listener.heard)
    for seq in range(50):
        rig.tell(replace(HAPPY, seq=seq, confidence=seq / 50))
    rig.tell(replace(HAPPY, watching=Watching.PRIVATE, mood=Mood.NOBODY))
    assert listener.until(lambda: listener.retained["musicond/den/watching"] == "private")
    assert listener.until(lambda: listener.retained["musicond/den/mood"] == "nobody")
    assert len(listener.heard) == heard + 2


def test_a_clean_stop_says_offline_at_once(broker: Broker, listen: Callable[[], Listener]) -> None:
    made = Rig(broker.port).start()
    listener = listen()
    assert listener.until(lambda: listener.retained == ALL)
    started = time.monotonic()
    made.stop()
    assert time.monotonic() - started < 1.5
    assert listener.until(lambda: listener.retained["musicond/den/availability"] == "offline", 2)
    made.output.stop()


def test_a_crash_leaves_offline_by_the_will(broker: Broker, listen: Callable[[], Listener]) -> None:
    listener = listen()
    code = (
        "import sys, threading\n"
        "from tests.outputs.test_mqtt import Rig\n"
        "Rig(int(sys.argv[1])).start()\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(broker.port)]) as process:
        assert listener.until(lambda: listener.retained == ALL, 30)
        process.send_signal(signal.SIGKILL)
        assert listener.until(lambda: listener.retained["musicond/den/availability"] == "offline")


def test_a_broker_that_comes_late_and_one_that_forgot_get_the_whole_truth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.outputs.conftest import Broker, Listener  # noqa: PLC0415 - the classes, beside the fixtures

    caplog.set_level(logging.INFO)
    broker = Broker(tmp_path)
    made = Rig(broker.port).start()
    try:
        for truth in (HAPPY, NOBODY):
            made.tell(truth)
            broker.start()
            listener = Listener(broker.port)
            assert listener.wait_for("musicond/den/mood", truth.mood.value, 16)
            assert listener.wait_for("musicond/den/recommendation/attributes")
            assert {topic for topic, *_ in listener.heard} == set(ALL)
            assert len(listener.heard) == 5, "nothing stale was queued"
            listener.close()
            broker.stop()
            made.tell(HAPPY)
        started = time.monotonic()
    finally:
        made.stop()
        broker.stop()
    assert time.monotonic() - started < 2
    lost = [record for record in caplog.records if record.levelname == "WARNING"]
    assert 1 <= len(lost) <= 4
    assert not any(word in caplog.text.lower() for word in ("happy", "elise")), "no diary in the log"


def test_a_wrong_password_is_told(broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker.stop()
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "den", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker.config = f"user root\nlistener {broker.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
    broker.start()
    made = Rig(broker.port, username="den", password="wrong").start()
    end = time.monotonic() + 15
    while "authori" not in made.output.status() and time.monotonic() < end:
        threading.Event().wait(0.05)
    status = made.output.status()
    made.stop()
    assert "not authorized" in status or "not authorised" in status
    assert "mqtt.username" in caplog.text
    assert "wrong" not in caplog.text


def test_a_broker_that_hangs_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Rig(server.getsockname()[1]).start()
        connection, _ = server.accept()
        started = time.monotonic()
        made.stop()
        assert time.monotonic() - started < 2
        connection.close()


def test_the_plain_recommendation_fits_and_ends_at_a_song() -> None:
    long = tuple(Track(str(i), f"Título {i} " + "ü" * 40, "Künstler", "https://example.org") for i in range(9))
    line = plain(Recommendation(Mood.SAD, long, "", NOON))
    assert len(line) <= 255
    assert line.endswith("– Künstler")  # noqa: RUF001 - the dash
    assert line.count(";") >= 2
    huge = Track("1", "x" * 400, "y", "https://example.org")
    assert plain(Recommendation(Mood.SAD, (huge,), "", NOON)) == "x" * 254 + "…"
    assert plain(None) == ""
    assert plain(Recommendation(Mood.SAD, (), "", NOON)) == ""
    assert attributes(None)["tracks"] == []


def test_the_node_is_fit_for_a_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "machine-id").write_text("3f2ac04711\n")
    monkeypatch.setattr(socket, "gethostname", lambda: "küche/+#1")
    assert node_id(None, tmp_path / "machine-id") == "k-che-1-3f2a"
    assert node_id(None, tmp_path / "none") == "k-che-1"
    assert node_id("den", tmp_path / "none") == "den"
