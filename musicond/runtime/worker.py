"""A thread for long jobs, one after the other, and for periodic tasks."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from musicond.errors import MusicondError, error_text
from musicond.runtime.backoff import Backoff

log = logging.getLogger(__name__)

T = TypeVar("T")

PERIOD_S = 60.0
JOIN_S = 1.0
MAX_WAITING = 16
RETRY_S = (60.0, 300.0, 1800.0, 3600.0)
"""Waits before a periodic task that failed is run again; the last one repeats."""
REST_SHARE = 3.0
"""Seconds of rest for a second of work in a long job."""
REST_S = (0.002, 0.1)
"""Shortest and longest rest."""


class Worker:
    """A service of the supervisor.

    Periodic tasks run at the start, after each job and every `period_s`. Long jobs and tasks call `should_stop` now and
    then: within a task, the other tasks go on. The thread rests there after work, as only one thread runs Python at a
    time and the watch loop must keep its rate.
    """

    def __init__(
        self, periodic: Sequence[Callable[[], None]] = (), period_s: float = PERIOD_S, *, name: str = "jobs"
    ) -> None:
        self.name = name
        self._periodic, self._period_s = periodic, period_s
        self._queue: queue.Queue[Callable[[], None]] = queue.Queue(MAX_WAITING)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.busy_since: float | None = None
        self._failures: dict[Callable[[], None], tuple[Backoff, str]] = {}
        """Of each periodic task that failed: its waits and its error."""
        self._active: list[Callable[[], None]] = []
        """Periodic tasks that are running; those after the first began within one before."""
        self._due_at = 0.0
        """Monotonic seconds at which the periodic tasks run again."""
        self._rested_at = 0.0
        """Processor seconds of the thread at its last rest."""

    def start(self) -> None:
        """Start the thread."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Return whether the thread is running."""
        return self._thread is None or self._thread.is_alive()

    @property
    def trouble(self) -> str | None:
        """The errors of the periodic tasks that failed; None while all is well."""
        errors = [error for _, error in tuple(self._failures.values())]
        return f"a regular job failed and is tried again: {'; '.join(errors)}" if errors else None

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queue a job; its future fails with queue.Full where too many wait."""
        future: Future[T] = Future()
        try:
            self._queue.put_nowait(lambda: resolve(future, job))
        except queue.Full as full:
            future.set_exception(full)
        return future

    def wake(self) -> None:
        """Run the periodic tasks soon; for any thread."""
        with suppress(queue.Full):  # they run after each job
            self._queue.put_nowait(lambda: None)

    def should_stop(self) -> bool:
        """Run the waiting jobs, within a task also the others if due; return whether the running one has to end."""
        self.run_pending()
        if self._active and time.monotonic() >= self._due_at and not self._stopping.is_set():
            self._run_periodic()
        self._rest()
        self.busy_since = time.monotonic()
        return self._stopping.is_set()

    def _rest(self) -> None:
        shortest_s, longest_s = REST_S
        if (rest_s := REST_SHARE * (time.thread_time() - self._rested_at)) >= shortest_s:
            self._stopping.wait(min(rest_s, longest_s))
            self._rested_at = time.thread_time()

    def run_pending(self) -> None:
        """Run the jobs that wait."""
        with suppress(queue.Empty):
            while not self._stopping.is_set():
                self._run_job(self._queue.get_nowait())

    def stop(self) -> None:
        """End after the running job, within about a second; may be called twice."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        if thread is not None:
            self.wake()
            thread.join(JOIN_S)

    def _run(self) -> None:
        self._rested_at = time.thread_time()  # of this thread, not of the one before
        while not self._stopping.is_set():
            self._run_periodic()
            self.busy_since = None
            with suppress(queue.Empty):
                self._run_job(self._queue.get(timeout=self._period_s))

    def _run_job(self, job: Callable[[], None]) -> None:
        self.busy_since = time.monotonic()
        job()

    def _run_periodic(self) -> None:
        self._due_at = time.monotonic() + self._period_s
        for task in self._periodic:
            backoff, _ = self._failures.get(task, (Backoff(RETRY_S), ""))
            if backoff.wait_s() > 0 or task in self._active:
                continue
            self.busy_since = time.monotonic()
            self._active.append(task)
            try:
                task()
            except Exception as exc:  # logged once, a bug with its traceback, and the others go on
                wait_s, is_bug = backoff.fail(), not isinstance(exc, MusicondError | OSError)
                if task not in self._failures:
                    text = "a regular job failed, and is tried again in %.0f s: %s"
                    log.error(text, wait_s, error_text(exc), exc_info=is_bug)  # noqa: TRY400 - a traceback for a bug alone
                self._failures[task] = backoff, error_text(exc)
            else:
                if self._failures.pop(task, None):
                    log.info("a regular job works again")
            finally:
                self._active.pop()


def run_job(job: Callable[[], T]) -> Future[T]:
    """Run a job at once, in the caller's thread; return its future, as `Worker.submit` does."""
    future: Future[T] = Future()
    resolve(future, job)
    return future


def resolve(future: Future[T], job: Callable[[], T]) -> None:
    """Run a job and set its result, or its error, in a future that has not been cancelled."""
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(job())
        except Exception as exc:  # the caller decides what it means
            future.set_exception(exc)
