"""The waits after failures of the backend, with one warning in the log for each failure."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from musicond.errors import PlaybackError, clean_text
from musicond.runtime.backoff import Backoff
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

BACKOFF_S = (2.0, 5.0, 15.0, 30.0, 60.0, 120.0)
"""The last one repeats."""
SIGN_IN_S = 5.0
"""A sign-in is looked up on this machine, without a request."""
MIN_ACTION_S = 2.0
"""Between an action that failed and the next one, whoever asks for it."""
SHOWN_S = 150.0
"""Seconds for which a failed action is shown although polls succeed; more than the longest wait."""
JITTER = 0.2


class BackendBackoff:
    """Waits between two tries; for one thread, but `reset` may come from another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._warnings = clock, WarnOnce(log, clock=clock)
        self.trouble: str | None = None
        """The failure, with its remedy; None while all is well."""
        self.reachable = True
        """Whether the last status poll or a later action has succeeded."""
        self._backoff = Backoff(BACKOFF_S, JITTER, clock)
        self._failed_at, self._action_failed = 0.0, False
        self._retry_at: float | None = None
        self._blocked_until: float | None = None

    def succeeded(self, *, polled: bool = False) -> None:
        """Record that an action, or (`polled`) only a status poll, has succeeded.

        A poll does not end the failure of an action, which is shown for SHOWN_S after the last try.
        """
        self._retry_at, self._blocked_until, self.reachable = None, None, True
        if self.trouble is None or (polled and self._action_failed and self._clock() - self._failed_at < SHOWN_S):
            return
        log.info("playback is back after %.0f s", self._warnings.clear() or 0.0)
        self.trouble, self._action_failed = None, False
        self._backoff.reset()

    def failed(self, error: PlaybackError, *, polled: bool = False) -> None:
        """Record a failure, and log it once."""
        now = self._clock()
        self._action_failed, self._failed_at, self.trouble = not polled, now, str(error)
        self.reachable = self.reachable and not polled
        self._warnings.warn("playback: %s", clean_text(error.log_text))
        wait_s = self._backoff.fail()
        if error.sign_in:
            wait_s = SIGN_IN_S
        if error.wait_s is not None:
            wait_s = max(wait_s, error.wait_s)
            self._blocked_until = now + error.wait_s
        self._retry_at = now + wait_s

    def reset(self) -> None:
        """Allow the next try now, unless the service has asked for a wait."""
        self._action_failed = False
        if self._blocked_until is None:
            self._retry_at = None
            self._backoff.reset()

    def wait_s(self) -> float | None:
        """Return the seconds until the next try; None: there is no wait."""
        return None if self._retry_at is None else self._retry_at - self._clock()

    def blocked(self, *, urgent: bool = False) -> bool:
        """Return whether the backend must not be asked now, not even for a person.

        It is blocked in a wait that the service has asked for, and, unless `urgent`, for MIN_ACTION_S after an action
        failed.
        """
        now = self._clock()
        if self._blocked_until is not None and now < self._blocked_until:
            return True
        return not urgent and self.trouble is not None and self._action_failed and now - self._failed_at < MIN_ACTION_S
