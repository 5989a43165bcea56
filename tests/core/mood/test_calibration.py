from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.models import EMOTIONS, Emotion
from musicond.core.mood.bias import CALIBRATED_REACH
from musicond.core.mood.calibration import (
    DURATION_S,
    MIN_READINGS,
    NEUTRAL,
    TARGET_SCORE,
    TIMEOUT_S,
    Calibration,
    neutral_bias,
)

readings = st.lists(
    st.lists(st.floats(1e-6, 1), min_size=7, max_size=7).map(
        lambda weights: tuple(weight / sum(weights) for weight in weights)
    ),
    min_size=1,
    max_size=30,
)
SAD = EMOTIONS.index(Emotion.SAD)


def mean_neutral(scores: list[tuple[float, ...]]) -> float:
    return sum(reading[NEUTRAL] for reading in scores) / len(scores)


@given(readings)
def test_a_calibration_raises_neutral_within_the_bounds(scores: list[tuple[float, ...]]) -> None:
    bias = neutral_bias(scores)
    after = [bias.apply(reading) for reading in scores]
    assert mean_neutral(after) >= mean_neutral(scores) - 1e-9
    assert math.hypot(*bias.shifts) <= CALIBRATED_REACH + 1e-3
    assert all(
        abs(new - old) <= 0.34 for a, b in zip(after, scores, strict=True) for new, old in zip(a, b, strict=True)
    )


def test_a_face_that_is_read_well_needs_no_correction_and_one_read_as_sad_gets_it() -> None:
    well = tuple(0.88 if place == NEUTRAL else 0.02 for place in range(7))
    assert not neutral_bias([well])
    badly = tuple({NEUTRAL: 0.35, SAD: 0.45}.get(place, 0.04) for place in range(7))
    bias = neutral_bias([badly])
    assert min(bias.shifts) == bias.shifts[SAD]
    assert max(bias.shifts) == bias.shifts[NEUTRAL]
    nearly = tuple({NEUTRAL: 0.84, SAD: 0.11}.get(place, 0.01) for place in range(7))
    assert TARGET_SCORE <= neutral_bias([nearly]).apply(nearly)[NEUTRAL] < TARGET_SCORE + 0.01, "no more than is needed"


def test_it_takes_ten_seconds_of_readings() -> None:
    scores = (1 / 7,) * 7
    calibration = Calibration(100.0)
    assert calibration.progress(100.0).share == 0
    for step in range(MIN_READINGS):
        calibration = calibration.update(101.0 + step * 0.1, scores).update(101.05 + step * 0.1, None)
    assert calibration.progress(103.0).share == pytest.approx(1.9 / DURATION_S)
    calibration = calibration.update(101.0 + DURATION_S, scores)
    assert calibration.progress(111.0).share == 1
    assert calibration.bias() == neutral_bias([scores])


def test_too_few_readings_are_not_enough_and_it_gives_up() -> None:
    calibration = Calibration(0.0).update(1.0, (1 / 7,) * 7).update(1.0 + DURATION_S, (1 / 7,) * 7)
    assert calibration.progress(12.0).share == 2 / MIN_READINGS
    assert calibration.progress(12.0).error is None
    assert "light on the face" in str(calibration.progress(TIMEOUT_S).error)
    assert Calibration(0.0).progress(TIMEOUT_S).error
