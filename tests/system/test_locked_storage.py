"""The catalogue locked by another process: privacy closes the camera, and no feedback is lost or counted twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.figures import FULL, record
from tests.mqtt.conftest import Broker, Listener
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""
LIKES = 60


def post(port: int, path: str, body: object, seconds: float = 30) -> int:
    """Send a command as the page does; return the status."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=seconds)) as connection:
        connection.request("POST", f"/api/v1/{path}", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse().status


def likes(path: Path) -> int:
    """Return the number of likes on the disk."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT coalesce(sum(likes), 0) FROM feedback").fetchone()[0])


@pytest.mark.alone
@pytest.mark.parametrize("seconds", [60] * 10 if FULL else [10])
def test_privacy_closes_the_camera_and_each_like_is_stored_once(tmp_path: Path, seconds: int) -> None:
    statuses: list[int] = []
    with Daemon(tmp_path, "--source", "demo", watchdog_s=30) as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: bool(state["recommendation"]))
        port, catalogue = daemon.port(), tmp_path / "state" / "catalogue.sqlite"
        track = daemon.state()["recommendation"]["tracks"][0]["id"]
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(catalogue), str(seconds)], stdout=subprocess.PIPE, text=True
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            threads = [
                threading.Thread(target=lambda: statuses.append(post(port, "rate", {"verdict": "like", "id": track})))
                for _ in range(LIKES)
            ]
            for thread in threads:
                thread.start()
            time.sleep(1)
            started = time.monotonic()
            assert post(port, "privacy", {"on": True}) == 200
            answered_s = time.monotonic() - started
            assert answered_s < 2, "it is stored, whatever holds the catalogue"
            assert daemon.state()["watching"] == "private"
            for thread in threads:
                thread.join(30)
            holder.wait(seconds + 10)
        deadline = time.monotonic() + 20
        while likes(catalogue) < LIKES and time.monotonic() < deadline:
            time.sleep(0.2)
        assert likes(catalogue) + statuses.count(503) == LIKES, statuses
        beats = [*daemon.beats(), time.monotonic()]
        gap_s = max(after - before for before, after in pairwise(beats))
        record(
            f"catalogue locked for {seconds} s: privacy after {LIKES} likes",
            privacy_s=round(answered_s, 2),
            watchdog_gap_s=round(gap_s, 1),
            stored=likes(catalogue),
            refused=statuses.count(503),
        )
        assert gap_s < 15
        daemon.process.kill()
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        first = daemon.wait_state(lambda state: not str(state["notice"]).startswith("Starting"))
        assert first["controls"]["private"]


@pytest.mark.alone
@pytest.mark.broker
def test_privacy_over_mqtt_overtakes_likes_that_the_broker_still_holds(tmp_path: Path) -> None:
    seconds, broker = 130 if FULL else 10, Broker(tmp_path).start()
    mqtt = f"device: {{node: den}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    listener = Listener(broker.port)
    try:
        with Daemon(tmp_path, "--source", "demo", config=mqtt) as daemon:
            daemon.ready()
            assert listener.wait_for("musicond/den/availability", "online", 30)
            daemon.wait_state(lambda state: bool(state["recommendation"]))
            catalogue = tmp_path / "state" / "catalogue.sqlite"
            with subprocess.Popen(
                [sys.executable, "-c", HOLD, str(catalogue), str(seconds)], stdout=subprocess.PIPE, text=True
            ) as holder:
                assert holder.stdout is not None
                assert holder.stdout.readline() == "held\n"
                for _ in range(LIKES):
                    listener.send("musicond/den/like/set", "PRESS")
                started = time.monotonic()
                listener.send("musicond/den/privacy/set", "on")
                assert listener.wait_for("musicond/den/watching", "private")
                closed_s = time.monotonic() - started
                holder.wait(seconds + 10)
            deadline = time.monotonic() + 60
            while likes(catalogue) < LIKES and time.monotonic() < deadline:
                time.sleep(0.2)
            time.sleep(1)
            record(
                f"catalogue locked for {seconds} s: privacy after {LIKES} likes over MQTT",
                privacy_s=round(closed_s, 2),
                stored=likes(catalogue),
            )
            assert likes(catalogue) == LIKES
            assert closed_s < 2
    finally:
        listener.close()
        broker.stop()
