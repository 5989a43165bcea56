"""When a sign-in at Spotify ends, and when to tell: six months after it was given, whatever is done with it.

Source: developer.spotify.com/blog/2026-06-18-refresh-token-expiration; since 20 July 2026.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date

MONTHS = 6
AHEAD = (30, 7, 1)
"""Days ahead at which it is told."""


def ends_on(given: date) -> date:
    """Return the day on which a sign-in of the day `given` ends."""
    month = given.month - 1 + MONTHS
    year, month = given.year + month // 12, month % 12 + 1
    return date(year, month, min(given.day, monthrange(year, month)[1]))


def told(day: date) -> str:
    """Say when a sign-in ends, and what to do."""
    return f"the sign-in at Spotify ends on {day.isoformat()}; sign in before: musicond spotify login, or on the page"


def due(days_left: int) -> int | None:
    """Return which of AHEAD has come, the nearest; None while the end is far."""
    return min((days for days in AHEAD if days_left <= days), default=None)
