from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from musicond.runtime import logs
from musicond.runtime.systemd import Notifier, remedy_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A notification socket like systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        if request.param == "path":
            sock.bind(str(tmp_path / "notify"))
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        else:
            name = f"musicond-test-{os.getpid()}"
            sock.bind("\0" + name)
            monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        sock.settimeout(5)
        yield sock


def test_notifications_reach_systemd(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    notifier = Notifier()
    assert notifier.watchdog_s == 30
    notifier.ready()
    notifier.status("watching")
    notifier.status("watching")
    notifier.beat()
    notifier.beat()
    notifier.reloading()
    notifier.stopping()
    messages = [server.recv(100).decode() for _ in range(5)]
    reloading = messages.pop(3).split("\n")
    assert messages == ["READY=1", "STATUS=watching", "WATCHDOG=1", "STOPPING=1"]
    assert reloading[0] == "RELOADING=1"
    assert 0 <= time.monotonic() - int(reloading[1].removeprefix("MONOTONIC_USEC=")) / 1e6 < 60


def test_a_reader_that_does_not_read_or_is_gone_does_not_block(server: socket.socket) -> None:
    notifier = Notifier()
    started = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(server.getsockname())
        sender.setblocking(False)  # noqa: FBT003 - the standard library's form
        with contextlib.suppress(BlockingIOError):
            while sender.send(b"fill"):
                pass
    notifier.ready()
    server.close()
    notifier.ready()
    assert time.monotonic() - started < 5


def test_a_watchdog_meant_for_another_process_is_not_fed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert Notifier().watchdog_s is None


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    notifier = Notifier()
    notifier.ready()
    notifier.beat()
    assert notifier.watchdog_s is None


def test_under_the_journal_each_line_has_its_priority(tmp_path: Path) -> None:
    code = (
        "import sys, os, logging\n"
        "sys.modules['systemd'] = None\n"
        "s = os.fstat(2); os.environ['JOURNAL_STREAM'] = f'{s.st_dev}:{s.st_ino}'\n"
        "from musicond.runtime import logs\nlogs.setup('info')\n"
        "logging.getLogger('a').warning('two\\nlines'); logging.getLogger('a').debug('no')\n"
        "logging.getLogger('asyncio').info('noise')\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert out.stderr == "<4>two\n<4>lines\n"


def test_elsewhere_lines_have_time_and_level(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.setup("warning")
        logging.getLogger("a").warning("hot")
        logging.getLogger("a").info("not")
        logs.flush()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    err = capfd.readouterr().err
    assert err.endswith("WARNING hot\n")
    assert err.count("\n") == 1


def test_what_protect_home_hides_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, linked = tmp_path / "home", tmp_path / "linked"
    home.mkdir()
    linked.symlink_to(home / "ann" / "Music")
    homes = [str(home)]
    monkeypatch.setenv("INVOCATION_ID", "1")
    for path in (home / "ann" / "musicon.yaml", linked):
        remedy = remedy_for(path, "usual", homes)
        assert remedy == f"the service may not look into {home} (ProtectHome): move it, to /srv for example"
    assert remedy_for(tmp_path / "elsewhere", "usual", homes) == "usual"
    (home / "ann").mkdir()
    assert remedy_for(linked, "usual", homes) == "usual"
    (home / "ann").rmdir()
    monkeypatch.delenv("INVOCATION_ID")
    assert remedy_for(linked, "usual", homes) == "usual"


HIDDEN = """
from pathlib import Path
from musicond.capture.recorded import open_clip
from musicond.config.loader import load
from musicond.core.models import Emotion
from musicond.library.sources import make_source
from musicond.runtime.json_file import state_lock
def list_of(name):
    return lambda: list(make_source(f"/home/ann/{name}", Emotion.SAD).tracks())
home = Path("/home/ann")
for use in (
    lambda: load(home / "musicon.yaml"), list_of("Music"), list_of("sad.csv"), list_of("sad.m3u"),
    lambda: open_clip(home / "clip.mp4"), lambda: state_lock(home / "state").__enter__(),
):
    try:
        use()
    except Exception as exc:
        print(exc)
"""


def test_each_user_of_a_path_below_home_names_protect_home() -> None:
    hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro none /home && exec "$@"', "sh"]
    if subprocess.run([*hide, "true"], capture_output=True, check=False).returncode:
        pytest.skip("/home can't be hidden here: this needs root and unshare")
    environment = {**os.environ, "INVOCATION_ID": "1"}
    command = [*hide, sys.executable, "-c", HIDDEN]
    lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 6
    assert all("the service may not look into /home (ProtectHome): move it" in line for line in lines), lines
