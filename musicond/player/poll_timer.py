"""The times of the status polls."""

from __future__ import annotations

from collections.abc import Callable

from musicond.player.events import NEVER, PlayerState
from musicond.player.rules import poll_in_s

IDLE_POLL_S = 30.0
"""Between two status polls that only the page needs."""
EMPTY_POLL_S = 120.0
"""The same while nobody is in the room."""


class PollTimer:
    """Says when the next poll is due; for one thread, but `reset` may come from another."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._polled_at = clock, NEVER

    def start_poll(self) -> None:
        """Note that a poll begins now."""
        self._polled_at = self._clock()

    def reset(self) -> None:
        """Let the next poll be due now."""
        self._polled_at = NEVER

    def wait_s(self, state: PlayerState, backoff_s: float | None) -> float:
        """Return the seconds until the next poll; `backoff_s` is the wait after a failure, None without one."""
        if backoff_s is not None:
            return backoff_s
        now, empty = self._clock(), state.room is not None and state.room.present is False
        regular_s = self._polled_at + (EMPTY_POLL_S if empty else IDLE_POLL_S) - now
        soon_s = poll_in_s(state, now)
        if soon_s is None:
            return regular_s
        return min(regular_s, soon_s if state.poll_now else self._polled_at + soon_s - now)
