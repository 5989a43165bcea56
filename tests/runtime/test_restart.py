"""The daemon ends itself before it uses all memory, and the next one logs the reason."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from musicond.runtime.restart import FILE_NAME, HIGH_CHECKS, RestartGuard

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROGRAM = """
import sys, threading
from pathlib import Path
from musicond.runtime import logs, restart
from musicond.runtime.supervisor import ServiceMonitor, Supervisor
from musicond.runtime.systemd import Notifier

class Loop:
    busy_since, busy_with = None, ""
    def __init__(self): self.end = threading.Event()
    def run(self): self.end.wait()
    def stop(self): print("stopped", flush=True); self.end.set()
    def take_waiting(self): pass

logs.setup("info")
restart.HIGH_CHECKS = 2
guard = restart.RestartGuard(Path(sys.argv[1]), float(sys.argv[2]))
sys.exit(Supervisor(ServiceMonitor([]), Loop(), Notifier(), lambda: None, lambda: None, guard).run())
"""


def test_a_process_above_its_limit_ends_cleanly_with_its_reason(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), "1"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 1, process.stderr
    assert process.stdout == "stopped\n", "as at a signal"
    reason = RestartGuard(tmp_path, 300).last_reason()
    assert re.fullmatch(
        r"2\d{3}-\d\d-\d\dT\S+ \d+ MiB of memory in use, more than device\.memory_max_mib: 1", str(reason)
    )
    assert str(reason).partition(" ")[2] in process.stderr
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_peak_is_no_reason(tmp_path: Path) -> None:
    used = [310.0] * (HIGH_CHECKS - 1) + [290.0] + [310.0] * HIGH_CHECKS
    guard = RestartGuard(tmp_path, 300, lambda: used.pop(0))
    reasons = [guard.check_memory() for _ in range(2 * HIGH_CHECKS)]
    assert reasons[:-1] == [None] * (2 * HIGH_CHECKS - 1)
    assert reasons[-1] == "310 MiB of memory in use, more than device.memory_max_mib: 300"


def test_the_reason_is_one_clean_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    guard = RestartGuard(tmp_path, 300)
    assert guard.last_reason() is None
    (tmp_path / FILE_NAME).write_bytes(b"\x1b[31m\xff" + b"x" * 1000 + b"\nsecond")
    assert guard.last_reason() is not None
    assert "\x1b" not in str(guard.last_reason())
    assert len(str(guard.last_reason())) <= 300
    (tmp_path / FILE_NAME).write_text("")
    assert guard.last_reason() is None
    RestartGuard(tmp_path / "none", 300).save("no folder")
    assert "can't be written" in caplog.text


def test_a_bug_of_the_watch_loop_leaves_its_place_without_its_text(tmp_path: Path) -> None:
    program = PROGRAM.replace("self.end.wait()", "raise ValueError('a mood')")
    command = [sys.executable, "-c", program, str(tmp_path), "100000"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 1
    reason = RestartGuard(tmp_path, 300).last_reason()
    assert reason is not None
    assert re.fullmatch(r"\S+ the watch loop failed: ValueError at <string>:\d+", reason), reason
