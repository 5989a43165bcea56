"""The real daemon, run as systemd would: with a notification socket, a state directory and a configuration."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from musicond.web.streams import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START_S = 120.0
"""Longest start on a busy machine."""


class Daemon:
    """`musicond run` with a configuration in `folder`; the page is on a free port."""

    def __init__(
        self,
        folder: Path,
        *args: str,
        config: str = "",
        web: str = "listen: '127.0.0.1:0'",
        env: dict[str, str] | None = None,
        watchdog_s: float | None = None,
        umask: int = -1,
    ) -> None:
        self.folder, self.args = folder, args
        self.config = folder / "musicon.yaml"
        self.config.write_text(f"web: {{{web}}}\nstate_dir: {folder / 'state'}\n{config}")
        self.watchdog_s, self.more_env, self._umask = watchdog_s, env or {}, umask
        self.notifications: list[tuple[float, str]] = []
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def program(self) -> list[str]:
        """Return the command that starts musicond."""
        return [sys.executable, "-m", "musicond"]

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.folder / "notify"
        path.unlink(missing_ok=True)
        self._socket.bind(str(path))
        (self.folder / "run").mkdir(exist_ok=True)
        env = {key: value for key, value in os.environ.items() if key not in ("STATE_DIRECTORY", "JOURNAL_STREAM")}
        env |= {"NOTIFY_SOCKET": str(path), "RUNTIME_DIRECTORY": str(self.folder / "run")}
        env |= self.more_env
        if self.watchdog_s:
            env["WATCHDOG_USEC"] = str(int(self.watchdog_s * 1e6))
        self.env = env
        command = [*self.program(), "run", "--config", str(self.config), "--log-level", "debug"]
        self.process = subprocess.Popen(
            [*command, *self.args],
            env=env,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            umask=self._umask,
        )
        for target in (self._listen, self._read):
            thread = threading.Thread(target=target, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()
        self._socket.close()

    def _listen(self) -> None:
        while data := self._socket.recv(4096):
            with self._changed:
                self.notifications.append((time.monotonic(), data.decode()))
                self._changed.notify_all()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def until(self, true: Callable[[], bool], seconds: float = START_S) -> bool:
        """Wait until a notification or a log line makes it true."""
        with self._changed:
            return self._changed.wait_for(true, seconds)

    def ready(self) -> Self:
        """Wait for READY and for the page's address."""
        assert self.until(lambda: any(text == "READY=1" for _, text in self.notifications)), "\n".join(self.lines)
        assert self.until(lambda: any("the page is" in line for line in self.lines))
        return self

    def beats(self) -> list[float]:
        """Return when the watchdog was fed, in monotonic seconds."""
        return [at for at, text in self.notifications if text == "WATCHDOG=1"]

    def port(self) -> int:
        """Return the page's port, after a restart the new one."""
        *_, line = (line for line in self.lines if "the page is" in line)
        return int(line.rsplit(":", 1)[1].strip("/ "))

    def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and body of a page's address."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """Return the state that the page shows."""
        state: dict[str, Any] = json.loads(self.get("/api/v1/state")[1])
        return state

    def states(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the states sent to the page, for some seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=20)
        deadline = time.monotonic() + seconds
        try:
            connection.request("GET", "/api/v1/events")
            answer = connection.getresponse()
            state: dict[str, Any] = {}
            while time.monotonic() < deadline and (line := answer.readline()):
                if line.startswith(b"data:"):  # the first is the whole state, the others its changes
                    state = merged(state, json.loads(line[5:]))
                    yield state
        finally:
            connection.close()

    def wait_state(self, true: Callable[[dict[str, Any]], bool], seconds: float = 20) -> dict[str, Any]:
        """Return the first state that makes it true."""
        for state in self.states(seconds):
            if true(state):
                return state
        raise AssertionError(f"not within {seconds} s; last: {self.state()}")

    def command(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run another musicond command with the same configuration."""
        env = {**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "run")}
        return subprocess.run(
            [*self.program(), args[0], "--config", str(self.config), *args[1:]],
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def open_files(self) -> list[str]:
        """Return the open files of the process."""
        folder = f"/proc/{self.process.pid}/fd"
        files = []
        for number in os.listdir(folder):  # noqa: PTH208 - /proc entries come and go
            try:
                files.append(os.readlink(f"{folder}/{number}"))  # noqa: PTH115 - likewise
            except OSError:
                continue
        return files
