from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from musicond.core.commands import OtherSongs, Pause, Rate, Reset, Resume, SetPolicy, SetPrivacy, WrongMood
from musicond.core.models import Emotion, Policy, Verdict
from musicond.errors import ControlError, NotRunning
from musicond.web.client import ControlClient
from tests.web.conftest import HAPPY, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534


def test_commands_go_through_the_control_socket(server: Server) -> None:
    client = ControlClient(server.path)
    client.send("privacy", on=True)
    client.send("pause", minutes=10)
    client.send("pause", minutes=None)
    client.send("pause", until="tomorrow")
    client.send("settings/reset", key="sensitivity")
    client.send("settings/reset", key=None)
    client.send("resume")
    client.send("rate", verdict="like", id=None)
    client.send("wrong_mood", right="sad")
    client.send("policy", policy="lift")
    client.send("other_songs")
    assert server.commands == [
        SetPrivacy(on=True),
        Pause(10.0),
        Pause(None),
        Pause(until_tomorrow=True),
        Reset("sensitivity"),
        Reset(),
        Resume(),
        Rate(Verdict.LIKE),
        WrongMood(Emotion.SAD),
        SetPolicy(Policy.LIFT),
        OtherSongs(),
    ]
    server.output.accept(HAPPY)
    assert client.state()["mood"] == "happy"


def test_a_refusal_says_why(server: Server) -> None:
    with pytest.raises(ControlError, match="^send .*minutes"):
        ControlClient(server.path).send("pause", minutes=-1)


def test_no_daemon_is_told_apart(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="start it"):
        ControlClient(tmp_path / "none.sock").send("resume")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))
    with pytest.raises(NotRunning):
        ControlClient(tmp_path / "left.sock").send("resume")
    server.output.stop()
    with pytest.raises(NotRunning):
        ControlClient(server.path).send("resume")


def test_another_user_is_told_what_to_do(server: Server) -> None:
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    else:
        server.path.chmod(0)
    try:
        with pytest.raises(ControlError, match="sudo"):
            ControlClient(server.path).send("resume")
    finally:
        if root:
            os.seteuid(0)
    assert server.commands == []


@contextmanager
def stranger(path: Path, answer: bytes | None) -> Iterator[None]:
    """Listen on `path` and give a wrong answer, or none."""
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            if answer is None:
                done.wait(10)
            else:
                connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        done.set()
        thread.join(10)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"])
def test_a_broken_answer_is_one_line(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "odd.sock"
    with stranger(path, answer), pytest.raises(ControlError, match="answer is broken") as caught:
        ControlClient(path).send("resume")
    assert "\n" not in str(caught.value)


def test_silence_ends(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    with stranger(path, None), pytest.raises(ControlError, match="does not answer"):
        ControlClient(path, timeout_s=0.1).send("resume")
