"""The steps of the frame rate in a hot machine."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from musicond.core.frame_rate import FrameRate
from musicond.core.heat import COOLED_C, STEPS, next_step, rate_share

TEMPERATURES = st.floats(-40, 130)


@given(st.lists(TEMPERATURES, min_size=1))
def test_a_step_is_held_until_it_has_cooled_down(temperatures: list[float]) -> None:
    step = 0
    for temperature in temperatures:
        before, step = step, next_step(step, temperature)
        assert step >= sum(temperature >= limit.from_c for limit in STEPS)
        if step < before:
            assert temperature <= STEPS[step].from_c - COOLED_C
        if step > before:
            assert temperature >= STEPS[step - 1].from_c
    assert next_step(step, None) == 0


@given(TEMPERATURES, st.integers(0, len(STEPS)))
def test_the_same_temperature_never_flips_the_step(temperature: float, step: int) -> None:
    once = next_step(step, temperature)
    assert next_step(once, temperature) == once


def test_hotter_is_slower_and_no_rate_falls_below_one_frame_a_second() -> None:
    shares = [rate_share(step) for step in range(len(STEPS) + 1)]
    assert shares[0] == 1
    assert all(slower < faster for faster, slower in pairwise(shares))
    assert FrameRate(8, 2.5).slowed(0.2) == FrameRate(1.6, 1)
    assert FrameRate(1, 0.5).slowed(0.2) == FrameRate(1, 0.5)
