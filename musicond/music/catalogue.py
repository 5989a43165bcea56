"""The catalogue of songs: an embedded SQLite file with one list for each emotion, filled with the starter."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Self

from musicond.core.messages import Candidate, Emotion, Track
from musicond.core.ports import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILE_NAME = "catalogue.sqlite"
"""Its name in the state directory."""
MEMORY = ":memory:"
APPLICATION_ID = 0x6D757364
"""Marks the file as ours in SQLite's header ("musd")."""
BUSY_S = 2.0

START_ANEW = "move it away and the next start makes a new one with the starter"
WRITABLE = "make its folder writable for this user, or set state_dir to one that is"
REMEDIES = {
    "SQLITE_NOTADB": f"it is damaged or no catalogue: {START_ANEW}",
    "SQLITE_CORRUPT": f"it is damaged: {START_ANEW}",
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


@dataclass(frozen=True, slots=True)
class Entry:
    """A track of a list with all that is known of it."""

    emotion: str
    track_id: str
    title: str
    artist: str
    link: str
    year: int
    genre: str
    valence: float
    """0 (gloomy) to 1 (cheerful), as Spotify estimated it."""
    energy: float
    """0 to 1, likewise."""
    tempo: float
    """Beats per minute, likewise."""
    mode: str
    """major or minor, likewise."""
    popularity: int
    """0 to 100."""
    source: str
    """Where the row comes from."""
    shown: int
    """How often it has been recommended."""


COLUMNS = tuple(name for name in Entry.__slots__ if name not in ("emotion", "shown"))


class SqliteCatalogue:
    """Implements core.ports.Catalogue. For one thread at a time; how often a track was shown is kept, when is not."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection, self._name = connection, name

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False) -> Self:
        """Open the file at `path`, made and filled with the starter if need be, or ":memory:"; raise CatalogueError.

        A damaged, foreign or newer file is refused and left as it is. Nothing is made with `read_only`.
        """
        name = f"catalogue {path}"
        with _folded(name):
            connection = _connect(path, read_only=read_only)
        try:
            with _folded(name):
                _prepare(connection, name, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return cls(connection, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._connection.close()

    def candidates(self, emotion: Emotion) -> Sequence[Candidate]:
        """Return the tracks of an emotion's list, in its order; raise CatalogueError."""
        return tuple(
            Candidate(Track(each.track_id, each.title, each.artist, each.link), each.popularity / 100, each.shown)
            for each in self.entries(emotion)
        )

    def mark_shown(self, track_ids: Sequence[str]) -> None:
        """Count each track as recommended once more, all or none; raise CatalogueError."""
        with _folded(self._name), _transaction(self._connection):
            self._connection.executemany(
                "UPDATE tracks SET shown = shown + 1 WHERE track_id = ?", [(each,) for each in track_ids]
            )

    def entries(self, emotion: Emotion | None = None) -> tuple[Entry, ...]:
        """Return an emotion's list, or all lists one after the other; raise CatalogueError."""
        wanted = tuple(Emotion) if emotion is None else (emotion,)
        query = (
            f"SELECT lists.emotion, {', '.join('tracks.' + name for name in COLUMNS)}, tracks.shown "  # noqa: S608 - our own column names
            "FROM lists JOIN tracks USING (track_id) WHERE lists.emotion = ? ORDER BY lists.position"
        )
        with _folded(self._name):
            return tuple(
                Entry(*row) for each in wanted for row in self._connection.execute(query, (each.value,)).fetchall()
            )


@contextmanager
def _folded(name: str) -> Iterator[None]:
    """Turn SQLite's and the file system's errors into one line with a remedy."""
    try:
        yield
    except sqlite3.Error as fault:
        code = getattr(fault, "sqlite_errorname", "")
        primary = next((known for known in REMEDIES if code == known or code.startswith(f"{known}_")), "")
        raise CatalogueError(f"{name}: {fault}; {REMEDIES.get(primary, START_ANEW)}") from None
    except OSError as fault:
        raise CatalogueError(f"{name}: {fault.strerror}; {WRITABLE}") from None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # SQLite has rolled back by itself after a full disk, say.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _connect(path: Path | str, *, read_only: bool) -> sqlite3.Connection:
    target = MEMORY
    if path != MEMORY:
        file = Path(path).absolute()
        if not read_only:
            file.parent.mkdir(parents=True, exist_ok=True)
        target = f"{file.as_uri()}?mode={'ro' if read_only else 'rwc'}"
    # Opened by the main thread, used by the watch thread, closed by the main thread again: never two at once.
    return sqlite3.connect(target, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _prepare(connection: sqlite3.Connection, name: str, *, read_only: bool) -> None:
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
        raise CatalogueError(f"{name}: {' '.join(found.split())}; it is damaged: {START_ANEW}")
    if read_only:
        return
    # With WAL, readers do not stop the daemon; with NORMAL, a power cut may cost the last counts, never the file.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    with _transaction(connection):
        for number in range(_version(connection), len(MIGRATIONS)):
            MIGRATIONS[number](connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _empty(connection: sqlite3.Connection) -> bool:
    return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]) == 0


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
    places = ", ".join(f":{name}" for name in COLUMNS)
    text = resources.files(__package__).joinpath("starter.csv").read_text(encoding="utf-8")
    for position, row in enumerate(csv.DictReader(text.splitlines())):
        connection.execute(f"INSERT INTO tracks ({', '.join(COLUMNS)}) VALUES ({places})", row)  # noqa: S608 - our own column names
        connection.execute("INSERT INTO lists VALUES (?, ?, ?)", (row["emotion"], position, row["track_id"]))


MIGRATIONS = (_make_version_1,)
"""Step n leads from schema n to n + 1; PRAGMA user_version says where a file stands."""
