"""A daemon with a camera in the network: its password is never shown, and privacy closes the connection at once."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.capture.cameras import NAME, PASSWORD, MjpegCamera, mjpeg_camera
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = "?user=u5er&password=qu3ry"
AT_ONCE_S = 3.0
"""A second, threefold for a busy machine."""


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    with mjpeg_camera() as running:
        yield running


def test_the_password_is_never_shown_and_privacy_closes_the_connection(tmp_path: Path, camera: MjpegCamera) -> None:
    secret = tmp_path / "camera"
    secret.write_text(f"{NAME}:{PASSWORD}\n")
    secret.chmod(0o600)
    camera.fault = "digest"
    config = f"camera: {{source: '{camera.url}{QUERY}', credentials_file: camera}}\n"
    with Daemon(tmp_path, config=config) as daemon:
        daemon.ready().wait_state(lambda state: state["watching"] in ("yes", "dark"))
        assert camera.open == 1
        doctor = daemon.command("doctor", "--json", "--all").stdout
        assert f'"network camera {camera.url[7:-6]}"' in doctor
        shown = [
            doctor,
            daemon.command("config").stdout,
            Path(f"/proc/{daemon.process.pid}/cmdline").read_text(),
            *(daemon.get(f"/api/v1/{name}")[1].decode() for name in ("state", "log")),
            daemon.get("/metrics")[1].decode(),
        ]
        assert f"source: '{camera.url[:-5]}********" in shown[1]
        assert daemon.command("privacy", "on").returncode == 0
        assert camera.wait_closed(AT_ONCE_S)
        camera.fault = "silent"
        assert daemon.command("privacy", "off").returncode == 0
        daemon.wait_state(lambda state: "being connected" in str(state["health"]["trouble"]))
        assert camera.open == 1
        started = time.monotonic()
        assert daemon.command("privacy", "on").returncode == 0
        assert camera.wait_closed(AT_ONCE_S)
        assert time.monotonic() - started < 2 * AT_ONCE_S, "with the start of the command"
        camera.fault = "basic"
        secret.write_text(f"{NAME}:{PASSWORD}x\n")
    with Daemon(tmp_path, config=config) as daemon:
        daemon.ready()
        assert daemon.command("privacy", "off").returncode == 0
        state = daemon.wait_state(lambda state: "credentials_file; correct" in str(state["health"]["trouble"]))
        shown += [str(state), *daemon.lines]
        for words in (PASSWORD, "u5er", "qu3ry"):
            assert words not in "\n".join(shown), f"{words} is shown"


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, config=f"camera: {{source: 'rtsp://{NAME}:{PASSWORD}@192.168.1.2/live'}}\n")
    command = [*daemon.program(), "check-config", str(daemon.config)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 78
    assert "has a name or password before an @" in refused.stdout + refused.stderr
    assert "camera.credentials_file" in refused.stdout + refused.stderr
    on_the_command_line = daemon.command("run", "--source", f"http://192.168.1.2/video{QUERY}")
    assert on_the_command_line.returncode == 2
    assert "other users would see" in on_the_command_line.stderr
    for words in (PASSWORD, "qu3ry"):
        assert words not in refused.stdout + refused.stderr + on_the_command_line.stderr
