"""Timestamps that survive a restart, and whether the clock is set: that of most Pis stops while they are off."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

TIME_ERROR = 5
"""Result of adjtimex(2) while the clock is not synchronised."""
JUMP_S = 2.0
"""Steps of the clock below this are its usual corrections."""
SETTLE_S = 3600.0
"""Seconds for which a clock is not trusted after it was set."""
MAX_OFF = timedelta(days=30)
"""A clock that is not synchronised is believed if it says that the machine was off for at most this time."""
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

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Timestamp | None:
        """Return a stored timestamp; None where there is none, or it is not valid."""
        try:
            boot, wall = data["boot"], datetime.fromisoformat(data["wall"])
            if not isinstance(boot, str):
                return None
            return cls(boot, float(data["at"]), wall if wall.tzinfo else wall.astimezone())
        except (KeyError, ValueError, TypeError, OverflowError):
            return None

    def to_json(self) -> dict[str, str | float]:
        """Return the timestamp to store."""
        return {"boot": self.boot, "at": self.at, "wall": self.wall.isoformat()}

    def after_s(self, earlier: Timestamp) -> float:
        """Return the seconds since an earlier timestamp, at least 0: of the monotonic clock within one boot."""
        passed_s = self.at - earlier.at if self.is_same_boot(earlier) else (self.wall - earlier.wall).total_seconds()
        return max(0.0, passed_s)

    def clock_set_by(self, earlier: Timestamp, *, synchronised: bool) -> timedelta:
        """Return by how much the clock was set since an earlier timestamp; 0 for less than JUMP_S.

        After a boot only a synchronised clock says for certain how long the machine was off. Another one is believed
        for MAX_OFF; beyond that, or where it goes back, the machine counts as off for no time.
        """
        moved = self.wall - earlier.wall
        if self.is_same_boot(earlier):
            moved -= timedelta(seconds=self.at - earlier.at)
        elif synchronised or timedelta() <= moved <= MAX_OFF:
            return timedelta()
        return moved if abs(moved.total_seconds()) >= JUMP_S else timedelta()

    def is_same_boot(self, other: Timestamp) -> bool:
        """Return whether both timestamps are known to be of one boot."""
        return self.boot != "" and self.boot == other.boot


class LocalZone(tzinfo):
    """The zone of this machine, with the offset of each time; that of `datetime.astimezone` is fixed."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return the offset at a local time."""
        return None if dt is None else self._local(dt).utcoffset()

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Return 0: only the whole offset is known."""
        return None if dt is None else timedelta()

    def tzname(self, dt: datetime | None) -> str | None:
        """Return the abbreviation of the zone."""
        return None if dt is None else self._local(dt).tzname()

    def fromutc(self, dt: datetime) -> datetime:
        """Return the local time of a time in UTC."""
        offset = self._local(dt.replace(tzinfo=UTC)).utcoffset() or timedelta()
        local = dt + offset
        return local if self._local(local).utcoffset() == offset else local.replace(fold=1)

    def _local(self, dt: datetime) -> datetime:
        return dt.astimezone() if dt.tzinfo is UTC else dt.replace(tzinfo=None).astimezone()


LOCAL = LocalZone()


class ZoneFollower:
    """Lets the process follow a changed time zone of the machine, which the C library reads only once."""

    def __init__(self, file: Path = Path("/etc/localtime")) -> None:
        self._file = file
        self._seen = self._state()
        self._follows = "TZ" not in os.environ
        self._names = (f":{file.parent}/./{file.name}", f":{file}")
        """Two names of the file, in turns: the C library reads it again only under another name."""

    def tick(self) -> None:
        """Read the zone again if its file has changed."""
        state = self._state()
        if self._follows and state is not None and state != self._seen:
            self._seen = state
            os.environ["TZ"] = self._names[os.environ.get("TZ") == self._names[0]]
            time.tzset()

    def _state(self) -> tuple[int, ...] | None:
        with suppress(OSError):
            status = self._file.stat()
            return status.st_dev, status.st_ino, status.st_mtime_ns
        return None


def kernel_synchronised() -> bool | None:
    """Return whether the kernel's clock is synchronised; None where the kernel does not say."""
    try:
        # A struct timex, with room to spare; all zero changes nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != TIME_ERROR


class ClockGuard:
    """Compares the wall clock with the monotonic one; `jump` is for one thread, `is_trusted` for any."""

    def __init__(
        self,
        synchronised: Callable[[], bool | None] = kernel_synchronised,
        wall_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._synchronised, self._wall_s, self._monotonic_s = synchronised, wall_s, monotonic_s
        self._offset_s = wall_s() - monotonic_s()
        self._jumped_at: float | None = None

    def jump(self) -> timedelta:
        """Return by how much the wall clock was set since the last call; 0 for less than JUMP_S."""
        moved_s = self._moved_s()
        self._offset_s += moved_s
        if abs(moved_s) < JUMP_S:
            return timedelta()
        self._jumped_at = self._monotonic_s()
        return timedelta(seconds=moved_s)

    def is_unsynchronised(self) -> bool:
        """Return whether the kernel says that the clock is not synchronised."""
        return self._synchronised() is False

    def is_trusted(self) -> bool:
        """Return whether something may be deleted by the date: the clock is not known to be wrong, nor was just set."""
        settled = self._jumped_at is None or self._monotonic_s() - self._jumped_at >= SETTLE_S
        return settled and abs(self._moved_s()) < JUMP_S and not self.is_unsynchronised()

    def _moved_s(self) -> float:
        return self._wall_s() - self._monotonic_s() - self._offset_s
