"""Runs inside the image as its first process, and starts there what the image would: in_container.py COMMAND CONFIG, both JSON."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND, IMAGE = json.loads(sys.argv[1]), json.loads(sys.argv[2])
USER = 10001
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
        time.sleep(0.2)
    return True


def is_healthy() -> bool:
    """Ask as Docker would."""
    return subprocess.run(IMAGE["Healthcheck"]["Test"][1:], capture_output=True, check=False).returncode == 0


def page(path: str, token: str = "") -> int:
    """Return the status of an address of the page, 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    return 0


def is_refused(path: str) -> bool:
    """Return whether a file can't be made."""
    try:
        Path(path).write_text("x")
    except OSError:
        return True
    return False


def run_once(what: str) -> None:
    """Start it, see that it works, and end it as a container program does."""
    process = subprocess.Popen(COMMAND)
    check(f"{what}: the health check passes", within(120, is_healthy))
    token = Path("/data/page-token").read_text().strip()
    check("the page is closed without its token", page("/api/v1/state") == 401)
    check("and open with it", page("/api/v1/state", token) == 200)
    mode = Path("/data/page-token").stat().st_mode & 0o777
    check("only the user reads the token", mode == 0o600)
    said = subprocess.run(["musicond", "status", "--json"], capture_output=True, text=True, check=False)
    check("its commands find it", said.returncode == 0 and '"watching": "yes"' in said.stdout)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    check("it ends well, within ten seconds", process.wait(10) == 0 and time.monotonic() - began < 10)


def run_as_image() -> None:
    """Check the image as an ordinary user starts it: twice, with the same volume."""
    check(f"it is user {os.getuid()}", os.getuid() == USER)
    check("the root is read-only", all(is_refused(path) for path in ("/x", "/etc/x", "/usr/x", "/etc/musicond/x")))
    interfaces = Path("/proc/net/dev").read_text().splitlines()[2:]
    check("there is no network but its own loopback", [line.split(":")[0].strip() for line in interfaces] == ["lo"])
    run_once("first start")
    song = ("A Song of Mine", "Nobody")
    check(
        "a song is added", subprocess.run(["musicond", "catalogue", "add", "happy", *song], check=False).returncode == 0
    )
    token = Path("/data/page-token").read_text()
    run_once("second start")
    check("the token has stayed", Path("/data/page-token").read_text() == token)
    Path("/data/musicon.yaml").unlink()
    run_once("start after the configuration was removed")
    check("the token has stayed then, too", Path("/data/page-token").read_text() == token)
    command = ["musicond", "catalogue", "list", "happy"]
    check("and the song", song[0] in subprocess.run(command, capture_output=True, text=True, check=False).stdout)


def run_as_app() -> None:
    """Check the image as Home Assistant starts it: as root, with a folder for the configuration."""
    check("it begins as root", os.getuid() == 0)
    process = subprocess.Popen(COMMAND)
    check("the health check passes", within(120, is_healthy))
    status = Path(f"/proc/{process.pid}/status").read_text()
    check("and goes on as an ordinary user", f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}" in status)
    check("without any capability", "CapEff:\t0000000000000000" in status)
    shown = Path("/config/musicon.yaml")
    check(
        "people edit its configuration in their folder",
        shown.is_file() and Path("/data/musicon.yaml").resolve() == shown,
    )
    check("Home Assistant's proxy is trusted", 'ingress: "172.30.32.2"' in shown.read_text())
    check("the page is closed for others", page("/api/v1/state") == 401)
    process.send_signal(signal.SIGTERM)
    check("it ends well", process.wait(20) == 0)


(run_as_image if os.getuid() else run_as_app)()
sys.exit(failed > 0)
