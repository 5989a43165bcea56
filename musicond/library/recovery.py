"""Opening the catalogue's file; a damaged or outdated one is kept aside, and rebuilt from its backup and contents."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

from musicond.errors import CatalogueError
from musicond.library.database import BACKUP, MEMORY, DamagedError, back_up, open_database, sqlite_errors, transaction

log = logging.getLogger(__name__)


def open_catalogue(path: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection to the file at `path` (or ":memory:"), created or rebuilt if necessary.

    A foreign or newer file is left as it is and raises CatalogueError. A damaged or outdated one is moved aside and
    rebuilt; with `read_only`, nothing is written and it raises DamagedError.
    """
    name = f"catalogue {path}"
    try:
        return open_database(path, name, read_only=read_only)
    except DamagedError as exc:
        if read_only or path == MEMORY:
            raise
        path = Path(path)
        copy = path.with_name(exc.copy_name)
        _move_aside(path, copy, name)
        connection = open_database(path, name, read_only=False)
        songs = _recover(connection, copy, name)
        log.warning(
            "%s; it was kept as %s, and a new one made from %s with the feedback on %d songs; for the rest: "
            "musicond catalogue refresh",
            str(exc).partition("; ")[0],
            copy,
            "its backup" if path.with_name(BACKUP).exists() else "the starter",
            songs,
        )
        return connection


def _move_aside(path: Path, copy: Path, name: str) -> None:
    """Keep the file as `copy`, and put its backup in its place if that can be used."""
    with sqlite_errors(name):
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(copy.with_name(copy.name + suffix))
        backup = path.with_name(BACKUP)
        try:
            with contextlib.closing(open_database(backup, name, read_only=True)) as source:
                back_up(source, path)
        except CatalogueError:
            backup.unlink(missing_ok=True)


def _recover(connection: sqlite3.Connection, copy: Path, name: str) -> int:
    """Take over all readable rows of `copy`; return the number of songs with feedback.

    The copy is newer than the backup, so its values win.
    """
    track_ids = {row.get("track"): row["track_id"] for row in _read(copy, "tracks", ("track", "track_id"))}
    with sqlite_errors(name):
        for table, columns in _columns(connection).items():
            rows = _read(copy, table, columns)
            with transaction(connection):
                for row in rows:
                    _take_over(connection, table, row, track_ids)
        return int(connection.execute("SELECT count(DISTINCT track) FROM feedback").fetchone()[0])


def _columns(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table, `tracks` first, because the others refer to it."""
    columns: dict[str, tuple[str, ...]] = {}
    for table, column in connection.execute(
        "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c "
        "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name <> 'tracks', t.name, c.cid"
    ):
        columns[table] = (*columns.get(table, ()), column)
    return columns


def _read(copy: Path, table: str, columns: tuple[str, ...]) -> list[dict[str, object]]:
    """Return the rows of a table up to the first damaged page, with those of `columns` that it has."""
    rows: list[dict[str, object]] = []
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{copy.as_uri()}?mode=rw", uri=True)) as source,
    ):
        present = {str(row[1]) for row in source.execute(f"PRAGMA table_info({table})")}
        names = [name for name in columns if name in present]
        for row in source.execute(f"SELECT {', '.join(names)} FROM {table}"):  # noqa: S608 - our own names
            rows.append(dict(zip(names, row, strict=True)))  # noqa: PERF401 - the rows before the damage are kept
    return rows


def _take_over(
    connection: sqlite3.Connection, table: str, row: dict[str, object], track_ids: dict[object, object]
) -> None:
    """Insert or update a row, whose track has another number in the new file; leave out a row that does not fit."""
    values = {name: f":{name}" for name in row}
    if table == "tracks":
        values.pop("track", None)  # the new file numbers its tracks itself
    elif "track" in row:
        row = {**row, "track": track_ids.get(row["track"])}
        values["track"] = "(SELECT track FROM tracks WHERE track_id = :track)"
    updates = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in values)
    with contextlib.suppress(sqlite3.IntegrityError):
        connection.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())}) "  # noqa: S608 - our own names
            f"ON CONFLICT DO UPDATE SET {updates}",
            row,
        )
