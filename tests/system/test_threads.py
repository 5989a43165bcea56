"""Threads of the real daemon that end, and a job that raises: /healthz names them, the watchdog is fed, they run again."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from musicond.library.database import BACKUP
from tests.capture.cameras import mjpeg_camera
from tests.figures import FULL, record
from tests.mqtt.conftest import Broker, Listener, free_port
from tests.player.test_mpd import FakeMpd, fake_mpd
from tests.system.daemon import Daemon
from tests.system.test_workers import post

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["fake_mpd"]

ONLINE = ("musicond/den/availability", "online", False)
ENDED = "ended unexpectedly and started again"


class SabotagedDaemon(Daemon):
    """A daemon whose threads a test can end."""

    def __init__(self, folder: Path, config: str = "", args: tuple[str, ...] = ("--source", "demo")) -> None:
        self.sabotage = folder / "sabotage"
        self.sabotage.mkdir()
        env = {"SABOTAGE": str(self.sabotage)}
        web = f"listen: '127.0.0.1:{free_port()}'"  # the page has to be found again
        super().__init__(folder, *args, config=config, web=web, env=env, watchdog_s=30)

    def program(self) -> list[str]:
        return [sys.executable, "-m", "tests.system.saboteur"]

    def end(self, thread: str, service: str, wake: Callable[[], object]) -> None:
        """End the thread of a service, once `wake` has ended its wait, and wait until it is noticed."""
        order, count = self.sabotage / "ending", self._ends(service)
        order.unlink(missing_ok=True)
        (self.sabotage / "end").write_text(thread, "ascii")
        deadline = time.monotonic() + 60
        while not order.exists():
            assert time.monotonic() < deadline, f"there is no thread {thread}"
            time.sleep(0.02)
        wake()
        assert self.until(lambda: self._ends(service) > count, 60), f"{thread} does not end"

    def _ends(self, service: str) -> int:
        return sum(f"the thread of {service} has ended" in line for line in self.lines)

    def healthy(self, pattern: str = "", seconds: float = 60) -> str:
        """Return the text of /healthz once it answers and fits."""
        end, text = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            with suppress(OSError):
                text = self.get("/healthz")[1].decode()
                if re.search(pattern, text):
                    return text
            time.sleep(0.05)
        raise AssertionError("\n".join([text, *self.lines]))


@pytest.mark.broker
def test_each_thread_that_ends_is_named_and_works_again(tmp_path: Path, fake_mpd: FakeMpd) -> None:
    broker = Broker(tmp_path).start()
    listener = Listener(broker.port)
    mqtt = f"device: {{node: den}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    mpd = f"playback: {{backend: mpd}}\nmpd: {{host: 127.0.0.1, port: {fake_mpd.server_address[1]}}}\n"
    spotify = f"spotify: {{client_id: {'a' * 32}}}\n"
    topic, privates = "musicond/den/privacy", 0
    try:
        with SabotagedDaemon(tmp_path, mqtt + mpd + spotify) as daemon:
            wakes: dict[str, Callable[[], object]] = {
                "storage": lambda: post(daemon, "privacy", {"on": True}),
                "jobs": lambda: daemon.command("history", "export"),
                "sign-in": lambda: post(daemon, "spotify/finish", {"redirect": "x"}),
                "web": daemon.healthy,
            }
            daemon.ready()
            assert listener.wait_for("musicond/den/availability", "online", 30)
            for thread in ("storage", "mqtt", "web", "playback", "jobs", "sign-in") * (3 if FULL else 1):
                service = "page" if thread == "web" else thread
                online = listener.messages.count(ONLINE)
                daemon.end(thread, service, wakes.get(thread, lambda: None))
                daemon.healthy(f"{ENDED}.*{service}")
                if thread == "mqtt":  # a command of QoS 0 is lost while there is no connection
                    assert listener.until(lambda online=online: listener.messages.count(ONLINE) > online, 30)  # type: ignore[misc] # mypy sees no defaults of lambdas
                for private in ("on", "off"):  # over MQTT, stored, and shown on the page
                    listener.send(f"{topic}/set", private)
                    assert listener.wait_for(f"{topic}/state", private, 30), thread
                    saved = json.loads((tmp_path / "state" / "settings.json").read_text("utf-8"))
                    assert saved.get("private", False) is (private == "on")
                    privates += 1
                assert daemon.command("history", "export").returncode == 0
                assert post(daemon, "stop", {}) == 200
                daemon.wait_state(lambda state: state["playback"]["state"] in ("stopped", "paused", "idle", "off"))
            beats = [*daemon.beats(), time.monotonic()]
            gap_s = max(after - before for before, after in pairwise(beats))
            record("threads ended", ended=privates // 2, watchdog_gap_s=round(gap_s, 1))
            assert gap_s < 15
            assert daemon.process.poll() is None
            daemon.process.terminate()
            assert daemon.process.wait(30) == 0
    finally:
        listener.close()
        broker.stop()


def test_a_network_camera_is_opened_again_after_its_thread_has_ended(tmp_path: Path) -> None:
    with mjpeg_camera() as camera:
        daemon = SabotagedDaemon(tmp_path, f"camera: {{source: '{camera.url}'}}\n", ())
        with daemon:
            daemon.ready().wait_state(lambda state: state["watching"] in ("yes", "dark"))
            (daemon.sabotage / "end").write_text("camera", "ascii")
            assert daemon.until(lambda: any(" back after " in line for line in daemon.lines), 60)
            daemon.wait_state(lambda state: state["watching"] in ("yes", "dark"))
            assert (camera.open, daemon.process.poll()) == (1, None)


def test_the_end_of_the_watch_thread_ends_the_process(tmp_path: Path) -> None:
    with SabotagedDaemon(tmp_path) as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["watching"] == "yes")
        assert post(daemon, "privacy", {"on": True}) == 200
        (daemon.sabotage / "end").write_text("watch", "ascii")
        assert daemon.process.wait(30) == 1, "systemd starts it again"
    saved = json.loads((tmp_path / "state" / "settings.json").read_text("utf-8"))
    assert saved["private"] is True


def test_a_job_that_raises_is_named_and_the_others_and_the_watchdog_go_on(tmp_path: Path) -> None:
    daemon = SabotagedDaemon(tmp_path, "history: {enabled: true}\n")
    (daemon.sabotage / "raise").write_text("jobs", "ascii")
    backup = tmp_path / "state" / BACKUP
    with daemon:
        daemon.ready()
        assert daemon.until(lambda: any("a regular job failed" in line for line in daemon.lines))
        daemon.wait_state(lambda state: state["watching"] == "yes")
        status, body = daemon.get("/healthz")
        assert status == 503
        assert b"a regular job failed and is tried again: an odd error of a test" in body
        assert daemon.command("history", "export").returncode == 0, "a job that is asked for runs"
        assert daemon.command("catalogue", "list", "sad").returncode == 0
        assert post(daemon, "privacy", {"on": True}) == 200
        (daemon.sabotage / "raise").unlink()
        text = "\n".join(daemon.lines)
        assert text.count("a regular job failed") == text.count("the catalogue was not refreshed") == 1
        assert text.count("Traceback") == 2, "one for each job"
        before = len(daemon.beats())
        assert daemon.until(lambda: len(daemon.beats()) > before + 2, 60)
        if FULL:  # it is run again after a minute
            assert daemon.until(lambda: any("a regular job works again" in line for line in daemon.lines), 200)
            assert backup.exists()
            assert daemon.get("/healthz")[0] == 200
        daemon.process.terminate()
        assert daemon.process.wait(30) == 0
