"""The questions to the backend that wait for the player's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from musicond.core.ports import PlaybackBackend
from musicond.errors import CommandError
from musicond.player.event_queue import BUSY
from musicond.runtime.inbox import settle
from musicond.runtime.worker import resolve

MAX_QUESTIONS = 8

T = TypeVar("T")


class QuestionQueue:
    """Questions of other threads with the futures of their answers, in their order; the caller locks it."""

    def __init__(self, backend: PlaybackBackend) -> None:
        self._backend = backend
        self._waiting: deque[tuple[Callable[[], None], Future[Any]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, question: Callable[[PlaybackBackend], T]) -> Future[T]:
        """Queue a question; return the future of its answer, which fails with CommandError where too many wait."""
        answer: Future[T] = Future()
        if len(self._waiting) >= MAX_QUESTIONS:
            answer.set_exception(CommandError(BUSY))
        else:
            self._waiting.append((partial(resolve, answer, partial(question, self._backend)), answer))
        return answer

    def take(self) -> list[Callable[[], None]]:
        """Take all questions; each one is asked, and its future resolved, by calling it without the lock."""
        questions = [ask for ask, _ in self._waiting]
        self._waiting.clear()
        return questions

    def close(self, reason: str) -> None:
        """Drop all questions; their answers fail with CommandError."""
        while self._waiting:
            settle(self._waiting.popleft()[1], CommandError(reason))
