"""The doctor's check of the camera, with and without a daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from musicond.commands.camera_check import check_camera, check_open_camera, seen
from musicond.config.camera import Camera
from musicond.config.schema import Config
from tests.capture.fake_libcamera import load_picamera2
from tests.capture.test_webcam import capability
from tests.commands.test_doctor import hide
from tests.system.preload import NAMESPACE, has_namespaces, preload

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["preload"]


def config(source: str) -> Config:
    return Config(camera=Camera(source=source))


def state(watching: str = "yes", **health: Any) -> dict[str, Any]:
    return {"watching": watching, "health": {"camera": "Camera Module 3", "width_seen": 1.0, "trouble": None} | health}


def test_without_a_camera_and_with_recordings(tmp_path: Path) -> None:
    assert check_camera(config("demo")).state == "ok"
    (tmp_path / "._1.png").write_bytes(b"")
    assert check_camera(config(f"file:{tmp_path}")).state == "failed"
    (tmp_path / "1.png").write_bytes(b"broken")
    assert check_camera(config(f"file:{tmp_path}")).state == "failed"
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((8, 8), np.uint8))
    assert check_camera(config(f"file:{tmp_path}")).state == "ok"
    assert check_camera(config("file:/none.mp4")).state == "failed"


def test_a_camera_in_the_network_has_no_cable_to_be_checked() -> None:
    camera = {"camera": "network camera 10.0.0.1"}
    lost = check_open_camera(state("no_camera", trouble="it answers 404; see", **camera))
    assert (lost.state, lost.remedy) == ("failed", "see docs/camera.md, cameras in the network")
    assert "network" in check_open_camera(state(missing_frames=2, **camera)).remedy
    assert "cable" in check_open_camera(state(missing_frames=2)).remedy


def test_a_node_that_is_no_camera_is_named(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    missing = check_camera(config(f"v4l2:/dev/{node.name}"), access=lambda _path, _mode: False)
    assert (missing.state, missing.found) == ("failed", "no /dev/video0")
    refused = check_camera(config("v4l2:/dev/null"), access=lambda _path, mode: mode == os.F_OK)
    assert "may not be opened by the service" in refused.found
    assert "install musicond again" in refused.remedy
    other = check_camera(config("v4l2:/dev/null"))
    assert (other.state, other.found) == ("failed", "/dev/null is no camera (not a video device)")


PI_4 = {
    0: ("unicam", "unicam", 0x2520_0001),
    10: ("bcm2835-codec", "bcm2835-codec-decode", 0x0420_4000),
    11: ("bcm2835-codec", "bcm2835-codec-encode", 0x0420_4000),
    12: ("bcm2835-codec", "bcm2835-codec-isp", 0x0420_8000),
    13: ("bcm2835-isp", "bcm2835-isp", 0x0420_0002),
    14: ("bcm2835-isp", "bcm2835-isp", 0x0420_0001),
    18: ("bcm2835-codec", "bcm2835-codec-image_fx", 0x0420_4000),
    19: ("rpi-hevc-dec", "rpi-hevc-dec", 0x0420_4000),
}
"""The video devices of a Raspberry Pi 4 without a webcam: drivers, cards and capabilities."""
WEBCAM = {
    20: ("uvcvideo", "HD Pro Webcam C920", 0x04A0_0000),  # its metadata
    21: ("uvcvideo", "HD Pro Webcam C920", 0x0420_0001),
}
MOUNT = """
for name in null zero full random urandom; do touch "$0/$name" && mount --bind "/dev/$name" "$0/$name"; done
mount --rbind "$0" /dev && exec "$@"
"""


@pytest.mark.skipif(not has_namespaces(), reason="no namespaces for devices of its own here")
@pytest.mark.parametrize(
    ("nodes", "source", "state", "found"),
    [
        (PI_4 | WEBCAM, "v4l2", "ok", "HD Pro Webcam C920 at /dev/video21"),
        (PI_4, "auto", "failed", "no /dev/video* is a camera"),
        (PI_4, "v4l2:/dev/video10", "failed", "/dev/video10 is no camera (bcm2835-codec-decode)"),
    ],
)
def test_the_doctor_takes_no_codec_for_a_camera(
    tmp_path: Path, preload: Path, nodes: dict[int, tuple[str, str, int]], source: str, state: str, found: str
) -> None:
    devices, file = tmp_path / "dev", tmp_path / "musicon.yaml"
    devices.mkdir()
    for number, (driver, card, capabilities) in nodes.items():
        (devices / f"video{number}").write_bytes(capability(driver, card, capabilities))
    file.write_text(f"camera: {{source: '{source}'}}\nweb: {{listen: '127.0.0.1:0'}}\nstate_dir: {tmp_path}/state\n")
    doctor = [sys.executable, "-m", "musicond", "doctor", "--json", "--config", str(file)]
    command = [*NAMESPACE, "sh", "-c", MOUNT, str(devices), "env", f"LD_PRELOAD={preload}", *doctor]
    out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert out.stderr == ""
    [camera] = [check for check in json.loads(out.stdout) if check["name"] == "camera"]
    assert camera["state"] == state, camera
    assert found in camera["found"]


def test_without_picamera2_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "picamera2")
    check = check_camera(config("pi"))
    assert check.state == "failed"
    assert "apt install" in check.remedy
    assert "or:" in check_camera(config("auto")).remedy


@pytest.mark.filterwarnings("ignore")
def test_a_pi_camera_says_how_much_it_sees_without_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    below = load_picamera2(monkeypatch).plug("imx708")
    check = check_camera(config("auto"))
    assert (check.state, check.found) == (
        "ok",
        "Camera Module 3, sees 100 % of its width, finds a face up to about 4.9 m away",
    )
    assert not below.started_with, "it was not started"


def test_the_camera_of_the_running_daemon() -> None:
    check = check_open_camera(state())
    assert (check.state, check.found) == ("ok", "Camera Module 3, sees 100 % of its width")
    assert check_open_camera(state("private")).found == "Camera Module 3: closed, because privacy is on"
    lost = check_open_camera(state("no_camera", trouble="unplugged"))
    assert (lost.state, lost.found) == ("failed", "Camera Module 3: unplugged")
    none = check_open_camera(state("no_camera", trouble="webcam: no /dev/video* is a camera", camera="camera"))
    assert none.found == "webcam: no /dev/video* is a camera"
    skipped = check_open_camera(state(bad_frames=3, missing_frames=1))
    assert (skipped.state, skipped.found) == (
        "warning",
        "Camera Module 3, sees 100 % of its width; pictures since the start: 3 broken, 1 missing",
    )
    turned = check_open_camera(state(rotation_hint=180))
    assert (turned.state, turned.remedy) == ("warning", "set camera.rotation: 180, then restart musicond")
    assert "upside down or on its side" in turned.found
    assert check_open_camera(state(rotation_hint=0)).state == "warning", "it was turned by mistake"
    assert check_open_camera(state(rotation_hint=None)).state == "ok"
    assert seen("webcam", None, 4.2) == "webcam, finds a face up to about 4.2 m away"
