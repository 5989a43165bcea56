"""The addresses of songs at music servers, kept in the catalogue's file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from musicond.library.database import connect, sqlite_errors

BUSY_S = 1.0
ABSENT_S = 7 * 86400.0
"""A song that a server does not have is looked for again after this time."""


class SongUriTable:
    """Implements core.ports.SongUris, for any thread; each call has a connection of its own."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock

    def get(self, server: str, track_ids: Sequence[str]) -> dict[str, str | None]:
        """Return the known addresses; raise CatalogueError."""
        marks, now = ", ".join("?" * len(track_ids)), self._clock()
        with self._connected() as connection:
            rows = connection.execute(
                f"SELECT track_id, uri, asked FROM song_uris WHERE server = ? AND track_id IN ({marks})",  # noqa: S608 - only marks
                (server, *track_ids),
            ).fetchall()
        # An entry of the future was written with a wrong clock.
        return {track_id: uri for track_id, uri, asked in rows if uri is not None or 0 <= now - asked < ABSENT_S}

    def put(self, server: str, track_id: str, uri: str | None) -> None:
        """Store an address, or None for a song that is not there; raise CatalogueError."""
        with self._connected() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO song_uris VALUES (?, ?, ?, ?)", (server, track_id, uri, int(self._clock()))
            )

    def forget(self, server: str, track_ids: Sequence[str]) -> None:
        """Delete addresses; raise CatalogueError."""
        with self._connected() as connection:
            connection.executemany(
                "DELETE FROM song_uris WHERE server = ? AND track_id = ?", [(server, name) for name in track_ids]
            )

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with sqlite_errors(f"catalogue {self._path}"), closing(connect(self._path, "rw", BUSY_S)) as connection:
            yield connection
