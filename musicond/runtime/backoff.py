"""The waits between attempts: longer after each failure, and the shortest again after a success."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence


class Backoff:
    """The waits of one thing that may fail; the last of `waits_s` (seconds) repeats.

    Each is longer or shorter by up to the share `jitter`, so that not all devices try at the same moment.
    """

    def __init__(
        self, waits_s: Sequence[float], jitter: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._waits_s, self._jitter, self._clock = waits_s, jitter, clock
        self._failures = 0
        self._retry_at = clock()

    def fail(self, least_s: float = 0.0) -> float:
        """Count a failure; return the seconds until the next attempt, `least_s` or more."""
        wait_s = self._waits_s[min(self._failures, len(self._waits_s) - 1)]
        if self._jitter:
            wait_s *= random.uniform(1 - self._jitter, 1 + self._jitter)  # noqa: S311 - no secret
        wait_s = max(wait_s, least_s)
        self._failures += 1
        self._retry_at = self._clock() + wait_s
        return wait_s

    def reset(self) -> None:
        """Allow an attempt now, and begin with the shortest wait again."""
        self._failures, self._retry_at = 0, self._clock()

    def wait_s(self) -> float:
        """Return the seconds until the next attempt is due; negative for the seconds since then."""
        return self._retry_at - self._clock()
