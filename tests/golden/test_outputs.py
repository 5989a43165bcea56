"""The typical output of every command equals a file beside this one, and wrong usage is one line and an exit code.

After an intended change run MUSICOND_RENEW=1 python -m pytest tests/golden/test_outputs.py and read the difference.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from argparse import ArgumentParser, _SubParsersAction
from dataclasses import replace
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import pytest

from musicond import __version__
from musicond.capture.demo import DemoClip
from musicond.cli import COMMANDS, build_parser, main
from musicond.config.paths import models_dir
from musicond.core.commands import Calibrate, SetSpeaker
from musicond.core.mood.bias import Bias
from musicond.core.outcome import CalibrationProgress, Playback, PlayState
from musicond.core.settings import Settings
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import run_job
from musicond.web.api import ActionEndpoint
from tests.library.test_refresh import mp3
from tests.mqtt.conftest import free_port
from tests.music_assistant.double import PASSWORD, USER, MusicAssistantDouble
from tests.spotify.conftest import fake_spotify  # noqa: F401 - a fixture is found by its name
from tests.spotify.fake_spotify import CLIENT_ID
from tests.web.conftest import HAPPY, SONGS, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from musicond.core.commands import Command
    from tests.spotify.fake_spotify import FakeSpotify

EXPECTED = Path(__file__).parent
CHANGING = (
    (re.escape(__version__), "<version>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"(?m)(?<=[a-z ]) *\b\d+\.\d{1,3}\b(?= |$)", " <figure>"),
    (r"(?m)^temperature: .*\n", ""),
    (r"(?m)^(processor|processors|Python): .*", r"\1: <this machine>"),
    (r"(?m)^(?:ok|warning|failed) +(Python|libraries|storage|cgroup|clock|temperature|power|memory|wifi|journal) .*\n( +-> .*\n)?", r"<state>  \1 <this machine>\n"),
    (r"(?m)^(?:all is well|musicond can run; .*)$", "<what they add up to>"),
    (r"\(\d+ KiB\)", "(<size>)"),
    (r"\b\d+ KiB(?=;)", "<size>"),
    (r"(?m)(?:^[█▀▄ ]+\n)+", "<QR code>\n"),
    (r"http://\S+?(?=:8080/)", "http://<this machine>"),
    (r"(http://<this machine>:8080/\?token=)\S+", r"\1<token>"),
    (r"(?m)(^http://<this machine>\S*\n)+", r"\1"),
    (r"(?m)^until \d{4}-\d\d-\d\d \(\d+ days left\)", "until <day> (<days> left)"),
    (r"(signed in as .*, since) \d{4}-\d\d-\d\d", r"\1 <day>"),
    (r"(/authorize\?)\S+", r"\1<request>"),
)  # fmt: skip
PLAYING = Playback("mpd", PlayState.PLAYING, ours=True, track=SONGS[0], device="Kitchen", volume=40, autoplay=True)
ALONE = (
    "check-config c.yaml",
    "doctor --config c.yaml",
    "privacy",
    "privacy on",
    "pause",
    "settings reset privacy",
    "page-link --config c.yaml",
    "notice --config c.yaml card.pdf",
    "calibrate --show",
    "catalogue add sad Title Artist https://example.org/song",
    "catalogue list sad",
    "catalogue remove https://example.org/song",
    "catalogue verify",
    "catalogue feedback",
    "history show",
    "history delete --yes",
    "replay clip --human",
    "bench clip",
)
"""Commands without a daemon, in the order in which they run; that of config is in interfaces/."""
WITH_DAEMON = (
    "status",
    "privacy",
    "privacy off",
    "pause",
    "guest",
    "pause 1",
    "pause tomorrow",
    "settings reset",
    "catalogue feedback like",
    "play",
    "stop",
    "next",
    "previous",
    "other-songs",
    "volume 40",
    "autoplay on",
    "mood happy --minutes 30",
    "mood auto",
    "like",
    "dislike",
    "withdraw",
)
FILES = (
    "catalogue import list.csv --mood happy",
    "catalogue export --mood disgust songs.csv",
    "catalogue refresh --config lists.yaml",
    "catalogue refresh --if-due --config lists.yaml",
    "catalogue sort --dry-run --config library.yaml",
    "history chart chart.svg",
    "history export",
    "backup home.backup",
    "restore home.backup --yes",
    "doctor --config c.yaml --bundle report.txt",
    "page-link --lan --config lan.yaml",
    "spotify status --config accounts.yaml",
    "spotify logout --config accounts.yaml",
    "music-assistant status --config accounts.yaml",
)
"""Commands for files, lists, links and sign-ins."""
WRONG = {
    "run": (("run --source webcam", 2), ("run --log-level loud", 2), ("run --config none.yaml", 78)),
    "replay": (("replay", 2), ("replay demo --speed 3", 2), ("replay none.mp4", 69)),
    "bench": (("bench", 2), ("bench demo demo", 2), ("bench none.mp4", 69)),
    "check-config": (("check-config", 2), ("check-config none.yaml", 78), ("check-config --all", 2)),
    "config": (("config now", 2), ("config --config none.yaml", 78), ("config --jsn", 2)),
    "doctor": (("doctor now", 2), ("doctor --jsn", 2), ("doctor --config", 2)),
    "status": (("status", 69), ("status now", 2), ("status --jsn", 2)),
    "catalogue": (("catalogue", 2), ("catalogue remove none", 69), ("catalogue list bored", 2)),
    "history": (("history", 2), ("history delete", 2), ("history show now", 2)),
    "backup": (("backup", 2), ("backup /none/file", 69), ("backup one two", 2)),
    "restore": (("restore", 2), ("restore none", 69), ("restore one two", 2)),
    "calibrate": (("calibrate", 69), ("calibrate --show --reset", 2), ("calibrate now", 2)),
    "spotify": (("spotify", 2), ("spotify status", 78), ("spotify devices now", 2)),
    "music-assistant": (
        ("music-assistant", 2),
        ("music-assistant players", 69),
        ("music-assistant login a b", 2),
    ),
    "privacy": (("privacy maybe", 2), ("privacy on off", 2), ("privacy on --config none.yaml", 78)),
    "pause": (("pause soon", 2), ("pause 0", 2), ("pause on", 69)),
    "play": (("play a b", 2), ("play --config none.yaml", 78), ("play", 69)),
    "stop": (("stop now", 2), ("stop --config none.yaml", 78), ("stop", 69)),
    "next": (("next 2", 2), ("next --config none.yaml", 78), ("next", 69)),
    "previous": (("previous 2", 2), ("previous --config none.yaml", 78), ("previous", 69)),
    "other-songs": (("other-songs now", 2), ("other-songs --config none.yaml", 78), ("other-songs", 69)),
    "volume": (("volume", 2), ("volume loud", 2), ("volume 101", 2)),
    "autoplay": (("autoplay", 2), ("autoplay maybe", 2), ("autoplay on", 69)),
    "speaker": (("speaker a b", 2), ("speaker --config none.yaml", 78), ("speaker", 69)),
    "mood": (("mood", 2), ("mood bored", 2), ("mood happy --minutes 0", 2)),
    "like": (("like a b", 2), ("like --config none.yaml", 78), ("like", 69)),
    "dislike": (("dislike a b", 2), ("dislike --config none.yaml", 78), ("dislike", 69)),
    "withdraw": (("withdraw a b", 2), ("withdraw --config none.yaml", 78), ("withdraw", 69)),
    "guest": (("guest now", 2), ("guest --config none.yaml", 78), ("guest --until noon", 2)),
    "notice": (("notice card.png", 69), ("notice --language fr", 2), ("notice --config none.yaml", 78)),
    "settings": (("settings", 2), ("settings reset everything", 2), ("settings reset --config none.yaml", 78)),
    "page-link": (("page-link now", 2), ("page-link --lan --config /dev/null/none", 78), ("page-link --lna", 2)),
}
"""Wrong usage of each command, in three ways, with its exit code."""


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "c.yaml").write_text(f"camera: {{source: demo}}\nweb: {{listen: '127.0.0.1:{free_port()}'}}\n")


def run(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Return the exit code of a command line, and what it prints on standard output and on standard error."""
    try:
        code = main(line.split())
    except SystemExit as end:
        code = int(end.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def typical(line: str, capsys: pytest.CaptureFixture[str], folder: Path, expected: int = 0) -> str:
    """Return a command line with its output, without what changes between runs and machines."""
    code, out, err = run(line, capsys)
    assert code == expected, f"{line}: {out}{err}"
    text = f"$ musicond {line}\n{err}{out}\n".replace(str(folder), "<folder>").replace(
        str(models_dir().parent), "<root>"
    )
    for pattern, word in CHANGING:
        text = re.sub(pattern, word, text)
    return text


def compare(name: str, text: str) -> None:
    """Compare a text with the expected file, or write that file with MUSICOND_RENEW."""
    file = EXPECTED / name
    if os.environ.get("MUSICOND_RENEW"):
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8"), "see the head of this file"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A daemon's page, with a set-up that has nothing to forget."""
    setup = ActionEndpoint(lambda *_: run_job(lambda: {"restarts": False}))
    server = Server(tmp_path / "run" / "control.sock", endpoints={"setup": setup})
    server.output.start()
    yield server
    server.output.stop()


def test_the_typical_output_of_each_command(
    tmp_path: Path,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "clip").mkdir()
    for number, (_, picture) in enumerate(islice(DemoClip(models_dir()).frames(), 15)):
        cv2.imwrite(str(tmp_path / "clip" / f"{number:02}.png"), picture)
    server.output.accept(replace(HAPPY, playback=PLAYING))
    parts = ["Without a daemon\n\n"]
    with monkeypatch.context() as alone:
        alone.setenv("RUNTIME_DIRECTORY", str(tmp_path / "none"))
        parts += [typical(line, capsys, tmp_path) for line in ALONE]
        (tmp_path / "state/history").mkdir()
        JsonFile(tmp_path / "state/history/2026-05.json").save({"2026-05-01": {"happy": 30.0, "sad": 12.5}})
        parts.append(typical("history show", capsys, tmp_path))
    parts += ["With a daemon\n\n", *(typical(line, capsys, tmp_path) for line in WITH_DAEMON)]
    compare("outputs.txt", "".join(parts))
    assert json.loads(run("status --json", capsys)[1])["playback"]["track"]["title"] == "Sunny Side"


def test_the_output_of_commands_for_files_lists_and_sign_ins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.csv").write_text("title,artist,link\nA song,Ann,https://example.org/1\n,Nobody,\n")
    (tmp_path / "music").mkdir()
    mp3(tmp_path / "music/disco.mp3", title="Disco song", artist="Ben", genre="Disco", bpm="120")
    (tmp_path / "lists.yaml").write_text(f"music: {{moods: {{happy: {{lists: [starter, {tmp_path}/list.csv]}}}}}}\n")
    (tmp_path / "library.yaml").write_text(f"music: {{library: [{tmp_path}/music]}}\n")
    (tmp_path / "lan.yaml").write_text("# the page\n")
    (tmp_path / "state/history").mkdir(parents=True)
    JsonFile(tmp_path / "state/history/2026-05.json").save({"2026-05-01": {"happy": 30.0, "sad": 12.5}})
    double = MusicAssistantDouble()
    double.start()
    try:
        account = f"playback: {{backend: music-assistant}}\nmusic_assistant: {{url: '{double.url}', player: Kitchen}}\n"
        (tmp_path / "accounts.yaml").write_text(f"{account}spotify: {{client_id: {'0123456789abcdef' * 2}}}\n")
        parts = [typical(line, capsys, tmp_path) for line in FILES]
        monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))
        signed_in = (f"login {double.url} --user {USER}", "status", "players", "logout")
        parts += [typical(f"music-assistant {line} --config accounts.yaml", capsys, tmp_path) for line in signed_in]
    finally:
        double.stop()
    compare("outputs-of-files.txt", "".join(parts))
    for name in ("songs.csv", "chart.svg", "home.backup", "report.txt"):
        assert (tmp_path / name).stat().st_size > 100
    assert "A song" not in (tmp_path / "report.txt").read_text("utf-8")


class Browser:
    """The standard input of `spotify login`: a person agrees at the printed link, and pastes the address at the end."""

    def __init__(self, spotify: FakeSpotify, shown: StringIO) -> None:
        self._spotify, self._shown = spotify, shown

    def __iter__(self) -> Iterator[str]:
        yield self._spotify.authorize(re.findall(r"http\S+/authorize\?\S+", self._shown.getvalue())[-1])


def test_the_output_of_a_sign_in_at_spotify(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fake_spotify: FakeSpotify,  # noqa: F811 - the fixture
) -> None:
    (tmp_path / "spotify.yaml").write_text(f"spotify: {{client_id: {CLIENT_ID}, redirect_port: {free_port()}}}\n")
    monkeypatch.setattr("sys.stdin", Browser(fake_spotify, cast("StringIO", sys.stdout)))
    actions = (("login", 0), ("status", 0), ("devices", 0), ("logout", 0), ("devices", 69))
    parts = [typical(f"spotify {name} --config spotify.yaml", capsys, tmp_path, code) for name, code in actions]
    compare("outputs-of-spotify.txt", "".join(parts))


class Household(Server):
    """A daemon's page with two speakers, whose calibration succeeds at once."""

    def submit(self, command: Command) -> Future[None]:
        if command == Calibrate():
            settings = Settings(bias=Bias((0.4, 0.0, 0.1, -0.1, -0.5, 0.2, -0.1)))
            self.output.accept(replace(HAPPY, seq=2, calibration=CalibrationProgress(1.0), settings=settings))
        return super().submit(command)


def test_the_output_of_the_calibration_and_the_speakers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speakers = [{"name": "Kitchen", "selected": True}, {"name": "Hall", "selected": False}]
    playback = ActionEndpoint(lambda *_: run_job(lambda: {"speakers": speakers, "reason": None}))
    server = Household(tmp_path / "run" / "control.sock", endpoints={"playback": playback})
    server.output.start()
    try:
        server.output.accept(replace(HAPPY, playback=PLAYING))
        lines = ("speaker", "speaker Hall", "calibrate", "calibrate --show", "calibrate --reset")
        compare("outputs-of-a-household.txt", "".join(typical(line, capsys, tmp_path) for line in lines))
        assert server.commands == [SetSpeaker("Hall"), Calibrate(), Calibrate(reset=True)]
    finally:
        server.output.stop()


def test_the_refusals_of_the_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.yaml").write_text("camera: {sorce: demo, rate: fast}\n")
    lines = [f"run --config {name}.yaml" for name in ("none", "wrong")]
    compare("outputs-of-refusals.txt", "".join(typical(line, capsys, tmp_path, 78) for line in lines))


def leaves(parser: ArgumentParser, *names: str) -> Iterator[tuple[str, ArgumentParser]]:
    """Yield each command and sub-command that has none below it, with its parser."""
    below = [action.choices for action in parser._actions if isinstance(action, _SubParsersAction)]
    if not below:
        yield " ".join(names), parser
    for name, child in (item for choices in below for item in choices.items()):
        yield from leaves(child, *names, name)


LEAVES = dict(leaves(build_parser(*COMMANDS)))


def test_every_command_has_a_typical_output() -> None:
    """But `config`, whose output is in interfaces/."""
    text = "".join(file.read_text("utf-8") for file in EXPECTED.glob("outputs*.txt"))
    lines = re.findall(r"(?m)^\$ musicond (.*)$", text)
    assert [name for name in LEAVES if not any(f"{line} ".startswith(f"{name} ") for line in lines)] == ["config"]
    assert len(LEAVES) > len(COMMANDS)


def test_each_command_has_its_wrong_usages() -> None:
    assert set(WRONG) == set(COMMANDS)
    assert all(len(usages) == 3 for usages in WRONG.values())


def wrong_usages() -> Iterator[tuple[str, int]]:
    """Yield an unknown option, too many arguments, and a missing file or argument for each command, with its code.

    `replay` takes any number of clips, and `doctor` reports a missing file among its checks.
    """
    for name, parser in LEAVES.items():
        yield f"{name} --nosuch", 2
        yield f"{name} a b c d e f", 69 if name == "replay" else 2
        if name != "doctor":
            lacks = any(action.required for action in parser._actions) or "--config" not in parser.format_usage()
            yield f"{name} --config none.yaml", 2 if lacks else 78


@pytest.mark.parametrize(("line", "code"), [*(usage for usages in WRONG.values() for usage in usages), *wrong_usages()])
def test_wrong_usage_is_one_line_and_an_exit_code(line: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = logging.getLogger().handlers[:]
    found, out, err = run(line, capsys)
    assert (found, out) == (code, ""), err
    assert err.count("\n") == 1, err
    assert logging.getLogger().handlers == handlers, "the log is set up by a daemon that starts"
