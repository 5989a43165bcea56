"""When something recurs: at an hour of some days, or every so often."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
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
        start, end = (int(each[:2]) * 60 + int(each[3:]) for each in text.split("-"))
        if start == end:
            raise ValueError(f"{text!r} begins and ends at the same time; give two times, or null for no quiet hours")
        return cls(start, end)

    def contains(self, wall: datetime) -> bool:
        """Whether the wall clock (in its own zone) shows one of these hours."""
        now = wall.hour * 60 + wall.minute
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def quiet_for_playback(hours: Hours | None, wall: datetime, *, synchronised: bool) -> bool:
    """Whether nothing may begin to play by itself: in quiet hours, and while nobody knows what time it is.

    A Pi has no clock of its own that runs while it is off: until the time is synchronised, configured quiet hours
    count as on. Recommendations, which make no sound, go by the clock as it is.
    """
    return hours is not None and (not synchronised or hours.contains(wall))


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
RIGHT = "give a day and time (sun 04:00; mon,thu 04:00; daily 04:00), an interval (every 12 hours), or never"
LEAST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """At `minute` of the day on `days` (0 is Monday), or every `every`; with neither, never."""

    days: tuple[int, ...] = ()
    minute: int = 0
    every: timedelta | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the schedule of a text like "sun 04:00", "mon,thu 21:30", "daily 04:00", "every 3 days" or "never".

        Raises ValueError that says what would be right.
        """
        words = text.lower().strip()
        if words == "never":
            return cls()
        if match := re.fullmatch(r"every (?:(\d{1,4}) )?(hour|day|week)s?", words):
            every = int(match[1] or 1) * UNITS[match[2]]
            if every < LEAST:
                raise ValueError(f"{text!r} is too often; {RIGHT}")
            return cls(every=every)
        match = re.fullmatch(r"(daily|[a-z]+(?:, ?[a-z]+)*) ([01]?\d|2[0-3]):([0-5]\d)", words)
        if match is None:
            raise ValueError(f"{text!r} is no time to refresh; {RIGHT}")
        names = DAYS if match[1] == "daily" else tuple(name.strip()[:3] for name in match[1].split(","))
        unknown = [name for name in names if name not in DAYS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no day; {RIGHT}")
        return cls(tuple(sorted({DAYS.index(name) for name in names})), int(match[2]) * 60 + int(match[3]))

    def due(self, last: datetime | None, now: datetime, jitter_s: float = 0.0) -> bool:
        """Whether it is time, when it was last done at `last` (None: never), which a device that was off makes up for.

        `jitter_s` puts it off, so that not all devices ask at once. A `last` in the future is a clock that was
        wrong: it is waited for, as a clock that is wrong now would make everything due.
        """
        if not self.days and self.every is None:
            return False
        if last is None:
            return True
        return self._since(last, now, timedelta(seconds=jitter_s))

    def _since(self, last: datetime, now: datetime, late: timedelta) -> bool:
        if self.every is not None:
            return now - last >= self.every + late
        for back in range(8):
            day = (now - late - timedelta(days=back)).replace(
                hour=self.minute // 60, minute=self.minute % 60, second=0, microsecond=0
            )
            if day.weekday() in self.days and day + late <= now:
                return last < day
        return False  # pragma: no cover - any week has each of its days
