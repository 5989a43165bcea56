"""Every command of the documents runs: against the daemon on its demo, with a real broker and a real mpd.

The shell of the sandbox finds `musicond` and a `sudo` without effect in its path, and the default configuration in its
folder. NOT_RUN has the few commands that a test can't run, each with the reason; musicond's own are parsed instead.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicond.core.models import EMOTIONS
from tests.mqtt.conftest import Broker
from tests.player.test_mpd import Library
from tests.system.daemon import Daemon
from tools.check_docs import DEVELOPERS, ROOT, documents
from tools.doc_commands import MUSICOND, block_commands, inline_commands, usage_fault, variants

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_RUN = {
    r"git clone|cd musicond$|script/run": "script/test-readme runs it in a new system",
    r"script/|MUSICOND_RENEW=1": "for developers: it takes minutes, or changes the checkout",
    r"sudo apt|sudo install -": "changes the system",
    r"ssh |scp ": "needs a second machine",
    r"sha256sum |tar |cd musicond-": "needs a release",
    r"\.venv/bin/python tools/audit\.py": "asks PyPI; script/lint runs it",
    r"(sudo )?systemctl |sudo nano |sudo mopidyctl ": "needs systemd, an editor or Mopidy",
    r"sudo chown ": "needs the file that a command of the same section writes",
    r"(sudo )?musicond spotify|(printf .*)?(sudo )?musicond music-assistant": "needs an account",
    r"musicond history delete|(sudo )?musicond restore": "asks a person",
    r"musicond run": "it is the daemon of this test",
    r"musicond bench": "takes minutes; tests/golden/test_outputs.py runs it on a short clip",
    r"podman ": "needs an image, which script/oci makes",
    r"sudo curl -fLo|sudo sed -i": "needs a repository that is published",
    r"mosquitto_sub ": "needs the names of a broker; script/test-paths runs it",
    r"BROKER=": "ends with Ctrl-C; tests/test_examples.py runs it",
}
"""For the beginning of a command, why it is not run."""
CLOSES = re.compile("privacy|guest|pause")
"""In commands that come last: what is recommended ends with them."""
USER_DOCUMENTS = [
    file for file in documents() if not str(file.relative_to(ROOT)).startswith((*DEVELOPERS, "CHANGELOG"))
]
LIMIT_S = 120.0
"""Longest time for one command, on a machine that is busy with other tests."""


def lines(*files: Path) -> dict[str, bool]:
    """Return the commands of documents, with their placeholders filled in; whether each stands in a sentence only."""
    found: dict[str, bool] = {}
    for text in (file.read_text("utf-8") for file in files):
        inline = [variant for line in inline_commands(text) for variant in variants(line)]
        found = dict.fromkeys(inline, True) | found
        found |= {variant: False for line in block_commands(text) for variant in variants(line)}
    # What is withdrawn was rated before.
    return dict(sorted(found.items(), key=lambda item: (bool(CLOSES.search(item[0])), "withdraw" in item[0])))


def reason_not_to_run(line: str) -> str | None:
    return next((reason for start, reason in NOT_RUN.items() if re.match(start, line)), None)


class Sandbox:
    """A folder with a running daemon, in which the commands of the documents run as they are."""

    def __init__(self, folder: Path, daemon: Daemon) -> None:
        self.folder, self.daemon = folder, daemon
        (folder / "config").mkdir()
        (folder / "config/musicon.yaml").symlink_to(daemon.config)
        (folder / "list.csv").write_text("title,artist,emotion\nA song,Ann,happy\n")
        (folder / "bin").mkdir()
        program = f'exec {sys.executable} -m musicond "$@"'
        self._write("musicond", program)
        self._write("sudo", 'if [ "$1" = -u ]; then shift 2; fi\nexec "$@"')
        (folder / ".venv").symlink_to(folder)
        self.page = ""
        self.await_start()

    def await_start(self) -> None:
        """Wait for the daemon where a command has let it start again; its page then has another port."""
        restarts = sum("; starting again" in line for line in self.daemon.lines)
        assert self.daemon.until(lambda: len(self._pages()) > restarts)
        self.page = self._pages()[-1]

    def _pages(self) -> list[str]:
        return [line.rpartition("http://")[2] for line in self.daemon.lines if "the page is" in line]

    def _write(self, name: str, code: str) -> None:
        (self.folder / "bin" / name).write_text(f"#!/bin/sh\n{code}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def run(self, line: str) -> str:
        """Run a command line; return nothing if it ends with 0, else what it prints."""
        places = {
            "127.0.0.1:8080": self.page,
            "/run/musicond/": f"{self.folder}/run/",
            "/etc/musicond/musicon.yaml": str(self.daemon.config),
        }
        for documented, here in places.items():
            line = line.replace(documented, here)
        env = {**self.daemon.env, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        env.pop("NOTIFY_SOCKET")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return "" if done.returncode == 0 else f"{line}: {done.returncode}: {done.stdout}{done.stderr}"

    def faults(self, commands: dict[str, bool]) -> Iterator[str]:
        """Yield what is wrong with commands."""
        for line, is_name in commands.items():
            if reason_not_to_run(line):
                fault = usage_fault(line.partition(" | ")[2] or line, is_name=is_name)
            elif is_name and MUSICOND.match(line) and usage_fault(line):  # a name such as `musicond mood`
                fault = self.run(f"{line} --help")
            else:
                fault = self.run(line)
            self.await_start()
            if fault:
                yield f"{line}: {fault}"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    if Path("/etc/musicond/musicon.yaml").exists():
        pytest.skip("the commands would read the configuration of the musicond that is installed here")
    folder = tmp_path_factory.mktemp("documents")
    library, broker = Library(folder), Broker(folder)
    lists = ", ".join(f"{emotion}: {{lists: [{library.music}]}}" for emotion in EMOTIONS)
    config = (
        f"camera: {{source: demo}}\nplayback: {{backend: mpd}}\nmpd: {{port: {library.port}}}\n"
        f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}\nhistory: {{enabled: true}}\n"
        f"music: {{library: [{library.music}], moods: {{{lists}}}}}\n"
    )
    library.start()
    broker.start()
    try:
        daemon = Daemon(folder, config=config)
        refresh = [*daemon.program(), "catalogue", "refresh", "--config", str(daemon.config)]
        subprocess.run(refresh, check=True, capture_output=True)  # so that mpd has all songs that are recommended
        with daemon:
            daemon.ready()
            assert daemon.until(lambda: any("recommended:" in line for line in daemon.lines))
            yield Sandbox(folder, daemon)
    finally:
        broker.stop()
        library.stop()


def test_every_command_of_the_documents_runs(sandbox: Sandbox) -> None:
    commands = lines(*USER_DOCUMENTS)
    assert len(commands) > 90
    assert list(sandbox.faults(commands)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Run\n\n    musicond like no-such-song\n", "no-such-song"),
        ("Run `curl -sf http://127.0.0.1:8080/api/v1/none`.", "curl"),
        ("Run\n\n    cat no-such-file\n", "no-such-file"),
        ("Run `musicond spotify dance`.", "invalid choice"),
    ],
)
def test_a_command_that_fails_is_reported(text: str, fault: str, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "planted.md").write_text(text)
    assert fault in "".join(sandbox.faults(lines(tmp_path / "planted.md")))


def test_every_reason_not_to_run_a_command_is_needed() -> None:
    commands = lines(*USER_DOCUMENTS)
    assert [start for start in NOT_RUN if not any(re.match(start, line) for line in commands)] == []
