from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

import pytest

from musicond.runtime import worker as worker_module
from musicond.runtime.worker import REST_S, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S = 10


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    workers: list[Worker] = []
    yield workers
    for worker in workers:
        worker.stop()


def started(workers: list[Worker], *periodic: object, period_s: float = 60.0) -> Worker:
    worker = Worker(list(periodic), period_s)  # type: ignore[arg-type]  # functions, of the tests
    workers.append(worker)
    worker.start()
    return worker


def test_a_job_runs_in_its_own_thread_and_returns_its_error(workers: list[Worker]) -> None:
    worker = started(workers)
    assert worker.submit(lambda: threading.current_thread().name).result(WAIT_S) == "jobs"
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 // 0).result(WAIT_S)
    assert worker.submit(lambda: 3).result(WAIT_S) == 3


def test_periodic_tasks_run_at_the_start_after_each_job_and_in_time(workers: list[Worker]) -> None:
    times = threading.Semaphore(0)
    worker = started(workers, times.release)
    assert times.acquire(timeout=WAIT_S)
    worker.submit(lambda: None).result(WAIT_S)
    assert times.acquire(timeout=WAIT_S)
    ticking = threading.Semaphore(0)
    started(workers, ticking.release, period_s=0.01)
    for _ in range(3):
        assert ticking.acquire(timeout=WAIT_S)


def test_a_bug_in_a_task_is_logged_once_and_shown_and_the_task_runs_again_later(
    workers: list[Worker], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(worker_module, "RETRY_S", (0.05, 0.1))
    mended = threading.Event()
    times = threading.Semaphore(0)

    def broken() -> None:
        if not mended.is_set():
            raise KeyError("bug")

    worker = started(workers, broken, times.release, period_s=0.01)
    for _ in range(3):
        assert times.acquire(timeout=WAIT_S)
    assert caplog.text.count("a regular job failed") == 1
    assert "KeyError: 'bug'" in caplog.text
    assert "tried again: 'bug'" in str(worker.trouble)
    assert worker.is_alive()
    mended.set()
    for _ in range(100):
        assert times.acquire(timeout=WAIT_S)
        if worker.trouble is None:
            break
    assert str(worker.trouble) == "None"
    assert "works again" in caplog.text


def test_a_long_job_lets_others_run_and_ends_when_asked(workers: list[Worker]) -> None:
    begun = threading.Event()

    def long() -> int:
        turns = 0
        begun.set()
        while not worker.should_stop():
            turns += 1
        return turns

    worker = started(workers)
    future = worker.submit(long)
    assert begun.wait(WAIT_S)
    assert worker.submit(lambda: 5).result(WAIT_S) == 5
    assert not future.done()
    worker.stop()
    assert future.result(WAIT_S) >= 0


def test_a_long_job_rests_three_times_as_long_as_it_worked_also_after_a_new_start(workers: list[Worker]) -> None:
    def rest_after(work_s: float) -> float:
        end = time.thread_time() + work_s
        while time.thread_time() < end:
            pass
        begun = time.monotonic()
        worker.should_stop()
        return time.monotonic() - begun

    worker = started(workers)
    assert worker.submit(lambda: rest_after(0.01)).result(60) >= 0.03
    assert worker.submit(lambda: rest_after(0.06)).result(60) >= REST_S[1]
    worker.stop()
    worker.start()
    assert worker.submit(lambda: rest_after(0.01)).result(60) >= 0.03, "the new thread counts from its own start"


def test_within_a_long_task_the_others_go_on_in_time_and_it_is_not_entered_twice(workers: list[Worker]) -> None:
    entered, others = [], threading.Semaphore(0)

    def long() -> None:
        entered.append(1)
        while not worker.should_stop():
            time.sleep(0.001)

    def short() -> None:
        worker.should_stop()

    def broken() -> None:
        raise KeyError("bug")

    worker = Worker([long, short, broken, others.release], 0.01)
    workers.append(worker)
    worker.start()
    for _ in range(5):
        assert others.acquire(timeout=WAIT_S)
    assert worker.submit(lambda: 5).result(WAIT_S) == 5
    assert len(entered) == 1
    assert "bug" in str(worker.trouble)
    worker.stop()
    assert len(entered) == 1


def test_too_many_are_refused_and_stopping_twice_or_unstarted_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "MAX_WAITING", 2)
    worker = Worker()
    assert not worker.submit(lambda: 1).done()
    cancelled = worker.submit(lambda: 2)
    assert cancelled.cancel()
    with pytest.raises(queue.Full):
        worker.submit(lambda: 3).result(WAIT_S)
    assert not worker.should_stop()
    worker.stop()
    worker.stop()
