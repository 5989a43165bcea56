"""A wall clock that is set while the process runs."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from musicond.runtime.clock import SETTLE_S, ClockGuard, Timestamp

if TYPE_CHECKING:
    from pathlib import Path


class Clocks:
    """Two clocks; `synchronised` is the kernel's word."""

    def __init__(self) -> None:
        self.wall, self.monotonic, self.synchronised = 1e9, 50.0, True
        self.guard = ClockGuard(lambda: self.synchronised, lambda: self.wall, lambda: self.monotonic)

    def run(self, seconds: float, jump: float = 0.0) -> timedelta:
        self.wall += seconds + jump
        self.monotonic += seconds
        return self.guard.jump()


def test_a_jump_is_told_once_and_small_corrections_never() -> None:
    clocks = Clocks()
    assert [clocks.run(5, 1) for _ in range(9)] == [timedelta()] * 9
    assert clocks.run(5, 4e8) == timedelta(seconds=4e8)
    assert clocks.run(4) == timedelta()
    assert clocks.run(5, -4e8) == timedelta(seconds=-4e8)


def test_a_clock_is_trusted_a_while_after_it_was_set_and_while_it_is_synchronised() -> None:
    clocks = Clocks()
    assert clocks.guard.is_trusted()
    clocks.wall += 4e8
    assert not clocks.guard.is_trusted(), "before the watch loop has noticed it"
    clocks.run(4)
    clocks.run(4, -4e8)
    assert not clocks.guard.is_trusted()
    clocks.run(SETTLE_S)
    assert clocks.guard.is_trusted()
    clocks.synchronised = False
    assert not clocks.guard.is_trusted()


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("boot", "synchronised", "set_by"),
    [
        ("one", True, timedelta(days=5000)),
        ("one", False, timedelta(days=5000)),
        ("two", True, timedelta()),
        ("two", False, timedelta(days=5000, minutes=5)),
        ("", False, timedelta(days=5000, minutes=5)),
    ],
)
def test_a_clock_that_was_set_between_two_starts_is_known_within_a_boot(
    boot: str, *, synchronised: bool, set_by: timedelta
) -> None:
    before = Timestamp(boot and "one", 100.0, NOON)
    now = Timestamp(boot, 400.0, NOON + timedelta(days=5000, minutes=5))
    assert now.clock_set_by(before, synchronised=synchronised) == set_by
    later = Timestamp("three", 30.0, NOON + timedelta(minutes=50))
    assert later.clock_set_by(Timestamp("one", 100.0, NOON), synchronised=synchronised) == timedelta(), "it was off"
    behind = Timestamp("three", 30.0, NOON - timedelta(minutes=50))
    assert bool(behind.clock_set_by(Timestamp("one", 100.0, NOON), synchronised=False)), "it shows too little"
    after = Timestamp("one", 400.0, NOON + timedelta(minutes=5, seconds=1))
    assert after.clock_set_by(Timestamp("one", 100.0, NOON), synchronised=synchronised) == timedelta()


ZONES = """
import os, shutil, sys, time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from musicond.runtime.clock import LOCAL, ZoneFollower
file = Path(sys.argv[1])
def link(zone):
    new = file.with_name("new")
    new.symlink_to(f"/usr/share/zoneinfo/{zone}")
    new.replace(file)
link("Europe/Berlin")
os.environ["TZ"] = f":{file}"
time.tzset()
del os.environ["TZ"]
follower = ZoneFollower(file)
summer = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
for zone in (None, "Asia/Tokyo", "America/New_York", "Europe/Berlin"):
    if zone:
        link(zone)
    follower.tick()
    print(summer.astimezone(LOCAL).isoformat(), summer.astimezone().isoformat())
for minutes in range(-180, 180, 15):
    now = datetime(2026, 10, 25, 1, tzinfo=timezone.utc) + timedelta(minutes=minutes)
    assert now.astimezone(LOCAL).astimezone(timezone.utc) == now, now
assert datetime(2026, 10, 24, 12, tzinfo=LOCAL).utcoffset() == timedelta(hours=2)
assert datetime(2026, 10, 25, 12, tzinfo=LOCAL).utcoffset() == timedelta(hours=1)
"""


def test_a_changed_time_zone_is_followed(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TZ"}
    command = [sys.executable, "-c", ZONES, str(tmp_path / "localtime")]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    berlin, tokyo, new_york = "2026-07-01T14:00:00+02:00", "2026-07-01T21:00:00+09:00", "2026-07-01T08:00:00-04:00"
    assert shown == [time for time in (berlin, tokyo, new_york, berlin) for _ in range(2)]


def test_a_zone_of_the_environment_stays(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from musicond.runtime.clock import ZoneFollower
file = Path(sys.argv[1])
file.touch()
follower = ZoneFollower(file)
os.utime(file, (1, 1))
follower.tick()
print(os.environ["TZ"])
"""
    command = [sys.executable, "-c", code, str(tmp_path / "localtime")]
    shown = subprocess.run(command, env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, check=True).stdout
    assert shown == "UTC\n"
