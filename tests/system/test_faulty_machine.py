"""The real daemon on a machine with faults: a full disk, a disk that takes long, a clock that is set."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pytest

from musicond.capture.demo import DemoClip
from musicond.config.paths import models_dir
from musicond.config.user_settings import to_json
from musicond.core.commands import SetPrivacy
from musicond.core.settings import Settings, apply
from musicond.history import HistoryBook
from musicond.library.database import BACKUP
from musicond.runtime.clock import LOCAL
from musicond.runtime.json_file import JsonFile
from tests.figures import FULL, record
from tests.mqtt.conftest import Broker, Listener
from tests.system.daemon import Daemon
from tests.system.preload import NAMESPACE, has_namespaces, preload
from tests.system.test_locked_storage import likes, post

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["preload"]

FSYNC_MS = 600
DECADES_S = 14 * 365 * 86400


class DaemonOnSmallDisk(Daemon):
    """The state directory is a separate file system of 3 MiB."""

    def program(self) -> list[str]:
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size=3m,mode=700 tmpfs {state} && exec "$@"'
        return [*NAMESPACE, "sh", "-c", mount, "sh", sys.executable, "-m", "musicond"]

    @property
    def state_folder(self) -> Path:
        """The state directory as the daemon sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.folder / 'state'}")


def fill(file: Path) -> None:
    """Write until the disk is full, to the last byte."""
    with file.open("wb", buffering=0) as handle:
        for size in (4096, 1):
            try:
                while True:
                    handle.write(bytes(size))
            except OSError as exc:
                assert exc.errno == errno.ENOSPC


@pytest.mark.skipif(not has_namespaces(), reason="no namespaces for a small file system here")
def test_a_backup_for_which_there_is_no_room_is_shown_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with DaemonOnSmallDisk(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        backup, deadline = daemon.state_folder / BACKUP, time.monotonic() + 60
        while not backup.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.utime(backup, (1e9, 1e9))
        fill(daemon.state_folder / "ballast")
        assert daemon.command("catalogue", "verify").returncode in (0, 69)  # after each job the regular ones run
        assert daemon.until(lambda: any("the catalogue was not backed up" in line for line in daemon.lines), 60)
        status, body = daemon.get("/healthz")
        assert status == 503
        assert b"the catalogue was not backed up" in body
        assert b"make room on the disk" in body
        assert backup.stat().st_mtime == 1e9
        assert [file.name for file in daemon.state_folder.glob("*.new")] == []
        assert not any("Traceback" in line for line in daemon.lines)


@pytest.mark.skipif(not has_namespaces(), reason="no namespaces for a small file system here")
def test_a_full_disk_leaves_no_empty_token_and_the_page_opens_with_the_next_one(tmp_path: Path) -> None:
    token = tmp_path / "state" / "page-token"
    with DaemonOnSmallDisk(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        before = daemon.config.read_text("utf-8")
        ballast, seen = daemon.state_folder / "ballast", daemon.state_folder / token.name
        inside = ["nsenter", f"--mount=/proc/{daemon.process.pid}/ns/mnt", f"--wd={Path.cwd()}"]
        link = [*inside, sys.executable, "-m", "musicond", "page-link", "--lan", "--config", str(daemon.config)]
        fill(ballast)
        refused = subprocess.run(link, capture_output=True, text=True, check=False, timeout=60)
        assert refused.returncode == 69
        assert "No space left on device; nothing was changed" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert not seen.exists()
        assert daemon.config.read_text("utf-8") == before
        seen.touch(mode=0o600)  # as an earlier version left it
        ballast.unlink()
        made = subprocess.run(link, capture_output=True, text=True, check=False, timeout=60)
        assert made.returncode == 0, made.stderr
        assert len(seen.read_text("ascii").strip()) >= 20
        assert seen.read_text("ascii").strip() in made.stdout
        assert seen.stat().st_mode & 0o777 == 0o600
        copy = tmp_path / "page-token"
        copy.write_bytes(seen.read_bytes())
    with Daemon(tmp_path, "--source", "demo", web=f"listen: '127.0.0.1:0', token_file: {copy}") as daemon:
        daemon.ready()
        assert daemon.get("/api/v1/state")[0] == 401
        assert daemon.get(f"/?token={copy.read_text('ascii').strip()}")[0] in (200, 302, 303)


@pytest.mark.skipif(not has_namespaces(), reason="no namespaces for a small file system here")
def test_privacy_on_a_full_disk_is_in_force_and_stored_as_soon_as_there_is_room(tmp_path: Path) -> None:
    with DaemonOnSmallDisk(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["watching"] == "yes")
        settings, ballast = daemon.state_folder / "settings.json", daemon.state_folder / "ballast"
        for round_number in range(10 if FULL else 2):
            private = round_number % 2 == 0
            fill(ballast)
            began = time.monotonic()
            status = post(daemon.port(), "privacy", {"on": private})
            daemon.wait_state(lambda state, private=private: (state["watching"] == "private") is private)  # type: ignore[misc] # mypy sees no defaults of lambdas
            closed_s = time.monotonic() - began
            assert status == 500
            daemon.wait_state(lambda state: "not saved yet" in str(state["notice"]))
            ballast.unlink()
            daemon.wait_state(lambda state: "not saved yet" not in str(state["notice"]))
            assert json.loads(settings.read_text("utf-8")).get("private", False) is private
            record("disk full: privacy", round=round_number, camera_s=round(closed_s, 2), status=status)
            assert closed_s < 3
        daemon.wait_state(lambda state: state["recommendation"] is not None, 60)
        assert post(daemon.port(), "other_songs", {}) == 200  # they are stored later, or never
        fill(ballast)
        daemon.process.terminate()
        assert daemon.process.wait(30) == 0, "a full disk is no reason to end with an error"
        assert not any("Traceback" in line for line in daemon.lines)


class FaultyDaemon(Daemon):
    """The time of day and the time that an fsync takes can be set."""

    def __init__(self, folder: Path, preload: Path, source: str = "demo", config: str = "") -> None:
        self._faults = folder / "faults"
        self.set_faults()
        env = {"LD_PRELOAD": str(preload), "FAULTS": str(self._faults)}
        super().__init__(folder, "--source", source, config=config, env=env)

    def set_faults(self, *, clock_s: int = 0, fsync_ms: int = 0, unsynchronised: bool = False) -> None:
        """Set the seconds by which the clock is wrong, the milliseconds of an fsync, and the kernel's word."""
        if not self._faults.exists():
            self._faults.touch()
        with self._faults.open("r+b", buffering=0) as file:
            file.write(struct.pack("qqq", clock_s, fsync_ms, unsynchronised))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, preload: Path) -> Iterator[FaultyDaemon]:
    """A daemon whose clock and storage a test can disturb."""
    folder = tmp_path_factory.mktemp("faulty")
    with FaultyDaemon(folder, preload) as daemon:
        daemon.ready()
        yield daemon


def test_a_pause_lasts_its_time_while_the_clock_is_set(faulty: FaultyDaemon) -> None:
    faulty.wait_state(lambda state: state["watching"] == "yes")
    assert post(faulty.port(), "pause", {"minutes": 30}) == 200
    for shift in (DECADES_S, 0, -DECADES_S, 0) * 5 if FULL else (DECADES_S, 0):
        faulty.set_faults(clock_s=shift)
        time.sleep(6)  # the watch loop looks at the clock at least every 5 s
        assert faulty.state()["watching"] == "paused", shift
    record("clock set by 14 years and back: pause", kept=True)
    assert faulty.command("pause", "off").returncode == 0
    assert not any("Traceback" in line for line in faulty.lines)


@pytest.mark.parametrize("boot", ["this", "earlier"])
def test_privacy_until_midnight_outlasts_a_start_in_2040(tmp_path: Path, preload: Path, boot: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    guests = to_json(apply(Settings(), SetPrivacy(on=True, until_midnight=True), datetime.now(LOCAL)))
    stored = guests if boot == "this" else {**guests, "boot": "another"}
    JsonFile(folder / "settings.json").save(stored)
    daemon = FaultyDaemon(tmp_path, preload)
    # Within one boot the monotonic clock tells it, even where the kernel calls the clock synchronised.
    unsynchronised = boot == "earlier"
    daemon.set_faults(clock_s=DECADES_S, unsynchronised=unsynchronised)
    with daemon:
        daemon.ready()
        for clock_s in (DECADES_S, 0):
            daemon.set_faults(clock_s=clock_s, unsynchronised=unsynchronised and clock_s > 0)
            for policy in ("lift", "steady"):  # the watch loop looks at the clock before and after a command
                assert post(daemon.port(), "policy", {"policy": policy}) == 200
            assert daemon.state()["watching"] == "private", clock_s
        assert not any(" opened" in line or "Traceback" in line for line in daemon.lines)
    record("start in 2040: privacy until midnight", boot=boot, kept=True)


def test_privacy_until_midnight_of_2040_ends_at_the_next_one_once_the_clock_is_right(
    tmp_path: Path, preload: Path
) -> None:
    daemon = FaultyDaemon(tmp_path, preload)
    daemon.set_faults(clock_s=DECADES_S)
    with daemon:
        daemon.ready()
        assert post(daemon.port(), "privacy", {"on": True, "until": "midnight"}) == 200
        assert str(daemon.state()["controls"]["private_until"]) > f"{datetime.now(UTC).year + 13}"
        daemon.set_faults()
        daemon.wait_state(lambda state: _ends_soon(state["controls"]["private_until"]))
        assert daemon.state()["watching"] == "private"
    record("privacy until midnight in 2040, clock set right", ends_at_the_next_midnight=True)


def _ends_soon(until: str) -> bool:
    return timedelta() < datetime.fromisoformat(until) - datetime.now(UTC) <= timedelta(days=1)


def test_seconds_in_2040_delete_no_day_of_the_history(tmp_path: Path, preload: Path) -> None:
    pictures, today = tmp_path / "pictures", datetime.now(UTC).date()
    pictures.mkdir()
    for number, picture in enumerate(DemoClip(models_dir()).frame_at(at / 10) for at in range(90, 120)):
        cv2.imwrite(str(pictures / f"{number:02}.png"), picture)
    days = {(today - timedelta(days=age)).isoformat(): {"happy": 12.5, "sad": float(age)} for age in range(1, 61)}
    folder = tmp_path / "state" / "history"
    folder.mkdir(parents=True)
    for month in {day[:7] for day in days}:
        JsonFile(folder / f"{month}.json").save({day: moods for day, moods in days.items() if day[:7] == month})
    daemon = FaultyDaemon(tmp_path, preload, f"file:{pictures}", "history: {enabled: true, keep_days: 61}\n")
    with daemon:
        daemon.ready()
        for wrong in (True, False):
            daemon.set_faults(clock_s=DECADES_S if wrong else 0)
            began = time.monotonic()
            daemon.wait_state(lambda state: state["mood"] in ("happy", "surprise"))
            while time.monotonic() < began + 4:
                time.sleep(0.1)
            stored = json.loads(daemon.command("history", "export", "--json").stdout)
            assert {day: stored.get(day) for day in days} == days
        assert any(day > f"{today.year + 13}" for day in stored), "what was watched then is counted, too"
        daemon.set_faults(clock_s=DECADES_S)
        daemon.wait_state(lambda state: state["mood"] in ("happy", "surprise"))
        daemon.process.terminate()  # the counted minutes are stored at the end
        assert daemon.process.wait(30) == 0
    stored = HistoryBook(folder).days()
    assert {day: stored.get(day) for day in days} == days
    record("clock in 2040 for seconds: days of history", days=len(days), kept=sum(day in stored for day in days))


def test_a_refresh_in_2040_puts_off_no_other(tmp_path: Path, preload: Path) -> None:
    daemon = FaultyDaemon(tmp_path, preload)
    daemon.set_faults(clock_s=DECADES_S)
    file = JsonFile(tmp_path / "state" / "refresh.json")
    year = datetime.now(UTC).year
    with daemon:
        daemon.ready()
        for shift, expected in ((DECADES_S, year + 14), (0, year)):
            daemon.set_faults(clock_s=shift)
            deadline = time.monotonic() + 120
            while not str(file.parse().get("refreshed")).startswith((f"{expected - 1}-", f"{expected}-")):
                assert time.monotonic() < deadline, file.parse()
                time.sleep(0.5)


@pytest.mark.broker
def test_what_mqtt_retains_is_on_the_disk_before(tmp_path: Path, preload: Path) -> None:
    broker = Broker(tmp_path).start()
    listener = Listener(broker.port)
    mqtt = f"device: {{node: den}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    settings = JsonFile(tmp_path / "state" / "settings.json")
    try:
        with FaultyDaemon(tmp_path, preload, config=mqtt) as daemon:
            daemon.ready()
            assert listener.wait_for("musicond/den/watching", "yes", 60)
            daemon.set_faults(fsync_ms=FSYNC_MS)
            for payload in ("on", "off", "on"):
                began = time.monotonic()
                listener.send("musicond/den/privacy/set", payload)
                assert listener.wait_for("musicond/den/privacy/state", payload)
                stored = settings.parse().get("private", False)
                assert stored is (payload == "on")
                record("fsync of 600 ms: privacy over MQTT", payload=payload, s=round(time.monotonic() - began, 2))
    finally:
        listener.close()
        broker.stop()


def test_privacy_overtakes_likes_on_a_slow_disk_and_each_like_counts_once(faulty: FaultyDaemon) -> None:
    number, statuses = 40 if FULL else 8, list[int]()
    recommended = faulty.wait_state(lambda state: bool(state["recommendation"]), 60)
    port, track = faulty.port(), recommended["recommendation"]["tracks"][0]["id"]
    faulty.set_faults(fsync_ms=FSYNC_MS)

    def like() -> None:
        statuses.append(post(port, "rate", {"verdict": "like", "id": track}, 120))

    threads = [threading.Thread(target=like) for _ in range(number)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    privacy = threading.Thread(target=post, args=(port, "privacy", {"on": True}, 120))
    privacy.start()
    faulty.wait_state(lambda state: state["watching"] == "private")
    closed_s = time.monotonic() - began
    for thread in (*threads, privacy):
        thread.join(120)
    catalogue, deadline = faulty.folder / "state" / "catalogue.sqlite", time.monotonic() + 60
    while likes(catalogue) < number - statuses.count(503) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert likes(catalogue) == number - statuses.count(503), statuses
    record("fsync of 600 ms: privacy after likes", likes=number, camera_s=round(closed_s, 2))
    assert closed_s < 3
