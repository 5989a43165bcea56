"""The services are watched: one whose thread has ended is started again, and reported."""

from __future__ import annotations

import threading

import pytest

from musicond.errors import OutputError
from musicond.runtime.supervisor import HANG_S, RESTART_S, STALL_S, STEADY_S, ServiceMonitor
from musicond.runtime.worker import Worker

WAIT_S = 10


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class FragileService:
    """A service whose thread ends with the event `end`."""

    name = "fragile"
    busy_since: float | None = None

    def __init__(self) -> None:
        self.starts, self.refuses = 0, False
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        if self.refuses:
            raise OutputError("the port is taken")
        self.starts += 1
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.end.wait)
        self.thread.start()

    def stop(self) -> None:
        self.thread = None

    def is_alive(self) -> bool:
        return self.thread is None or self.thread.is_alive()

    def die(self) -> None:
        assert self.thread is not None
        self.end.set()
        self.thread.join(WAIT_S)


def test_a_service_whose_thread_has_ended_is_started_again_with_a_backoff(caplog: pytest.LogCaptureFixture) -> None:
    service, clock = FragileService(), Clock()
    monitor = ServiceMonitor([service], clock)
    service.start()
    monitor.check()
    assert (service.starts, monitor.trouble) == (1, None)
    service.die()
    monitor.check()
    assert service.starts == 2, "the first time without a wait"
    assert "fragile" in str(monitor.trouble)
    service.die()
    monitor.check()
    assert service.starts == 2
    clock.now += RESTART_S[0]
    service.refuses = True
    monitor.check()
    monitor.check()
    assert caplog.text.count("the port is taken") == 1
    service.refuses = False
    clock.now += RESTART_S[1]
    monitor.check()
    assert service.starts == 3
    assert service.is_alive()
    clock.now += RESTART_S[2] + STEADY_S
    monitor.check()
    assert monitor.trouble is None
    service.die()


def test_a_thread_that_hangs_is_named_until_it_goes_on() -> None:
    service, clock = FragileService(), Clock()
    monitor = ServiceMonitor([service], clock)
    service.busy_since, troubles = 1.0, []
    for clock.now in (1 + HANG_S, 2 + HANG_S, 1.0):
        troubles.append(monitor.trouble)
    assert troubles == [None, "has not answered for minutes: fragile; run: systemctl restart musicond", None]


def test_a_worker_is_busy_while_a_job_runs() -> None:
    worker, started, end = Worker(), threading.Event(), threading.Event()
    worker.start()

    def work() -> float | None:
        started.set()
        end.wait(WAIT_S)
        return worker.busy_since

    future = worker.submit(work)
    assert started.wait(WAIT_S)
    assert worker.busy_since is not None
    end.set()
    assert future.result(WAIT_S)
    worker.stop()


def test_the_watchdog_is_not_fed_once_the_services_are_not_checked() -> None:
    clock = Clock()
    monitor = ServiceMonitor([], clock)
    fed = []
    for seconds in (STALL_S - 1, 2):
        clock.now += seconds
        fed.append(monitor.is_watching)
    monitor.check()
    assert [*fed, monitor.is_watching] == [True, False, True]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_whose_thread_was_ended_by_a_job_runs_again() -> None:
    def end() -> None:
        raise SystemExit

    worker = Worker()
    monitor = ServiceMonitor([worker])
    worker.start()
    worker.submit(end)
    thread = worker._thread
    assert thread is not None
    thread.join(WAIT_S)
    monitor.check()
    assert worker.submit(lambda: 3).result(WAIT_S) == 3
    worker.stop()
