"""musicond check-config, as it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def test_a_missing_file_is_one_line_and_78(tmp_path: Path) -> None:
    done = musicond("check-config", "none.yaml", folder=tmp_path)
    assert done.returncode == 78
    assert done.stderr.startswith("none.yaml: No such file or directory; ")
    assert done.stderr.count("\n") == 1
