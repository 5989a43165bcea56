"""Whether the machine knows what time it is: a Pi has no clock of its own that runs while it is off."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time that another process, even after a reboot, can tell the distance of."""

    boot: str
    """Of which start of the machine; empty: not known."""
    at: float
    """Monotonic seconds since then."""
    wall: datetime

    def after_s(self, other: Timestamp) -> float:
        """Return the seconds since another moment, 0 at least.

        Within one start of the machine the wall clock may jump; after a reboot it is all there is.
        """
        same = self.boot != "" and self.boot == other.boot
        return max(0.0, self.at - other.at if same else (self.wall - other.wall).total_seconds())


def now() -> Timestamp:
    """Return the moment that is now."""
    try:
        boot = BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot = ""
    return Timestamp(boot, time.monotonic(), datetime.now().astimezone())


def kernel_synchronised() -> bool | None:
    """Ask the kernel whether something keeps its clock right; None where it can't be asked."""
    try:
        # struct timex, with room to spare; all zero, it only asks.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != TIME_ERROR
