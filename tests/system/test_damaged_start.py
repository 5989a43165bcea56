"""Starts of the real daemon with a damaged state: no camera is opened without a command, and readable data are kept."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from typing import TYPE_CHECKING

import pytest

from musicond.library.database import BACKUP, FILE_NAME, back_up
from tests.figures import FULL, SEED, record
from tests.system.quick import QuickDaemon
from tests.test_damage import damaged, is_unchanged

if TYPE_CHECKING:
    from pathlib import Path

DAMAGES = 500 if FULL else 6
FLIPS = 200 if FULL else 4
OPENED = "demo opened"


def test_no_damage_of_the_settings_opens_the_camera_of_the_daemon(tmp_path: Path) -> None:
    file, rng, harmful = tmp_path / "state" / "settings.json", random.Random(SEED), 0
    with QuickDaemon(tmp_path) as daemon:
        assert daemon.state()["watching"] == "yes"
        for path, body in (("privacy", {"on": True}), ("policy", {"policy": "lift"}), ("privacy", {"on": False})):
            assert daemon.post(path, body) == 200
        assert daemon.stop() == 0
    content = file.read_bytes()
    for number in range(DAMAGES):
        for old in file.parent.glob("settings*"):
            old.unlink()
        data = damaged(content, rng)
        file.write_bytes(data)
        if is_unchanged(file, content):
            continue
        harmful += 1
        for _ in range(2):  # what was mended at the first start must not open the camera at the second one
            with QuickDaemon(tmp_path) as daemon:
                assert daemon.state()["watching"] == "private", f"damage {number}: {data!r}"
                assert daemon.stop() == 0
                assert OPENED not in daemon.log()
                assert "Traceback" not in daemon.log()
        assert [copy.read_bytes() for copy in file.parent.glob("*.damaged")] == [data], "a copy is kept"
    with QuickDaemon(tmp_path) as daemon:
        assert daemon.state()["watching"] == "private"
        assert daemon.post("privacy", {"on": False}) == 200
        assert daemon.state()["watching"] != "private", "a person opens it"
    record("starts with a damaged settings.json", damages=DAMAGES, harmful=harmful, camera_opened=0)


@pytest.fixture
def liked(tmp_path: Path) -> Path:
    """Return the path of a catalogue with one like, and a whole backup of it."""
    catalogue = tmp_path / "state" / FILE_NAME
    with QuickDaemon(tmp_path) as daemon:
        daemon.like()
        assert daemon.stop() == 0
    with contextlib.closing(sqlite3.connect(catalogue)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        back_up(connection, catalogue.with_name(BACKUP))
    return catalogue


def likes(catalogue: Path) -> int:
    with contextlib.closing(sqlite3.connect(catalogue)) as connection:
        return int(connection.execute("SELECT coalesce(sum(likes), 0) FROM feedback").fetchone()[0])


def replaced(catalogue: Path, content: bytes) -> None:
    """Put another file in the catalogue's place."""
    for file in catalogue.parent.glob(f"{FILE_NAME}*"):
        file.unlink()
    catalogue.write_bytes(content)


def test_a_damaged_schema_that_sqlite_cannot_name_is_mended_from_the_backup(tmp_path: Path, liked: Path) -> None:
    whole, rng, mended = liked.read_bytes(), random.Random(SEED), 0
    place = whole.index(b"CREATE TABLE tracks") + 2
    for number in range(FLIPS + 1):
        content = bytearray(whole)
        if number:
            place = rng.randrange(whole.index(b"CREATE TABLE") - 200, 4096)
            content[place] ^= 1 << rng.randrange(8)
        else:
            content[place] = 0xFF
        replaced(liked, bytes(content))
        if not number:
            with contextlib.closing(sqlite3.connect(liked)) as connection, pytest.raises(UnicodeDecodeError):
                connection.execute("SELECT * FROM tracks")
        with QuickDaemon(tmp_path) as daemon:
            daemon.state()
            daemon.like()
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.log()
        mended += likes(liked) == 2
        assert likes(liked) == 2, f"flip {number} at {place}: {daemon.log()}"
    record("starts with a flipped bit in the schema", flips=FLIPS, mended=mended)


@pytest.mark.parametrize("backup", ["older", "newer", "unreadable"])
@pytest.mark.parametrize("damage", ["a table", "all"])
def test_a_backup_that_cannot_be_used_as_it_is_is_kept_and_gives_what_it_has(
    tmp_path: Path, liked: Path, damage: str, backup: str
) -> None:
    with contextlib.closing(sqlite3.connect(liked)) as connection:
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'scanned'")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    kept, content = liked.with_name(BACKUP), bytearray(liked.read_bytes())
    if backup == "unreadable":
        kept.write_bytes(b"\xa5" * 8192)
    else:
        with contextlib.closing(sqlite3.connect(kept)) as connection:
            connection.execute(f"PRAGMA user_version = {3 if backup == 'older' else 99}")
    before = kept.read_bytes()
    for number in (1, 2):
        if damage == "all":
            content = bytearray(b"\xa5" * 8192)
        else:
            content[(root - 1) * size : root * size] = bytes([0xA5 + number]) * size
        replaced(liked, bytes(content))
        with QuickDaemon(tmp_path) as daemon:
            daemon.state()
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.log()
        expected = 0 if (damage, backup) == ("all", "unreadable") else 1
        if damage == "a table" or number == 1:
            assert likes(liked) == expected, daemon.log()
        assert len(list(liked.parent.glob("catalogue.damaged*.sqlite"))) == number, "no copy is overwritten"
        assert before in [file.read_bytes() for file in liked.parent.glob("catalogue.backup*.sqlite")], "nor the backup"
