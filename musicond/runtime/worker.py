"""The thread `jobs`: work that may take minutes, one piece after the other, and what is looked after regularly."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

T = TypeVar("T")

TICK_S = 60.0
JOIN_S = 1.0
MOST_WAITING = 16


class Worker:
    """A service of the supervisor. Long jobs look at `stopping` and end when it is set."""

    def __init__(
        self, regular: Sequence[Callable[[], None]] = (), tick_s: float = TICK_S, *, name: str = "jobs"
    ) -> None:
        self.name = name
        self._regular, self._tick_s = regular, tick_s
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING)
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._broken: set[Callable[[], None]] = set()

    def start(self) -> None:
        """Begin; what is regular is looked after at once."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Have a job done after those that wait; its future fails with queue.Full where too many do."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except Exception as fault:  # whoever asked decides what it means
                future.set_exception(fault)

        try:
            self._queue.put_nowait(work)
        except queue.Full as full:
            future.set_exception(full)
        return future

    def should_stop(self) -> bool:
        """Do what waits; a long job calls it where it can be interrupted. Return whether it has to end."""
        while not self.stopping.is_set():
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                break
            if work is not None:
                work()
        return self.stopping.is_set()

    def stop(self) -> None:
        """End after the job in progress, which is asked to; within about a second. May be called twice."""
        thread, self._thread = self._thread, None
        self.stopping.set()
        if thread is not None:
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                log.debug("jobs that waited are not done")
            thread.join(JOIN_S)

    def _run(self) -> None:
        while not self.stopping.is_set():
            for task in [each for each in self._regular if each not in self._broken]:
                try:
                    task()
                except Exception:  # a bug: told once with its traceback, and the rest goes on
                    log.exception("a regular job failed")
                    self._broken.add(task)
            try:
                work = self._queue.get(timeout=self._tick_s)
            except queue.Empty:
                continue
            if work is not None:
                work()
