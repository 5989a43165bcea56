"""The catalogue as the watch loop uses it: lists in memory, feedback and plays stored by another thread."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np

from musicond.core.models import Emotion, Track, Verdict
from musicond.core.outcome import Outcome
from musicond.core.ports import Output
from musicond.core.recommend.affect import track_affect
from musicond.core.recommend.sampler import Candidates, TrackStats
from musicond.core.recommend.song_affect import placement_of
from musicond.errors import CatalogueError
from musicond.library.database import (
    BUSY_TIMEOUT_S,
    MEMORY,
    REPLACED,
    DamagedError,
    connect,
    empty_log,
    file_id,
    open_database,
    rebuild_lock,
    sqlite_errors,
    transaction,
)
from musicond.library.recovery import open_catalogue
from musicond.runtime.inbox import InboxFull
from musicond.runtime.warn_once import WarnOnce

log = logging.getLogger(__name__)

FLUSH_S = 900.0
"""Longest time that plays wait to be stored: a killed process loses these counts, and nothing else."""
WRITE_BUSY_S = 0.2
"""Longest wait of a write for a lock, in seconds, before other writes are tried."""
READ_BUSY_S = 0.05
"""Longest wait of the watch thread for a lock, in seconds, when it opens a replaced file."""
MEND_S = 5.0
"""Wait before a file that is missing or damaged is made or rebuilt again."""
UNKNOWN = 0.5
"""Familiarity of a song of unknown popularity."""
VERDICTS = {Verdict.LIKE: "likes", Verdict.DISLIKE: "dislikes", Verdict.SKIP: "skips"}
OPPOSITES = {Verdict.LIKE: "dislikes", Verdict.DISLIKE: "likes"}
"""The column that a verdict sets to zero."""


class SqliteCatalogue:
    """Implements core.ports.Catalogue. For one thread at a time; each write has a connection of its own.

    Its constructor opens the file at `path` or ":memory:", as `open_catalogue` does. `submit` runs a function
    in the thread that writes; None: writes are done in the caller's thread. `clock` returns seconds; it decides when
    plays are stored.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
        submit: Callable[[Callable[[], None]], Future[None]] | None = None,
    ) -> None:
        self._path, self._mode, self._clock, self._submit = path, "ro" if read_only else "rw", clock, submit
        self._connection, self._name = open_catalogue(path, read_only=read_only), f"catalogue {path}"
        self._replaced = f"{self._name}: {REPLACED}"
        self._candidates: dict[Emotion, Candidates] = {}
        self._stats: dict[Emotion, dict[int, TrackStats]] = {}
        self._unsaved: dict[tuple[Emotion, int], TrackStats] = {}
        """By mood and track: the statistics with plays that are not stored yet."""
        self._lock = threading.Lock()
        """Guards `_unsaved`."""
        self._flushed_at = self._clock()
        self._version = -1
        self._revision = 0
        """Number of the changes by other connections that were noticed, and of files."""
        self._file_id = file_id(path)
        """Device and inode of the opened file."""
        self._mend_at = float("-inf")
        """Monotonic time from which the file may be made or rebuilt again."""
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Store the plays, if that is possible, and close the file; may be called twice."""
        if self._closed:
            return
        self._closed, self._submit = True, None
        try:
            self.flush()
        except CatalogueError as exc:
            log.warning("what was offered last can't be stored: %s", exc)
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
        query = "SELECT track_id, title, artist, link, coalesce(album, ''), source FROM tracks WHERE track = ?"
        rows = [row for key in keys for row in self._query(query, key)]
        if len(rows) < len(keys):
            raise CatalogueError(self._replaced)  # a refresh has removed one of them a moment ago
        return tuple(
            Track(track_id, title, artist, link, album, placement_of(source))
            for track_id, title, artist, link, album, source in rows
        )

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
            with self._lock:
                self._unsaved[mood, key] = stats[key]

    def revision(self) -> int:
        """Return a number that is another one after each change by another connection; raise CatalogueError."""
        self._refresh()
        return self._revision

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
        """Store a verdict for each of these moods, all or none; a like ends dislikes, and a dislike likes.

        Raises CatalogueError.
        """
        column, opposite = VERDICTS[verdict], OPPOSITES.get(verdict)
        query = (
            f"INSERT INTO feedback (mood, track, {column}) VALUES (?, ?, 1) "  # noqa: S608 - our own column names
            f"ON CONFLICT DO UPDATE SET {column} = {column} + 1{f', {opposite} = 0' if opposite else ''}"
        )
        self._store([(mood.value, key) for mood in moods], query)

    def withdraw(self, moods: Sequence[Emotion], key: int) -> None:
        """Delete the feedback on a track in each of these moods, all or none; raise CatalogueError."""
        self._store([(mood.value, key) for mood in moods], "DELETE FROM feedback WHERE mood = ? AND track = ?")

    def flush_if_due(self) -> Future[None] | None:
        """Store plays that have waited for FLUSH_S; cheap enough for every turn. Raises CatalogueError."""
        return self.flush() if self._unsaved and self._clock() - self._flushed_at >= FLUSH_S else None

    def flush(self) -> Future[None] | None:
        """Store all plays; raise CatalogueError."""
        return self._store() if self._unsaved else None

    def _store(self, feedback: Sequence[tuple[str, int]] = (), query: str = "") -> Future[None] | None:
        """Store feedback and the plays in one transaction, or let the other thread do so and return its future."""
        self._flushed_at = self._clock()  # also after an error: the next attempt comes as late
        if feedback and self._follow_file():
            raise CatalogueError(self._replaced)
        with self._lock:
            plays, opened = dict(self._unsaved), self._file_id

        def check_file() -> None:
            if opened != file_id(self._path):
                raise CatalogueError(self._replaced)

        def write() -> None:
            try:
                store()
            except DamagedError:
                if self._submit is not None:
                    open_catalogue(self._path).close()  # this is the thread that writes
                raise

        def store() -> None:
            with sqlite_errors(self._name), self._writing() as connection:
                with transaction(connection):
                    check_file()  # in another file the numbers are those of other songs
                    if feedback:
                        connection.executemany(query, feedback)
                    connection.executemany(
                        "INSERT INTO plays SELECT ?1, ?2, ?3, ?4 WHERE ?2 IN (SELECT track FROM tracks) "
                        "ON CONFLICT DO UPDATE SET shown = excluded.shown, turn = excluded.turn",
                        [(mood.value, key, stats.impressions, stats.round) for (mood, key), stats in plays.items()],
                    )
                empty_log(connection)
            check_file()
            with self._lock:  # the others have come meanwhile
                self._unsaved = {play: stats for play, stats in self._unsaved.items() if plays.get(play) is not stats}

        if self._submit is not None:
            return self._submit(write)
        write()
        self._stats.clear()
        return None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._path == MEMORY:
            yield self._connection
            return
        busy_s = WRITE_BUSY_S if self._submit else BUSY_TIMEOUT_S
        with (
            rebuild_lock(self._path, self._name, busy_s, exclusive=False),
            closing(connect(self._path, self._mode, busy_s)) as connection,
        ):
            connection.execute("PRAGMA synchronous = FULL")
            yield connection

    def _follow_file(self) -> bool:
        """Open the file that is at the path now, if it is not the opened one; return whether it is another.

        A rebuilt file, for example; then the numbers of tracks are others.
        """
        if self._mode == "ro" or self._file_id == file_id(self._path):
            return False
        connection = self._open_again()
        log.warning("%s: the file was replaced or removed; going on with the one that is there now", self._name)
        self._connection.close()
        self._connection, self._file_id, self._version = connection, file_id(self._path), -1
        with self._lock:
            self._unsaved.clear()
        self._candidates.clear()
        self._stats.clear()
        return True

    def _open_again(self) -> sqlite3.Connection:
        """Open the file that is there now; what takes its time is left to the thread that writes.

        Raises CatalogueError: try again.
        """
        if self._submit is None:
            return open_catalogue(self._path)
        try:
            return open_database(self._path, self._name, read_only=True, busy_s=READ_BUSY_S)
        except CatalogueError:  # it is missing, damaged or locked
            self._mend()
            raise CatalogueError(self._replaced) from None

    def _mend(self) -> None:
        """Let the thread that writes make or rebuild the file; `_follow_file` then opens it."""
        if self._submit is not None and self._clock() >= self._mend_at:
            self._mend_at = self._clock() + MEND_S
            self._submit(lambda: open_catalogue(self._path).close())

    def _query(self, query: str, *values: object) -> list[Any]:
        try:
            with sqlite_errors(self._name):
                return self._connection.execute(query, values).fetchall()
        except DamagedError:
            self._mend()
            raise

    def _refresh(self) -> None:
        """Drop all data read before another connection changed the file."""
        self._follow_file()
        version = int(self._query("PRAGMA data_version")[0][0])
        if version != self._version:
            self._version, self._revision = version, self._revision + 1
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
            self._add_unsaved(mood, self._stats[mood])
        return self._stats[mood]

    def _add_unsaved(self, mood: Emotion, stats: dict[int, TrackStats]) -> None:
        with self._lock:
            unsaved = {key: plays for (other, key), plays in self._unsaved.items() if other is mood}
        for key, plays in unsaved.items():
            counts = stats.get(key, TrackStats())
            stats[key] = TrackStats(counts.likes, counts.dislikes, counts.skips, plays.impressions, plays.round)

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


class CatalogueFlusher(Output):
    """Stores the catalogue's plays from time to time, in the watch thread; the owner of the catalogue closes it."""

    name = "catalogue"

    def __init__(self, catalogue: SqliteCatalogue) -> None:
        self._catalogue = catalogue
        self._flush: Future[None] | None = None
        self._warnings = WarnOnce(log)
        self._error: str | None = None

    def accept(self, outcome: Outcome) -> None:
        """Store plays that have waited long enough."""
        del outcome
        try:
            self._flush = self._catalogue.flush_if_due() or self._flush
            if self._flush is not None and self._flush.done():
                flush, self._flush = self._flush, None
                flush.result()
        except (CatalogueError, InboxFull) as exc:
            self._warnings.warn("what was offered can't be stored: %s", exc)
            self._error = str(exc)
        else:
            self._error = None
            self._warnings.clear()

    def status(self) -> str:
        """Return one plain line."""
        return self._error or "well"
