from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from musicond.core.frame_rate import FrameRate
from musicond.core.models import Box, Faces, Mood, Watching
from musicond.core.outcome import Outcome

EMPTY = Outcome(
    seq=1,
    captured_at=0,
    wall_time=datetime(2026, 1, 1, tzinfo=UTC),
    watching=Watching.YES,
    mood=Mood.NOBODY,
    since=datetime(2026, 1, 1, tzinfo=UTC),
    confidence=0,
    scores=None,
    raw_scores=None,
    faces=Faces(),
    recommendation=None,
)
HAPPY = (0.1, 0.0, 0.0, 0.7, 0.1, 0.1, 0.0)
MIXED = (0.1, 0.1, 0.0, 0.43, 0.37, 0.0, 0.0)
LED = (0.1, 0.0, 0.0, 0.5, 0.4, 0.0, 0.0)
SAD = (0.1, 0.0, 0.0, 0.1, 0.1, 0.7, 0.0)
HERE = (Box(0, 0, 9, 9),)
READ = replace(EMPTY, mood=Mood.HAPPY, scores=HAPPY, raw_scores=HAPPY, faces=Faces(confirmed=HERE))


@pytest.mark.parametrize(
    ("last", "interval"),
    [
        (None, 0.1),
        (EMPTY, 0.5),
        (replace(EMPTY, mood=Mood.HAPPY), 0.2),
        (replace(EMPTY, faces=Faces(confirmed=HERE)), 0.1),
        (replace(EMPTY, faces=Faces(coasted=HERE)), 0.1),
        (replace(EMPTY, faces=Faces(tentative=True)), 0.1),
    ],
)
def test_a_person_or_a_guess_of_one_is_looked_at_quickly(last: Outcome | None, interval: float) -> None:
    assert FrameRate(rate=10, idle_rate=2).interval_s(last) == pytest.approx(interval)


@pytest.mark.parametrize(
    ("last", "interval"),
    [
        (READ, 0.2),
        (replace(READ, raw_scores=LED), 0.2),
        (replace(READ, faces=Faces(confirmed=HERE, still=True)), 0.4),
        (replace(READ, faces=Faces(confirmed=HERE, still=True), raw_scores=SAD), 0.1),
        (replace(READ, raw_scores=SAD), 0.1),
        (replace(READ, raw_scores=MIXED), 0.1),
        (replace(READ, scores=SAD), 0.1),
        (replace(READ, raw_scores=None), 0.1),
        (replace(READ, scores=None), 0.1),
        (replace(READ, mood=Mood.UNSURE), 0.1),
    ],
)
def test_a_mood_that_each_frame_confirms_is_looked_at_less_often(last: Outcome, interval: float) -> None:
    assert FrameRate(rate=10, idle_rate=2).interval_s(last) == pytest.approx(interval)
    assert FrameRate(rate=2, idle_rate=2).interval_s(last) == pytest.approx(0.5)


@pytest.mark.parametrize(("changes_at", "interval"), [(0.05, 0.05), (3.0, 0.2), (0.0, 0.2), (-1.0, 0.2), (1e-9, 0.2)])
def test_a_frame_is_due_when_the_mood_may_change(changes_at: float, interval: float) -> None:
    last = replace(READ, changes_at=changes_at)
    assert FrameRate(rate=10, idle_rate=2).interval_s(last) == pytest.approx(interval)
