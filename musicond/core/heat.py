"""The share of the frame rate that a hot processor leaves, in steps with hysteresis.

A Raspberry Pi slows its processor down from 80 degrees Celsius, and all of it from 85 (raspberrypi.com, "Frequency
management and thermal control"). The first step comes before that, so that the rest of the machine keeps its speed.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_RATE = 1.0
"""Frames per second that every heat leaves, unless less are configured: moods are still announced."""
COOLED_C = 5.0
"""Degrees Celsius below a step's temperature at which that step ends."""


@dataclass(frozen=True, slots=True)
class HeatStep:
    """From `from_c` degrees Celsius on, `rate_share` (0..1) of the frame rate."""

    from_c: float
    rate_share: float


STEPS = (HeatStep(75.0, 0.6), HeatStep(80.0, 0.35), HeatStep(84.0, 0.2))


def next_step(step: int, temperature_c: float | None) -> int:
    """Return the number of `STEPS` in force after `step` of them were, 0 without a sensor."""
    if temperature_c is None:
        return 0
    reached = sum(temperature_c >= limit.from_c for limit in STEPS)
    not_over = sum(temperature_c > limit.from_c - COOLED_C for limit in STEPS)
    return max(reached, min(step, not_over))


def rate_share(step: int) -> float:
    """Return the share of the frame rate with this number of `STEPS` in force."""
    return STEPS[step - 1].rate_share if step else 1.0
