"""musicond catalogue, calibrate and history as a user runs them, with a daemon and without."""

from __future__ import annotations

import csv
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from musicond.cli import main
from musicond.config.user_settings import to_json
from musicond.core.mood.bias import Bias
from musicond.core.outcome import CalibrationProgress
from musicond.core.settings import Settings
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.runtime.json_file import JsonFile, state_lock
from tests.system.daemon import Daemon
from tests.web.conftest import HAPPY, Server, server

__all__ = ["server"]

NO_CAMERA = "camera: {source: 'v4l2:/dev/video99'}\n"


class Shell:
    """Commands run in this process, without a daemon, in a folder of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, *args: str, code: int = 0) -> str:
        """Return the printed text; an error is one line."""
        assert main(list(args)) == code
        shown = self._capsys.readouterr()
        assert code == 0 or shown.err.count("\n") == 1, shown.err
        return shown.out + shown.err


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return Shell(tmp_path, capsys)


def test_songs_are_added_listed_and_removed(shell: Shell) -> None:
    assert "added to sad" in shell(
        "catalogue", "add", "sad", "A song", "Ann", "https://example.org/a", "--valence", "0.2"
    )
    assert "has it already" in shell("catalogue", "add", "sad", "A song", "Ann", "https://example.org/a")
    [entry] = [row for row in json.loads(shell("catalogue", "list", "sad", "--json")) if row["origin"] == "own"]
    assert (entry["title"], entry["valence"], entry["track_id"]) == ("A song", 0.2, "https://example.org/a")
    assert "removed from 1 list;" in shell("catalogue", "remove", entry["track_id"])
    assert "catalogue list shows the id of each song" in shell("catalogue", "remove", entry["track_id"], code=69)
    assert shell("catalogue", "verify") == "the catalogue has no faults\n"


def test_an_export_is_imported_again(shell: Shell) -> None:
    shell("catalogue", "add", "sad", "A, song", 'Ann "B"')
    assert "mine.csv written" in shell("catalogue", "export", "mine.csv")
    rows = list(csv.DictReader((shell.folder / "mine.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 176
    assert "176 songs read, 0 of them new" in shell("catalogue", "import", "mine.csv")
    shell("catalogue", "export", "sad.json", "--mood", "sad")
    assert len(json.loads((shell.folder / "sad.json").read_text())) == 26
    assert "26 songs read, 26 of them new" in shell("catalogue", "import", "sad.json", "--mood", "happy")
    assert shell("catalogue", "export").startswith("emotion,track_id,title")


def test_a_file_that_cannot_be_written_is_named_as_it_was_typed(shell: Shell) -> None:
    shell("catalogue", "add", "sad", "A song", "Ann")
    remedy = "No such file or directory; give a file that can be written"
    for command in ("backup", "catalogue export"):
        assert shell(*command.split(), "absent/x.svg", code=69) == f"musicond: absent/x.svg: {remedy}\n"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "title,artist\na,b\n", "'a' names no mood; add --mood MOOD, or a column emotion"),
        ("a.csv", "title,artist,emotion\na,,sad\n", "a.csv:2: no artist; give one"),
        ("a.m3u", "x.mp3\n", "give the mood of these songs"),
        ("a.txt", "", "a.txt:1: no columns title and artist"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line_and_69(shell: Shell, name: str, content: str, says: str) -> None:
    (shell.folder / name).write_text(content)
    assert says in shell("catalogue", "import", name, code=69)
    assert "No such file" in shell("catalogue", "import", "absent.csv", code=69)
    assert not (shell.folder / "state" / FILE_NAME).exists(), "all or nothing"


def test_an_import_keeps_the_good_songs_and_names_the_others(shell: Shell) -> None:
    (shell.folder / "a.csv").write_text("title,artist,emotion\nGood one,Ann,sad\nBad,,sad\nWorse,Bob,bored\n")
    shown = shell("catalogue", "import", "a.csv")
    assert "a.csv:3:" in shown
    assert "a.csv:4:" in shown
    assert "1 song read" in shown
    (shell.folder / "here.mp3").write_bytes(b"")
    (shell.folder / "a.m3u").write_text("#EXTINF:10,Ann - Here\nhere.mp3\n#EXTINF:10,Ann - Gone\ngone.mp3\n")
    shown = shell("catalogue", "import", "a.m3u", "--mood", "sad")
    assert "1 of 2 entries not found" in shown
    titles = [row["title"] for row in json.loads(shell("catalogue", "list", "sad", "--json"))]
    assert {"Good one", "Here"} <= set(titles)
    assert not {"Bad", "Worse", "Gone"} & set(titles)


def test_a_refresh_without_a_daemon_reads_the_configured_lists(shell: Shell) -> None:
    (shell.folder / "list.csv").write_text("title,artist\nNew one,Ann\n")
    (shell.folder / "c.yaml").write_text("music: {moods: {sad: {lists: [starter, list.csv]}}}\n")
    out = shell("catalogue", "refresh", "--config", "c.yaml")
    assert f"sad, {shell.folder / 'list.csv'}:\n  new       New one, Ann\n1 new song," in out
    assert shell("catalogue", "--config", "c.yaml", "refresh", "--if-due") == "not due yet\n"
    (shell.folder / "list.csv").unlink()
    assert main(["catalogue", "refresh", "--config", "c.yaml"]) == 69


def test_what_changes_something_needs_the_state_directory_for_itself(shell: Shell) -> None:
    with state_lock(shell.folder / "state"):
        assert "another musicond" in shell("catalogue", "add", "sad", "a", "b", code=69)


def test_feedback_without_a_daemon_is_shown_and_forgotten_but_not_given(shell: Shell) -> None:
    assert "no feedback" in shell("catalogue", "feedback")
    shell("catalogue", "add", "sad", "A", "Ann")
    (shell.folder / "said.csv").write_text("title,artist,emotion,likes\nA,Ann,sad,2\n")
    shell("catalogue", "import", "said.csv")
    assert shell("catalogue", "feedback").splitlines()[1].split()[:4] == ["2", "0", "0", "sad"]
    assert json.loads(shell("catalogue", "feedback", "--json"))[0]["likes"] == 2
    assert "start it: musicond run" in shell("catalogue", "feedback", "like", code=69)
    assert "the feedback on 1 song is deleted" in shell("catalogue", "feedback", "reset")


def test_wrong_usage_is_reported(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    for args in (["add", "bored", "a", "b"], ["add", "sad", "a", "b", "--energy", "2"], ["eat"], []):
        with pytest.raises(SystemExit) as caught:
            main(["catalogue", *args])
        assert caught.value.code == 2
    assert "no number from 0 to 1" in capsys.readouterr().err


def test_the_bias_is_shown_without_a_daemon_and_calibrating_needs_one(shell: Shell) -> None:
    assert "no correction" in shell("calibrate", "--show")
    with state_lock(shell.folder / "state"):
        store = JsonFile(shell.folder / "state" / "settings.json")
        store.save(to_json(Settings(bias=Bias().corrected(5, 4))))
    assert "neutral  +0.04" in shell("calibrate", "--show")
    assert json.loads(shell("calibrate", "--show", "--json"))["sad"] < 0
    assert "start it" in shell("calibrate", code=69)


def test_a_second_calibration_is_not_taken_for_the_first_which_has_ended(server: Server, shell: Shell) -> None:
    server.output.accept(replace(HAPPY, calibration=CalibrationProgress(1.0)))

    def calibrate() -> None:
        assert server.arrived.wait(10)
        time.sleep(0.5)  # the daemon's next turn
        server.output.accept(replace(HAPPY, seq=2, calibration=CalibrationProgress(0.3, "no face", number=2)))

    daemon = threading.Thread(target=calibrate)
    daemon.start()
    assert "no face" in shell("calibrate", code=69)
    daemon.join()


def test_showing_the_bias_leaves_damaged_settings_to_the_daemon_which_then_stays_private(shell: Shell) -> None:
    (shell.folder / "state").mkdir()
    settings = shell.folder / "state" / "settings.json"
    settings.write_text("{")
    assert "stays private" in shell("calibrate", "--show", code=69)
    assert settings.read_text() == "{"


def test_a_history_that_is_not_kept_says_how_to_begin(shell: Shell) -> None:
    assert "history.enabled: true keeps it from then on" in shell("history", "show")
    assert "nothing was deleted: without a terminal nobody can be asked; add --yes" in shell(
        "history", "delete", code=2
    )
    assert shell("history", "delete", "--yes") == "0 days deleted\n"
    out = shell("history", "chart", "days.svg")
    assert "days.svg written" in out
    assert (shell.folder / "days.svg").read_text().startswith("<svg")


def test_a_running_daemon_is_asked_for_everything(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("title,artist\n" + "".join(f"Song {n},Artist {n}\n" for n in range(30)))
    lists = f"music: {{refresh: never, moods: {{sad: {{lists: [starter, '{tmp_path / 'list.csv'}']}}}}}}\n"
    with Daemon(tmp_path, config=NO_CAMERA + lists) as daemon:
        daemon.ready()

        def command(*args: str, code: int = 0) -> str:
            done = daemon.command(*args)
            assert done.returncode == code, done.stderr
            return done.stdout + done.stderr

        assert daemon.until(lambda: any("refreshed: 30 new songs" in line for line in daemon.lines))
        assert "0 new songs" in command("catalogue", "refresh")
        assert command("catalogue", "refresh", "--if-due") == "not due yet\n"
        assert "added to sad" in command("catalogue", "add", "sad", "By hand", "Ann", "--id", "x:1")
        assert "Artist 7" in command("catalogue", "list", "sad")
        assert "remembered" in command("catalogue", "feedback", "like", "x:1")
        assert "By hand" in command("catalogue", "feedback")
        assert "no list holds a song 'x:2'" in command("catalogue", "feedback", "like", "x:2", code=69)
        assert "no song is recommended now" in command("catalogue", "feedback", "skip", code=69)
        assert "removed from 1 list" in command("catalogue", "remove", "x:1")
        assert "no faults" in command("catalogue", "verify")
        assert command("catalogue", "export").count("\n") == 1 + 175 + 30
        assert "no face can be read now: no camera" in command("calibrate", code=69)
        assert "forgotten" in command("calibrate", "--reset")
        assert "no correction" in command("calibrate", "--show")
        assert not any("Traceback" in line for line in daemon.lines)
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0
    with SqliteCatalogue(tmp_path / "state" / FILE_NAME, read_only=True) as catalogue:
        assert catalogue.key_of("x:1") is not None, "what was said of it is kept"


@pytest.mark.slow
def test_ten_seconds_of_the_demo_calibrate_and_last(tmp_path: Path) -> None:
    with Daemon(tmp_path, "--source", "demo") as daemon:
        daemon.ready()
        daemon.wait_state(lambda state: state["mood"] == "neutral")
        done = daemon.command("calibrate")
        assert done.returncode == 0, done.stderr
        assert "correction" in done.stdout
        shown = daemon.command("calibrate", "--show").stdout
        assert daemon.command("calibrate", "--reset").returncode == 0
        assert daemon.state()["controls"]["bias"] is None
    assert shown in done.stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("music: {refresh: soon}\n", "music.refresh: 'soon' is no time to refresh; give a day and time"),
        ("music: {quiet_hours: 22}\n", "music.quiet_hours: 22 is not text"),
        ("music: {quiet_hours: 22-7}\n", "music.quiet_hours: '22-7' are no hours; give HH:MM-HH:MM"),
        ("music: {moods: {sadd: {}}}\n", "music.moods.sadd: unknown key; did you mean music.moods.sad?"),
        ("music: {moods: {sad: {list: []}}}\n", "did you mean music.moods.sad.lists?"),
        (
            "music: {moods: {sad: {lists: ['spotify:playlist:1']}}}\n",
            "the list spotify:playlist:1 needs spotify.client_id",
        ),
        ("music: {moods: {sad: {lists: [starter, starter]}}}\n", "a list is named twice"),
        ("music: {policy: loud}\n", "music.policy: 'loud' does not fit; give match, lift or steady"),
        ("history: {keep_days: 0}\n", "history.keep_days: 0 is too small; give a whole number, 1 to 3660"),
    ],
)
def test_faults_of_keys_are_reported(shell: Shell, content: str, says: str) -> None:
    (shell.folder / "c.yaml").write_text(content)
    assert says in shell("check-config", "c.yaml", code=78)


def test_paths_of_lists_start_from_the_file(shell: Shell) -> None:
    (shell.folder / "sub").mkdir()
    (shell.folder / "sub" / "c.yaml").write_text("music: {moods: {sad: {lists: [starter, a/b.m3u, ~/c]}}}\n")
    out = shell("config", "--config", "sub/c.yaml")
    assert f"lists: [starter, {shell.folder / 'sub' / 'a' / 'b.m3u'}, {Path.home() / 'c'}]" in out
