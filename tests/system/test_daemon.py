"""The daemon as a process: start, commands, reload, faults, shutdown and the page."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from musicond.capture.demo import DemoClip
from musicond.config.paths import models_dir
from musicond.core.models import Emotion
from tests.capture.test_recorded import damaged
from tests.mqtt.conftest import Broker, Listener
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

STOP_S, SLACK = 2.0, 3
"""Longest stop that is promised, and how many times as long it may take on a machine that is busy with other tests."""
NO_CAMERA = "camera: {source: 'v4l2:/dev/video99'}\n"


def video(folder: Path) -> Path:
    """Write a real video of an empty room."""
    path = folder / "room.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for _ in range(50):
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    return path


def test_the_demo_s_moods_in_order_and_none_besides(tmp_path: Path) -> None:
    """The default configuration, in real time, read from the page."""
    clip = DemoClip(models_dir())
    scripted = [mood for _, _, mood in clip.script]
    seen: list[str] = []
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        for state in daemon.states(clip.duration_s + 8):
            if not seen or state["mood"] != seen[-1]:
                seen.append(state["mood"])
            if seen[1 : len(scripted) + 1] == scripted:
                break
        assert state["recommendation"]["tracks"]
        assert not any("Traceback" in line for line in daemon.lines)
    assert seen[0] == "nobody", "before the first mood is real"
    assert seen[1 : len(scripted) + 1] == scripted


def test_without_a_camera_it_is_ready_says_so_and_is_not_restarted(tmp_path: Path) -> None:
    with Daemon(tmp_path, config=NO_CAMERA, watchdog_s=2) as daemon:
        daemon.ready()
        state = daemon.wait_state(lambda state: state["health"]["trouble"] is not None)
        assert (state["watching"], state["mood"]) == ("no_camera", "nobody")
        assert "/dev/video99" in state["health"]["trouble"]
        start = len(daemon.beats())
        assert daemon.until(lambda: bool(daemon.beats()[start:]) and daemon.beats()[-1] - daemon.beats()[start] > 6, 20)
        gaps = [after - before for before, after in zip(daemon.beats(), daemon.beats()[1:], strict=False)]
        assert max(gaps) < 2
        assert daemon.process.poll() is None
        status, body = daemon.get("/healthz")
        assert status == 503
        assert b"camera" in body


def test_private_closes_the_camera_feeds_the_watchdog_and_lasts(tmp_path: Path) -> None:
    clip = video(tmp_path)
    with Daemon(tmp_path, "--source", f"file:{clip}", watchdog_s=2) as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["watching"] == "yes")
        assert str(clip) in daemon.open_files()
        answer = daemon.command("privacy", "on")
        assert (answer.returncode, answer.stderr) == (0, "")
        assert str(clip) not in daemon.open_files(), "what stands for the device is closed when the answer comes"
        state = daemon.state()
        assert (state["watching"], state["mood"], state["controls"]["private"]) == ("private", "nobody", True)
        start = len(daemon.beats())
        assert daemon.until(lambda: bool(daemon.beats()[start:]) and daemon.beats()[-1] - daemon.beats()[start] > 6, 20)
        gaps = [
            after - before for before, after in zip(daemon.beats()[start:], daemon.beats()[start + 1 :], strict=False)
        ]
        assert max(gaps) < 2
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait(10)
    with Daemon(tmp_path, "--source", f"file:{clip}") as daemon:
        daemon.ready()
        assert daemon.wait_state(lambda state: state["watching"] == "private")["mood"] == "nobody"
        assert str(clip) not in daemon.open_files()
        assert daemon.command("privacy", "off").returncode == 0
        daemon.wait_state(lambda state: state["watching"] == "yes")


def test_a_stopped_process_feeds_no_watchdog(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo", watchdog_s=2) as daemon:
        daemon.ready()
        assert daemon.until(lambda: len(daemon.beats()) >= 3)
        daemon.process.send_signal(signal.SIGSTOP)
        daemon.until(lambda: False, 0.5)
        beats = len(daemon.beats())
        assert not daemon.until(lambda: len(daemon.beats()) > beats, 3)
        daemon.process.send_signal(signal.SIGCONT)
        assert daemon.until(lambda: len(daemon.beats()) > beats, 5)


def folder_that_blocks(tmp_path: Path, number: int) -> Path:
    """A folder of images of which one is a named pipe: reading it hangs as a bad driver does."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(4):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((48, 64), 90, np.uint8))
    (folder / f"{number}.png").unlink()
    os.mkfifo(folder / f"{number}.png")
    return folder


def test_a_blocked_step_feeds_no_watchdog_though_the_page_lives(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", f"file:{folder_that_blocks(tmp_path, 3)}", watchdog_s=2) as daemon:
        daemon.ready()
        beats = -1
        while len(daemon.beats()) > beats:
            beats = len(daemon.beats())
            daemon.until(lambda: False, 2.5)
        assert daemon.get("/api/v1/state")[0] == 200
        assert daemon.process.poll() is None


def test_pause_keeps_the_page_and_says_until_when(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        assert daemon.command("pause", "30").returncode == 0
        state = daemon.state()
        assert state["watching"] == "paused"
        assert state["controls"]["paused_until"]
        assert daemon.get("/healthz")[0] == 200, "nothing is wanted, so nothing is wrong"
        assert daemon.command("pause", "off").returncode == 0
        daemon.wait_state(lambda state: state["watching"] == "yes")


@pytest.mark.parametrize("source", ["demo", "v4l2:/dev/video99"])
def test_sigterm_ends_it_within_two_seconds(tmp_path: Path, source: str) -> None:
    with Daemon(tmp_path, "--source", source) as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["watching"] != "starting")
        started = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(10) == 0
        assert time.monotonic() - started < STOP_S * SLACK
        assert daemon.until(lambda: any(text == "STOPPING=1" for _, text in daemon.notifications), 2)


@pytest.mark.broker
def test_sigterm_leaves_offline_on_the_broker(tmp_path: Path) -> None:
    broker = Broker(tmp_path).start()
    mqtt = f"device: {{node: den}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    listener = Listener(broker.port)
    try:
        with Daemon(tmp_path, "--source", "demo", config=mqtt) as daemon:
            daemon.ready()
            assert listener.wait_for("musicond/den/availability", "online")
            assert listener.wait_for("musicond/den/mood", "neutral", 20)
            assert listener.wait_for("musicond/den/watching", "yes")
            assert listener.wait_for("musicond/den/recommendation/attributes")
            assert daemon.command("privacy", "on").returncode == 0
            assert listener.wait_for("musicond/den/watching", "private", 3)
            assert listener.wait_for("musicond/den/mood", "nobody", 3)
            started = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(10) == 0
            assert time.monotonic() - started < STOP_S * SLACK
            assert listener.wait_for("musicond/den/availability", "offline", 2)
    finally:
        listener.close()
        broker.stop()


@pytest.mark.broker
def test_privacy_over_mqtt_closes_the_device_within_a_second_and_lasts(tmp_path: Path) -> None:
    clip, broker = video(tmp_path), Broker(tmp_path).start()
    mqtt = f"device: {{node: den}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
    listener = Listener(broker.port)
    try:
        with Daemon(tmp_path, "--source", f"file:{clip}", config=mqtt) as daemon:
            daemon.ready()
            assert listener.wait_for("musicond/den/watching", "yes", 20)
            assert str(clip) in daemon.open_files()
            started = time.monotonic()
            listener.send("musicond/den/privacy/set", "on")
            assert listener.wait_for("musicond/den/privacy/state", "on", 3)
            assert time.monotonic() - started < 1
            assert str(clip) not in daemon.open_files(), "what stands for the device is closed when the state says so"
            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait(10)
            assert listener.wait_for("musicond/den/availability", "offline", 5)
        with Daemon(tmp_path, "--source", f"file:{clip}", config=mqtt) as daemon:
            daemon.ready()
            assert listener.wait_for("musicond/den/availability", "online", 20)
            assert listener.retained["musicond/den/watching"] == "private"
            assert str(clip) not in daemon.open_files()
            assert daemon.command("settings", "reset", "privacy").returncode == 0
            assert listener.wait_for("musicond/den/privacy/state", "off", 3)
            assert listener.wait_for("musicond/den/watching", "yes", 10)
    finally:
        listener.close()
        broker.stop()


def failing(folder: Path, *args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command that must fail; return its exit code and its only line."""
    process = subprocess.run(
        [sys.executable, "-m", "musicond", *args],
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state"), **(env or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line for line in process.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1, process.stderr
    return process.returncode, lines[0]


def test_a_wrong_model_is_one_line_and_78(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("web: {listen: '127.0.0.1:0'}\nmodel: {path: model.tflite}\n")
    code, line = failing(tmp_path, "run", "--config", str(config), "--source", "demo")
    assert code == 78
    assert "model.tflite" in line
    shipped = models_dir() / "fer_int8.tflite"
    (tmp_path / "model.json").write_bytes(shipped.with_suffix(".json").read_bytes())
    (tmp_path / "model.tflite").write_bytes(shipped.read_bytes()[:-100])
    code, line = failing(tmp_path, "run", "--config", str(config), "--source", "demo")
    assert code == 78
    assert "model.tflite: damaged" in line


def test_a_wrong_config_is_one_line_a_fault_and_78(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("camera: {rate: fast}\n")
    code, line = failing(tmp_path, "run", "--config", str(config))
    assert code == 78
    assert "c.yaml:1:16: camera.rate" in line


def test_an_unreadable_clip_is_one_line_and_69(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    code, line = failing(tmp_path, "replay", str(tmp_path / "clip.mp4"))
    assert code == 69
    assert "clip.mp4" in line
    code, line = failing(tmp_path, "run", "--source", f"file:{tmp_path / 'clip.mp4'}")
    assert code == 69
    assert "clip.mp4" in line
    code, line = failing(tmp_path, "replay", str(tmp_path / "absent.mp4"))
    assert code == 69
    assert "absent.mp4" in line


def test_a_taken_port_is_one_line_and_69(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        config = tmp_path / "other.yaml"
        config.write_text(f"web: {{listen: '127.0.0.1:{daemon.port()}'}}\nstate_dir: {tmp_path / 'other'}\n")
        code, line = failing(tmp_path, "run", "--config", str(config), "--source", "demo")
        assert code == 69
        assert str(daemon.port()) in line


def test_a_second_daemon_is_one_line_and_69(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        code, line = failing(tmp_path, "run", "--config", str(daemon.config), "--source", "demo")
        assert code == 69
        assert f"process {daemon.process.pid}" in line


def test_a_state_directory_that_cannot_be_written_is_one_line_and_69(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = tmp_path / "c.yaml"
    config.write_text(f"web: {{listen: '127.0.0.1:0'}}\nstate_dir: {tmp_path / 'file'}\n")
    code, line = failing(tmp_path, "run", "--config", str(config), "--source", "demo")
    assert code == 69
    assert str(tmp_path / "file") in line


def test_replaying_writes_nothing_and_says_the_same_twice(tmp_path: Path) -> None:
    def replay() -> tuple[list[str], dict[str, object]]:
        out = subprocess.run(
            [sys.executable, "-m", "musicond", "replay", "demo"],
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert out.stderr == ""
        *lines, summary = out.stdout.splitlines()
        return lines, json.loads(summary)

    lines, summary = replay()
    again, _ = replay()
    assert lines == again
    assert list(tmp_path.iterdir()) == []
    assert summary["type"] == "summary"
    clip = DemoClip(models_dir())
    moods = [event for line in lines if (event := json.loads(line))["type"] == "mood"]
    assert [event["after"] for event in moods] == [mood for _, _, mood in clip.script]
    for event, (_, settled_s, mood) in zip(moods, clip.script, strict=True):
        limit = 6.0 if mood == "nobody" else 3.0  # away_s + 1 s; 3 s after the cross-fade
        assert settled_s - 1 <= event["t"] <= settled_s + limit


def test_a_reload_takes_over_what_it_can_and_keeps_the_old_where_the_file_is_bad(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo", config="mood: {dwell_s: 60}\n") as daemon:
        daemon.ready()

        def reload(config: str, says: str) -> None:
            base = daemon.config.read_text().split("mood:")[0]
            daemon.config.write_text(f"{base}mood: {config}\n")
            daemon.process.send_signal(signal.SIGHUP)
            assert daemon.until(lambda: any(says in line for line in daemon.lines)), "\n".join(daemon.lines)

        reload("{dwell_s: 0, enter: 7}", "musicon.yaml:3:27: mood.enter: ")
        assert daemon.until(lambda: any("the old one stays in force" in line for line in daemon.lines))
        assert daemon.state()["mood"] in ("nobody", "unsure")
        reload("{dwell_s: 0}\nmusic:\n  library:\n  -", "musicon.yaml:6:4: music.library: ")
        reload("{dwell_s: 0}\nmqtt: {port: 1884}", "taken over: mood.dwell_s")
        assert daemon.until(lambda: any("wait for a restart: mqtt.port" in line for line in daemon.lines))
        # With a dwell of 60 s the demo's moods, of some seconds each, never came.
        daemon.wait_state(lambda state: state["mood"] not in ("nobody", "unsure"), 30)
        states = [text.split("\n")[0] for _, text in daemon.notifications]
        assert [text for text in states if text in ("READY=1", "RELOADING=1")] == [
            "READY=1",
            *(["RELOADING=1", "READY=1"] * 3),
        ]


def test_the_page_in_the_network_opens_with_its_link_alone(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        done = daemon.command("page-link")
        assert done.stdout.startswith("http://127.0.0.1:")
    done = daemon.command("page-link", "--lan")
    assert done.returncode == 0, done.stderr
    assert "for those who have this link" in done.stdout
    token = (tmp_path / "state" / "page-token").read_text().strip()
    assert f"/?token={token}" in done.stdout
    assert (tmp_path / "state" / "page-token").stat().st_mode & 0o777 == 0o600
    with daemon:
        del daemon.notifications[:], daemon.lines[:]
        daemon.ready()
        assert daemon.get("/api/v1/state")[0] == 401
        assert daemon.get("/")[0] == 401
        assert daemon.get(f"/?token={token}")[0] == 303
        assert token not in "\n".join(daemon.lines)
        assert daemon.command("privacy", "on").returncode == 0


def test_the_page_is_wired_to_all_that_it_shows(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, "--source", "demo", config="history: {enabled: true}\n")
    daemon.config.write_text(daemon.config.read_text().replace("listen:", "preview: true, listen:"))
    with daemon:
        state = daemon.ready().wait_state(lambda state: state["recommendation"] is not None)
        assert state["preview"] is True
        assert state["playback"] is None
        assert state["health"]["model"] == "fer_int8.tflite"
        checks = {check["name"]: check["state"] for check in run_action(daemon, "doctor/check")["checks"]}
        assert checks["catalogue"] == checks["broker"] == checks["state"] == "ok"
        songs = run_action(daemon, "catalogue/list", {"emotion": "sad"})["entries"]
        assert run_action(daemon, "catalogue/remove", {"id": songs[0]["track_id"], "emotion": "sad"}) == {"lists": 1}
        assert len(run_action(daemon, "catalogue/list", {"emotion": "sad"})["entries"]) == len(songs) - 1
        assert run_action(daemon, "catalogue/sources")["lists"]["sad"] == ["starter"]
        assert run_action(daemon, "history/days")["days"] is not None
        log = daemon.get("/api/v1/log")[1].decode()
        assert "demo opened" in log
        assert not re.search(rf"\b({'|'.join(Emotion)})\b", log), "no line names a mood"
        assert "musicond_healthy 1.0" in daemon.get("/metrics")[1].decode()
        assert first_picture_bytes(daemon).startswith(b"\xff\xd8"), "a JPEG"
        status, answer = post(daemon, "play", {})
        assert (status, "playback.backend" in answer["error"]) == (409, True)


def post(daemon: Daemon, path: str, body: dict[str, object]) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port(), timeout=30)
    try:
        connection.request("POST", f"/api/v1/{path}", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def run_action(daemon: Daemon, path: str, body: dict[str, object] | None = None) -> dict[str, Any]:
    status, answer = post(daemon, path, body or {})
    assert status == 200, answer
    return answer


def first_picture_bytes(daemon: Daemon) -> bytes:
    """Return the first bytes of the live picture."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port(), timeout=20)
    try:
        connection.request("GET", "/api/v1/preview")
        answer = connection.getresponse()
        while answer.readline().strip() != b"Content-Type: image/jpeg":
            pass
        answer.readline()
        return answer.read(2)
    finally:
        connection.close()


def test_frames_that_cannot_be_decoded_are_counted_in_health(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    damaged(path, 5, 6)
    with Daemon(tmp_path, "--source", f"file:{path}") as daemon:
        daemon.ready()
        state = daemon.wait_state(lambda state: (state["health"] or {}).get("bad_frames", 0) >= 2)
        assert state["watching"] == "yes", "a bad frame closes nothing"
