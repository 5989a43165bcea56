"""Short fuzz runs of each format; script/fuzz runs the long ones."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from musicond.library.audio_files import read_tags
from musicond.spotify import auth as spotify_auth
from tools import fuzz_messages
from tools.fuzz import FORMATS, make_input, try_input
from tools.fuzz_guided import Figures, parse_figures, write_seeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INPUTS = {"csv": 250, "json": 250, "m3u": 250, "tags": 300, "clips": 25, "images": 60, "model": 8, "sidecar": 400}
INPUTS |= {"config": 60, "sign-ins": 150, "mqtt": 400, "page": 60, "spotify": 40, "music-assistant": 40}


@pytest.fixture(scope="module", autouse=True)
def shared() -> Iterator[None]:
    """Leave nothing of the readers to the tests of other modules."""
    before = spotify_auth.API, list(logging.getLogger().handlers), set(threading.enumerate())
    yield
    fuzz_messages.close()
    assert (spotify_auth.API, logging.getLogger().handlers) == before[:2]
    assert set(threading.enumerate()) <= before[2]


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_raises_only_what_its_reader_may_raise(tmp_path: Path, name: str) -> None:
    for number in range(INPUTS[name]):
        content = make_input(FORMATS[name], name, 24, number)
        trace = try_input(FORMATS[name], content, tmp_path)
        assert not trace, f"input {number}:\n{trace}"


@pytest.mark.parametrize("name", FORMATS)
def test_the_files_that_are_damaged_are_valid(tmp_path: Path, name: str) -> None:
    form = FORMATS[name]
    for number, seed in enumerate(form.seeds()):
        path = tmp_path / str(number) / f"input{form.suffix}"
        path.parent.mkdir()
        path.write_bytes(seed)
        form.read(path)


@pytest.mark.parametrize(
    ("name", "seed", "old", "new"),
    [
        ("music-assistant", 4, '"uri": "spotify://track/7qiZfU4dY1lWllzX7mPBI3"', '"uri": []'),
        ("spotify", 12, "3600", "9" * 400),
        ("sign-ins", 0, '"user-library-read"', "[7]"),
        ("sign-ins", 1, '"http://ma.lan:8095"', "NaN"),
    ],
    ids=["an address that is a list", "a token that lasts longer than a number can say", "no scopes", "no address"],
)
def test_an_input_that_went_wrong_does_so_no_more(tmp_path: Path, name: str, seed: int, old: str, new: str) -> None:
    before, found, after = FORMATS[name].seeds()[seed].rpartition(old.encode())
    assert found
    assert try_input(FORMATS[name], before + new.encode() + after, tmp_path) == ""


def test_the_tags_of_most_formats_are_found(tmp_path: Path) -> None:
    path, titles = tmp_path / "input.mp3", []
    for seed in FORMATS["tags"].seeds():
        path.write_bytes(seed)
        titles.append(read_tags(path).get("title"))
    assert titles.count("One") >= 15, titles


def test_the_figures_of_a_guided_run_are_those_of_libfuzzer() -> None:
    progress = "#2\tINITED cov: 7 ft: 8 corp: 1/9b exec/s: 0 rss: 90Mb\n#70\tNEW    cov: 31 ft: 40 corp: 12/3b lim: 4\n"
    assert parse_figures(f"{progress}stat::number_of_executed_units: 70\n") == Figures(70, 31, 12)
    assert parse_figures("no module") == Figures(0, 0, 0)


@pytest.mark.parametrize("name", FORMATS)
def test_a_guided_run_begins_with_the_seeds_and_keeps_what_was_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "found").write_bytes(b"x")
    write_seeds(name, tmp_path)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"x", *FORMATS[name].seeds()}


def test_an_input_is_always_the_same() -> None:
    inputs = [make_input(FORMATS["csv"], "csv", 24, number) for number in range(20)]
    assert inputs == [make_input(FORMATS["csv"], "csv", 24, number) for number in range(20)]
    assert len(set(inputs)) > 10


@pytest.mark.parametrize(
    "error", [IndexError("x"), UnicodeEncodeError("utf-8", "x", 0, 1, "y"), RecursionError("x"), MemoryError("x")]
)
def test_an_error_that_the_reader_must_not_raise_is_found(tmp_path: Path, error: Exception) -> None:
    def read(_: Path) -> None:
        raise error

    form = replace(FORMATS["csv"], read=read)
    assert type(error).__name__ in try_input(form, b"x", tmp_path)
    assert try_input(replace(form, allowed=(type(error),)), b"x", tmp_path) == ""


def test_the_long_run_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "tools/fuzz.py", "csv", "--batch", "10", "--folder", str(tmp_path), "--seconds"]
    shown = subprocess.run([*command, "0.01"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("csv: 10 inputs in "), shown
    shown = subprocess.run([*command, "0"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("csv: 10 inputs in "), shown
