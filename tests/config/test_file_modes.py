from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.config.file_modes import too_open
from musicond.config.loader import load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    for name in ("spotify.json", "settings.json", "catalogue.sqlite", "mqtt-password"):
        (folder / name).touch(mode=0o600)
    (tmp_path / "secret").write_text("planted-secret\n")
    (tmp_path / "secret").chmod(0o640)
    config = tmp_path / "musicon.yaml"
    config.write_text("mqtt: {host: broker, password_file: secret}\nmpd: {password_file: none}\n")
    config.chmod(0o644)
    return folder


def lines(state: Path) -> list[str]:
    file = state.parent / "musicon.yaml"
    return list(too_open(load(file).config, file, state))


def test_the_modes_of_the_package_are_right(state: Path) -> None:
    assert lines(state) == []


@pytest.mark.parametrize(
    ("name", "mode", "remedy"),
    [
        ("state/spotify.json", 0o644, "chmod 600"),
        ("state/mqtt-password", 0o640, "chmod 600"),
        ("state/catalogue.sqlite", 0o604, "chmod 600"),
        ("state/settings.json", 0o602, "chmod go-w"),
        ("state", 0o770, "chmod go-w"),
        ("secret", 0o660, "chmod go-w"),
        ("musicon.yaml", 0o646, "chmod go-w"),
    ],
)
def test_a_file_that_is_too_open_is_named_with_its_remedy(state: Path, name: str, mode: int, remedy: str) -> None:
    file = state.parent / name
    file.chmod(mode)
    [line] = lines(state)
    assert line.startswith(f"{file} can be ")
    assert line.endswith(f"run: {remedy} {file}")


def test_a_link_is_not_followed(state: Path) -> None:
    (state.parent / "open").touch()
    (state.parent / "open").chmod(0o666)
    (state / "lists.json").symlink_to(state.parent / "open")
    assert lines(state) == []
