from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from musicond.cli import main
from musicond.core.models import Emotion
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


def test_without_a_file_the_starter_is_shown_and_nothing_is_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalogue", "list", "sad"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("sad (times shown, id, song, link)\n")
    assert shown.out.count("https://open.spotify.com/track/") == 25
    assert f"there is no {folder / FILE_NAME} yet" in shown.err
    assert not folder.exists()


def test_the_lists_of_a_running_daemon_are_shown_with_their_counts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SqliteCatalogue(folder / FILE_NAME) as daemon:
        song = int(daemon.candidates(Emotion.FEAR).keys[0])
        daemon.mark_offered(Emotion.FEAR, [song], 1)
        daemon.flush()
        title = daemon.tracks([song])[0].title
        assert main(["catalogue", "list", "--json"]) == 0
    shown = capsys.readouterr()
    entries = json.loads(shown.out)
    assert len(entries) == 7 * 25
    assert [entry["title"] for entry in entries if entry["shown"]] == [title]
    assert shown.err == ""


def test_a_damaged_catalogue_is_one_line_and_69(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_text("this is no database, " * 100)
    assert main(["catalogue", "list"]) == 69
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "the next start of the daemon moves it aside" in shown.err


def test_an_unknown_emotion_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["catalogue", "list", "bored"])
    assert caught.value.code == 2
    assert "'bored'" in capsys.readouterr().err


def test_a_locale_that_lacks_letters_keeps_no_song_from_being_shown_or_exported(folder: Path) -> None:
    command = [sys.executable, "-m", "musicond", "catalogue"]
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "iso-8859-1"}
    usual = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([*command, "add", "sad", "Солнце", "Ноль"], env=usual, capture_output=True, check=True)
    environment = usual | locale
    done = subprocess.run([*command, "list", "sad"], env=environment, capture_output=True, check=True)
    assert b"??????" in done.stdout
    done = subprocess.run([*command, "export"], env=environment, capture_output=True, check=True)
    assert "Солнце" in done.stdout.decode()
    subprocess.run([*command, "export", str(folder / "mine.csv")], env=environment, capture_output=True, check=True)
    assert "Солнце" in (folder / "mine.csv").read_text("utf-8")
