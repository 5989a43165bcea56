"""What may stand in music.moods.<emotion>.lists: names to builders, like camera.source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from musicond.errors import ListError
from musicond.library.audio_files import AudioFolder, M3u
from musicond.library.database import starter_rows
from musicond.library.table_files import MOST_BYTES, read_csv, read_json, read_row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping

    from musicond.core.models import Emotion, Song
    from musicond.core.ports import ListSource
    from musicond.library.audio_files import TagCache
    from musicond.library.table_files import Row

STARTER = "starter"


class Starter:
    """The list that comes with musicond."""

    uri = None

    def __init__(self, emotion: Emotion) -> None:
        self._emotion = emotion

    def tracks(self) -> Iterator[Song]:
        """Yield its songs."""
        for fields in starter_rows():
            row = read_row(fields, "starter.csv")
            if row.emotion is self._emotion:
                yield row.song


class Table:
    """A CSV or JSON file; of its rows those that name the emotion, or none."""

    uri = None

    def __init__(self, path: Path, emotion: Emotion) -> None:
        self._path, self._emotion = path, emotion

    def tracks(self) -> Iterator[Song]:
        """Yield its songs; raise ListError."""
        for row in read_table(self._path):
            if row.emotion in (None, self._emotion):
                yield row.song


class SqliteTagCache:
    """Keeps the tags of audio files in the catalogue, in batches: a refresh that is cut off goes on from there."""

    BATCH = 200

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, int, int, str]] = []

    def find(self, path: str, size: int, changed: int) -> str | None:
        """Return what was kept of a file of this size and time of change."""
        query = "SELECT tags FROM scanned WHERE path = ? AND size = ? AND changed = ?"
        row = self._connection.execute(query, (path, size, changed)).fetchone()
        return str(row[0]) if row else None

    def keep(self, path: str, size: int, changed: int, tags: str) -> None:
        """Keep it."""
        self._waiting.append((path, size, changed, tags))
        if len(self._waiting) >= self.BATCH:
            self.flush()

    def flush(self) -> None:
        """Store what waits; raise sqlite3.Error."""
        if self._waiting:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO scanned VALUES (?, ?, ?, ?)", self._waiting)
            self._connection.execute("COMMIT")
            self._waiting.clear()


def read_table(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV or JSON file; raise ListError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ListError(f"{path}: larger than {MOST_BYTES // 2**20} MiB; split it")
        text = path.read_text("utf-8-sig")
    except OSError as fault:
        raise ListError(f"{path}: {fault.strerror}; give a file that can be read") from None
    except UnicodeDecodeError:
        raise ListError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    yield from (read_json if path.suffix.lower() == ".json" else read_csv)(text, str(path))


def make_source(
    name: str,
    emotion: Emotion,
    shelf: TagCache,
    others: Mapping[str, Callable[[str, Emotion], ListSource]] | None = None,
) -> ListSource:
    """Return the list of that name: `starter`, a file, a folder, or one of `others` by what stands before its colon.

    Raises ListError for a name that means nothing.
    """
    if name == STARTER:
        return Starter(emotion)
    kind, colon, _ = name.partition(":")
    if colon and others and kind in others:
        return others[kind](name, emotion)
    path = Path(name)
    builder = KINDS.get(path.suffix.lower())
    if builder is not None and not path.is_dir():
        return builder(path, emotion, shelf)
    if path.is_dir() or not path.suffix:
        return AudioFolder(path, shelf)
    raise ListError(f"{name}: no list; give starter, a .csv, .json, .m3u or .m3u8 file, or a folder")


KINDS: Mapping[str, Callable[[Path, Emotion, TagCache], ListSource]] = {
    ".csv": lambda path, emotion, _shelf: Table(path, emotion),
    ".json": lambda path, emotion, _shelf: Table(path, emotion),
    ".m3u": lambda path, _emotion, shelf: M3u(path, shelf),
    ".m3u8": lambda path, _emotion, shelf: M3u(path, shelf),
}
