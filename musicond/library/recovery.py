"""Opens the catalogue's file; a damaged one is kept aside, and rebuilt from its backup and what it still gives."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

from musicond.errors import CatalogueError
from musicond.library.database import BACKUP, MEMORY, DamagedError, back_up, open_database, sqlite_errors, transaction

log = logging.getLogger(__name__)


def open_file(path: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection to the file at `path` (or ":memory:"), made, migrated or rebuilt if need be.

    A foreign or newer file is refused and left as it is, raising CatalogueError; a damaged one is moved aside and
    rebuilt, or refused (Damaged) with `read_only`, when nothing is made or written.
    """
    name = f"catalogue {path}"
    try:
        return open_database(path, name, read_only=read_only)
    except DamagedError as damage:
        if read_only or path == MEMORY:
            raise
        _move_aside(Path(path), name)
        connection = open_database(path, name, read_only=False)
        saved = _recover(connection, Path(path))
        log.warning(
            "%s; it was kept as %s, and a new one made from %s with the feedback on %d songs; for the rest: "
            "musicond catalogue refresh",
            str(damage).partition("; ")[0],
            _aside(Path(path)),
            "its backup" if Path(path).with_name(BACKUP).exists() else "the starter",
            saved,
        )
        return connection


def _aside(path: Path) -> Path:
    return path.with_name("catalogue.damaged.sqlite")


def _move_aside(path: Path, name: str) -> None:
    """Keep the damaged file, and put its backup, where it is whole, in its place."""
    with sqlite_errors(name):
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + end).replace(_aside(path).with_name(_aside(path).name + end))
        backup = path.with_name(BACKUP)
        try:
            with contextlib.closing(open_database(backup, name, read_only=True)) as whole:
                back_up(whole, path)
        except CatalogueError:
            backup.unlink(missing_ok=True)


def _recover(connection: sqlite3.Connection, path: Path) -> int:
    """Take over what can still be read of the damaged file; return on how many songs there is feedback now.

    The file is newer than what the new one was made from, so its values win.
    """
    numbers = _read(path, "tracks", ("track", "track_id"))
    track_ids = {row["track"]: row["track_id"] for row in numbers}
    with sqlite_errors(f"catalogue {path}"):
        for table, columns in _schema(connection).items():
            rows = _read(path, table, columns)
            with transaction(connection):
                for row in rows:
                    _take_over(connection, table, row, track_ids)
        return int(connection.execute("SELECT count(DISTINCT track) FROM feedback").fetchone()[0])


def _schema(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table, `tracks` first, because the others refer to it."""
    columns: dict[str, tuple[str, ...]] = {}
    for table, column in connection.execute(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c "
        "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name <> 'tracks', t.name, c.cid"
    ):
        columns[table] = (*columns.get(table, ()), column)
    return columns


def _read(path: Path, table: str, columns: tuple[str, ...]) -> list[dict[str, object]]:
    """Return the rows of a table of the damaged file up to where the damage begins, with the columns that it has."""
    rows: list[dict[str, object]] = []
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{_aside(path).as_uri()}?mode=rw", uri=True)) as damaged,
    ):
        there = {str(row[1]) for row in damaged.execute(f"PRAGMA table_info({table})")}
        names = [name for name in columns if name in there]
        for row in damaged.execute(f"SELECT {', '.join(names)} FROM {table}"):  # noqa: S608 - our own names
            rows.append(dict(zip(names, row, strict=True)))  # noqa: PERF401 - the rows before the damage are kept
    return rows


def _take_over(
    connection: sqlite3.Connection, table: str, row: dict[str, object], track_ids: dict[object, object]
) -> None:
    """Put a row into the new file, in which its song has another number; leave out what does not fit there."""
    values = {name: f":{name}" for name in row}
    if table == "tracks":
        values.pop("track", None)  # the new file numbers its songs itself
    elif "track" in row:
        row = {**row, "track": track_ids.get(row["track"])}
        values["track"] = "(SELECT track FROM tracks WHERE track_id = :track)"
    renewed = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in values)
    with contextlib.suppress(sqlite3.IntegrityError):
        connection.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())}) "  # noqa: S608 - our own names
            f"ON CONFLICT DO UPDATE SET {renewed}",
            row,
        )
