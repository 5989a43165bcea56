"""An installed daemon opens no camera before somebody confirms that the people in the room were informed."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from musicond.runtime.json_file import JsonFile
from musicond.runtime.machine import volatile_kind
from musicond.web.client import ControlClient
from tests.capture.cameras import MjpegCamera, mjpeg_camera
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMERA = "camera: {source: 'v4l2:/dev/video99'}\n"
"""A camera that is not there: the attempt to open it shows."""


def test_a_first_start_waits_for_consent_and_keeps_it(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--ask-consent", config=CAMERA) as daemon:
        state = daemon.ready().wait_state(lambda state: state["watching"] == "private")
        assert state["controls"]["consent_pending"] is True
        assert any("tell the people here" in line for line in daemon.lines)
        assert not any("video99" in line for line in daemon.lines)
        assert "tell the people here" in daemon.command("privacy").stdout
        daemon.command("settings", "reset")
        assert daemon.state()["watching"] == "private"
    with Daemon(tmp_path, "--ask-consent", config=CAMERA) as daemon:
        daemon.ready().wait_state(lambda state: state["watching"] == "private")
        assert daemon.command("privacy", "off").returncode == 0
        daemon.wait_state(lambda state: state["watching"] == "no_camera" and "video99" in str(state["health"]))
        assert daemon.state()["controls"]["consent_pending"] is False
    with Daemon(tmp_path, "--ask-consent", config=CAMERA) as daemon:
        daemon.ready().wait_state(lambda state: state["watching"] == "no_camera")


def test_no_descriptor_leads_to_the_camera_before_consent_and_one_after_it(tmp_path: Path) -> None:
    """By the open files of the process, with a camera in the network; each run ends as a power cut ends it."""
    with mjpeg_camera() as camera:
        config = f"camera: {{source: '{camera.url}'}}\n"
        for consents in (False, True):
            with Daemon(tmp_path, "--ask-consent", config=config) as daemon:
                daemon.ready().wait_state(lambda state: state["watching"] == "private")
                assert descriptors(daemon, camera) == []
                assert camera.paths == []
                if consents:
                    assert daemon.command("privacy", "off").returncode == 0
                    daemon.wait_state(lambda state: state["watching"] in ("yes", "dark"))
                    assert len(descriptors(daemon, camera)) == 1
        with Daemon(tmp_path, "--ask-consent", config=config) as daemon:
            daemon.ready().wait_state(lambda state: state["watching"] in ("yes", "dark"))
            assert len(descriptors(daemon, camera)) == 1


def descriptors(daemon: Daemon, camera: MjpegCamera) -> list[str]:
    """Return the open files of the daemon that are video devices or connections to the camera."""
    port = f":{camera.server.server_port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    connections = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(port)}
    return [
        file for file in daemon.open_files() if file in connections or file.startswith(("/dev/video", "/dev/media"))
    ]


def test_an_upgrade_and_a_source_on_the_command_line_change_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path, config=CAMERA) as daemon:
        daemon.ready()
    # In a folder that a boot forgets, a person may have closed the camera before it.
    watching = "private" if volatile_kind(tmp_path) else "no_camera"
    with Daemon(tmp_path, "--ask-consent", config=CAMERA) as daemon:
        assert daemon.ready().wait_state(lambda state: state["watching"] == watching)
    (tmp_path / "new").mkdir()
    with Daemon(tmp_path / "new", "--ask-consent", "--source", "demo") as daemon:
        daemon.ready().wait_state(lambda state: state["watching"] == "yes")
    stored = tmp_path / "new/state/settings.json"
    assert not stored.exists() or "consent_pending" not in json.loads(stored.read_text())


@pytest.fixture
def volatile() -> Iterator[Path]:
    """Return a folder in a file system that a boot forgets."""
    if volatile_kind(Path("/dev/shm")) is None:
        pytest.skip("/dev/shm is no tmpfs here")
    with TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_privacy_is_not_lost_by_a_boot_of_a_system_that_forgets(tmp_path: Path, volatile: Path) -> None:
    config = f"{CAMERA}state_dir: {volatile}\n"

    def start() -> Daemon:
        daemon = Daemon(tmp_path, "--ask-consent", config=config)
        daemon.config.write_text(daemon.config.read_text().replace(f"state_dir: {tmp_path / 'state'}\n", ""))
        return daemon

    # As overlayfs has it after a boot: the settings of long ago, with an open camera.
    JsonFile(volatile / "settings.json").save({})
    with start() as daemon:
        assert daemon.ready().wait_state(lambda state: state["watching"] == "private")
        assert any("forgets at each boot what was switched: the camera stays closed" in line for line in daemon.lines)
        ControlClient(tmp_path / "run/control.sock").send("privacy", on=False)
        daemon.wait_state(lambda state: state["watching"] == "no_camera")
    with start() as daemon:  # within the same boot
        daemon.ready().wait_state(lambda state: state["watching"] == "no_camera")
    (volatile / "boot.txt").write_text("another boot\n")
    with start() as daemon:
        daemon.ready().wait_state(lambda state: state["watching"] == "private")
