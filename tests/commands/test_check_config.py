"""musicond check-config, as it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.config.loader import MAX_PROBLEMS, iter_keys
from tests.commands.test_cli import ROOT, musicond

if TYPE_CHECKING:
    from pathlib import Path


def test_a_right_file_is_ok() -> None:
    done = musicond("check-config", "config/musicon.yaml", folder=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "config/musicon.yaml: ok\n", "")


def test_a_wrong_file_gives_every_fault_and_78(tmp_path: Path) -> None:
    (tmp_path / "musicon.yaml").write_text("mqtt:\n  port: 99999\n  hots: a\n", "utf-8")
    done = musicond("check-config", "musicon.yaml", folder=tmp_path)
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr == (
        "musicon.yaml:2:9: mqtt.port: 99999 is too large; give a whole number, 1 to 65535\n"
        "musicon.yaml:3:3: mqtt.hots: unknown key; did you mean mqtt.host?\n"
    )


@pytest.mark.parametrize("more", [0, 1, 2300])
def test_of_many_faults_the_first_hundred_are_named(tmp_path: Path, more: int) -> None:
    (tmp_path / "musicon.yaml").write_text("".join(f"wrong_{number}: 1\n" for number in range(100 + more)), "utf-8")
    done = musicond("check-config", "musicon.yaml", folder=tmp_path)
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (78, "")
    assert [line.partition(" unknown key;")[0] for line in lines[:100]] == [
        f"musicon.yaml:{number + 1}:1: wrong_{number}:" for number in range(100)
    ]
    noun = "fault" if more == 1 else "faults"
    assert lines[100:] == ([f"musicon.yaml: {more} more {noun}; correct the ones above first"] if more else [])


def test_a_fault_in_each_key_is_named() -> None:
    assert len(list(iter_keys())) < MAX_PROBLEMS


def test_a_missing_file_is_one_line_and_78(tmp_path: Path) -> None:
    done = musicond("check-config", "none.yaml", folder=tmp_path)
    assert done.returncode == 78
    assert done.stderr.startswith("none.yaml: No such file or directory; ")
    assert done.stderr.count("\n") == 1
