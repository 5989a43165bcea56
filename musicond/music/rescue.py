"""Opens the catalogue's file; a damaged one is kept aside, and rebuilt from its backup and what it still gives."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

from musicond.core.ports import CatalogueError
from musicond.music.schema import BACKUP, MEMORY, Damaged, back_up, folded, opened, transaction

log = logging.getLogger(__name__)


def open_file(path: Path | str, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a connection to the file at `path` (or ":memory:"), made, migrated or rebuilt if need be.

    A foreign or newer file is refused and left as it is, raising CatalogueError; a damaged one is moved aside and
    rebuilt, or refused (Damaged) with `read_only`, when nothing is made or written.
    """
    name = f"catalogue {path}"
    try:
        return opened(path, name, read_only=read_only)
    except Damaged as damage:
        if read_only or path == MEMORY:
            raise
        _move_aside(Path(path), name)
        connection = opened(path, name, read_only=False)
        saved = _salvage(connection, Path(path))
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
    with folded(name):
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + end).replace(_aside(path).with_name(_aside(path).name + end))
        backup = path.with_name(BACKUP)
        try:
            with contextlib.closing(opened(backup, name, read_only=True)) as whole:
                back_up(whole, path)
        except CatalogueError:
            backup.unlink(missing_ok=True)


SALVAGE = {
    """SELECT track_id, title, artist, link, year, genre, valence, energy, tempo, mode, popularity, source
       FROM tracks""": """INSERT OR IGNORE INTO tracks
       (track_id, title, artist, link, year, genre, valence, energy, tempo, mode, popularity, source)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    """SELECT emotion, track_id, origin, position, state
       FROM lists JOIN tracks USING (track)""": """INSERT OR IGNORE INTO lists
       SELECT ?1, track, ?3, ?4, ?5 FROM tracks WHERE track_id = ?2""",
    """SELECT mood, track_id, likes, dislikes, skips
       FROM feedback JOIN tracks USING (track)""": """INSERT INTO feedback
       SELECT ?1, track, ?3, ?4, ?5 FROM tracks WHERE track_id = ?2 ON CONFLICT DO UPDATE SET
       likes = max(likes, excluded.likes), dislikes = max(dislikes, excluded.dislikes),
       skips = max(skips, excluded.skips)""",
}
"""What is read from a damaged file, and how it is put into the new one."""


def _salvage(connection: sqlite3.Connection, path: Path) -> int:
    """Take over what can still be read of the damaged file; return on how many songs there is feedback now."""
    for read, write in SALVAGE.items():
        rows: list[tuple[object, ...]] = []
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"{_aside(path).as_uri()}?mode=rw", uri=True)) as damaged,
        ):
            rows.extend(damaged.execute(read))  # up to where the damage begins
        with folded(f"catalogue {path}"), transaction(connection):
            for row in rows:
                with contextlib.suppress(sqlite3.IntegrityError):
                    connection.execute(write, row)
    with folded(f"catalogue {path}"):
        return int(connection.execute("SELECT count(DISTINCT track) FROM feedback").fetchone()[0])
