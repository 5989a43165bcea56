"""A log that nobody reads, as a pipe and as the journal: privacy closes the camera, and the daemon ends at a signal."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.system.daemon import Daemon
from tests.system.preload import NAMESPACE, has_namespaces
from tests.system.test_locked_storage import post

if TYPE_CHECKING:
    from pathlib import Path

F_SETPIPE_SZ = 1031
COMMANDS = 10
MOST_COMMANDS = 1000


class UnreadPipe(Daemon):
    """Its log is read up to the address of the page, from a pipe of one page."""

    def _read(self) -> None:
        assert self.process.stderr is not None
        fcntl.fcntl(self.process.stderr, F_SETPIPE_SZ, 4096)
        for line in self.process.stderr:
            self.add_line(line.rstrip("\n"))
            if "the page is" in line:
                return

    def is_full(self) -> bool:
        """Return whether the log takes no further line."""
        path = f"/proc/{self.process.pid}/fd/2"  # a description of its own, for the flag
        writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            return not select.select([], [writer], [], 0)[1]
        finally:
            os.close(writer)

    def add_line(self, line: str) -> None:
        """Add a line that was read."""
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()


class UnreadJournal(UnreadPipe):
    """Its standard error counts as the journal's; the journal's socket is read up to the address of the page."""

    def program(self) -> list[str]:
        (self.folder / "journal").mkdir()
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.journal.bind(str(self.folder / "journal" / "socket"))
        mount = (
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && "
            f"mount --bind {self.folder / 'journal'} /run/systemd/journal && "
            'export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && exec "$@"'
        )
        return [*NAMESPACE, "sh", "-c", mount, "sh", *super().program()]

    def is_full(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            try:
                sender.sendto(b"", self.journal.getsockname())
            except BlockingIOError:
                return True
        return False

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.journal.close()

    def _read(self) -> None:
        while not self.lines or "the page is" not in self.lines[-1]:
            fields = entry_fields(self.journal.recv(1 << 20))
            assert fields["SYSLOG_IDENTIFIER"] == "musicond"
            assert fields["CODE_FILE"].endswith(".py")
            assert fields["PRIORITY"] in "34567"
            self.add_line(fields["MESSAGE"])


def entry_fields(entry: bytes) -> dict[str, str]:
    """Return the fields of an entry in the journal's native protocol, in which each has its length."""
    fields = {}
    while entry:
        name, _, rest = entry.partition(b"\n")
        end = 8 + int.from_bytes(rest[:8], "little")
        fields[name.decode()], entry = rest[8:end].decode(), rest[end + 1 :]
    return fields


@pytest.mark.parametrize("kind", [UnreadPipe, UnreadJournal])
def test_a_log_that_nobody_reads_holds_up_nothing(tmp_path: Path, kind: type[UnreadPipe]) -> None:
    if kind is UnreadJournal:
        pytest.importorskip("systemd.journal")
        if not has_namespaces():
            pytest.skip("no namespaces for a socket of the journal here")
    with kind(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["watching"] == "yes")
        port = daemon.port()
        for number in range(MOST_COMMANDS):
            assert post(port, "privacy", {"on": number % 2 == 0}) == 200
            if daemon.is_full():
                break
        assert daemon.is_full()
        for on in (False, True) * COMMANDS:
            assert post(port, "privacy", {"on": on}) == 200
        started = time.monotonic()
        assert post(port, "privacy", {"on": True}) == 200
        daemon.wait_state(lambda state: state["watching"] == "private")
        assert time.monotonic() - started < 3
        started = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(30) == 0
        assert time.monotonic() - started < 9
