"""Files of the state that can't be read, as another user owns them or a folder has their name: no end, no traceback."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from tests.system.quick import QuickDaemon

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 60.0


def wait_for(daemon: QuickDaemon, text: str, times: int = 1) -> None:
    """Wait until the log has a text so often."""
    deadline = time.monotonic() + WAIT_S
    while daemon.log().count(text) < times and time.monotonic() < deadline:
        assert daemon.process.is_alive(), daemon.log()
        time.sleep(0.05)
    assert daemon.log().count(text) >= times, daemon.log()


def test_a_reload_that_can_not_read_the_changes_of_the_page_keeps_the_old_configuration(tmp_path: Path) -> None:
    overrides = tmp_path / "state" / "overrides.json"
    with QuickDaemon(tmp_path) as daemon:
        daemon.state()
        assert daemon.process.pid is not None
        overrides.mkdir()
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_for(daemon, "the configuration can't be read, and the old one stays in force: ")
        assert str(overrides) in daemon.log()
        overrides.rmdir()
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_for(daemon, "configuration read again")
        assert daemon.post("privacy", {"on": True}) == 200
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log()


def test_a_refresh_whose_state_can_not_be_read_is_refused_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "state" / "refresh.json"
    with QuickDaemon(tmp_path) as daemon:
        daemon.state(lambda state: bool(state["recommendation"]))
        file.unlink(missing_ok=True)
        file.mkdir()
        status, answer = daemon.request("POST", "catalogue/refresh", {})
        assert status == 500
        assert answer["error"].startswith(f"the refresh was not started: {file}: ")
        file.rmdir()
        assert daemon.request("POST", "catalogue/refresh", {})[0] == 200
        wait_for(daemon, "refreshed: ")
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log()
