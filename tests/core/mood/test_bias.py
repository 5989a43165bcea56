from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.mood.bias import CALIBRATED_REACH, REACH, STEPS, Bias, bounded

seven = st.lists(st.floats(-50, 50), min_size=7, max_size=7)
readings = st.lists(st.floats(1e-9, 1), min_size=7, max_size=7).map(
    lambda weights: tuple(weight / sum(weights) for weight in weights)
)


@given(seven, readings, st.sampled_from([(REACH, 0.089), (CALIBRATED_REACH, 0.34)]))
def test_no_bias_moves_any_score_of_any_reading_by_more_than_is_promised(
    shifts: list[float], scores: tuple[float, ...], bound: tuple[float, float]
) -> None:
    reach, most = bound
    after = bounded(shifts, reach).apply(scores)
    assert sum(after) == pytest.approx(1)
    assert all(abs(new - old) <= most for new, old in zip(after, scores, strict=True))


@given(seven, st.sampled_from([REACH, CALIBRATED_REACH]))
def test_a_bias_is_centred_and_within_reach(shifts: list[float], reach: float) -> None:
    bias = bounded(shifts, reach)
    assert abs(sum(bias.shifts)) < 1e-3
    assert math.hypot(*bias.shifts) <= reach + 1e-3
    assert bounded(bias.shifts, reach).shifts == pytest.approx(bias.shifts, abs=2e-4)


def test_without_shifts_nothing_moves() -> None:
    scores = (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1)
    assert not Bias()
    assert Bias().apply(scores) is scores
    assert bounded([3.0] * 7, REACH) == Bias()


def test_what_was_called_wrong_falls_and_what_was_right_rises_until_the_reach_is_used_up() -> None:
    bias = Bias()
    for _ in range(STEPS):
        bias = bias.corrected(5, 4)
    assert math.hypot(*bias.shifts) == pytest.approx(REACH, abs=1e-3)
    assert bias.shifts[4] == pytest.approx(-bias.shifts[5])
    assert bias.corrected(5, 4).shifts == pytest.approx(bias.shifts, abs=2e-4)
    assert Bias().corrected(5, None).shifts[5] < 0 < Bias().corrected(5, None).shifts[0]
    assert Bias().corrected(None, 4).shifts[4] > 0


def test_corrections_after_a_calibration_turn_the_bias_and_shorten_it_step_by_step() -> None:
    bias = learnt = bounded([-1.0, 0, 0, 0, 2.0, -1.0, 0], CALIBRATED_REACH)
    bias = bias.corrected(4, 5)
    assert CALIBRATED_REACH - 0.2 < math.hypot(*bias.shifts) < CALIBRATED_REACH - 0.05
    assert bias.shifts[5] > learnt.shifts[5]
    for _ in range(30):
        bias = bias.corrected(4, 5)
        assert bias.shifts[4] >= -REACH
    assert math.hypot(*bias.shifts) <= REACH + 1e-3
    assert bias.shifts[5] > 0 > bias.shifts[4]
