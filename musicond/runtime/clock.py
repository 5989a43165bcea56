"""Timestamps that survive a restart, and whether the clock is set: that of most Pis stops while they are off."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TIME_ERROR = 5
"""Result of adjtimex(2) while the clock is not synchronised."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time that can be compared after a restart or a reboot."""

    boot: str
    """The kernel's id of this boot; empty: unknown."""
    at: float
    """Monotonic seconds."""
    wall: datetime

    @classmethod
    def now(cls) -> Timestamp:
        """Return the current time."""
        try:
            boot = BOOT_ID.read_text("ascii").strip()
        except OSError:
            boot = ""
        return cls(boot, time.monotonic(), datetime.now().astimezone())

    def after_s(self, earlier: Timestamp) -> float:
        """Return the seconds since an earlier timestamp, at least 0: of the monotonic clock within one boot."""
        same_boot = self.boot != "" and self.boot == earlier.boot
        return max(0.0, self.at - earlier.at if same_boot else (self.wall - earlier.wall).total_seconds())


def kernel_synchronised() -> bool | None:
    """Return whether the kernel's clock is synchronised; None where the kernel does not say."""
    try:
        # A struct timex, with room to spare; all zero changes nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != TIME_ERROR
