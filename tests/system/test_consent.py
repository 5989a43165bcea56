"""An installed daemon opens no camera before somebody says that the people here know of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

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


def test_an_upgrade_and_a_source_on_the_command_line_change_nothing(tmp_path: Path) -> None:
    with Daemon(tmp_path, config=CAMERA) as daemon:
        daemon.ready()
    with Daemon(tmp_path, "--ask-consent", config=CAMERA) as daemon:
        assert daemon.ready().wait_state(lambda state: state["watching"] == "no_camera")
    (tmp_path / "new").mkdir()
    with Daemon(tmp_path / "new", "--ask-consent", "--source", "demo") as daemon:
        daemon.ready().wait_state(lambda state: state["watching"] == "yes")
    stored = tmp_path / "new/state/settings.json"
    assert not stored.exists() or "consent_pending" not in json.loads(stored.read_text())
