"""The editor of the catalogue: adds, removes, orders, merges, lists and verifies songs, and forgets feedback."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import count
from pathlib import Path
from typing import Self

from musicond.core.models import Emotion, Song
from musicond.errors import CatalogueError, ListError, counted
from musicond.library.database import (
    BUSY_TIMEOUT_S,
    REPLACED,
    empty_log,
    file_id,
    rebuild_lock,
    sqlite_errors,
    transaction,
)
from musicond.library.recovery import open_catalogue
from musicond.library.track_ids import path_of

OWN = "own"
"""Origin of songs that a person added or imported."""
LEAST = 10
"""Songs of a list; with fewer, the same ones come too often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry(Song):
    """A song of a list, with its counts."""

    emotion: str
    origin: str
    """Its list: starter, own, or one of music.moods."""
    state: str
    """listed, or gone: its list no longer contains it."""
    shown: int
    """Number of recommendations in this mood."""
    likes: int
    dislikes: int
    skips: int

    def to_json(self) -> dict[str, object]:
        """Return its fields, in the order of ENTRY_FIELDS."""
        return {name: getattr(self, name) for name in ENTRY_FIELDS}


@dataclass(frozen=True, slots=True)
class ListChange:
    """Changes made by a merge, as "title, artist"."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    """No longer listed; kept until others replace them."""
    replaced: tuple[str, ...] = ()
    """Removed from the catalogue."""

    def __bool__(self) -> bool:
        return bool(self.added or self.gone or self.replaced)


SONG_COLUMNS = tuple(field.name for field in fields(Song) if field.name != "track_id")
ENTRY_FIELDS = (
    "emotion", "track_id", *SONG_COLUMNS, "origin", "state", "shown", "likes", "dislikes", "skips"
)  # fmt: skip

PAGE_FIELDS = ("track_id", "title", "artist", "album", "link")
"""Of a song in a part of a list."""


class CatalogueEditor:
    """The lists of the catalogue at `path`, with a connection of their own; every method raises CatalogueError."""

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        self.connection, self.name = open_catalogue(path, read_only=read_only), f"catalogue {path}"
        self._path, self._file_id = path, file_id(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def entries(self, emotion: Emotion | None = None) -> tuple[CatalogueEntry, ...]:
        """Return an emotion's list, or all lists in order, without removed tracks."""
        emotions = tuple(Emotion) if emotion is None else (emotion,)
        columns = ", ".join(f"t.{name}" for name in ("track_id", *SONG_COLUMNS))
        query = (
            f"SELECT l.emotion, {columns}, l.origin, l.state, "  # noqa: S608 - our own column names
            "coalesce(p.shown, 0), coalesce(f.likes, 0), coalesce(f.dislikes, 0), coalesce(f.skips, 0) "
            "FROM lists l JOIN tracks t USING (track) "
            "LEFT JOIN plays p ON p.mood = l.emotion AND p.track = l.track "
            "LEFT JOIN feedback f ON f.mood = l.emotion AND f.track = l.track "
            "WHERE l.emotion = ? AND l.state <> 'removed' ORDER BY l.position, l.origin <> 'starter', l.origin"
        )
        with sqlite_errors(self.name):
            rows = [row for emotion in emotions for row in self.connection.execute(query, (emotion.value,)).fetchall()]
        return tuple(CatalogueEntry(**dict(zip(ENTRY_FIELDS, row, strict=True))) for row in rows)

    def page(self, emotion: Emotion, query: str, offset: int, limit: int) -> tuple[list[dict[str, object]], int]:
        """Return a part of an emotion's list, each track once, and how many there are in all.

        `query` is a part of the title, artist or album, in upper or lower case. The fields are PAGE_FIELDS.
        """
        tracks = (
            "FROM lists l JOIN tracks t USING (track) WHERE l.emotion = :emotion AND l.state = 'listed' "
            "AND (:query = '' OR instr(casefold(t.title || ' ' || t.artist || ' ' || coalesce(t.album, '')), :query)) "
        )
        values = {"emotion": emotion.value, "query": query.casefold(), "limit": limit, "offset": offset}
        with sqlite_errors(self.name):
            self.connection.create_function("casefold", 1, str.casefold, deterministic=True)
            total = self.connection.execute(f"SELECT count(DISTINCT t.track) {tracks}", values).fetchone()[0]
            rows = self.connection.execute(
                f"SELECT t.track_id, t.title, t.artist, coalesce(t.album, ''), coalesce(t.link, ''), "
                f"min(l.position) AS place {tracks} GROUP BY t.track ORDER BY place LIMIT :limit OFFSET :offset",
                values,
            ).fetchall()
        return [dict(zip(PAGE_FIELDS, row[:-1], strict=True)) for row in rows], total

    def feedback(self) -> list[dict[str, object]]:
        """Return all feedback, by mood: mood, track_id, title, artist, likes, dislikes, skips."""
        names = ("mood", "track_id", "title", "artist", "likes", "dislikes", "skips")
        query = (
            f"SELECT {', '.join(names)} FROM feedback JOIN tracks USING (track) "  # noqa: S608 - our own column names
            "ORDER BY mood, likes - dislikes DESC, title"
        )
        with sqlite_errors(self.name):
            return [dict(zip(names, row, strict=True)) for row in self.connection.execute(query).fetchall()]

    def reset_feedback(self, track_id: str | None) -> int:
        """Delete the feedback on a track, or on all; return the number of tracks that had any."""
        query = (
            "DELETE FROM feedback WHERE track IN (SELECT track FROM tracks WHERE ?1 IS NULL OR track_id = ?1) "
            "RETURNING track"
        )
        with self._transaction():
            return len(set(self.connection.execute(query, (track_id,)).fetchall()))

    def add(self, songs: Iterable[tuple[Emotion, Song, tuple[int, int, int]]]) -> int:
        """Add songs to the own lists, with likes, dislikes and skips; return the number of new ones.

        Higher counts are kept, so that importing an export twice counts nothing twice.
        """
        new = 0
        with self._transaction():
            positions = {emotion: count(self._next_position(emotion)) for emotion in Emotion}
            for emotion, song, feedback in songs:
                key = self._upsert(song)
                place = (emotion.value, key)
                known = "SELECT state FROM lists WHERE emotion = ? AND track = ? AND state <> 'removed'"
                new += self.connection.execute(known, place).fetchone() is None
                removed = "DELETE FROM lists WHERE emotion = ? AND track = ? AND state = 'removed'"
                self.connection.execute(removed, place)
                self.connection.execute(
                    "INSERT OR IGNORE INTO lists VALUES (?, ?, ?, ?, 'listed')", (*place, OWN, next(positions[emotion]))
                )
                if any(feedback):
                    self.connection.execute(
                        "INSERT INTO feedback VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                        "likes = max(likes, excluded.likes), dislikes = max(dislikes, excluded.dislikes), "
                        "skips = max(skips, excluded.skips)",
                        (*place, *feedback),
                    )
        return new

    def move(self, track_id: str, source: Emotion, target: Emotion, *, keep: bool = False) -> bool:
        """Move a track to another emotion's list, for good; return whether it was in that list already.

        With `keep` it stays in the list of `source`, too.
        Raises ListError where it is not in the list of `source`.
        """
        present = "SELECT track FROM lists JOIN tracks USING (track) WHERE track_id = ? AND emotion = ? AND state <> ?"
        with self._transaction():
            row = self.connection.execute(present, (track_id, source.value, "removed")).fetchone()
            if row is None or source is target:
                raise ListError(f"the list of {source.value} has no such song to move")
            was_there = self.connection.execute(present, (track_id, target.value, "removed")).fetchone() is not None
            if not keep:
                removed = "UPDATE lists SET state = 'removed' WHERE emotion = ? AND track = ?"
                self.connection.execute(removed, (source.value, row[0]))
            if not was_there:
                self.connection.execute("DELETE FROM lists WHERE emotion = ? AND track = ?", (target.value, row[0]))
                place = (target.value, row[0], OWN, self._next_position(target))
                self.connection.execute("INSERT INTO lists VALUES (?, ?, ?, ?, 'listed')", place)
        return was_there

    def move_back(self, track_id: str, source: Emotion, target: Emotion, *, keep: bool = False) -> None:
        """Undo a move from `target` to `source`: the places that it took there are listed again, and its own goes.

        With `keep` the track stays in the list of `source`, where it was before. Raises ListError where nothing was
        moved.
        """
        with self._transaction():
            query = (
                "UPDATE lists SET state = 'listed' WHERE emotion = ? AND state = 'removed' "
                "AND track IN (SELECT track FROM tracks WHERE track_id = ?) RETURNING track"
            )
            rows = self.connection.execute(query, (target.value, track_id)).fetchall()
            if not rows or source is target:
                raise ListError(f"the list of {target.value} has no such song to move back")
            if not keep:
                delete = "DELETE FROM lists WHERE emotion = ? AND track = ? AND origin = ?"
                self.connection.execute(delete, (source.value, rows[0][0], OWN))

    def remove(self, track_id: str, emotion: Emotion | None = None) -> int:
        """Remove a track from one list or all; a refresh does not bring it back. Return the number of lists."""
        query = (
            "UPDATE lists SET state = 'removed' WHERE track IN (SELECT track FROM tracks WHERE track_id = ?1) "
            "AND (?2 IS NULL OR emotion = ?2) AND state <> 'removed' RETURNING emotion"
        )
        with self._transaction():
            return len(set(self.connection.execute(query, (track_id, emotion and emotion.value)).fetchall()))

    def merge(self, emotion: Emotion, origin: str, songs: Sequence[Song], uri: str | None = None) -> ListChange:
        """Update a list from its source: append new songs, mark missing ones as gone, and drop those replaced.

        `uri` is that of a list that is a playlist.
        """
        query = "SELECT track, state FROM lists WHERE emotion = ? AND origin = ? ORDER BY position"
        by_person = "SELECT track FROM lists WHERE emotion = ? AND state = 'removed'"
        unknown = "DELETE FROM lists WHERE emotion = ? AND origin = ? AND track NOT IN (SELECT track FROM tracks)"
        with self._transaction():
            self.connection.execute(unknown, (emotion.value, origin))  # after a flipped bit
            known = dict(self.connection.execute(query, (emotion.value, origin)).fetchall())
            self._set_uri(origin, uri)
            listed = {self._upsert(song): song for song in songs}
            removed = {key for (key,) in self.connection.execute(by_person, (emotion.value,)).fetchall()}
            added = [key for key in listed if key not in known and key not in removed]
            self._set_state(emotion, origin, [key for key in listed if known.get(key) == "gone"], "listed")
            vanished = [key for key, state in known.items() if state == "listed" and key not in listed]
            waiting = [key for key, state in known.items() if state == "gone" and key not in listed]
            dropped = (waiting + vanished)[: len(added)]
            self._set_state(emotion, origin, [key for key in vanished if key not in dropped], "gone")
            first = self._next_position(emotion)
            self.connection.executemany(
                "INSERT INTO lists VALUES (?, ?, ?, ?, 'listed')",
                [(emotion.value, key, origin, first + number) for number, key in enumerate(added)],
            )
            change = ListChange(
                tuple(f"{listed[key].title}, {listed[key].artist}" for key in added),
                tuple(self._titles([key for key in vanished if key not in dropped])),
                tuple(self._titles(dropped)),
            )
            self.connection.executemany(
                "DELETE FROM lists WHERE emotion = ? AND origin = ? AND track = ?",
                [(emotion.value, origin, key) for key in dropped],
            )
            self._delete_orphans(dropped)
        return change

    def drop_other_origins(self, emotion: Emotion, origins: Sequence[str]) -> tuple[str, ...]:
        """Drop the songs of all other lists but the own one; return their titles."""
        marks = ", ".join("?" * (len(origins) + 1))
        query = (
            "DELETE FROM lists WHERE emotion = ? AND state <> 'removed' "  # noqa: S608 - only marks
            f"AND origin NOT IN ({marks}) RETURNING track"
        )
        with self._transaction():
            keys = [key for (key,) in self.connection.execute(query, (emotion.value, OWN, *origins)).fetchall()]
            titles = tuple(self._titles(keys))
            self.connection.execute("DELETE FROM playlists WHERE origin NOT IN (SELECT origin FROM lists)")
            self._delete_orphans(keys)
        return titles

    def verify(self) -> list[str]:
        """Return one line for each damage, short list, or list with missing files; nothing is changed."""
        with sqlite_errors(self.name):
            results = [" ".join(str(row[0]).split()) for row in self.connection.execute("PRAGMA integrity_check(20)")]
            missing = self._scalar("SELECT count(*) FROM lists WHERE track NOT IN (SELECT track FROM tracks)")
        problems = [f"damage: {result}" for result in results if result != "ok"]
        if missing:
            problems.append(f"damage: {counted(missing, 'place')} in the lists without a known song")
        for emotion in Emotion:
            songs = len({entry.track_id for entry in self.entries(emotion)})
            if songs < LEAST:
                problems.append(f"{emotion.value}: {counted(songs, 'song')}, so they will come often; add some")
        return problems + self._missing_files()

    def _missing_files(self) -> list[str]:
        """Return a line for each list with songs whose files do not exist."""
        files: dict[str, set[str]] = {}
        for entry in self.entries():
            if entry.track_id.startswith("file:"):
                files.setdefault(entry.origin, set()).add(entry.track_id)
        lines = []
        for origin, addresses in files.items():
            missing = sorted(address for address in addresses if not os.path.exists(path_of(address)))  # noqa: PTH110 - never raises
            if missing:
                share = f"{len(missing)} of {counted(len(addresses), 'entry', 'entries')}"
                lines.append(f"{origin}: {share} not found, such as {missing[0]}")
        return lines

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit at the end of the block; raise CatalogueError where the file is being replaced, or was."""
        with (
            sqlite_errors(self.name),
            rebuild_lock(self._path, self.name, BUSY_TIMEOUT_S, exclusive=False),
        ):
            with transaction(self.connection):
                if self._file_id != file_id(self._path):
                    raise CatalogueError(f"{self.name}: {REPLACED}")
                yield
            empty_log(self.connection)

    def _scalar(self, query: str, *values: object) -> int:
        return int(self.connection.execute(query, values).fetchone()[0])

    def _upsert(self, song: Song) -> int:
        """Insert or update a song's track, keeping values that the song lacks; return its number."""
        row = {**asdict(song), "track_id": song.identifier}
        columns = ("track_id", *SONG_COLUMNS)
        updates = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in SONG_COLUMNS)
        differs = " OR ".join(f"coalesce(excluded.{name}, {name}) IS NOT {name}" for name in SONG_COLUMNS)
        self.connection.execute(
            f"INSERT INTO tracks ({', '.join(columns)}) VALUES ({', '.join(':' + name for name in columns)}) "  # noqa: S608 - our own column names
            f"ON CONFLICT (track_id) DO UPDATE SET {updates} WHERE {differs}",
            row,
        )
        return self._scalar("SELECT track FROM tracks WHERE track_id = ?", song.identifier)

    def _next_position(self, emotion: Emotion) -> int:
        return self._scalar("SELECT coalesce(max(position) + 1, 0) FROM lists WHERE emotion = ?", emotion.value)

    def _set_state(self, emotion: Emotion, origin: str, keys: Sequence[int], state: str) -> None:
        self.connection.executemany(
            "UPDATE lists SET state = ? WHERE emotion = ? AND origin = ? AND track = ?",
            [(state, emotion.value, origin, key) for key in keys],
        )

    def _set_uri(self, origin: str, uri: str | None) -> None:
        self.connection.execute("DELETE FROM playlists WHERE origin = ?1 AND uri IS NOT ?2", (origin, uri))
        if uri is not None:
            self.connection.execute("INSERT OR IGNORE INTO playlists VALUES (?, ?)", (origin, uri))

    def _titles(self, keys: Sequence[int]) -> list[str]:
        query = "SELECT title, artist FROM tracks WHERE track = ?"
        return [", ".join(row) for key in keys for row in self.connection.execute(query, (key,)).fetchall()]

    def _delete_orphans(self, keys: Sequence[int]) -> None:
        """Drop tracks that are in no list and have no feedback; a song that returns finds its feedback."""
        for key in keys:
            self.connection.execute(
                "DELETE FROM tracks WHERE track = ?1 AND track NOT IN (SELECT track FROM lists) "
                "AND track NOT IN (SELECT track FROM feedback)",
                (key,),
            )
            self.connection.execute(
                "DELETE FROM plays WHERE track = ?1 AND track NOT IN (SELECT track FROM tracks)", (key,)
            )
