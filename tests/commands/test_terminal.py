"""What people see on a terminal and in a file: colours, tables and progress."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from musicond.commands import terminal
from musicond.commands.history import bars
from musicond.commands.replay import sentence
from musicond.errors import EntryError, MusicondError, SkippedEntries, counted

ROOT = Path(__file__).resolve().parents[2]


def on_a_terminal(code: str, **environment: str) -> str:
    """Return the output of a program on a separate terminal."""
    leader, follower = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(leader, 4096):
                shown.append(data)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    env |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", **environment}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=env, check=True, timeout=60, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    reader.join(10)
    os.close(leader)
    return b"".join(shown).decode()


ECHO = "from musicond.commands import terminal; terminal.echo(('well', 'ok'), ' and \\x1b[31mtext')"


def test_colour_is_for_terminals_and_no_color_is_honoured(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo(("well", "ok"), " and \x1b[31mtext")
    assert capsys.readouterr().out == "well and \ufffd[31mtext\n"
    assert "\x1b[32mwell\x1b[0m" in on_a_terminal(ECHO)
    assert "\x1b" not in on_a_terminal(ECHO, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(ECHO, TERM="dumb")


def test_a_terminal_gets_no_control_character_of_a_text() -> None:
    assert "\ufffd[31mtext" in on_a_terminal(ECHO)


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200f", "\u061c", "\x9b"])
def test_a_terminal_gets_no_character_that_turns_its_text(character: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo(f"a{character}b")
    terminal.print_table(["name"], [[f"a{character}b"]])
    assert capsys.readouterr().out.split() == ["a\ufffdb", "name", "a\ufffdb"]
    assert str(MusicondError(f"a{character}b")) == "a\ufffdb"


def test_progress_is_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(terminal.track("ab", "letters")) == ["a", "b"]
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
    code = "from musicond.commands import terminal\nfor _ in terminal.track(range(3), 'songs read', 3): pass"
    assert "songs read" in on_a_terminal(code)


def test_progress_keeps_what_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "out"
    code = (
        "import sys\nfrom musicond.commands import terminal\n"
        f"sys.stdout = open({str(file)!r}, 'w')\n"
        "for number in terminal.track(range(3), 'lines', 3): print(number)\nsys.stdout.flush()"
    )
    assert "lines" in on_a_terminal(code)
    assert file.read_text() == "0\n1\n2\n"


def test_a_table_aligns_numbers_and_ends_its_lines_at_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(("name", "time (ms)"), [("a", 1.5), ("long\tname\x1b", None)])
    assert capsys.readouterr().out.splitlines() == ["name        time (ms)", "a                 1.5", "long name\ufffd"]


def test_a_day_is_a_bar_of_letters_or_of_coloured_blocks() -> None:
    days = {"2026-05-01": {"happy": 30.0, "sad": 30.0}}
    assert list(bars(days))[1][1] == ("h" * 30, "#e8b200")
    assert list(bars(days, colour=True))[1][1] == ("█" * 30, "#e8b200")


def test_blocks_are_for_terminals_that_show_eight_different_colours() -> None:
    code = "import sys\nfrom musicond.commands import terminal\nprint(terminal.has_fine_colour(sys.stdout))"
    assert "True" in on_a_terminal(code)
    assert "False" in on_a_terminal(code, TERM="linux")  # a Pi's own console has 16 colours
    assert "False" in on_a_terminal(code, NO_COLOR="1")


def test_a_question_without_a_terminal_is_no() -> None:
    code = "from musicond.commands.options import confirm; confirm('really?', 'nothing was deleted')"
    done = subprocess.run([sys.executable, "-c", code], input="y\n", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "nothing was deleted: without a terminal nobody can be asked; add --yes" in done.stderr


def test_a_line_of_a_replay_is_a_sentence() -> None:
    place = {"clip": "demo", "t": 1.5}
    mood = {"type": "mood", **place, "before": "unsure", "after": "happy", "confidence": 0.81}
    assert sentence(mood) == "demo 1.50 s mood happy (81 %), before unsure"
    frame = {"type": "frame", **place, "faces": [[0, 0, 1, 1]], "coasted": [], "mood": "happy", "watching": "yes"}
    assert sentence(frame).endswith("1 face, mood happy")
    assert sentence({**frame, "watching": "dark"}).endswith("dark")
    summary = {"type": "summary", "frames": 2, "analysed": 1, "cpu_ms_per_frame": 3.5}
    assert sentence(summary).startswith("2 frames, 1 analysed; 3.5 ms")


def test_one_is_singular() -> None:
    assert [counted(number, "song") for number in (0, 1, 2, 1.5)] == ["0 songs", "1 song", "2 songs", "1.5 songs"]
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(2, "entry", "entries") == "2 entries"
    skipped = SkippedEntries()
    skipped.add(EntryError("a.mp3 not found", missing=True))
    assert skipped.none_usable() == "its only entry is not found: a.mp3 not found"
