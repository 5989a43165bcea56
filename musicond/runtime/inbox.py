"""The queue of commands from all threads to the watch loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Generic, TypeVar

C = TypeVar("C")

INBOX_LIMIT = 64
"""Commands that may wait; more are refused."""
DRAIN_LIMIT = 16
"""Commands of one turn, so that an urgent one waits for no more."""


class InboxFull(Exception):  # noqa: N818 - says what it is, as queue.Full does
    """Too many commands wait already."""


class Inbox(Generic[C]):
    """Commands, each with a future that is resolved once it has taken effect.

    Those that are `urgent` keep their order among themselves, overtake all others, and are never refused.
    """

    def __init__(self, urgent: Callable[[C], bool] = lambda _: False) -> None:
        self._is_urgent = urgent
        self._urgent: deque[tuple[C, Future[None]]] = deque()
        self._items: deque[tuple[C, Future[None]]] = deque()
        self._changed = threading.Condition()
        self._woken = self._ended = False

    def put(self, command: C) -> Future[None]:
        """Add a command; its future fails with InboxFull where too many wait."""
        future: Future[None] = Future()
        with self._changed:
            if self._is_urgent(command):
                self._urgent.append((command, future))
            elif len(self._items) >= INBOX_LIMIT:
                future.set_exception(InboxFull("too many commands at once; try again in a moment"))
                return future
            else:
                self._items.append((command, future))
            self._changed.notify_all()
        return future

    def drain(self) -> list[tuple[C, Future[None]]]:
        """Take the urgent commands and up to DRAIN_LIMIT others, each oldest first."""
        with self._changed:
            items = [*self._urgent, *(self._items.popleft() for _ in range(min(DRAIN_LIMIT, len(self._items))))]
            self._urgent.clear()
            self._woken = False
        return items

    def has_urgent(self) -> bool:
        """Return whether an urgent command or the end waits; for any thread, without waiting."""
        return self._ended or bool(self._urgent)

    def end(self) -> None:
        """End the wait in progress, and let the end be urgent from now on."""
        self._ended = True
        self.wake()

    def wake(self) -> None:
        """End the wait in progress, or the next one."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Return when a command waits, on `wake`, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._urgent or self._items) or self._woken, max(0.0, seconds))


def settle(future: Future[None], error: BaseException | None = None) -> None:
    """Resolve a future, unless whoever waits for it has given up."""
    with suppress(InvalidStateError):
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def joined(*futures: Future[None] | None) -> Future[None] | None:
    """Return a future that is resolved once these are, with the error of the first that failed; None without any."""
    rest = [future for future in futures if future is not None]
    if not rest[1:]:
        return rest[0] if rest else None
    result: Future[None] = Future()

    def follow(done: Future[None]) -> None:
        error = done.exception()
        if error is None and rest:
            rest.pop(0).add_done_callback(follow)
        else:
            settle(result, error)

    rest.pop(0).add_done_callback(follow)
    return result
