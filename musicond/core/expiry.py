"""Times at which the end of a sign-in is announced."""

from __future__ import annotations

WARN_DAYS = (30, 7, 1)
"""Days before the end at which a warning is logged."""


def warning_due(days_left: int) -> int | None:
    """Return the smallest of WARN_DAYS that has been reached; None while the end is far."""
    return min((days for days in WARN_DAYS if days_left <= days), default=None)
