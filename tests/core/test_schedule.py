from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.schedule import Hours, Schedule, quiet_for_playback

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_quiet_hours_over_midnight_and_within_a_day() -> None:
    night, noon = Hours.parse("22:00-07:00"), Hours.parse("12:30-14:00")
    assert [night.contains(at(*when)) for when in ((21, 59), (22, 0), (3, 0), (6, 59), (7, 0))] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert [noon.contains(at(*when)) for when in ((12, 29), (12, 30), (13, 59), (14, 0))] == [False, True, True, False]


@pytest.mark.parametrize("text", ["", "22-7", "22:00", "24:00-07:00", "22:60-07:00", "2200-0700", "22:00 - 07:00"])
def test_what_are_no_hours_is_told_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match="22:00-07:00"):
        Hours.parse(text)


def test_hours_of_no_length_are_refused() -> None:
    with pytest.raises(ValueError, match="give two times"):
        Hours.parse("07:00-07:00")


@pytest.mark.parametrize("synchronised", [True, False])
def test_until_the_clock_is_right_quiet_hours_count_as_on_for_playback(*, synchronised: bool) -> None:
    night = Hours.parse("22:00-07:00")
    assert quiet_for_playback(night, at(12), synchronised=synchronised) is not synchronised
    assert quiet_for_playback(night, at(23), synchronised=synchronised)
    assert not quiet_for_playback(None, at(23), synchronised=synchronised)


def test_a_day_and_time_is_due_once_and_made_up_for_when_missed() -> None:
    sunday = Schedule.parse("sun 04:00")
    before, after = at(3, 59, 6), at(4, 0, 6)
    assert not sunday.due(at(4, 1, -1), before)
    assert sunday.due(at(4, 1, -1), after)
    assert sunday.due(at(4, 1, -1), after + timedelta(days=3)), "the device was off on Sunday"
    assert not sunday.due(after, after + timedelta(hours=1))
    assert sunday.due(None, before), "never yet"


def test_jitter_puts_it_off() -> None:
    daily = Schedule.parse("daily 04:00")
    assert not daily.due(at(4, 0, -1), at(4, 9), jitter_s=600)
    assert daily.due(at(4, 0, -1), at(4, 10), jitter_s=600)
    assert not daily.due(at(4, 10), at(4, 11), jitter_s=600)


def test_intervals_days_and_never() -> None:
    half = Schedule.parse("Every 12 hours")
    assert not half.due(at(0), at(11, 59))
    assert half.due(at(0), at(12))
    assert not half.due(at(0), at(12), jitter_s=1)
    assert Schedule.parse("every week").every == timedelta(weeks=1)
    assert Schedule.parse("mon, thursday 21:30") == Schedule((0, 3), 21 * 60 + 30)
    assert not Schedule.parse("never").due(None, at(0))


def test_a_last_time_in_the_future_is_waited_for() -> None:
    for text in ("sun 04:00", "every day"):
        assert not Schedule.parse(text).due(at(0, day=300), at(5, day=6))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sunday",
        "04:00",
        "sun 4",
        "sun 24:00",
        "funday 04:00",
        "sun,funday 04:00",
        "every",
        "every 0 days",
        "every 5 minutes",
        "daily",
    ],
)
def test_what_is_no_schedule_is_told_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match=r"sun 04:00; mon,thu 04:00"):
        Schedule.parse(text)


@given(
    st.sampled_from(["sun 04:00", "mon,wed 23:30", "daily 00:00", "every 5 hours", "every 2 days"]),
    st.integers(0, 1800),
)
def test_it_is_done_as_often_as_it_says(text: str, jitter_s: int) -> None:
    schedule, now, last, times = Schedule.parse(text), MONDAY, MONDAY, 0
    for _ in range(28 * 24 * 4):
        now += timedelta(minutes=15)
        if schedule.due(last, now, jitter_s):
            last, times = now, times + 1
    expected = {"sun 04:00": 4, "mon,wed 23:30": 8, "daily 00:00": 28, "every 5 hours": 134, "every 2 days": 14}[text]
    assert expected * 0.86 <= times <= expected
