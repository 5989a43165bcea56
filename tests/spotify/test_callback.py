"""`musicond spotify login` as a process: the address on which the sign-in ends is caught by real HTTP, or pasted."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import pytest

from tests.spotify.fake_spotify import CLIENT_ID, FakeSpotify
from tests.spotify.spotify_daemon import LAUNCH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Login:
    """The running command, and the requests of a browser on the same machine."""

    def __init__(self, folder: Path, fake_spotify: FakeSpotify, port: int) -> None:
        self.port, self.state = port, folder / "state"
        config = folder / "musicon.yaml"
        config.write_text(f"state_dir: {self.state}\nspotify: {{client_id: {CLIENT_ID}, redirect_port: {port}}}\n")
        code = LAUNCH.format(fake_spotify.address)
        self.command = [sys.executable, "-c", code, "spotify", "login", "--config", str(config)]
        self.lines: queue.Queue[str] = queue.Queue()
        self.seen = ""

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.url = self.until("http").split()[-1]
        self.until("Paste it here")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        self.reader.join(10)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        text = ""
        while part := self.process.stdout.read(1):
            text += part
            if part == "\n" or text.endswith("Enter: "):
                self.lines.put(text)
                text = ""
        self.lines.put(text)

    def until(self, holds: str, seconds: float = 30.0) -> str:
        """Return the first line from now on that holds this."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{holds!r} was not said: {self.seen}") from None
            self.seen += line
            if holds in line:
                return line

    def get(self, address: str) -> int:
        """Ask as the browser does; return the status."""
        parts = urlsplit(address)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3)
        try:
            connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        assert answer.status != 200 or "Go back to the terminal" in body
        assert "code-" not in body
        return answer.status

    def ends(self) -> int:
        """Return the exit code."""
        return self.process.wait(30)


@pytest.fixture
def fake_spotify() -> Iterator[FakeSpotify]:
    with FakeSpotify() as server:
        yield server


def test_the_browser_on_this_machine_is_enough(tmp_path: Path, fake_spotify: FakeSpotify) -> None:
    with Login(tmp_path, fake_spotify, free_port()) as login:
        address = fake_spotify.authorize(login.url)
        assert urlsplit(address).port == login.port
        with socket.create_connection(("127.0.0.1", login.port)):  # opened ahead, and silent
            assert login.get("/favicon.ico") == 404
            assert login.get(address) == 200
        login.until("signed in as Ann")
        assert login.ends() == 0
    grant = json.loads((login.state / "spotify.json").read_text())
    assert grant["user"] == "Ann"
    assert not [secret for secret in fake_spotify.secrets if secret in login.seen]


def test_a_wrong_address_is_told_and_the_right_one_still_taken(tmp_path: Path, fake_spotify: FakeSpotify) -> None:
    with Login(tmp_path, fake_spotify, free_port()) as login:
        address = fake_spotify.authorize(login.url)
        assert login.get(address.replace("state=", "state=x")) == 200
        login.until("belongs to another sign-in")
        assert login.get("/callback?state=only") == 200
        login.until("paste the whole address")
        assert login.get("/other?" + urlsplit(address).query) == 404
        assert not (login.state / "spotify.json").exists()
        assert login.get(address) == 200
        login.until("signed in as Ann")
        assert login.ends() == 0


def test_a_refusal_ends_it_in_one_sentence(tmp_path: Path, fake_spotify: FakeSpotify) -> None:
    with Login(tmp_path, fake_spotify, free_port()) as login:
        assert login.get(fake_spotify.authorize(login.url, refuse=True)) == 200
        line = login.until("it was not allowed there")
        assert "begin again: musicond spotify login" in line
        assert login.ends() == 69
    assert "Traceback" not in login.seen
    assert not (login.state / "spotify.json").exists()


def test_with_its_port_taken_the_address_is_pasted(tmp_path: Path, fake_spotify: FakeSpotify) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        with Login(tmp_path, fake_spotify, port) as login:
            assert f"Another program uses port {port}" in login.seen
            assert login.process.stdin is not None
            login.process.stdin.write(f"{fake_spotify.authorize(login.url)}\n")
            login.process.stdin.flush()
            login.until("signed in as Ann")
            assert login.ends() == 0


def test_with_its_port_taken_and_nothing_to_paste_from_it_ends(tmp_path: Path, fake_spotify: FakeSpotify) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Login(tmp_path, fake_spotify, listener.getsockname()[1]) as login,
    ):
        assert login.process.stdin is not None
        login.process.stdin.close()
        login.until("nothing was pasted")
        assert login.ends() == 69
