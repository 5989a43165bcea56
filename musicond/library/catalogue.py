"""The catalogue of songs as the watch loop uses it: lists in memory, feedback at once on the disk, plays in batches."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Self
from zlib import crc32

import numpy as np

from musicond.core.models import Emotion, Track, Verdict
from musicond.core.recommend.affect import track_affect
from musicond.core.recommend.sampler import Candidates, TrackStats
from musicond.errors import CatalogueError
from musicond.library.database import sqlite_errors, transaction
from musicond.library.recovery import open_file

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from musicond.core.outcome import Outcome

log = logging.getLogger(__name__)

FLUSH_S = 900.0
"""For so long offered songs may wait to be stored: a kill loses their counts, and nothing else."""
UNKNOWN = 0.5
"""Familiarity of a song of whose popularity nothing is known."""
VERDICTS = {Verdict.LIKE: "likes", Verdict.DISLIKE: "dislikes", Verdict.SKIP: "skips"}


class SqliteCatalogue:
    """Implements core.ports.Catalogue. For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection, self._name, self._clock = connection, name, clock
        self._pools: dict[Emotion, Candidates] = {}
        self._heard: dict[Emotion, dict[int, TrackStats]] = {}
        self._waiting: set[tuple[Emotion, int]] = set()
        """Plays not stored yet."""
        self._flushed_at = self._clock()
        self._version = -1
        self._closed = False

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False, clock: Callable[[], float] = time.monotonic) -> Self:
        """Open the file at `path` or ":memory:", as `rescue.open_file` does; raise CatalogueError.

        `clock` gives seconds; it decides when what waits is stored.
        """
        return cls(open_file(path, read_only=read_only), f"catalogue {path}", clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Store what waits and close the file; may be called twice. Raises CatalogueError."""
        if self._closed:
            return
        self._closed = True
        try:
            self.flush()
        finally:
            self._connection.close()

    def candidates(self, emotion: Emotion) -> Candidates:
        """Return the tracks of an emotion's list; raise CatalogueError."""
        self._renew()
        if emotion not in self._pools:
            self._pools[emotion] = self._load_pool(emotion)
        return self._pools[emotion]

    def preload(self) -> None:
        """Read all lists, so that the first choice is as quick as the next; raise CatalogueError."""
        for emotion in Emotion:
            self.candidates(emotion)
            self.stats(emotion)

    def stats(self, mood: Emotion) -> Mapping[int, TrackStats]:
        """Return what is remembered in a mood, by the number of the track; raise CatalogueError."""
        self._renew()
        return self._remembered(mood)

    def tracks(self, keys: Sequence[int]) -> Sequence[Track]:
        """Return tracks by their numbers, in the same order; raise CatalogueError."""
        query = "SELECT track_id, title, artist, link, coalesce(album, '') FROM tracks WHERE track = ?"
        with sqlite_errors(self._name):
            rows = [self._connection.execute(query, (key,)).fetchone() for key in keys]
        return tuple(Track(*row) for row in rows)

    def playlist(self, tracks: Sequence[Track]) -> str | None:
        """Return the URI of a playlist that holds all these; None where there is none. Raise CatalogueError."""
        marks, moods = ", ".join("?" * len(tracks)), ", ".join("?" * len(Emotion))
        query = (
            "SELECT min(uri) FROM playlists WHERE ? = (SELECT count(DISTINCT track) FROM lists "  # noqa: S608 - only marks
            f"WHERE emotion IN ({moods}) AND track IN (SELECT track FROM tracks WHERE track_id IN ({marks})) "
            "AND lists.origin = playlists.origin AND state = 'listed')"
        )
        values = (len(tracks), *Emotion, *(track.track_id for track in tracks))
        with sqlite_errors(self._name):
            found = self._connection.execute(query, values).fetchone()[0] if tracks else None
        return None if found is None else str(found)

    def mark_offered(self, mood: Emotion, keys: Sequence[int], turn: int) -> None:
        """Remember that these were offered in the mood's recommendation number `turn`; stored later, by `tend`."""
        heard = self._remembered(mood)
        for key in keys:
            old = heard.get(key, TrackStats())
            heard[key] = TrackStats(old.likes, old.dislikes, old.skips, old.impressions + 1, turn)
            self._waiting.add((mood, key))

    def key_of(self, track_id: str) -> int | None:
        """Return the number of a track, None for an unknown one; raise CatalogueError."""
        with sqlite_errors(self._name):
            row = self._connection.execute("SELECT track FROM tracks WHERE track_id = ?", (track_id,)).fetchone()
        return int(row[0]) if row else None

    def emotions_of(self, key: int) -> Sequence[Emotion]:
        """Return in whose lists a track stands; raise CatalogueError."""
        query = "SELECT DISTINCT emotion FROM lists WHERE track = ? AND state <> 'removed' ORDER BY emotion"
        with sqlite_errors(self._name):
            return tuple(Emotion(row[0]) for row in self._connection.execute(query, (key,)).fetchall())

    def rate(self, moods: Sequence[Emotion], key: int, verdict: Verdict) -> None:
        """Count a verdict in each of these moods, all or none; on return it is on the disk. Raise CatalogueError."""
        column = VERDICTS[verdict]
        with sqlite_errors(self._name), transaction(self._connection):
            self._connection.executemany(
                f"INSERT INTO feedback (mood, track, {column}) VALUES (?, ?, 1) "  # noqa: S608 - our own column names
                f"ON CONFLICT DO UPDATE SET {column} = {column} + 1",
                [(each.value, key) for each in moods],
            )
            self._store_plays()
        self._stored()
        for mood in moods:
            self._heard.pop(mood, None)

    def flush_if_due(self) -> None:
        """Store what has waited for FLUSH_S; cheap, for every turn. Raises CatalogueError."""
        if self._waiting and self._clock() - self._flushed_at >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Store what waits; raise CatalogueError."""
        if not self._waiting:
            return
        self._flushed_at = self._clock()  # also after a failure: the next try comes as late
        with sqlite_errors(self._name), transaction(self._connection):
            self._store_plays()
        self._stored()

    def _store_plays(self) -> None:
        rows = [(mood.value, key, self._heard[mood][key]) for mood, key in self._waiting]
        self._connection.executemany(
            "INSERT INTO plays SELECT ?1, ?2, ?3, ?4 WHERE ?2 IN (SELECT track FROM tracks) "
            "ON CONFLICT DO UPDATE SET shown = excluded.shown, turn = excluded.turn",
            [(mood, key, heard.impressions, heard.round) for mood, key, heard in rows],
        )

    def _stored(self) -> None:
        self._waiting.clear()
        self._flushed_at = self._clock()

    def _renew(self) -> None:
        """Forget what was read before another connection changed the file."""
        with sqlite_errors(self._name):
            version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        if version == self._version:
            return
        self.flush()
        self._version = version
        self._pools.clear()
        self._heard.clear()

    def _remembered(self, mood: Emotion) -> dict[int, TrackStats]:
        if mood not in self._heard:
            query = (
                "SELECT track, coalesce(likes, 0), coalesce(dislikes, 0), coalesce(skips, 0), coalesce(shown, 0), "
                "coalesce(turn, 0) FROM (SELECT track FROM plays WHERE mood = ?1 UNION SELECT track FROM feedback "
                "WHERE mood = ?1) LEFT JOIN (SELECT * FROM plays WHERE mood = ?1) USING (track) "
                "LEFT JOIN (SELECT * FROM feedback WHERE mood = ?1) USING (track)"
            )
            with sqlite_errors(self._name):
                rows = self._connection.execute(query, (mood.value,)).fetchall()
            self._heard[mood] = {key: TrackStats(*counts) for key, *counts in rows}
        return self._heard[mood]

    def _load_pool(self, emotion: Emotion) -> Candidates:
        query = (
            "SELECT track, artist, valence, energy, popularity FROM tracks WHERE track IN (SELECT track FROM lists "
            "WHERE emotion = ?1 AND state <> 'removed' EXCEPT SELECT track FROM lists WHERE emotion = ?1 "
            "AND state = 'removed') ORDER BY track"
        )
        with sqlite_errors(self._name):
            rows = self._connection.execute(query, (emotion.value,)).fetchall()
        return Candidates(
            np.array([row[0] for row in rows], np.int64),
            np.array([crc32(row[1].casefold().encode()) for row in rows], np.int64),
            np.array([track_affect(row[2], row[3], emotion) for row in rows], np.float32).reshape(-1, 2),
            np.array([UNKNOWN if row[4] is None else row[4] / 100 for row in rows], np.float32),
        )


class CatalogueFlusher:
    """Has the catalogue stored now and then, in the watch thread; implements core.ports.Output."""

    name = "catalogue"

    def __init__(self, catalogue: SqliteCatalogue) -> None:
        self._catalogue = catalogue
        self._trouble: str | None = None

    def start(self) -> None:
        """Nothing to start."""

    def accept(self, outcome: Outcome) -> None:
        """Store what has waited long enough."""
        del outcome
        try:
            self._catalogue.flush_if_due()
            self._trouble = None
        except CatalogueError as fault:
            if self._trouble is None:
                log.warning("what was offered can't be stored: %s", fault)
            self._trouble = str(fault)

    def status(self) -> str:
        """Return one plain line."""
        return self._trouble or "well"

    def stop(self) -> None:
        """Nothing to stop: who opened the catalogue closes it."""
