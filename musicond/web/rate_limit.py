"""A limit on what each address may do within a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class RateLimit:
    """Counts events of each address within the last `window_s` seconds; of `max_addresses` addresses, for one thread.

    No more than `max_events` of an address are counted.
    """

    def __init__(self, max_events: int, window_s: float, max_addresses: int, clock: Callable[[], float]) -> None:
        self._max_events, self._window_s, self._max_addresses = max_events, window_s, max_addresses
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def count(self, address: str) -> int:
        """Return the number of events of this address."""
        times = self._times.get(address, deque())
        while times and self._clock() - times[0] > self._window_s:
            times.popleft()
        return len(times)

    def add(self, address: str) -> None:
        """Count an event."""
        if address not in self._times and len(self._times) >= self._max_addresses:
            del self._times[next(iter(self._times))]
        self._times.setdefault(address, deque(maxlen=self._max_events)).append(self._clock())
