"""Hours of the day that are to be quiet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime

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

    def hold(self, wall: datetime) -> bool:
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
    return hours is not None and (not synchronised or hours.hold(wall))
