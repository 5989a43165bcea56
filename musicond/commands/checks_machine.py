"""What `musicond doctor` checks of the machine: Python, the clock, the temperature and the power supply."""

from __future__ import annotations

import platform
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from musicond.commands.checks import Check
from musicond.runtime.clock import kernel_synchronised
from musicond.runtime.health import THROTTLED, throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OLDEST, NEWEST = (3, 11), (3, 13)
HOT_C, WARM_C = 80.0, 70.0
"""From 80 degrees Celsius a Pi slows down; from 70 it soon will."""
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time."""


def check_python(
    version: Sequence[int] = sys.version_info[:3],
    machine: str = platform.machine(),
    bits: int = struct.calcsize("P") * 8,
) -> Check:
    """Whether this Python and this processor are ones that musicond is made for."""
    found = f"{'.'.join(map(str, version))}, {bits} bits, {machine}"
    if tuple(version[:2]) < OLDEST:
        return Check("Python", "failed", found, "use Python 3.11 to 3.13: Raspberry Pi OS Bookworm or Trixie")
    if machine == "armv6l":
        return Check("Python", "failed", found, "no TFLite runtime exists for ARMv6: use a Pi Zero 2 W, 3, 4 or 5")
    if bits < 64:  # noqa: PLR2004 - bits of an address
        return Check("Python", "warning", found, "install the 64-bit Raspberry Pi OS: it is the one that is tested")
    if tuple(version[:2]) > NEWEST:
        return Check("Python", "warning", found, "newer than what is tested: use Python 3.11 to 3.13")
    return Check("Python", "ok", found)


def check_clock(
    now: datetime | None = None,
    marker: Path = Path("/run/systemd/timesync/synchronized"),
    kernel: Callable[[], bool | None] = kernel_synchronised,
) -> Check:
    """Whether the clock is right: hours of day and the times on the page depend on it."""
    now = now or datetime.now(UTC)
    shown = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < RELEASED:
        return Check("clock", "failed", f"{shown}, in the past", "sudo timedatectl set-ntp true, with a network")
    right = True if marker.exists() else kernel()
    if right is None:
        return Check("clock", "ok", f"{shown}; whether it is kept right is not told here")
    if right:
        return Check("clock", "ok", f"{shown}, synchronised")
    return Check(
        "clock", "warning", f"{shown}, not synchronised", "sudo timedatectl set-ntp true; see timedatectl status"
    )


def check_temperature(thermal: Path = Path("/sys/class/thermal")) -> Check:
    """Whether the processor is cool enough to work for hours."""
    readings = []
    for zone in thermal.glob("thermal_zone*/temp"):
        try:
            readings.append(int(zone.read_text("ascii")) / 1000)
        except (OSError, ValueError):
            continue  # a zone that is switched off gives an error instead of a number
    if not readings:
        return Check("temperature", "ok", "no sensor here")
    hottest = max(readings)
    found = f"{hottest:.0f} degrees Celsius"
    if hottest >= HOT_C:
        return Check("temperature", "failed", found, "add a heat sink or a fan, or lower camera.rate")
    if hottest >= WARM_C:
        return Check("temperature", "warning", found, "give it air, or lower camera.rate")
    return Check("temperature", "ok", found)


def check_power(path: Path = THROTTLED) -> Check:
    """Whether a Pi is slowed down now, for want of voltage or for heat."""
    state = throttled(path)
    if state:
        remedy = "use the Pi's own power supply and a short cable; see vcgencmd get_throttled"
        return Check("power", "failed", "slowed down: too little voltage, or too hot", remedy)
    return Check("power", "ok", "not slowed down" if state is False else "not told by this machine")
