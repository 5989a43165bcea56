"""Start a new card in QEMU, with and without a network: python -m tests.rig.first_boot --port PORT FOLDER.

FOLDER has the kernel, the disks and the repository that script/test-first-boot made. Ends with 1 where a check fails.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import http.server
import json
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.rig import qemu

if TYPE_CHECKING:
    from collections.abc import Callable

CLOCK = "2024-11-30T12:00:00"
"""The time at which the machine's clock begins."""
NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
LIMIT_S = 900.0
failed = 0


def check(what: str, right: object) -> None:
    """Print whether something is right."""
    global failed  # noqa: PLW0603 - the count of a short script
    print(f"{'ok   ' if right else 'FAIL '} {what}", flush=True)
    failed += not right


def within(seconds: float, right: Callable[[], object]) -> bool:
    """Wait until something is right."""
    end = time.monotonic() + seconds
    while not right():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


class TimeServer(threading.Thread):
    """SNTP (RFC 4330) on port 123 of the loopback, with this machine's time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 123))

    def run(self) -> None:
        while True:
            request, address = self._socket.recvfrom(512)
            now = time.time() + NTP_EPOCH
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            head = struct.pack("!BBbbII4s", 0x24, 1, 6, -20, 0, 0, b"RIG\0")  # version 4, server, stratum 1
            self._socket.sendto(head + stamp + request[40:48] + stamp + stamp, address)


class Files(http.server.SimpleHTTPRequestHandler):
    """The repository, without a line for each request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Machine:
    """The virtual machine; its network begins unplugged."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._boot = folder, folder / f"{name}-boot.img"
        shutil.copy(folder / "boot.img", self._boot)
        root = folder / f"{name}-root.img"
        subprocess.run(["cp", "--sparse=always", folder / "root.img", root], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.page_port = free.getsockname()[1]
        self.console = folder / f"{name}-console"
        self._control = folder / f"{name}-qmp"
        self._command = qemu.command(folder, self.console, str(root), str(self._boot), kernel="")
        self._command += [*qemu.forwarded(self.page_port), "-rtc", f"base={CLOCK}"]
        self._command += ["-qmp", f"unix:{self._control},server=on,wait=off"]
        print(f"      {name}: by {qemu.accelerator()}, its clock begins at {CLOCK}", flush=True)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        assert within(20, self._control.exists)
        self._qmp = socket.socket(socket.AF_UNIX)
        self._qmp.connect(str(self._control))
        self._answers = self._qmp.makefile()
        self._answers.readline()
        self._run("qmp_capabilities")
        self.plug(on=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._qmp.close()

    def _run(self, command: str, **arguments: Any) -> None:
        self._qmp.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while "return" not in (answer := json.loads(self._answers.readline())):
            assert "event" in answer, answer

    def plug(self, *, on: bool) -> None:
        """Plug the network in, or pull it."""
        self._run("set_link", name="card", up=on)

    def file(self) -> str:
        """Return the text of the file on the boot partition; empty while there is none."""
        command = ["mcopy", "-n", "-i", str(self._boot), "::musicond.txt", "-"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def page(self, path: str) -> int:
        """Return the status of an address of the page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.page_port, timeout=10)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status
        return 0


def start_without_network(folder: Path) -> None:
    """Check the content of the file without any network."""
    with Machine(folder, "no-network") as machine:
        said = within(LIMIT_S, machine.file)
        check(
            "without a network the file says so", said and machine.file().startswith("not ready: there is no network")
        )
        print(f"      | {machine.file().splitlines()[0] if said else machine.console.read_text()[-2000:]}")


def start_with_late_network(folder: Path) -> None:
    """Check that it installs itself once there is a network, and then the time."""
    with Machine(folder, "late-network") as machine:
        time.sleep(30)
        machine.plug(on=True)
        ready = within(LIMIT_S, lambda: machine.file().startswith("ready: "))
        check("30 seconds later there is one: it becomes ready", ready)
        print(
            "".join(f"      | {line}\n" for line in re.sub(r"token=\S+", "token=...", machine.file()).splitlines()),
            end="",
        )
        if not ready:
            print(machine.console.read_text()[-3000:])
            return
        link = re.match(r"ready: http://kitchen\.local:8080(/\?token=\S+)\n", machine.file())
        check("the file has the link with the machine's name", link)
        check("the page answers to it", within(60, lambda: link and machine.page(link[1]) == 303))
        check("and to nobody else", machine.page("/api/v1/state") == 401)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    TimeServer().start()
    handler = functools.partial(Files, directory=str(args.folder / "repository"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    start_without_network(args.folder)
    start_with_late_network(args.folder)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
