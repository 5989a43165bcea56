"""Daily hours, midnight and morning, and schedules of recurring tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Self

PATTERN = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
"""HH:MM-HH:MM."""


@dataclass(frozen=True, slots=True)
class Hours:
    """From `start` to before `end`, in minutes of the day; over midnight where `end` is the smaller."""

    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the hours of a text like 22:00-07:00; raise ValueError."""
        if not re.match(PATTERN, text):
            raise ValueError(f"{text!r} are no hours; give HH:MM-HH:MM, such as 22:00-07:00")
        start, end = (int(time[:2]) * 60 + int(time[3:]) for time in text.split("-"))
        if start == end:
            raise ValueError(f"{text!r} begins and ends at the same time; give two times, or null for no quiet hours")
        return cls(start, end)

    def contains(self, wall_time: datetime) -> bool:
        """Return whether a time, in its own zone, lies within these hours."""
        now = wall_time.hour * 60 + wall_time.minute
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def quiet_for_playback(hours: Hours | None, wall_time: datetime, *, synchronised: bool) -> bool:
    """Return whether quiet hours forbid autoplay.

    A Raspberry Pi has no battery-backed clock: until the time is synchronised, configured quiet hours are in force.
    Recommendations are silent and use the clock as it is.
    """
    return hours is not None and (not synchronised or hours.contains(wall_time))


MORNING_HOUR = 6
"""Hour at which a pause "until tomorrow" ends."""
MIN_NIGHT = timedelta(hours=3)
"""Shortest pause "until tomorrow": with less time until that hour, it ends a day later."""


def next_midnight(wall_time: datetime) -> datetime:
    """Return the end of the day in the zone of `wall_time`."""
    return with_fixed_offset(wall_time.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=1))


def next_morning(wall_time: datetime) -> datetime:
    """Return the next six o'clock in the morning that is at least MIN_NIGHT away, in the zone of `wall_time`."""
    today = wall_time.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0, fold=0)
    is_near = with_fixed_offset(today) - with_fixed_offset(wall_time) < MIN_NIGHT
    return with_fixed_offset(today + timedelta(days=1) if is_near else today)


def with_fixed_offset(time: datetime) -> datetime:
    """Return the same time with the offset that its zone has then: sums and differences of it are true durations."""
    return time.replace(tzinfo=timezone(time.utcoffset() or timedelta()))


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
EXPECTED = "give a day and time (sun 04:00; mon,thu 04:00; daily 04:00), an interval (every 12 hours), or never"
MIN_INTERVAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """At `minute` of the day on `days` (0 is Monday), or every `every`; with neither, never."""

    days: tuple[int, ...] = ()
    minute: int = 0
    every: timedelta | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the schedule of a text like "sun 04:00", "mon,thu 21:30", "daily 04:00", "every 3 days" or "never".

        Raises ValueError with the accepted forms.
        """
        words = text.lower().strip()
        if words == "never":
            return cls()
        if match := re.fullmatch(r"every (?:(\d{1,4}) )?(hour|day|week)s?", words):
            every = int(match[1] or 1) * UNITS[match[2]]
            if every < MIN_INTERVAL:
                raise ValueError(f"{text!r} is too often; {EXPECTED}")
            return cls(every=every)
        match = re.fullmatch(r"(daily|[a-z]+(?:, ?[a-z]+)*) ([01]?\d|2[0-3]):([0-5]\d)", words)
        if match is None:
            raise ValueError(f"{text!r} is no time to refresh; {EXPECTED}")
        names = DAYS if match[1] == "daily" else tuple(name.strip()[:3] for name in match[1].split(","))
        unknown = [name for name in names if name not in DAYS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no day; {EXPECTED}")
        return cls(tuple(sorted({DAYS.index(name) for name in names})), int(match[2]) * 60 + int(match[3]))

    def due(self, last: datetime | None, now: datetime, jitter_s: float = 0.0) -> bool:
        """Return whether the task is due that last ran at `last` (None: never); a missed time counts as due.

        `jitter_s` delays the task so that not all devices run it together. With a `last` in the future nothing is
        due: the clock was wrong then, or is wrong now.
        """
        if not self.days and self.every is None:
            return False
        if last is None:
            return True
        jitter = timedelta(seconds=jitter_s)
        if self.every is not None:
            return now - last >= self.every + jitter
        return last < self._latest(now - jitter)

    def _latest(self, now: datetime) -> datetime:
        """Return the last scheduled time up to `now`."""
        today = now.replace(hour=self.minute // 60, minute=self.minute % 60, second=0, microsecond=0)
        days = (today - timedelta(days=back) for back in range(8))
        return next(day for day in days if day.weekday() in self.days and day <= now)
