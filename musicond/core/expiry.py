"""Times at which the end of a sign-in is announced."""

from __future__ import annotations

WARN_DAYS = (30, 7, 1)
"""Days before the end at which a warning is logged."""


def warning_due(days_left: int) -> int | None:
    """Return the smallest of WARN_DAYS that has been reached; None while the end is far."""
    return min((days for days in WARN_DAYS if days_left <= days), default=None)


class ExpiryWarning:
    """Remembers which of WARN_DAYS was announced last."""

    def __init__(self) -> None:
        self._announced: int | None = None

    def is_due(self, days_left: int | None) -> bool:
        """Return whether another of WARN_DAYS has been reached since the last call; None: no end is known."""
        days = None if days_left is None else warning_due(days_left)
        before, self._announced = self._announced, days
        return days not in (None, before)
