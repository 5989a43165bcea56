from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from musicond.core.messages import EMOTIONS, Emotion
from musicond.core.ports import CatalogueError
from musicond.music import catalogue as module
from musicond.music.catalogue import APPLICATION_ID, MEMORY, MIGRATIONS, SqliteCatalogue

if TYPE_CHECKING:
    from pathlib import Path

    from musicond.core.ports import Catalogue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "catalogue.sqlite"


def made(path: Path) -> Path:
    SqliteCatalogue.open(path).close()
    return path


def edited(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return path


def refusal(path: Path, *, read_only: bool = False) -> str:
    with pytest.raises(CatalogueError) as caught:
        SqliteCatalogue.open(path, read_only=read_only)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_a_new_catalogue_holds_the_starter() -> None:
    with SqliteCatalogue.open(MEMORY) as catalogue:
        port: Catalogue = catalogue
        for emotion in EMOTIONS:
            found = port.candidates(emotion)
            assert len(found) >= 20
            assert all(0 <= each.familiarity <= 1 and each.shown == 0 for each in found)
            assert list(found) == list(port.candidates(emotion))


def test_counts_are_kept_and_no_times(path: Path) -> None:
    with SqliteCatalogue.open(path) as catalogue:
        first, second, third = (each.track.track_id for each in catalogue.candidates(Emotion.SAD)[:3])
        catalogue.mark_shown([first, second])
        catalogue.mark_shown([first])
    with SqliteCatalogue.open(path) as catalogue:
        shown = {each.track.track_id: each.shown for each in catalogue.candidates(Emotion.SAD)}
        assert (shown[first], shown[second], shown[third]) == (2, 1, 0)
        assert catalogue.entries(Emotion.SAD)[0].shown == 2
    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("SELECT * FROM sqlite_master m, pragma_table_info(m.name)")]
    schema = " ".join(str(row) for row in connection.execute("SELECT sql FROM sqlite_master"))
    connection.close()
    assert columns
    assert not any(word in schema.lower() for word in ("date", "time", "_at"))


def test_it_may_be_opened_in_one_thread_and_used_in_another(path: Path) -> None:
    found: list[int] = []
    with SqliteCatalogue.open(path) as catalogue:
        thread = threading.Thread(target=lambda: found.append(len(catalogue.candidates(Emotion.HAPPY))))
        thread.start()
        thread.join(10)
    assert found == [25]


def test_a_file_uses_a_write_ahead_log_and_is_read_while_written(path: Path) -> None:
    with SqliteCatalogue.open(path) as writer:
        assert writer._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        writer._connection.execute("BEGIN IMMEDIATE")
        with SqliteCatalogue.open(path, read_only=True) as reader:
            assert len(reader.entries()) == 7 * 25
        writer._connection.execute("ROLLBACK")


def test_read_only_reads_a_file_at_rest_and_writes_nothing(path: Path) -> None:
    made(path)
    with SqliteCatalogue.open(path, read_only=True) as catalogue:
        [first, *_] = catalogue.candidates(Emotion.FEAR)
        with pytest.raises(CatalogueError, match="writable"):
            catalogue.mark_shown([first.track.track_id])


def test_read_only_makes_no_file(path: Path) -> None:
    path.parent.mkdir()
    assert "unable to open" in refusal(path, read_only=True)
    assert not path.exists()


@pytest.mark.parametrize("place", ["/proc/catalogue.sqlite", "/proc/nowhere/catalogue.sqlite"])
def test_a_folder_that_takes_no_files_is_told_with_a_remedy(place: str) -> None:
    with pytest.raises(CatalogueError, match="writable for this user, or set state_dir"):
        SqliteCatalogue.open(place)


@pytest.mark.parametrize("damage", ["text", "middle", "foreign"])
def test_a_damaged_or_foreign_file_is_refused_and_left_alone(path: Path, damage: str) -> None:
    made(path)
    if damage == "text":
        path.write_text("this is no database, " * 200)
    elif damage == "middle":
        content = bytearray(path.read_bytes())
        content[4096:-4096] = b"\xa5" * (len(content) - 8192)
        path.write_bytes(content)
    else:
        path.unlink()
        edited(path, "CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    assert "move it away" in refusal(path)
    assert path.read_bytes() == before


def test_another_programs_version_number_does_not_deceive(path: Path) -> None:
    path.parent.mkdir()
    edited(path, "CREATE TABLE recipes (name TEXT)", "PRAGMA user_version = 1")
    assert "another program" in refusal(path)


def test_a_newer_file_is_refused(path: Path) -> None:
    edited(made(path), f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    assert "newer musicond (schema 2, this one knows 1)" in refusal(path)


def test_damage_met_later_is_a_catalogue_error(path: Path) -> None:
    with SqliteCatalogue.open(path) as catalogue:
        edited(path, "DROP TABLE lists")
        with pytest.raises(CatalogueError, match="move it away"):
            catalogue.candidates(Emotion.HAPPY)


def test_a_locked_file_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.05)
    made(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert "another program holds it" in refusal(path)
    finally:
        other.close()


def test_half_made_is_not_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        MIGRATIONS[0](connection)
        raise sqlite3.OperationalError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", (broken,))
        assert "power cut" in refusal(path)
    with SqliteCatalogue.open(path) as catalogue:
        assert len(catalogue.candidates(Emotion.ANGRY)) == 25


def test_a_later_version_starts_from_the_older_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteCatalogue.open(path) as catalogue:
        [first, *_] = catalogue.candidates(Emotion.HAPPY)
        catalogue.mark_shown([first.track.track_id])

    def second(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE tracks ADD COLUMN liked INTEGER NOT NULL DEFAULT 0")

    monkeypatch.setattr(module, "MIGRATIONS", (*MIGRATIONS, second))
    with SqliteCatalogue.open(path) as catalogue:
        assert catalogue.candidates(Emotion.HAPPY)[0].shown == 1
        assert catalogue._connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert catalogue._connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_closing_twice_is_fine() -> None:
    catalogue = SqliteCatalogue.open(MEMORY)
    catalogue.close()
    catalogue.close()
