"""The catalogue as the watch loop uses it: lists in memory, feedback stored immediately, plays stored in batches."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import numpy as np

from musicond.core.models import Emotion, Track, Verdict
from musicond.core.recommend.affect import track_affect
from musicond.core.recommend.sampler import Candidates, TrackStats
from musicond.errors import CatalogueError
from musicond.library.database import MEMORY, sqlite_errors, transaction
from musicond.library.recovery import open_catalogue

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from musicond.core.outcome import Outcome

log = logging.getLogger(__name__)

FLUSH_S = 900.0
"""Longest time that plays wait to be stored: a killed process loses these counts, and nothing else."""
UNKNOWN = 0.5
"""Familiarity of a song of unknown popularity."""
VERDICTS = {Verdict.LIKE: "likes", Verdict.DISLIKE: "dislikes", Verdict.SKIP: "skips"}


class SqliteCatalogue:
    """Implements core.ports.Catalogue. For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection, self._name, self._clock = connection, name, clock
        self._candidates: dict[Emotion, Candidates] = {}
        self._stats: dict[Emotion, dict[int, TrackStats]] = {}
        self._unsaved: set[tuple[Emotion, int]] = set()
        """Mood and track of each play that is not stored yet."""
        self._flushed_at = self._clock()
        self._version = -1
        self._path: Path | None = None
        self._file_id: tuple[int, int] | None = None
        """Device and inode of the opened file."""
        self._closed = False

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False, clock: Callable[[], float] = time.monotonic) -> Self:
        """Open the file at `path` or ":memory:", as `open_catalogue` does; raise CatalogueError.

        `clock` returns seconds; it decides when plays are stored.
        """
        catalogue = cls(open_catalogue(path, read_only=read_only), f"catalogue {path}", clock)
        if path != MEMORY and not read_only:
            catalogue._path = Path(path)
            catalogue._file_id = _file_id(catalogue._path)
        return catalogue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Store the plays and close the file; may be called twice. Raises CatalogueError."""
        if self._closed:
            return
        self._closed = True
        try:
            self.flush()
        finally:
            self._connection.close()

    def candidates(self, emotion: Emotion) -> Candidates:
        """Return the tracks of an emotion's list; raise CatalogueError."""
        self._refresh()
        if emotion not in self._candidates:
            self._candidates[emotion] = self._load_candidates(emotion)
        return self._candidates[emotion]

    def preload(self) -> None:
        """Read all lists, so that the first recommendation is as quick as the next; raise CatalogueError."""
        for emotion in Emotion:
            self.candidates(emotion)
            self.stats(emotion)

    def stats(self, mood: Emotion) -> Mapping[int, TrackStats]:
        """Return the counts of a mood, by the number of the track; raise CatalogueError."""
        self._refresh()
        return self._load_stats(mood)

    def tracks(self, keys: Sequence[int]) -> Sequence[Track]:
        """Return tracks by their numbers, in the same order; raise CatalogueError."""
        query = "SELECT track_id, title, artist, link, coalesce(album, '') FROM tracks WHERE track = ?"
        return tuple(Track(*self._query(query, key)[0]) for key in keys)

    def playlist(self, tracks: Sequence[Track]) -> str | None:
        """Return the URI of a playlist that holds all these tracks, or None; raise CatalogueError."""
        if not tracks:
            return None
        marks, moods = ", ".join("?" * len(tracks)), ", ".join("?" * len(Emotion))
        query = (
            "SELECT min(uri) FROM playlists WHERE ? = (SELECT count(DISTINCT track) FROM lists "  # noqa: S608 - only marks
            f"WHERE emotion IN ({moods}) AND track IN (SELECT track FROM tracks WHERE track_id IN ({marks})) "
            "AND lists.origin = playlists.origin AND state = 'listed')"
        )
        [(uri,)] = self._query(query, len(tracks), *Emotion, *(track.track_id for track in tracks))
        return None if uri is None else str(uri)

    def mark_offered(self, mood: Emotion, keys: Sequence[int], turn: int) -> None:
        """Count these tracks as offered in the mood's recommendation number `turn`; `flush_if_due` stores it later."""
        stats = self._load_stats(mood)
        for key in keys:
            old = stats.get(key, TrackStats())
            stats[key] = TrackStats(old.likes, old.dislikes, old.skips, old.impressions + 1, turn)
            self._unsaved.add((mood, key))

    def key_of(self, track_id: str) -> int | None:
        """Return the number of a track, None for an unknown one; raise CatalogueError."""
        self._follow_file()
        rows = self._query("SELECT track FROM tracks WHERE track_id = ?", track_id)
        return int(rows[0][0]) if rows else None

    def emotions_of(self, key: int) -> Sequence[Emotion]:
        """Return the emotions whose lists contain a track; raise CatalogueError."""
        query = "SELECT DISTINCT emotion FROM lists WHERE track = ? AND state <> 'removed' ORDER BY emotion"
        return tuple(Emotion(row[0]) for row in self._query(query, key) if row[0] in tuple(Emotion))

    def rate(self, moods: Sequence[Emotion], key: int, verdict: Verdict) -> None:
        """Count a verdict in each of these moods, all or none; on return it is on the disk. Raise CatalogueError."""
        column = VERDICTS[verdict]
        with sqlite_errors(self._name), transaction(self._connection):
            self._connection.executemany(
                f"INSERT INTO feedback (mood, track, {column}) VALUES (?, ?, 1) "  # noqa: S608 - our own column names
                f"ON CONFLICT DO UPDATE SET {column} = {column} + 1",
                [(mood.value, key) for mood in moods],
            )
            self._store_plays()
        if self._follow_file():
            raise CatalogueError(f"{self._name}: the file was replaced or removed meanwhile; try again")
        self._mark_flushed()
        for mood in moods:
            self._stats.pop(mood, None)

    def flush_if_due(self) -> None:
        """Store plays that have waited for FLUSH_S; cheap enough for every turn. Raises CatalogueError."""
        if self._unsaved and self._clock() - self._flushed_at >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Store all plays; raise CatalogueError."""
        if not self._unsaved:
            return
        self._flushed_at = self._clock()  # also after an error: the next attempt comes as late
        with sqlite_errors(self._name), transaction(self._connection):
            self._store_plays()
        self._mark_flushed()

    def _follow_file(self) -> bool:
        """Open the file that is at the path now, if it is not the opened one; return whether it is another.

        A rebuilt file, for example; then the numbers of tracks are others.
        """
        if self._path is None or self._file_id == _file_id(self._path):
            return False
        log.warning("%s: the file was replaced or removed; going on with the one that is there now", self._name)
        connection = open_catalogue(self._path)
        self._connection.close()
        self._connection, self._file_id, self._version = connection, _file_id(self._path), -1
        self._mark_flushed()
        self._candidates.clear()
        self._stats.clear()
        return True

    def _query(self, query: str, *values: object) -> list[Any]:
        with sqlite_errors(self._name):
            return self._connection.execute(query, values).fetchall()

    def _store_plays(self) -> None:
        plays = [(mood.value, key, self._stats[mood][key]) for mood, key in self._unsaved]
        self._connection.executemany(
            "INSERT INTO plays SELECT ?1, ?2, ?3, ?4 WHERE ?2 IN (SELECT track FROM tracks) "
            "ON CONFLICT DO UPDATE SET shown = excluded.shown, turn = excluded.turn",
            [(mood, key, stats.impressions, stats.round) for mood, key, stats in plays],
        )

    def _mark_flushed(self) -> None:
        self._unsaved.clear()
        self._flushed_at = self._clock()

    def _refresh(self) -> None:
        """Drop all data read before another connection changed the file."""
        self._follow_file()
        version = int(self._query("PRAGMA data_version")[0][0])
        if version != self._version:
            self.flush()
            self._version = version
            self._candidates.clear()
            self._stats.clear()

    def _load_stats(self, mood: Emotion) -> dict[int, TrackStats]:
        if mood not in self._stats:
            query = (
                "SELECT track, coalesce(likes, 0), coalesce(dislikes, 0), coalesce(skips, 0), coalesce(shown, 0), "
                "coalesce(turn, 0) FROM (SELECT track FROM plays WHERE mood = ?1 UNION SELECT track FROM feedback "
                "WHERE mood = ?1) LEFT JOIN (SELECT * FROM plays WHERE mood = ?1) USING (track) "
                "LEFT JOIN (SELECT * FROM feedback WHERE mood = ?1) USING (track)"
            )
            self._stats[mood] = {key: TrackStats(*counts) for key, *counts in self._query(query, mood.value)}
        return self._stats[mood]

    def _load_candidates(self, emotion: Emotion) -> Candidates:
        query = (
            "SELECT track, artist, valence, energy, popularity FROM tracks WHERE track IN (SELECT track FROM lists "
            "WHERE emotion = ?1 AND state <> 'removed' EXCEPT SELECT track FROM lists WHERE emotion = ?1 "
            "AND state = 'removed') ORDER BY track"
        )
        rows = self._query(query, emotion.value)
        return Candidates(
            np.array([row[0] for row in rows], np.int64),
            np.array([crc32(row[1].casefold().encode()) for row in rows], np.int64),
            np.array([track_affect(row[2], row[3], emotion) for row in rows], np.float32).reshape(-1, 2),
            np.array([UNKNOWN if row[4] is None else row[4] / 100 for row in rows], np.float32),
        )


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


class CatalogueFlusher:
    """An output that stores the catalogue's plays from time to time, in the watch thread; see core.ports.Output."""

    name = "catalogue"

    def __init__(self, catalogue: SqliteCatalogue) -> None:
        self._catalogue = catalogue
        self._error: str | None = None

    def start(self) -> None:
        """Nothing to start."""

    def is_alive(self) -> bool:
        """Return True: it has no thread."""
        return True

    def accept(self, outcome: Outcome) -> None:
        """Store plays that have waited long enough."""
        del outcome
        try:
            self._catalogue.flush_if_due()
            self._error = None
        except CatalogueError as exc:
            if self._error is None:
                log.warning("what was offered can't be stored: %s", exc)
            self._error = str(exc)

    def status(self) -> str:
        """Return one plain line."""
        return self._error or "well"

    def stop(self) -> None:
        """Nothing to stop: the owner of the catalogue closes it."""
