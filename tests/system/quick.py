"""The real daemon in processes forked from one that has imported all: a start takes a fraction of a second."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import signal
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START_S = 120.0
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["musicond.app.build", "musicond.commands.run", "musicond.web.server"])


def run(config: str, log: str, runtime: str) -> None:
    """Run the daemon in this process, with its log in a file."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 2)
    os.environ["RUNTIME_DIRECTORY"] = runtime
    from musicond.cli import main  # noqa: PLC0415 - after the descriptors are set

    sys.exit(main(["run", "--source", "demo", "--config", config]))


class QuickDaemon:
    """`musicond run --source demo` with its state below `folder`; the page is on a free port."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self._log, self._config = folder / "log", folder / "musicon.yaml"
        self._config.write_text(f"web: {{listen: '127.0.0.1:0'}}\nstate_dir: {folder / 'state'}\n{config}")
        self._log.unlink(missing_ok=True)
        (folder / "run").mkdir(exist_ok=True)
        self.process = FORKS.Process(target=run, args=(str(self._config), str(self._log), str(folder / "run")))

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join(10)
        self.process.close()

    def log(self) -> str:
        """Return the log so far."""
        return self._log.read_text("utf-8") if self._log.exists() else ""

    def port(self) -> int:
        """Return the page's port, once it is served."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if "the page is" in (text := self.log()):
                return int(text.partition("the page is")[2].split()[0].strip("/").rsplit(":", 1)[1])
            assert self.process.is_alive(), text
            time.sleep(0.01)
        raise AssertionError(self.log())

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the object of a response of the page."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port(), timeout=30)) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1/{path}", content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def post(self, path: str, body: object) -> int:
        """Send a command; return the status."""
        return self.request("POST", path, body)[0]

    def state(self, true: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """Return the first state of the page after the start that makes it true."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            state: dict[str, Any] = self.request("GET", "state")[1]
            if not str(state["notice"]).startswith("Starting") and true(state):
                return state
            time.sleep(0.01)
        raise AssertionError(self.log())

    def like(self) -> None:
        """Like the first recommended song."""
        track = self.state(lambda state: bool(state["recommendation"]))["recommendation"]["tracks"][0]["id"]
        assert self.post("rate", {"verdict": "like", "id": track}) == 200

    def stop(self) -> int | None:
        """End it as systemd would; return its exit code."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.join(30)
        return self.process.exitcode
