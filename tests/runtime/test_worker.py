from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from musicond.runtime import worker as module
from musicond.runtime.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S = 10


@pytest.fixture
def made() -> Iterator[list[Worker]]:
    found: list[Worker] = []
    yield found
    for jobs in found:
        jobs.stop()


def started(made: list[Worker], *regular: object, tick_s: float = 60.0) -> Worker:
    jobs = Worker(list(regular), tick_s)  # type: ignore[arg-type]  # functions, of the tests
    made.append(jobs)
    jobs.start()
    return jobs


def test_a_job_is_done_in_its_own_thread_and_its_error_given_back(made: list[Worker]) -> None:
    jobs = started(made)
    assert jobs.submit(lambda: threading.current_thread().name).result(WAIT_S) == "jobs"
    with pytest.raises(ZeroDivisionError):
        jobs.submit(lambda: 1 // 0).result(WAIT_S)
    assert jobs.submit(lambda: 3).result(WAIT_S) == 3


def test_what_is_regular_is_looked_after_at_once_after_each_job_and_with_time(made: list[Worker]) -> None:
    times = threading.Semaphore(0)
    jobs = started(made, times.release)
    assert times.acquire(timeout=WAIT_S)
    jobs.submit(lambda: None).result(WAIT_S)
    assert times.acquire(timeout=WAIT_S)
    ticking = threading.Semaphore(0)
    started(made, ticking.release, tick_s=0.01)
    for _ in range(3):
        assert ticking.acquire(timeout=WAIT_S)


def test_a_bug_in_one_is_told_once_and_the_others_go_on(made: list[Worker], caplog: pytest.LogCaptureFixture) -> None:
    times = threading.Semaphore(0)

    def broken() -> None:
        raise KeyError("bug")

    started(made, broken, times.release, tick_s=0.01)
    for _ in range(3):
        assert times.acquire(timeout=WAIT_S)
    assert caplog.text.count("a regular job failed") == 1
    assert "KeyError: 'bug'" in caplog.text


def test_a_long_job_lets_others_pass_where_it_breathes_and_ends_when_asked(made: list[Worker]) -> None:
    begun = threading.Event()

    def long() -> int:
        turns = 0
        begun.set()
        while not jobs.should_stop():
            turns += 1
        return turns

    jobs = started(made)
    future = jobs.submit(long)
    assert begun.wait(WAIT_S)
    assert jobs.submit(lambda: 5).result(WAIT_S) == 5
    assert not future.done()
    jobs.stop()
    assert future.result(WAIT_S) >= 0


def test_too_many_are_refused_and_stopping_twice_or_unstarted_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    jobs = Worker()
    assert not jobs.submit(lambda: 1).done()
    cancelled = jobs.submit(lambda: 2)
    assert cancelled.cancel()
    with pytest.raises(queue.Full):
        jobs.submit(lambda: 3).result(WAIT_S)
    assert not jobs.should_stop()
    jobs.stop()
    jobs.stop()
