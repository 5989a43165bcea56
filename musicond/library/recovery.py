"""Opening the catalogue's file; a damaged or outdated one is kept aside, and rebuilt from its backup and contents."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from itertools import count
from pathlib import Path

from musicond.errors import CatalogueError
from musicond.library.database import (
    BACKUP,
    MEMORY,
    DamagedError,
    back_up,
    check_database,
    decode_text,
    open_database,
    rebuild_lock,
    sqlite_errors,
    table_columns,
    transaction,
)

log = logging.getLogger(__name__)

KEPT_BACKUP = "catalogue.backup.kept.sqlite"
"""Name of a backup that is not whole or of another schema."""
REBUILD_WAIT_S = 10.0
"""Longest wait of a rebuild for the writes that are under way, in seconds."""
MADE_AGAIN = "the next start of the daemon makes it from its backup"
SIDECARS = ("", "-wal", "-shm")
"""Endings of the files of one database."""


def open_catalogue(path: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection to the file at `path` (or ":memory:"), created or rebuilt if necessary.

    A foreign or newer file is left as it is and raises CatalogueError. A damaged or outdated one is moved aside and
    rebuilt, and a missing or empty one is made from its backup; with `read_only`, nothing is written and it raises
    DamagedError.
    """
    name = f"catalogue {path}"
    try:
        return _open(path, name, read_only=read_only)
    except DamagedError:
        if read_only or path == MEMORY:
            raise
        with sqlite_errors(name), rebuild_lock(path, name, REBUILD_WAIT_S, exclusive=True):
            return _rebuild_unless_done(Path(path), name)


def _rebuild_unless_done(path: Path, name: str) -> sqlite3.Connection:
    """Rebuild the file, or open it if another process has rebuilt it meanwhile."""
    try:
        return _open(path, name, read_only=False)
    except DamagedError as exc:
        return _rebuild(path, exc, name)


def _open(path: Path | str, name: str, *, read_only: bool) -> sqlite3.Connection:
    """Open the file as `open_database` does; raise DamagedError where it was lost."""
    if path != MEMORY and Path(path).with_name(BACKUP).exists() and _is_empty(Path(path)):
        raise DamagedError(f"{name}: it is missing or empty; {MADE_AGAIN}")
    return open_database(path, name, read_only=read_only)


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:  # opening it names the error
        return False


def keep_unreadable_backup(backup: Path, name: str) -> None:
    """Rename a backup that is not whole or of another schema, so that the next one does not overwrite it."""
    if backup.exists() and not _is_whole(backup, name):
        backup.replace(_free_name(backup.with_name(KEPT_BACKUP)))


def _is_whole(backup: Path, name: str) -> bool:
    try:
        check_database(backup, name)
    except CatalogueError:
        return False
    return True


def _rebuild(path: Path, error: DamagedError, name: str) -> sqlite3.Connection:
    """Replace a file by one from its backup and all readable rows, and keep it.

    It stays in place until the new one is complete: a full disk, for example, changes nothing.
    """
    path = path.absolute()
    new, backup, copy = (
        path.with_suffix(".rebuilt"),
        path.with_name(BACKUP),
        _free_name(path.with_name(error.copy_name)),
    )
    with sqlite_errors(name):
        for suffix in SIDECARS:
            new.with_name(new.name + suffix).unlink(missing_ok=True)
        has_backup, sources = backup.exists(), [path]
        if has_backup and _is_whole(backup, name):
            with contextlib.closing(open_database(backup, name, read_only=True)) as connection:
                back_up(connection, new)
        elif has_backup:
            sources.insert(0, backup)
        with contextlib.closing(open_database(new, name, read_only=False)) as connection:
            songs = [_recover(connection, source, name) for source in sources][-1]
            connection.execute("PRAGMA journal_mode = DELETE")  # the file is complete without a -wal
        with contextlib.suppress(FileNotFoundError):
            copy.hardlink_to(path)
        for suffix in SIDECARS[1:]:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(copy.with_name(copy.name + suffix))
        new.replace(path)
        keep_unreadable_backup(backup, name)  # not before: another attempt needs it where it is
    log.warning(
        "%s; %sa new one was made from %s with the feedback on %d songs; for the rest: musicond catalogue refresh",
        str(error).partition("; ")[0],
        f"it was kept as {copy}, and " if copy.exists() else "",
        "its backup" if has_backup else "the starter",
        songs,
    )
    return open_database(path, name, read_only=False)


def _free_name(path: Path) -> Path:
    """Return the path, or the first of NAME.2.sqlite, NAME.3.sqlite and so on that is free."""
    names = (path if number == 1 else path.with_suffix(f".{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())


def _recover(connection: sqlite3.Connection, copy: Path, name: str) -> int:
    """Take over all readable rows of `copy`; return the number of songs with feedback.

    The copy is newer than the backup, so its values win.
    """
    # Either the table or its index may be damaged; both give the identifiers, and the table's win.
    track_ids = {
        row.get("track"): row.get("track_id")
        for table in ("tracks", "tracks NOT INDEXED")
        for row in _read(copy, table, ("track", "track_id"))
    }
    with sqlite_errors(name):
        for table, columns in table_columns(connection).items():
            rows = _read(copy, table, columns)
            with transaction(connection):
                for row in rows:
                    _take_over(connection, table, row, track_ids)
        return int(connection.execute("SELECT count(DISTINCT track) FROM feedback").fetchone()[0])


def _read(copy: Path, table: str, columns: tuple[str, ...]) -> list[dict[str, object]]:
    """Return the rows of a table up to the first damaged page, with those of `columns` that it has."""
    rows: list[dict[str, object]] = []
    with (
        contextlib.suppress(sqlite3.Error, UnicodeDecodeError),
        contextlib.closing(sqlite3.connect(f"{copy.as_uri()}?mode=rw", uri=True)) as source,
    ):
        source.text_factory = decode_text
        present = {str(row[1]) for row in source.execute(f"PRAGMA table_info({table.split(maxsplit=1)[0]})")}
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
