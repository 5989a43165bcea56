"""Health of the process and the machine: rate, memory, temperature, throttling."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

WINDOW = 40
"""Steps over which the rate is averaged."""

THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
HWMON = Path("/sys/class/hwmon")
VOLTAGE_SENSOR = "rpi_volt"
"""Name of the hwmon device of a Raspberry Pi's supply voltage (Linux, drivers/hwmon/raspberrypi-hwmon.c)."""


class RateMeter:
    """Counts steps; read from other threads without a lock (a deque's append is atomic)."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._started = time.monotonic()
        self._cpu_at = self._started, time.process_time()

    def count(self) -> None:
        """Count one step."""
        self._times.append(time.monotonic())

    def rate(self) -> float:
        """Return the steps per second, over the last WINDOW; 0 after 5 s without a step."""
        times = list(self._times)
        if len(times) < 2 or time.monotonic() - times[-1] > 5:  # noqa: PLR2004 - a rate needs two
            return 0.0
        return (len(times) - 1) / max(1e-6, times[-1] - times[0])

    def uptime_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def cpu_percent(self) -> float:
        """Return the process's processor time since the last call, in percent of one core."""
        (at, used), self._cpu_at = self._cpu_at, (time.monotonic(), time.process_time())
        return 100 * (self._cpu_at[1] - used) / max(1e-6, self._cpu_at[0] - at)


def temperature_c(path: Path = THERMAL) -> float | None:
    """Return the processor's temperature in degrees Celsius, None where the kernel has none."""
    try:
        return int(path.read_text()) / 1000
    except (OSError, ValueError):
        return None


def throttled(path: Path = THROTTLED) -> bool | None:
    """Return whether a Pi is throttled now, by low voltage or heat (bits 0 to 3); None on other machines."""
    try:
        return bool(int(path.read_text(), 16) & 0xF)
    except (OSError, ValueError):
        return None


def undervoltage(hwmon: Path = HWMON) -> bool | None:
    """Return whether the supply voltage of a Pi is too low now; None on other machines."""
    for device in sorted(hwmon.glob("hwmon*")):
        try:
            if (device / "name").read_text().strip() == VOLTAGE_SENSOR:
                return bool(int((device / "in0_lcrit_alarm").read_text()))
        except (OSError, ValueError):
            continue
    return None


def memory_mib() -> float:
    """Return the resident memory of this process in MiB (statm's second field, in pages)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
