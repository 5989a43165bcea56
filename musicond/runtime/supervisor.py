"""The supervisor: starts the services, restarts one whose thread has ended, and stops all of them at a signal."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn, Protocol

from musicond.errors import MusicondError
from musicond.runtime import logs
from musicond.runtime.backoff import Backoff
from musicond.runtime.restart import RestartGuard, fault_place
from musicond.runtime.systemd import Notifier

log = logging.getLogger(__name__)

# From a terminal, SIGHUP means that its window was closed, and ends the daemon like any program.
SIGNALS = (signal.SIGTERM, signal.SIGINT, *(() if sys.stdin and sys.stdin.isatty() else (signal.SIGHUP,)))

TURN_DEADLINE_S = 20.0
"""A turn of the watch loop that takes longer hangs, in a camera's driver for example; a new process may help.

It is shorter than systemd's watchdog, so that what waits to be stored, such as privacy, is stored before the end.
"""
END_S = 1.5
"""From the signal to the end; the watch thread may use the rest of it to finish its turn."""
MIN_JOIN_S = 0.2
RESTART_S = (1.0, 5.0, 30.0, 120.0)
"""Waits before a service whose thread has ended is started again; the last one repeats."""
STEADY_S = 300.0
"""A service that has run for this long again counts as healthy."""
ANSWER_S = 0.5
"""How long the response to a request that ends the daemon may take to be sent."""
STALL_S = 20.0
"""The watchdog is fed no longer once the services were not checked for this long."""
HANG_S = 300.0
"""A thread that works on one task for longer counts as hanging; no wait for network or disk takes that long."""
WATCH_ENDED = b"\0"
"""Written by the watch thread into the pipe of the signals; no signal has this number."""


def start_again() -> NoReturn:
    """Replace this process by a new one with the same command line; signals wait until it handles them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line


class Service(Protocol):
    """A part with a start and a stop; see `core.ports.Output`."""

    @property
    def name(self) -> str:
        """The short name."""

    def start(self) -> None:
        """Start."""

    def stop(self) -> None:
        """Stop; may be called twice."""

    def is_alive(self) -> bool:
        """Return whether its thread is running; True without a thread."""

    @property
    def busy_since(self) -> float | None:
        """Monotonic seconds at which its thread began the present task; None while it waits, or without a thread."""


class ServiceMonitor:
    """Starts services again whose thread has ended, with a backoff; for the main thread, but for the properties."""

    def __init__(self, services: Sequence[Service], clock: Callable[[], float] = time.monotonic) -> None:
        self.services, self._clock = services, clock
        self._stopped: set[str] = set()
        """Services that could not be started again."""
        self._failures: dict[str, Backoff] = {}
        """Of each service that has ended lately."""
        self._checked_at = clock()

    @property
    def trouble(self) -> str | None:
        """Which threads have ended lately or hang; None while all is well."""
        ended, hanging = ", ".join(tuple(self._failures)), ", ".join(self._hanging())
        texts = [f"ended unexpectedly and started again: {ended}; see the journal"] if ended else []
        if hanging:
            texts.append(f"has not answered for minutes: {hanging}; run: systemctl restart musicond")
        return "; ".join(texts) or None

    def _hanging(self) -> list[str]:
        busy = [(service.name, service.busy_since) for service in self.services]
        return [name for name, since in busy if since is not None and self._clock() - since > HANG_S]

    @property
    def is_watching(self) -> bool:
        """Whether the services are being checked: only then may the watchdog be fed."""
        return self._clock() - self._checked_at < STALL_S

    def check(self) -> None:
        """Start the services again that are due."""
        for service in self.services:
            backoff = self._failures.get(service.name)
            if service.is_alive() and service.name not in self._stopped:
                if backoff is not None and backoff.wait_s() <= -STEADY_S:
                    del self._failures[service.name]
            elif backoff is None or backoff.wait_s() <= 0:
                self._restart(service)
        self._checked_at = self._clock()

    def _restart(self, service: Service) -> None:
        log.error("the thread of %s has ended unexpectedly; it is started again", service.name)
        self._failures.setdefault(service.name, Backoff(RESTART_S, clock=self._clock)).fail()
        self._stopped.add(service.name)
        try:
            service.stop()
            service.start()
            self._stopped.discard(service.name)
        except (MusicondError, OSError) as exc:
            log.warning("%s can't be started: %s", service.name, exc)


class Loop(Protocol):
    """The watch loop."""

    busy_since: float | None
    busy_with: str
    """The part of the turn in progress, such as "the camera"."""

    def run(self) -> None:
        """Run turns until stopped."""

    def stop(self) -> None:
        """End after the turn in progress."""

    def take_waiting(self) -> None:
        """Carry out the urgent commands that still wait."""


class Supervisor:
    """Runs one loop and its services until SIGTERM or SIGINT; at SIGHUP calls `reload`."""

    def __init__(
        self,
        monitor: ServiceMonitor,
        loop: Loop,
        notifier: Notifier,
        ready: Callable[[], None],
        reload: Callable[[], None],
        guard: RestartGuard,
    ) -> None:
        self._monitor, self._loop, self._notifier, self._ready, self._reload = monitor, loop, notifier, ready, reload
        self._guard = guard
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._crashed = False
        self._restart_at: float | None = None
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def run(self) -> int:
        """Run until a signal or a crash; return the exit code, 0 or 1."""
        started: list[Service] = []
        for number in SIGNALS:
            signal.signal(number, self._signalled)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        try:
            for service in self._monitor.services:
                started.append(service)
                service.start()
            self._thread.start()
            self._notifier.ready()
            self._ready()
            self._wait()
        finally:
            ended = time.monotonic()
            self._notifier.reloading() if self.restarts else self._notifier.stopping()
            self._loop.stop()
            for service in reversed(started):
                if service is started[0]:  # the storage: what a person has switched goes there first
                    self._loop.take_waiting()
                try:
                    service.stop()
                except Exception:  # the others are stopped too
                    log.exception("%s can't be stopped", service.name)
        if self._thread.is_alive():
            self._thread.join(max(MIN_JOIN_S, ended + END_S - time.monotonic()))
        if self._thread.is_alive():
            # What hangs in a driver, a camera for example, can't be stopped; the kernel closes it.
            log.warning("%s hangs; musicond ends without waiting for it", self._loop.busy_with)
            logs.flush()
            os._exit(1 if self._crashed or self.restarts else 0)
        return 1 if self._crashed else 0

    @property
    def restarts(self) -> bool:
        """Whether the daemon is to be started again in this process."""
        return self._restart_at is not None

    def restart(self) -> None:
        """End soon, to be started again; for any thread."""
        self._restart_at = time.monotonic() + ANSWER_S

    def reload(self) -> None:
        """Reload soon, as at SIGHUP; for any thread."""
        os.write(self._wake_write, bytes([signal.SIGHUP]))

    def _wait(self) -> None:
        # Not an Event: the handler of a signal may interrupt the thread that holds its lock.
        while True:
            if select.select([self._wake_read], [], [], 1.0)[0]:
                numbers = os.read(self._wake_read, 64)
                self._crashed |= WATCH_ENDED in numbers  # it was not stopped yet
                if any(number != signal.SIGHUP for number in numbers):
                    return
                self._notifier.reloading()
                self._reload()
                self._notifier.ready()
            self._monitor.check()
            if self._restart_at is not None and time.monotonic() >= self._restart_at:
                return
            if reason := self._hanging() or self._guard.check_memory():
                log.error("%s; ending, to be started again", reason)
                self._guard.save(reason)
                self._crashed = True
                return

    def _hanging(self) -> str | None:
        since = self._loop.busy_since
        if since is None or time.monotonic() - since <= TURN_DEADLINE_S:
            return None
        return f"{self._loop.busy_with} has not ended within {TURN_DEADLINE_S:.0f} s, and only a new process may help"

    def _watch(self) -> None:
        try:
            self._loop.run()
        except Exception as exc:  # a bug: the traceback is for the journal, systemd restarts
            log.exception("the watch loop failed")
            self._guard.save(f"the watch loop failed: {fault_place(exc)}")
            self._crashed = True
        finally:
            os.write(self._wake_write, WATCH_ENDED)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """Do nothing: the interpreter writes the signal's number into the pipe."""
        del number, frame
