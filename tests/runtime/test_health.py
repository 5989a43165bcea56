from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.runtime.health import RateMeter, memory_mib, temperature_c, throttled, undervoltage

if TYPE_CHECKING:
    from pathlib import Path


def test_temperature_and_throttling_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("48312\n")
    assert temperature_c(tmp_path / "temp") == pytest.approx(48.312)
    assert temperature_c(tmp_path / "none") is None
    (tmp_path / "throttled").write_text("50005\n")
    assert throttled(tmp_path / "throttled") is True
    (tmp_path / "throttled").write_text("50000\n")
    assert throttled(tmp_path / "throttled") is False, "it was throttled once, it is not now"
    assert throttled(tmp_path / "none") is None


def test_undervoltage_is_read_from_the_sensor_of_a_pi(tmp_path: Path) -> None:
    assert undervoltage(tmp_path) is None
    for number, name in enumerate(("cpu_thermal", "rpi_volt")):
        device = tmp_path / f"hwmon{number}"
        device.mkdir()
        (device / "name").write_text(f"{name}\n")
    assert undervoltage(tmp_path) is None, "a sensor without its alarm"
    alarm = tmp_path / "hwmon1" / "in0_lcrit_alarm"
    for text, low in (("1\n", True), ("0\n", False)):
        alarm.write_text(text)
        assert undervoltage(tmp_path) is low


def test_the_meter_counts() -> None:
    meter = RateMeter()
    assert meter.rate() == 0
    meter.count()
    assert meter.rate() == 0
    meter.count()
    assert meter.rate() > 0
    assert meter.uptime_s() >= 0
    assert 5 < memory_mib() < 5000
