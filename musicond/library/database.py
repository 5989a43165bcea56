"""The catalogue's file: its schema, backups, and the remedies for SQLite's errors."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from musicond.errors import CatalogueError, CatalogueLocked, error_text

FILE_NAME = "catalogue.sqlite"
"""Its name in the state directory."""
STARTER_FILE = Path(__file__).with_name("starter.csv")
"""Songs of a new catalogue, each with its `emotion`."""
BACKUP = "catalogue.backup.sqlite"
MEMORY = ":memory:"
APPLICATION_ID = 0x6D757364
"""Identifies the file as musicond's in SQLite's header ("musd")."""
SCHEMA_VERSION = 1
"""The schema of release 0.1.0, as PRAGMA user_version; the next one is 6, as 5 differs by one bit."""
UNRELEASED_VERSIONS = range(2, 5)
"""Schemas of development versions before 0.1.0, which counted from 1, too."""
BUSY_TIMEOUT_S = 2.0
LOCK_STEP_S = 0.02

REPLACED = "the file was replaced or removed meanwhile; try again"
START_ANEW = "move it away and the next start makes a new one"
MENDS_ITSELF = "the next start of the daemon moves it aside and rebuilds it"
WRITABLE = "make its folder writable for this user, or set state_dir to one that is"
REMEDIES = {
    "SQLITE_NOTADB": f"it is damaged or no catalogue: {MENDS_ITSELF}",
    "SQLITE_CORRUPT": f"it is damaged: {MENDS_ITSELF}",
    "SQLITE_ERROR": f"it is damaged: {MENDS_ITSELF}",
    "SQLITE_CONSTRAINT": f"it is damaged: {START_ANEW}",
    "SQLITE_FULL": "make room on the disk",
    "SQLITE_BUSY": "another program holds it; close that program",
    "SQLITE_IOERR": "look at the disk: dmesg | tail",
    "SQLITE_CANTOPEN": WRITABLE,
    "SQLITE_READONLY": WRITABLE,
    "SQLITE_PERM": WRITABLE,
}
"""By SQLite's primary error code."""
# In `lists` a track stands once for each source that lists it; `plays.turn` counts a mood's recommendations, an age
# without a time; `scanned` holds the tags of audio files, so that a refresh reads only new files; `playlists` holds
# the URI of each `lists.origin` that is a playlist; `song_uris` holds the addresses of songs at a music server, NULL
# for a song that it did not have at the Unix time `asked`.
SCHEMA = """
CREATE TABLE tracks (
  track INTEGER PRIMARY KEY, track_id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, artist TEXT NOT NULL,
  link TEXT NOT NULL, year INTEGER, genre TEXT, valence REAL CHECK (valence BETWEEN 0 AND 1),
  energy REAL CHECK (energy BETWEEN 0 AND 1), tempo REAL, mode TEXT CHECK (mode IN ('major', 'minor')),
  popularity INTEGER CHECK (popularity BETWEEN 0 AND 100), source TEXT NOT NULL, album TEXT) STRICT;
CREATE TABLE lists (
  emotion TEXT NOT NULL, track INTEGER NOT NULL, origin TEXT NOT NULL, position INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'listed' CHECK (state IN ('listed', 'gone', 'removed')),
  PRIMARY KEY (emotion, track, origin)) STRICT, WITHOUT ROWID;
CREATE TABLE playlists (origin TEXT PRIMARY KEY, uri TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE plays (
  mood TEXT NOT NULL, track INTEGER NOT NULL, shown INTEGER NOT NULL, turn INTEGER NOT NULL,
  PRIMARY KEY (mood, track)) STRICT, WITHOUT ROWID;
CREATE TABLE feedback (
  mood TEXT NOT NULL, track INTEGER NOT NULL, likes INTEGER NOT NULL DEFAULT 0, dislikes INTEGER NOT NULL DEFAULT 0,
  skips INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (mood, track)) STRICT, WITHOUT ROWID;
CREATE TABLE scanned (
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, tags TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE song_uris (
  server TEXT NOT NULL, track_id TEXT NOT NULL, uri TEXT, asked INTEGER NOT NULL, PRIMARY KEY (server, track_id)
  ) STRICT, WITHOUT ROWID"""
ADDED = ("song_uris",)
"""Tables that an older catalogue of this schema lacks: it gets them when it is next opened to be written."""


class DamagedError(CatalogueError):
    """SQLite can't read the file; it is to be kept as `copy_name` and rebuilt."""

    copy_name = "catalogue.damaged.sqlite"


class OutdatedError(DamagedError):
    """The file has a schema from before the first release; it is to be kept as `copy_name` and rebuilt."""

    copy_name = "catalogue.old.sqlite"


ERROR_CLASSES = {
    **dict.fromkeys(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR"), DamagedError),
    "SQLITE_BUSY": CatalogueLocked,
}


@contextmanager
def sqlite_errors(name: str) -> Iterator[None]:
    """Turn errors of SQLite and the file system into a CatalogueError of one line with a remedy."""
    try:
        yield
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorname", "")
        primary = next((known for known in REMEDIES if code == known or code.startswith(f"{known}_")), "")
        error_class = ERROR_CLASSES.get(primary, CatalogueError)
        raise error_class(f"{name}: {exc}; {REMEDIES.get(primary, START_ANEW)}") from None
    except UnicodeDecodeError:  # of SQLite's own error text, which quotes a damaged schema
        raise DamagedError(f"{name}: its text is not UTF-8; it is damaged: {MENDS_ITSELF}") from None
    except (UnicodeEncodeError, OverflowError) as exc:
        raise CatalogueError(f"{name}: a value can't be stored ({error_text(exc)}); correct it") from None
    except OSError as exc:
        raise CatalogueError(f"{name}: {exc.strerror}; {WRITABLE}") from None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end of the block, or roll back if it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors, a full disk for example, SQLite has rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def empty_log(connection: sqlite3.Connection) -> None:
    """Move all commits from the write-ahead log into the file, and empty it if no reader is in the way.

    SQLite reads a log up to the first damaged bit: all commits after it would be lost without an error.
    """
    with contextlib.suppress(sqlite3.Error):  # on a full disk, for example, they stay in the log until the next write
        for mode in ("PASSIVE", "TRUNCATE"):  # the first does the work, and holds up no write
            connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()


@contextmanager
def rebuild_lock(path: Path | str, name: str, wait_s: float, *, exclusive: bool) -> Iterator[None]:
    """Hold the catalogue's folder: shared for a write, exclusive for a rebuild, which replaces the file.

    So no write goes into a file whose rows the rebuild has read already. Raises CatalogueLocked after `wait_s`.
    """
    deadline = time.monotonic() + wait_s
    handle = os.open(Path(path).absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise CatalogueLocked(f"{name}: it is being rebuilt; try again in a moment") from None
                time.sleep(LOCK_STEP_S)
        yield
    finally:
        os.close(handle)


def file_id(path: Path | str) -> tuple[int, int] | None:
    """Return the device and inode of the file at the path now; None if there is none."""
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def back_up(connection: sqlite3.Connection, target: Path) -> None:
    """Replace `target` by a copy of the whole database, atomically; raise sqlite3.Error or OSError."""
    new = target.with_suffix(".new")
    new.unlink(missing_ok=True)
    try:
        _create_private(new)
        with contextlib.closing(sqlite3.connect(new)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)  # a part of a copy would only fill the disk
        raise


def open_database(
    path: Path | str, name: str, *, read_only: bool, busy_s: float = BUSY_TIMEOUT_S
) -> sqlite3.Connection:
    """Return a connection to the file, created with the starter if it is missing; it waits `busy_s` for a lock.

    Raises DamagedError or OutdatedError for a file to be rebuilt, CatalogueError for one to be left as it is.
    """
    with sqlite_errors(name):
        connection = connect(path, "ro" if read_only else "rwc", busy_s)
    try:
        with sqlite_errors(name):
            _prepare(connection, name, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path | str, mode: str, busy_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Return a connection in a mode of SQLite: ro, rw or rwc."""
    target = MEMORY
    if path != MEMORY:
        file = Path(path).absolute()
        if mode == "rwc":
            file.parent.mkdir(parents=True, exist_ok=True)
            _create_private(file)
        target = f"{file.as_uri()}?mode={mode}"
    # The main thread opens the reader of the watch thread and closes it in the end: never two use it at once.
    connection = sqlite3.connect(target, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)
    connection.text_factory = decode_text
    return connection


def _create_private(file: Path) -> None:
    """Create the file for this user alone, if it is missing; SQLite gives its other files the same mode.

    An existing one is not opened: closing it would drop the locks that SQLite holds in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.suppress(PermissionError):
        file.chmod(0o600)


def check_database(path: Path, name: str) -> None:
    """Raise CatalogueError for a file that is no whole catalogue of this schema; nothing in it is changed.

    Through a read-only connection, SQLite 3.40 does not check the constraints of values.
    """
    with sqlite_errors(name), contextlib.closing(connect(path, "rw")) as connection:
        _check(connection, name, _version(connection), _tables(connection))


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _prepare(connection: sqlite3.Connection, name: str, *, read_only: bool) -> None:
    tables, version = _tables(connection), _version(connection)
    if version or tables or read_only:
        _check(connection, name, version, tables)
    if read_only:
        return
    # With WAL, readers do not block the daemon; with FULL, every commit survives a power cut.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    with transaction(connection):
        if _version(connection) == 0:
            _create(connection)
        for statement in SCHEMA.split(";"):
            if statement.split()[2] in set(ADDED) - tables:
                connection.execute(statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
    if version == 0:
        empty_log(connection)


def _check(connection: sqlite3.Connection, name: str, version: int, tables: set[str]) -> None:
    """Raise CatalogueError for a file that is no whole catalogue of this schema.

    With the tables of this schema, a header with another identifier or a flipped bit in the version is damaged.
    """
    identifier = connection.execute("PRAGMA application_id").fetchone()[0]
    differs = identifier != APPLICATION_ID, (version ^ SCHEMA_VERSION).bit_count() == 1
    if any(differs) and version not in UNRELEASED_VERSIONS and _has_expected_tables(connection):
        raise DamagedError(f"{name}: its header is not as it was made; it is damaged: {MENDS_ITSELF}")
    if version == 0:
        raise CatalogueError(f"{name}: no catalogue of musicond; {START_ANEW}")
    if identifier != APPLICATION_ID:
        raise CatalogueError(f"{name}: a database of another program; {START_ANEW}")
    if version > SCHEMA_VERSION and version not in UNRELEASED_VERSIONS:
        raise CatalogueError(
            f"{name}: made by a newer musicond (schema {version}, this one knows {SCHEMA_VERSION}); "
            f"update musicond, or {START_ANEW}"
        )
    if (problem := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
        raise DamagedError(f"{name}: {' '.join(problem.split())}; it is damaged: {MENDS_ITSELF}")
    if version in UNRELEASED_VERSIONS or "plays" not in tables:  # the first schema of all had none
        raise OutdatedError(f"{name}: made before the first release; {MENDS_ITSELF}")
    if not _has_expected_tables(connection):
        raise DamagedError(f"{name}: its tables are not as they were made; it is damaged: {MENDS_ITSELF}")


def _has_expected_tables(connection: sqlite3.Connection) -> bool:
    columns = table_columns(connection)
    return all(
        columns.get(table) == expected
        for table, expected in _expected_columns().items()
        if table in columns or table not in ADDED
    )


def table_columns(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table, `tracks` first, because the others refer to it."""
    columns: dict[str, tuple[str, ...]] = {}
    for table, column in connection.execute(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c "
        "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name <> 'tracks', t.name, c.cid"
    ):
        columns[table] = (*columns.get(table, ()), column)
    return columns


@cache
def _expected_columns() -> dict[str, tuple[str, ...]]:
    with contextlib.closing(sqlite3.connect(MEMORY)) as connection:
        connection.executescript(SCHEMA)
        return table_columns(connection)


def decode_text(data: bytes) -> str:
    """Return a stored text; damaged UTF-8 must not hide the rest of a table."""
    return data.decode("utf-8", "replace")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _create(connection: sqlite3.Connection) -> None:
    """Create all tables, and fill them with the starter."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in SCHEMA.split(";"):  # executescript() would end the transaction
        connection.execute(statement)
    for position, row in enumerate(csv.DictReader(STARTER_FILE.read_text("utf-8").splitlines())):
        columns = [name for name in row if name != "emotion"]
        values = ", ".join(f":{name}" for name in columns)
        track = connection.execute(f"INSERT INTO tracks ({', '.join(columns)}) VALUES ({values})", row).lastrowid  # noqa: S608 - our own column names
        connection.execute("INSERT INTO lists VALUES (?, ?, 'starter', ?, 'listed')", (row["emotion"], track, position))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
