"""`musicond status` against the API of a daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from musicond.cli import main
from musicond.commands.status import rows
from musicond.core.models import Watching
from musicond.core.outcome import AutoplayBlock, BlockReason, Playback, PlayState
from musicond.core.settings import Settings
from tests.web.conftest import HAPPY, NOON, SONGS, Server, server, without_face  # noqa: F401 - the fixture

if TYPE_CHECKING:
    from pathlib import Path

PLAYING = Playback("mpd", PlayState.PLAYING, ours=True, track=SONGS[0], device="Kitchen", volume=40, autoplay=True)


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")


def status(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["status", *arguments]) == 0
    return capsys.readouterr().out


def test_the_mood_the_songs_and_the_page_are_shown(
    server: Server,  # noqa: F811 - the fixture
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.output.accept(replace(HAPPY, playback=PLAYING))
    shown = status(capsys)
    assert "mood         happy (80 %), since 2026-05-01 12:00" in shown
    assert "watching     yes, 1 face in view" in shown
    assert "why          bright and quick, to match a happy room" in shown
    assert "playing      Sunny Side – The Bright on Kitchen, volume 40 %" in shown  # noqa: RUF001 - the usual dash
    assert "page         open" in shown
    assert json.loads(status(capsys, "--json"))["mood"] == "happy"


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (without_face(Watching.YES), "watching     yes, 0 faces in view"),
        (without_face(Watching.DARK), "no, the picture is too dark"),
        (without_face(Watching.PRIVATE, settings=Settings(private=True)), "musicond privacy off opens it"),
        (without_face(Watching.PAUSED, settings=Settings(paused=True)), "no, paused; musicond pause off ends it"),
        (
            without_face(
                Watching.PAUSED, settings=Settings(paused=True, paused_until=NOON + timedelta(hours=1, minutes=5))
            ),
            "no, paused until 2026-05-01 13:05",
        ),
        (without_face(Watching.NO_CAMERA, notice="it is unplugged"), "no camera: it is unplugged"),
        (replace(HAPPY, playback=Playback("mpd")), "playing      nothing"),
        (replace(HAPPY, playback=replace(PLAYING, state=PlayState.PAUSED)), "The Bright (paused) on Kitchen"),
        (replace(HAPPY, playback=replace(PLAYING, trouble="no speaker")), "player       no speaker"),
        (
            replace(HAPPY, playback=replace(PLAYING, autoplay_block=AutoplayBlock(BlockReason.EMPTY))),
            "autoplay     on; waits: nobody is in the room",
        ),
        (replace(HAPPY, notice="the catalogue is damaged"), "problem      the catalogue is damaged"),
    ],
)
def test_why_nothing_is_read_or_played_is_shown(
    server: Server,  # noqa: F811 - the fixture
    capsys: pytest.CaptureFixture[str],
    outcome: object,
    text: str,
) -> None:
    server.output.accept(outcome)  # type: ignore[arg-type] # parametrize loses the type
    assert text in status(capsys)


def test_each_change_is_a_line(server: Server) -> None:  # noqa: F811 - the fixture
    server.output.accept(HAPPY)
    command = [sys.executable, "-u", "-m", "musicond", "status", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().split()[1:] == ["happy", "|", "no", "player", "is", "configured"]
        server.output.accept(without_face(Watching.DARK))
        assert "too dark" in process.stdout.readline()
        process.terminate()


def test_without_a_daemon_it_is_one_line_and_69(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 69
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("health", "name", "shown"),
    [
        ({"outputs": {"page": "http://127.0.0.1:8080, 2 open"}}, "page", "http://127.0.0.1:8080"),
        (
            {"outputs": {"page": "http://0.0.0.0:8081, 2 open"}},
            "page",
            "open to your network at port 8081; musicond page-link prints the link",
        ),
        (
            {"outputs": {"page": "http://[::]:8081, 2 open"}},
            "page",
            "open to your network at port 8081; musicond page-link prints the link",
        ),
        ({"outputs": {"page": "http://[::1]:8081, 2 open"}}, "page", "http://[::1]:8081"),
        ({"camera": "demo"}, "camera", "demo"),
        ({"camera": "camera"}, "camera", None),
    ],
)
def test_the_page_is_shown_as_a_person_can_open_it_and_the_camera_by_its_name(
    health: dict[str, object], name: str, shown: str | None
) -> None:
    state = {
        **dict.fromkeys(("mood", "since", "recommendation", "playback", "notice", "version", "confidence")),
        "watching": "private",
        "controls": {"private": False},
        "health": health,
    }
    assert {name: text for name, text, _ in rows(state)}.get(name) == shown
