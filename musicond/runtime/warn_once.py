"""Warnings that are logged once until the trouble is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

MAX_KEPT = 100
"""Different warnings that are remembered."""


class WarnOnce:
    """Logs each different warning once, until `clear` or until `again_s` seconds have passed."""

    def __init__(
        self, log: logging.Logger, again_s: float = float("inf"), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._again_s, self._clock = log, again_s, clock
        self._logged_at: dict[tuple[object, ...], float] = {}
        self._since: float | None = None

    def warn(self, message: str, *args: object) -> None:
        """Log a warning, unless the same one was logged before."""
        key, now = (message, *map(str, args)), self._clock()
        self._since = now if self._since is None else self._since
        while len(self._logged_at) > MAX_KEPT:
            del self._logged_at[next(iter(self._logged_at))]
        if key not in self._logged_at or now - self._logged_at[key] >= self._again_s:
            self._logged_at[key] = now
            self._log.warning(message, *args)

    @property
    def lasted_s(self) -> float | None:
        """Seconds since the first warning; None while there is none."""
        return None if self._since is None else self._clock() - self._since

    def clear(self) -> float | None:
        """Forget all warnings and return `lasted_s`, so that the caller can log that the trouble is over."""
        lasted_s, self._since = self.lasted_s, None
        self._logged_at.clear()
        return lasted_s
