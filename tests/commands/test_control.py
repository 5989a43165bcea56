"""The commands that control music and mood, through the control socket."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from musicond.cli import main
from musicond.core.commands import (
    Next,
    OtherSongs,
    Play,
    Previous,
    Rate,
    SetAutoplay,
    SetManualMood,
    SetSpeaker,
    SetVolume,
    Stop,
    Withdraw,
)
from musicond.core.models import Emotion, Verdict
from musicond.core.outcome import Playback, PlayState
from musicond.errors import NO_PLAYER, NotRunning, PlaybackError
from musicond.web import api
from musicond.web.api import ActionEndpoint
from musicond.web.client import ControlClient
from tests.web.conftest import HAPPY, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMANDS = (
    (("play",), Play()),
    (("play", "t:1"), Play("t:1")),
    (("stop",), Stop()),
    (("previous",), Previous()),
    (("other-songs",), OtherSongs()),
    (("volume", "30"), SetVolume(30.0)),
    (("autoplay", "on"), SetAutoplay(on=True)),
    (("autoplay", "off"), SetAutoplay(on=False)),
    (("speaker", "Kitchen"), SetSpeaker("Kitchen")),
    (("mood", "happy"), SetManualMood(Emotion.HAPPY, 60)),
    (("mood", "sad", "--minutes", "15"), SetManualMood(Emotion.SAD, 15)),
    (("mood", "auto"), SetManualMood(None)),
    (("like",), Rate(Verdict.LIKE)),
    (("dislike", "t:1"), Rate(Verdict.DISLIKE, "t:1")),
    (("withdraw", "t:1"), Withdraw("t:1")),
)


def speakers(_: str, __: Mapping[str, object]) -> Future[Mapping[str, object]]:
    future: Future[Mapping[str, object]] = Future()
    speakers = [{"name": "Kitchen", "selected": True}, {"name": "Den", "selected": False}]
    future.set_result({"speakers": speakers, "reason": None})
    return future


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    server = Server(tmp_path / "control.sock", endpoints={"playback": ActionEndpoint(speakers)})
    server.output.start()
    yield server
    server.output.stop()


def test_each_command_arrives(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, command in COMMANDS:
        assert main(arguments) == 0
        assert capsys.readouterr().out.count("\n") == 1
        assert server.commands.pop() == command
    server.output.accept(replace(HAPPY, playback=Playback("mpd", PlayState.STOPPED)))
    assert main(["speaker"]) == 0
    assert capsys.readouterr().out == "* Kitchen\n  Den\n"
    assert server.commands == []


def test_next_is_refused_as_previous_is_where_nothing_is_loaded(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.output.accept(HAPPY)
    assert main(["next"]) == 69
    assert capsys.readouterr().err == f"musicond: {NO_PLAYER}\n"
    server.output.accept(replace(HAPPY, playback=Playback("mpd", PlayState.STOPPED)))
    assert main(["next"]) == 69
    assert capsys.readouterr().err == "musicond: nothing plays now, so there is no next track\n"
    assert server.commands == []
    server.output.accept(replace(HAPPY, playback=Playback("mpd", PlayState.PAUSED)))
    assert main(["next"]) == 0
    assert server.commands == [Next()]


@pytest.mark.parametrize(
    ("socket", "remedy"),
    [("/run/musicond/control.sock", "sudo systemctl start musicond"), ("/none/control.sock", "musicond run")],
)
def test_a_daemon_that_does_not_run_is_named_with_how_to_start_it(socket: str, remedy: str) -> None:
    if Path(socket).exists():
        pytest.skip("musicond runs on this machine")
    with pytest.raises(NotRunning, match=rf"is not running \(nobody answers on {socket}\); start it: {remedy}$"):
        ControlClient(Path(socket)).state()


def test_without_a_player_no_speakers_are_shown(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speaker"]) == 0, "before the first mood the player is asked"
    assert capsys.readouterr().out == "* Kitchen\n  Den\n"
    server.output.accept(HAPPY)
    assert main(["speaker"]) == 69
    assert capsys.readouterr().err == f"musicond: {NO_PLAYER}\n"


def test_music_that_a_player_out_of_reach_can_not_play_is_not_reported_as_playing(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = PlaybackError("mpd refuses; check it")
    for command in ("play", "stop", "previous", "volume 30", "speaker Hall"):
        assert main(command.split()) == 69
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == ("", "musicond: mpd refuses; check it\n")


def test_a_player_that_takes_its_time_is_not_called_done(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "EFFECT_WAIT_S", 0.05)
    server.hold = True
    assert main(["play"]) == 0
    assert capsys.readouterr().out == "the player is still at it; musicond status shows when it is done\n"


def test_a_part_that_the_running_daemon_lacks_is_named_with_the_remedy(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text(f"spotify: {{client_id: {'0123456789abcdef' * 2}}}\n")
    assert main(["spotify", "status", "--config", str(tmp_path / "c.yaml")]) == 69
    assert capsys.readouterr().err == (
        "musicond: the running musicond has no spotify/status; after a change of the configuration restart it\n"
    )


@pytest.mark.parametrize(
    "arguments", [("volume", "120"), ("volume", "x"), ("mood", "merry"), ("mood", "sad", "--minutes", "0")]
)
def test_wrong_arguments_are_refused_in_one_line(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_daemon_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert main(["next"]) == 69
