"""The queue of commands from all threads to the watch loop."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import Generic, TypeVar

C = TypeVar("C")

INBOX_LIMIT = 64
"""Commands that may wait; more are refused."""


class InboxFull(Exception):  # noqa: N818 - says what it is, as queue.Full does
    """Too many commands wait already."""


class Inbox(Generic[C]):
    """Commands, each with a future that is resolved once it has taken effect."""

    def __init__(self) -> None:
        self._items: deque[tuple[C, Future[None]]] = deque()
        self._changed = threading.Condition()
        self._woken = False

    def put(self, command: C) -> Future[None]:
        """Add a command; its future fails with InboxFull where too many wait."""
        future: Future[None] = Future()
        with self._changed:
            if len(self._items) >= INBOX_LIMIT:
                future.set_exception(InboxFull("too many commands at once; try again in a moment"))
                return future
            self._items.append((command, future))
            self._changed.notify_all()
        return future

    def drain(self) -> list[tuple[C, Future[None]]]:
        """Take all waiting commands, oldest first."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._woken = False
        return items

    def wake(self) -> None:
        """End the wait in progress, or the next one."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Return when a command waits, on `wake`, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._woken, max(0.0, seconds))
