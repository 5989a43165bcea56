"""The reasons for which the daemon ends, to be started again by systemd: too much memory, a turn that hangs, or a bug.

Raspberry Pi OS boots without the memory cgroup, so that systemd's MemoryMax does nothing there.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from musicond.errors import clean_text
from musicond.runtime.health import memory_mib
from musicond.runtime.json_file import replace_file

log = logging.getLogger(__name__)

FILE_NAME = "restart.txt"
LONGEST_LINE = 300
"""Characters of the file that are read."""
HIGH_CHECKS = 10
"""Checks in a row, one a second, above the limit: a short peak is no reason."""


def fault_place(exc: BaseException) -> str:
    """Return the kind of an exception and where it was raised; its text may hold what is private."""
    frames = traceback.extract_tb(exc.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(exc).__name__}{place}"


class RestartGuard:
    """Checks the resident memory against `memory_max_mib`, and keeps the reason of the last restart in `folder`."""

    def __init__(self, folder: Path, memory_max_mib: float, read_mib: Callable[[], float] = memory_mib) -> None:
        self._path, self._max_mib, self._read_mib = folder / FILE_NAME, memory_max_mib, read_mib
        self._high = 0

    def last_reason(self) -> str | None:
        """Return when and why the daemon last ended itself, in one line; None if it never did."""
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                return clean_text(file.read(LONGEST_LINE).partition("\n")[0]).strip() or None
        except OSError:
            return None

    def check_memory(self) -> str | None:
        """Return the reason to end once the memory was too large HIGH_CHECKS times in a row; called once a second."""
        used_mib = self._read_mib()
        self._high = self._high + 1 if used_mib > self._max_mib else 0
        if self._high < HIGH_CHECKS:
            return None
        return f"{used_mib:.0f} MiB of memory in use, more than device.memory_max_mib: {self._max_mib:g}"

    def save(self, reason: str) -> None:
        """Keep the reason with the present time; log it if that fails."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        try:
            replace_file(self._path, f"{now} {reason}\n", self._path.parent)
        except OSError as exc:
            log.warning("%s can't be written: %s", self._path, exc.strerror)
