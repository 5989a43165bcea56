"""The lists of the catalogue as persons and refreshes change them: add, remove, import, export, merge, verify."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from itertools import count
from typing import TYPE_CHECKING, Self

from musicond.core.models import Emotion, Song
from musicond.library.database import sqlite_errors, transaction
from musicond.library.recovery import open_catalogue

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

OWN = "own"
"""Origin of what a person added or imported."""
LEAST = 10
"""Songs of a list below which the same ones come too often."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A track of a list with all that is known of it; None is not known."""

    emotion: str
    track_id: str
    title: str
    artist: str
    link: str
    year: int | None
    genre: str | None
    valence: float | None
    energy: float | None
    tempo: float | None
    mode: str | None
    popularity: int | None
    source: str
    """Where the row comes from, for a person."""
    album: str | None
    origin: str
    """The list that it came by: starter, own, or one of music.moods."""
    state: str
    """listed, or gone: its list names it no longer."""
    shown: int
    """How often it was offered in this mood."""
    likes: int
    dislikes: int
    skips: int


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a merge has changed, as "title, artist"."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    """No longer listed; kept until others have taken their places."""
    replaced: tuple[str, ...] = ()
    """Gone before, and out of the catalogue now."""

    def __bool__(self) -> bool:
        return bool(self.added or self.gone or self.replaced)


SONG_COLUMNS = tuple(field.name for field in fields(Song) if field.name != "track_id")
COUNTS = ("shown", "likes", "dislikes", "skips")


class CatalogueEditor:
    """The lists behind a connection of their own; every method raises CatalogueError."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self.connection, self.name = connection, name

    @classmethod
    def open(cls, path: Path | str, *, read_only: bool = False) -> Self:
        """Open the catalogue at `path`; see `rescue.open_file`."""
        return cls(open_catalogue(path, read_only=read_only), f"catalogue {path}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def entries(self, emotion: Emotion | None = None) -> tuple[CatalogueEntry, ...]:
        """Return an emotion's list, or all lists one after the other, without what a person removed."""
        wanted = tuple(Emotion) if emotion is None else (emotion,)
        named = ", ".join(f"t.{name}" for name in ("track_id", *SONG_COLUMNS))
        query = (
            f"SELECT l.emotion, {named}, l.origin, l.state, "  # noqa: S608 - our own column names
            "coalesce(p.shown, 0), coalesce(f.likes, 0), coalesce(f.dislikes, 0), coalesce(f.skips, 0) "
            "FROM lists l JOIN tracks t USING (track) "
            "LEFT JOIN plays p ON p.mood = l.emotion AND p.track = l.track "
            "LEFT JOIN feedback f ON f.mood = l.emotion AND f.track = l.track "
            "WHERE l.emotion = ? AND l.state <> 'removed' ORDER BY l.position, l.origin <> 'starter', l.origin"
        )
        names = ("emotion", "track_id", *SONG_COLUMNS, "origin", "state", *COUNTS)
        with sqlite_errors(self.name):
            rows = [row for each in wanted for row in self.connection.execute(query, (each.value,)).fetchall()]
        return tuple(CatalogueEntry(**dict(zip(names, row, strict=True))) for row in rows)

    def feedback(self) -> list[dict[str, object]]:
        """Return all that was said, mood by mood: mood, track_id, title, artist, likes, dislikes, skips."""
        names = ("mood", "track_id", "title", "artist", "likes", "dislikes", "skips")
        query = (
            f"SELECT {', '.join(names)} FROM feedback JOIN tracks USING (track) "  # noqa: S608 - our own column names
            "ORDER BY mood, likes - dislikes DESC, title"
        )
        with sqlite_errors(self.name):
            return [dict(zip(names, row, strict=True)) for row in self.connection.execute(query).fetchall()]

    def forget(self, track_id: str | None) -> int:
        """Forget what was said of a track, or of all; return of how many tracks there was something."""
        where = "WHERE track IN (SELECT track FROM tracks WHERE ?1 IS NULL OR track_id = ?1)"
        with sqlite_errors(self.name), transaction(self.connection):
            row = self.connection.execute(f"SELECT count(DISTINCT track) FROM feedback {where}", (track_id,))  # noqa: S608 - our own words
            found = int(row.fetchone()[0])
            self.connection.execute(f"DELETE FROM feedback {where}", (track_id,))  # noqa: S608 - likewise
        return found

    def add(self, songs: Iterable[tuple[Emotion, Song, tuple[int, int, int]]]) -> int:
        """Put songs into the own lists, with likes, dislikes and skips; return how many were not there before.

        Counts that are there already are kept where they are higher: to import an export twice counts nothing twice.
        """
        new = 0
        with sqlite_errors(self.name), transaction(self.connection):
            positions = {emotion: count(self._next_position(emotion)) for emotion in Emotion}
            for emotion, song, said in songs:
                key = self._upsert(song)
                position = next(positions[emotion])
                known = "SELECT state FROM lists WHERE emotion = ? AND track = ? AND state <> 'removed'"
                new += self.connection.execute(known, (emotion.value, key)).fetchone() is None
                self.connection.execute(
                    "DELETE FROM lists WHERE emotion = ? AND track = ? AND state = 'removed'", (emotion.value, key)
                )
                self.connection.execute(
                    "INSERT OR IGNORE INTO lists VALUES (?, ?, ?, ?, 'listed')", (emotion.value, key, OWN, position)
                )
                if any(said):
                    self.connection.execute(
                        "INSERT INTO feedback VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                        "likes = max(likes, excluded.likes), dislikes = max(dislikes, excluded.dislikes), "
                        "skips = max(skips, excluded.skips)",
                        (emotion.value, key, *said),
                    )
        return new

    def remove(self, track_id: str, emotion: Emotion | None = None) -> int:
        """Take a track out of one list or all, for good: a refresh does not bring it back. Return from how many."""
        where = (
            "WHERE track IN (SELECT track FROM tracks WHERE track_id = ?1) AND (?2 IS NULL OR emotion = ?2) "
            "AND state <> 'removed'"
        )
        with sqlite_errors(self.name), transaction(self.connection):
            values = (track_id, emotion.value if emotion else None)
            lists = self.connection.execute(f"SELECT count(DISTINCT emotion) FROM lists {where}", values).fetchone()[0]  # noqa: S608 - our own words
            self.connection.execute(f"UPDATE lists SET state = 'removed' {where}", values)  # noqa: S608 - likewise
        return int(lists)

    def reorder(self, emotion: Emotion, ids: Sequence[str]) -> int:
        """Put a list into this order, songs that are not named after those; return how many were found."""
        query = "SELECT track_id, track FROM lists JOIN tracks USING (track) WHERE emotion = ? ORDER BY position"
        with sqlite_errors(self.name), transaction(self.connection):
            keys = dict(self.connection.execute(query, (emotion.value,)).fetchall())
            named = [each for each in dict.fromkeys(ids) if each in keys]
            order = [*named, *(each for each in keys if each not in set(named))]
            self.connection.executemany(
                "UPDATE lists SET position = ? WHERE emotion = ? AND track = ?",
                [(place, emotion.value, keys[each]) for place, each in enumerate(order)],
            )
        return len(named)

    def merge(self, emotion: Emotion, origin: str, songs: Sequence[Song], address: str | None = None) -> ListChange:
        """Bring a list up to date with its source: append what is new, mark what is gone, drop what was replaced.

        `address` is the URI of a list that is a playlist.
        """
        query = "SELECT track, state FROM lists WHERE emotion = ? AND origin = ? ORDER BY position"
        with sqlite_errors(self.name), transaction(self.connection):
            known = dict(self.connection.execute(query, (emotion.value, origin)).fetchall())
            self._set_address(origin, address)
            listed = {self._upsert(song): song for song in songs}
            added = [key for key in listed if key not in known]
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
        """Drop what came by lists that are not configured any more; return their titles."""
        marks = ", ".join("?" * (len(origins) + 1))
        where = f"WHERE emotion = ? AND state <> 'removed' AND origin NOT IN ({marks})"
        with sqlite_errors(self.name), transaction(self.connection):
            values = (emotion.value, OWN, *origins)
            rows = self.connection.execute(f"SELECT track FROM lists {where}", values).fetchall()  # noqa: S608 - our own words
            keys = [int(row[0]) for row in rows]
            titles = tuple(self._titles(keys))
            if keys:
                self.connection.execute(f"DELETE FROM lists {where}", values)  # noqa: S608 - likewise
                self.connection.execute("DELETE FROM playlists WHERE origin NOT IN (SELECT origin FROM lists)")
                self._delete_orphans(keys)
        return titles

    def verify(self) -> list[str]:
        """Return what is wrong or weak, one line each; nothing is changed."""
        with sqlite_errors(self.name):
            found = [str(row[0]) for row in self.connection.execute("PRAGMA integrity_check(20)").fetchall()]
            lost = self.connection.execute("SELECT count(*) FROM lists WHERE track NOT IN (SELECT track FROM tracks)")
            missing = int(lost.fetchone()[0])
        faults = [] if found == ["ok"] else [f"damage: {' '.join(each.split())}" for each in found]
        if missing:
            faults.append(f"damage: {missing} places in the lists are of unknown songs")
        for emotion in Emotion:
            songs = len({each.track_id for each in self.entries(emotion)})
            if songs < LEAST:
                faults.append(f"{emotion.value}: {songs} songs, so they will come often; add some")
        return faults

    def _upsert(self, song: Song) -> int:
        """Return the number of a song's track, made or brought up to date; what is known is not forgotten."""
        row = {**asdict(song), "track_id": song.identifier}
        columns = ("track_id", *SONG_COLUMNS)
        renewed = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in SONG_COLUMNS)
        differs = " OR ".join(f"coalesce(excluded.{name}, {name}) IS NOT {name}" for name in SONG_COLUMNS)
        self.connection.execute(
            f"INSERT INTO tracks ({', '.join(columns)}) VALUES ({', '.join(':' + name for name in columns)}) "  # noqa: S608 - our own column names
            f"ON CONFLICT (track_id) DO UPDATE SET {renewed} WHERE {differs}",
            row,
        )
        found = self.connection.execute("SELECT track FROM tracks WHERE track_id = ?", (song.identifier,)).fetchone()
        return int(found[0])

    def _next_position(self, emotion: Emotion) -> int:
        query = "SELECT coalesce(max(position) + 1, 0) FROM lists WHERE emotion = ?"
        return int(self.connection.execute(query, (emotion.value,)).fetchone()[0])

    def _set_state(self, emotion: Emotion, origin: str, keys: Sequence[int], state: str) -> None:
        self.connection.executemany(
            "UPDATE lists SET state = ? WHERE emotion = ? AND origin = ? AND track = ?",
            [(state, emotion.value, origin, key) for key in keys],
        )

    def _set_address(self, origin: str, address: str | None) -> None:
        self.connection.execute("DELETE FROM playlists WHERE origin = ?1 AND uri IS NOT ?2", (origin, address))
        if address is not None:
            self.connection.execute("INSERT OR IGNORE INTO playlists VALUES (?, ?)", (origin, address))

    def _titles(self, keys: Sequence[int]) -> list[str]:
        query = "SELECT title, artist FROM tracks WHERE track = ?"
        return [", ".join(self.connection.execute(query, (key,)).fetchone()) for key in keys]

    def _delete_orphans(self, keys: Sequence[int]) -> None:
        """Drop tracks in no list of which nothing was said: a song that returns finds what was said of it."""
        for key in keys:
            self.connection.execute(
                "DELETE FROM tracks WHERE track = ?1 AND track NOT IN (SELECT track FROM lists) "
                "AND track NOT IN (SELECT track FROM feedback)",
                (key,),
            )
            self.connection.execute(
                "DELETE FROM plays WHERE track = ?1 AND track NOT IN (SELECT track FROM tracks)", (key,)
            )
