"""Run the installed service as its unit does, but without systemd, and stop it: python3 -m tests.rig.in_arm64.

In the emulated arm64 system of script/test-system, which QEMU can't boot in user mode. Needs nothing but Python; ends
with 1 where a check fails.
"""

from __future__ import annotations

import http.client
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.rig.checks import check, failures

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 600.0
"""For each step, on an emulated processor of a busy machine."""
RUN = Path("/run/musicond")
MOODS = {"happy", "sad", "neutral"}
"""Some of the demo's."""


class ControlConnection(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def connect(self) -> None:
        """Connect to the socket's file."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(RUN / "control.sock"))


def state() -> dict[str, Any]:
    """Return the state of the page; empty while there is none."""
    try:
        connection = ControlConnection("localhost")
        connection.request("GET", "/api/v1/state")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return answer


def within(found: Callable[[], object]) -> bool:
    """Return whether it is found in time."""
    deadline = time.monotonic() + LIMIT_S
    while not found():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def main() -> int:
    """Run the checks."""
    user, folder = pwd.getpwnam("musicond"), Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    config, notify = folder / "musicon.yaml", socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    config.write_text("camera: {source: demo}\nweb: {listen: '127.0.0.1:0'}\n")
    notify.bind(str(folder / "notify"))
    (folder / "notify").chmod(0o666)
    notify.settimeout(LIMIT_S)
    for path in (RUN, Path("/var/lib/musicond")):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, user.pw_uid, user.pw_gid)
    environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(folder / "notify"), "LC_ALL": "C.UTF-8"}
    environment |= {"STATE_DIRECTORY": "/var/lib/musicond", "RUNTIME_DIRECTORY": str(RUN)}
    command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--no-new-privs"]
    command += ["/usr/bin/musicond", "run", "--config", str(config)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    seen: set[str] = set()

    def has_seen_moods() -> bool:
        seen.add(str(state().get("mood")))
        return seen >= MOODS

    try:
        while b"READY=1" not in notify.recv(4096):
            pass
        check(process.poll() is None, f"the service is ready, after {time.monotonic() - began:.0f} s")
        check(within(has_seen_moods), f"it shows moods: {sorted(seen)}")
        subprocess.run(["/usr/bin/musicond", "privacy", "on"], env=environment, check=False)
        check(within(lambda: state().get("watching") == "private"), "privacy closes the camera")
    except TimeoutError:
        failures.append("ready")
        print(f"FAIL the service is not ready within {LIMIT_S:.0f} s")
    process.send_signal(signal.SIGTERM)
    try:
        log = process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        log = process.communicate()[1]
    check(process.returncode == 0, f"it ends with {process.returncode}")
    check("Traceback" not in log, "its log has no traceback")
    if failures:
        print(log[-3000:])
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
