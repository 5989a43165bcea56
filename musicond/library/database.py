"""The catalogue's file: its tables, their migrations and backups, and what to do about SQLite's errors."""

from __future__ import annotations

import contextlib
import csv
import logging
import os
import sqlite3
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from musicond.errors import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

FILE_NAME = "catalogue.sqlite"
"""Its name in the state directory."""
BACKUP = "catalogue.backup.sqlite"
MEMORY = ":memory:"
APPLICATION_ID = 0x6D757364
"""Marks the file as ours in SQLite's header ("musd")."""
BUSY_S = 2.0

START_ANEW = "move it away and the next start makes a new one"
MENDS_ITSELF = "the next start of the daemon moves it aside and rebuilds it"
WRITABLE = "make its folder writable for this user, or set state_dir to one that is"
REMEDIES = {
    "SQLITE_NOTADB": f"it is damaged or no catalogue: {MENDS_ITSELF}",
    "SQLITE_CORRUPT": f"it is damaged: {MENDS_ITSELF}",
    "SQLITE_ERROR": f"it is damaged or no catalogue: {START_ANEW}",
    "SQLITE_CONSTRAINT": f"it is damaged: {START_ANEW}",
    "SQLITE_FULL": "make room on the disk",
    "SQLITE_BUSY": "another program holds it; close that program",
    "SQLITE_IOERR": "look at the disk: dmesg | tail",
    "SQLITE_CANTOPEN": WRITABLE,
    "SQLITE_READONLY": WRITABLE,
    "SQLITE_PERM": WRITABLE,
}
"""What to do about SQLite's primary error codes."""


class DamagedError(CatalogueError):
    """The file is not what SQLite wrote."""


@contextmanager
def sqlite_errors(name: str) -> Iterator[None]:
    """Turn SQLite's and the file system's errors into one line with a remedy."""
    try:
        yield
    except sqlite3.Error as fault:
        code = getattr(fault, "sqlite_errorname", "")
        primary = next((known for known in REMEDIES if code == known or code.startswith(f"{known}_")), "")
        kind = DamagedError if primary in ("SQLITE_NOTADB", "SQLITE_CORRUPT") else CatalogueError
        raise kind(f"{name}: {fault}; {REMEDIES.get(primary, START_ANEW)}") from None
    except OSError as fault:
        raise CatalogueError(f"{name}: {fault.strerror}; {WRITABLE}") from None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # SQLite has rolled back by itself after a full disk, say.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def back_up(connection: sqlite3.Connection, target: Path) -> None:
    """Write a whole copy to `target`, replaced at once; raise sqlite3.Error or OSError."""
    new = target.with_suffix(".new")
    new.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(new)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    with new.open("rb") as written:
        os.fsync(written.fileno())
    new.replace(target)


def open_database(path: Path | str, name: str, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection to the file, made and migrated if need be; raise CatalogueError, Damaged among it."""
    with sqlite_errors(name):
        connection = _connect(path, read_only=read_only)
    try:
        with sqlite_errors(name):
            _prepare(connection, path, name, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path | str, *, read_only: bool) -> sqlite3.Connection:
    target = MEMORY
    if path != MEMORY:
        file = Path(path).absolute()
        if not read_only:
            file.parent.mkdir(parents=True, exist_ok=True)
        target = f"{file.as_uri()}?mode={'ro' if read_only else 'rwc'}"
    # Opened by the main thread, used by the watch thread, closed by the main thread again: never two at once.
    return sqlite3.connect(target, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _prepare(connection: sqlite3.Connection, path: Path | str, name: str, *, read_only: bool) -> None:
    version = _version(connection)
    if version == 0 and (read_only or not _empty(connection)):
        raise CatalogueError(f"{name}: no catalogue of musicond; {START_ANEW}")
    if version > 0 and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise CatalogueError(f"{name}: a database of another program; {START_ANEW}")
    if version > len(MIGRATIONS):
        raise CatalogueError(
            f"{name}: made by a newer musicond (schema {version}, this one knows {len(MIGRATIONS)}); "
            f"update musicond, or {START_ANEW}"
        )
    if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise DamagedError(f"{name}: {' '.join(found.split())}; it is damaged: {MENDS_ITSELF}")
    if read_only:
        if version < len(MIGRATIONS):
            raise CatalogueError(f"{name}: of an older musicond; the next start of the daemon brings it up to date")
        return
    # With WAL, readers do not stop the daemon; with FULL, what a commit returned from survives a power cut.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if 0 < version < len(MIGRATIONS):
        kept = Path(path).with_name(f"catalogue.v{version}.sqlite")
        back_up(connection, kept)
        log.info("the catalogue is brought from schema %d to %d; as it was: %s", version, len(MIGRATIONS), kept)
    with transaction(connection):
        for number in range(_version(connection), len(MIGRATIONS)):
            MIGRATIONS[number](connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _empty(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]) == 0


def starter_rows() -> list[dict[str, str]]:
    """Return the rows of the starter, each with its `emotion`."""
    text = resources.files(__package__).joinpath("starter.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _make_version_1(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        "CREATE TABLE tracks (track_id TEXT PRIMARY KEY, title TEXT NOT NULL, artist TEXT NOT NULL, "
        "link TEXT NOT NULL, year INTEGER NOT NULL, genre TEXT NOT NULL, valence REAL NOT NULL, "
        "energy REAL NOT NULL, tempo REAL NOT NULL, mode TEXT NOT NULL CHECK (mode IN ('major', 'minor')), "
        "popularity INTEGER NOT NULL CHECK (popularity BETWEEN 0 AND 100), source TEXT NOT NULL, "
        "shown INTEGER NOT NULL DEFAULT 0 CHECK (shown >= 0)) STRICT, WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE lists (emotion TEXT NOT NULL, position INTEGER NOT NULL, "
        "track_id TEXT NOT NULL REFERENCES tracks, PRIMARY KEY (emotion, position), UNIQUE (emotion, track_id)) "
        "STRICT, WITHOUT ROWID"
    )
    columns = (
        "track_id", "title", "artist", "link", "year", "genre", "valence", "energy", "tempo", "mode", "popularity",
        "source",
    )  # fmt: skip
    places = ", ".join(f":{name}" for name in columns)
    for position, row in enumerate(starter_rows()):
        connection.execute(f"INSERT INTO tracks ({', '.join(columns)}) VALUES ({places})", row)  # noqa: S608 - our own column names
        connection.execute("INSERT INTO lists VALUES (?, ?, ?)", (row["emotion"], position, row["track_id"]))


# In `lists` a track stands once for each source that lists it; `turn` counts a mood's recommendations, an age without
# a time; `scanned` holds the tags of audio files, so that a refresh reads only what is new.
VERSION_2 = """
CREATE TABLE new_tracks (
  track INTEGER PRIMARY KEY, track_id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, artist TEXT NOT NULL,
  link TEXT NOT NULL, year INTEGER, genre TEXT, valence REAL CHECK (valence BETWEEN 0 AND 1),
  energy REAL CHECK (energy BETWEEN 0 AND 1), tempo REAL, mode TEXT CHECK (mode IN ('major', 'minor')),
  popularity INTEGER CHECK (popularity BETWEEN 0 AND 100), source TEXT NOT NULL) STRICT;
CREATE TABLE new_lists (
  emotion TEXT NOT NULL, track INTEGER NOT NULL, origin TEXT NOT NULL, position INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'listed' CHECK (state IN ('listed', 'gone', 'removed')),
  PRIMARY KEY (emotion, track, origin)) STRICT, WITHOUT ROWID;
CREATE TABLE plays (
  mood TEXT NOT NULL, track INTEGER NOT NULL, shown INTEGER NOT NULL, turn INTEGER NOT NULL,
  PRIMARY KEY (mood, track)) STRICT, WITHOUT ROWID;
CREATE TABLE feedback (
  mood TEXT NOT NULL, track INTEGER NOT NULL, likes INTEGER NOT NULL DEFAULT 0, dislikes INTEGER NOT NULL DEFAULT 0,
  skips INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (mood, track)) STRICT, WITHOUT ROWID;
CREATE TABLE scanned (
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, tags TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO new_tracks (track_id, title, artist, link, year, genre, valence, energy, tempo, mode, popularity, source)
  SELECT track_id, title, artist, link, year, genre, valence, energy, tempo, mode, popularity, source FROM tracks
  LEFT JOIN (SELECT track_id, min(position) AS place FROM lists GROUP BY track_id) USING (track_id) ORDER BY place;
INSERT INTO new_lists
  SELECT emotion, track, 'starter', position, 'listed' FROM lists JOIN new_tracks USING (track_id);
INSERT INTO plays
  SELECT emotion, track, shown, shown FROM lists
  JOIN new_tracks USING (track_id) JOIN tracks USING (track_id) WHERE shown > 0;
DROP TABLE lists;
DROP TABLE tracks;
ALTER TABLE new_tracks RENAME TO tracks;
ALTER TABLE new_lists RENAME TO lists"""


def _make_version_2(connection: sqlite3.Connection) -> None:
    # Not executescript, which would end the transaction.
    for statement in VERSION_2.split(";"):
        connection.execute(statement)


def _make_version_3(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE tracks ADD COLUMN album TEXT")
    connection.execute("DELETE FROM scanned")  # tags kept without the album are to be read again


def _make_version_4(connection: sqlite3.Connection) -> None:
    # What a list of `lists.origin` is called by players, where it is a playlist.
    connection.execute("CREATE TABLE playlists (origin TEXT PRIMARY KEY, uri TEXT NOT NULL) STRICT, WITHOUT ROWID")


MIGRATIONS = (_make_version_1, _make_version_2, _make_version_3, _make_version_4)
"""Step n leads from schema n to n + 1; PRAGMA user_version says where a file stands."""
