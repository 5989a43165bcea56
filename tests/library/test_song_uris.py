"""The addresses of songs at music servers in the catalogue's file."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from musicond.errors import CatalogueError
from musicond.library.database import FILE_NAME, connect
from musicond.library.recovery import open_catalogue
from musicond.library.song_uris import ABSENT_S, SongUriTable

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_absent_is_asked_for_again_in_a_week(tmp_path: Path) -> None:
    now = [1_000_000.0]
    open_catalogue(tmp_path / FILE_NAME).close()
    table = SongUriTable(tmp_path / FILE_NAME, lambda: now[0])
    table.put("home", "a", "x://1")
    table.put("home", "b", None)
    assert table.get("home", ["a", "b", "c"]) == {"a": "x://1", "b": None}
    assert table.get("other", ["a"]) == {}
    now[0] += ABSENT_S
    assert table.get("home", ["a", "b"]) == {"a": "x://1"}
    now[0] -= 3 * ABSENT_S
    assert table.get("home", ["b"]) == {}, "an entry of the future"
    table.forget("home", ["a"])
    assert table.get("home", ["a"]) == {}


def test_an_older_catalogue_gets_the_table(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    open_catalogue(path).close()
    with closing(connect(path, "rw")) as connection:
        connection.execute("DROP TABLE song_uris")
    open_catalogue(path, read_only=True).close()
    with pytest.raises(CatalogueError):
        SongUriTable(path).get("home", ["a"])
    open_catalogue(path).close()
    assert SongUriTable(path).get("home", ["a"]) == {}
    assert [file.name for file in tmp_path.iterdir() if "damaged" in file.name] == []
