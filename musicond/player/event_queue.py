"""The events that wait for the player's thread."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future

from musicond.core.commands import Stop
from musicond.errors import CommandError
from musicond.player.events import Event, Requested, RoomUpdate
from musicond.runtime.inbox import settle

MAX_EVENTS = 32
BUSY = "the player is busy; try again in a moment"
STOPPING = "musicond is stopping"

Waiting = tuple[Event, Future[None] | None]


class EventQueue:
    """Commands with their futures, and room updates that bring something new, in their order; the caller locks it."""

    def __init__(self) -> None:
        self._events: deque[Waiting] = deque()
        self._taken: Waiting | None = None
        """The event that is being processed."""

    def __bool__(self) -> bool:
        return bool(self._events)

    def put(self, event: Event, future: Future[None] | None = None, *, first: bool = False) -> None:
        """Queue an event, as the `first` before all others; where too many wait, the oldest one is dropped."""
        if len(self._events) >= MAX_EVENTS:
            _fail(self._events.popleft(), BUSY)
        if first:
            self._events.appendleft((event, future))
        else:
            self._events.append((event, future))

    def pop(self) -> Waiting | None:
        """Take the oldest event; None where none waits."""
        self._taken = self._events.popleft() if self._events else None
        return self._taken

    def ends_music(self, *, pauses: bool) -> bool:
        """Return whether an event that waits or is being processed `ends_music`."""
        waiting = [*self._events, *([] if self._taken is None else [self._taken])]
        return any(ends_music(event, pauses=pauses) for event, _ in waiting)

    def close(self) -> None:
        """Drop all events; their commands fail."""
        while self._events:
            _fail(self._events.popleft(), STOPPING)


def ends_music(event: Event, *, pauses: bool) -> bool:
    """Return whether an event stops music that is being started; with `pauses`, so does a room in a pause."""
    if isinstance(event, RoomUpdate):
        return pauses and event.paused
    return isinstance(event, Requested) and isinstance(event.command, Stop)


def _fail(waiting: Waiting, reason: str) -> None:
    if waiting[1] is not None:
        settle(waiting[1], CommandError(reason))
