"""Starts the parts in order, waits for a signal or a fault, stops them in reverse; tells systemd."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from musicond.runtime.systemd import Notifier

log = logging.getLogger(__name__)

# From a terminal, SIGHUP means that its window was closed, and ends the daemon as it ends every program.
SIGNALS = (signal.SIGTERM, signal.SIGINT, *(() if sys.stdin and sys.stdin.isatty() else (signal.SIGHUP,)))

OPEN_DEADLINE_S = 20.0
"""A device that takes longer to open or close will not come back in this process."""
END_S = 1.5
"""From the signal to the end; what the services leave of it the watch thread may take to end its turn."""
MIN_JOIN_S = 0.2
ENDED = b"\0"
"""What the watch thread writes into the pipe of the signals: the number of none of them."""


class Service(Protocol):
    """Something with a start and a stop; see `core.ports.Output`."""

    @property
    def name(self) -> str:
        """Short name."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; may be called twice."""


class Loop(Protocol):
    """The watch loop."""

    opening_since: float | None

    def run(self) -> None:
        """Turn until stopped."""

    def stop(self) -> None:
        """End after the turn in progress."""


class Supervisor:
    """Runs one loop and its services until SIGTERM or SIGINT; at SIGHUP calls `reload`."""

    def __init__(
        self,
        services: Sequence[Service],
        loop: Loop,
        notifier: Notifier,
        ready: Callable[[], None],
        reload: Callable[[], None],
    ) -> None:
        self._services, self._loop, self._notifier, self._ready, self._reload = services, loop, notifier, ready, reload
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._crashed = False
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def run(self) -> int:
        """Return the exit code: 0 after a signal, 1 after a crash of the watch thread."""
        started: list[Service] = []
        for number in SIGNALS:
            signal.signal(number, self._signalled)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        try:
            for service in self._services:
                started.append(service)
                service.start()
            self._thread.start()
            self._notifier.ready()
            self._ready()
            self._wait()
        finally:
            ended = time.monotonic()
            self._notifier.stopping()
            self._loop.stop()
            for service in reversed(started):
                with suppress(OSError):  # the others must be stopped too
                    service.stop()
        if self._thread.is_alive():
            self._thread.join(max(MIN_JOIN_S, ended + END_S - time.monotonic()))
        if self._thread.is_alive():
            # A camera that hangs in the driver can't be waited for; the kernel closes it.
            log.warning("the camera does not let go; ending without it")
            os._exit(1 if self._crashed else 0)
        return 1 if self._crashed else 0

    def _wait(self) -> None:
        # Not an Event: a signal's handler that sets one may find its lock held by the very thread it runs in.
        while True:
            if select.select([self._woken], [], [], 1.0)[0]:
                if any(number != signal.SIGHUP for number in os.read(self._woken, 64)):
                    return
                self._notifier.reloading()
                self._reload()
                self._notifier.ready()
            since = self._loop.opening_since
            if since is not None and time.monotonic() - since > OPEN_DEADLINE_S:
                log.error(
                    "the camera did not open or close within %.0f s; ending, a fresh process may", OPEN_DEADLINE_S
                )
                self._crashed = True
                return

    def _watch(self) -> None:
        try:
            self._loop.run()
        except Exception:  # a bug: the traceback is for the journal, systemd restarts
            log.exception("the watch loop failed")
            self._crashed = True
        finally:
            os.write(self._waker, ENDED)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """Nothing to do: that a signal came is written to the wake-up pipe by the interpreter."""
        del number, frame
