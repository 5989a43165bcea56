"""What is wrong with the speaker: in plain words, once in the log, and when it is asked again."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.errors import PlaybackError

log = logging.getLogger(__name__)

BACKOFF_S = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
"""The last one repeats."""
SIGN_IN_S = 5.0
"""Whether somebody has signed in is looked up on this machine."""
LEAST_S = 2.0
"""A flood of orders is no flood of requests."""
SHOWN_S = 150.0
"""Longer than the longest of these waits."""
JITTER = 0.2
"""Part by which a wait is longer or shorter, so that not all devices ask at once."""


class Backoff:
    """For one thread; `forget` may come from another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.trouble: str | None = None
        """What is wrong, with its remedy; None while all is well."""
        self._count = 0
        self._again_at: float | None = None
        self._forbidden_until: float | None = None
        self._since = 0.0
        self._acting, self._last = False, 0.0

    def succeeded(self, *, looked: bool = False) -> None:
        """Take note that the speaker did as it was told, or (`looked`) only told what plays.

        That it tells what plays does not mend what it could not do: that stays told for SHOWN_S after the last try.
        """
        self._again_at, self._forbidden_until = None, None
        if self.trouble is None or (looked and self._acting and self._clock() - self._last < SHOWN_S):
            return
        log.info("playback is back after %.0f s", self._clock() - self._since)
        self.trouble, self._count, self._acting = None, 0, False

    def failed(self, fault: PlaybackError, *, looked: bool = False) -> None:
        """Take note of a fault, and log it once."""
        now, text = self._clock(), str(fault)
        self._acting, self._last = not looked, now
        if self.trouble is None:
            self._since = now
        if text != self.trouble:
            log.warning("playback: %s", text)
        self.trouble = text
        wait = BACKOFF_S[min(self._count, len(BACKOFF_S) - 1)]
        wait *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        self._count += 1
        if fault.sign_in:
            wait = SIGN_IN_S
        if fault.wait_s is not None:
            wait = max(wait, fault.wait_s)
            self._forbidden_until = now + fault.wait_s
        self._again_at = now + wait

    def reset(self) -> None:
        """Ask again at once, unless that is forbidden; what was wrong is over with the next thing that goes well."""
        self._acting = False
        if self._forbidden_until is None:
            self._again_at, self._count = None, 0

    def wait_s(self) -> float | None:
        """Return the seconds until the speaker is asked again; None: no wait is on."""
        return None if self._again_at is None else self._again_at - self._clock()

    def blocked(self, *, urgent: bool = False) -> bool:
        """Whether it must not be asked now, not even by a person's order.

        So it is in a rest that was asked for, and, unless it is `urgent`, for a moment after it could not do something.
        """
        now = self._clock()
        if self._forbidden_until is not None and now < self._forbidden_until:
            return True
        return not urgent and self.trouble is not None and self._acting and now - self._last < LEAST_S
