"""Brings the lists up to date with their sources: list by list, to be cut off at any moment and gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

from musicond.config.schema import SEARCH, SPOTIFY
from musicond.errors import ListError
from musicond.library.database import sqlite_errors
from musicond.library.editor import OWN, CatalogueEditor, Change
from musicond.library.sources import SqliteTagCache, make_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from musicond.core.models import Emotion, Song
    from musicond.core.ports import ListSource

    Builders = Mapping[str, Callable[[str, Emotion], ListSource]]

MOST_SONGS = 50_000
"""Of one list."""
TELL_EVERY = 20


class Stopped(Exception):  # noqa: N818 - says what it is
    """The refresh was asked to end; what was done stays done."""


@dataclass(frozen=True, slots=True)
class RefreshProgress:
    """How far a refresh is."""

    done: int
    """Lists."""
    total: int
    name: str
    """The list being read."""
    songs: int
    """Read of it so far."""


@dataclass
class RefreshReport:
    """What a refresh has changed, by list."""

    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    """By emotion and list."""
    faults: list[str] = field(default_factory=list)
    """Lists that could not be read; they stay as they were."""
    again_s: float | None = None
    """Seconds after which some of them may be readable; None: nothing says so."""

    def summary(self) -> str:
        """Return one line that names no song and no emotion, for the log."""
        changes = self.changes.values()
        new, gone, replaced = (
            sum(len(getattr(change, name)) for change in changes) for name in ("added", "gone", "replaced")
        )
        told = f"{new} new songs, {gone} no longer listed, {replaced} replaced"
        return f"{told}, {len(self.faults)} lists could not be read" if self.faults else told

    def as_json(self) -> dict[str, object]:
        """Return it for the control socket."""
        lists = [
            {"emotion": emotion, "list": name, "new": change.added, "gone": change.gone, "replaced": change.replaced}
            for (emotion, name), change in self.changes.items()
        ]
        return {"summary": self.summary(), "lists": lists, "faults": self.faults}


class Refresh:
    """One refresh of all lists that are wanted.

    A search stands in: it is read only where every other list of the mood at Spotify is gone or empty. While one of
    them can be read, its songs leave; while one could merely not be reached, all stays as it is.
    """

    def __init__(self, wanted: Mapping[Emotion, Sequence[str]], others: Builders | None = None) -> None:
        self._wanted = wanted
        self._todo = [(emotion, name) for emotion, names in wanted.items() for name in sorted(names, key=_is_search)]
        self._found: dict[tuple[Emotion, str], bool] = {}
        """Whether a list gave songs (True) or is gone or empty (False); one that failed otherwise is missing here."""
        self._resting: set[tuple[Emotion, str]] = set()
        """Searches that are not needed."""
        self._others = others or {}
        self.progress = RefreshProgress(0, len(self._todo), "", 0)
        """Swapped as a whole; other threads may look."""

    @property
    def mark(self) -> float:
        """A number that differs where other lists are wanted: an interrupted refresh of those is not gone on with."""
        return float(crc32(repr(self._todo).encode()))

    def run(
        self, path: Path, *, first: int, finished: Callable[[int], None], stopped: Callable[[], bool] = lambda: False
    ) -> RefreshReport:
        """Refresh from list number `first` on, telling after each how many are `finished`.

        Raises CatalogueError; Stopped as soon as `stopped` is true.
        """
        report = RefreshReport()
        with CatalogueEditor.open(path) as lists:
            shelf = SqliteTagCache(lists.connection)
            self._look_back(lists, first)
            for number, (emotion, name) in enumerate(self._todo[first:], start=first):
                self.progress = RefreshProgress(number, len(self._todo), name, 0)
                if self._wanted_now(emotion, name):
                    self._bring(lists, shelf, emotion, name, report, stopped)
                finished(number + 1)
            self._drop_unwanted(lists, report)
        self.progress = RefreshProgress(len(self._todo), len(self._todo), "", 0)
        return report

    def _bring(
        self,
        lists: CatalogueEditor,
        shelf: SqliteTagCache,
        emotion: Emotion,
        name: str,
        report: RefreshReport,
        stopped: Callable[[], bool],
    ) -> None:
        """Read one list into the catalogue; raise Stopped, CatalogueError."""
        try:
            with sqlite_errors(lists.name):
                source = make_source(name, emotion, shelf, self._others)
                songs = list(self._read(source, name, stopped))
                shelf.flush()
            self._found[emotion, name] = True
            if change := lists.merge(emotion, name, songs, source.uri):
                report.changes[emotion.value, name] = change
        except ListError as fault:
            report.faults.append(str(fault))
            if fault.gone:
                self._found[emotion, name] = False
            if fault.wait_s is not None:
                report.again_s = max(fault.wait_s, report.again_s or 0.0)
        except Stopped:
            with sqlite_errors(lists.name):
                shelf.flush()
            raise

    def _wanted_now(self, emotion: Emotion, name: str) -> bool:
        others = [each for each in self._wanted[emotion] if each.startswith(SPOTIFY) and not _is_search(each)]
        if not _is_search(name) or not others:
            return True
        found = [self._found.get((emotion, each)) for each in others]
        if any(found):
            self._resting.add((emotion, name))
        return all(each is False for each in found)

    def _look_back(self, lists: CatalogueEditor, first: int) -> None:
        """Take what a refresh that was cut off has left no songs of for gone."""
        for emotion, name in self._todo[:first]:
            if not any(entry.origin == name for entry in lists.entries(emotion)):
                self._found[emotion, name] = False

    def _read(self, source: ListSource, name: str, stopped: Callable[[], bool]) -> Iterator[Song]:
        count = 0
        for song in source.tracks():
            if stopped():
                raise Stopped
            count += 1
            if count > MOST_SONGS:
                raise ListError(f"{name}: more than {MOST_SONGS} songs; split it")
            if count % TELL_EVERY == 0:
                self.progress = RefreshProgress(self.progress.done, self.progress.total, name, count)
            yield song
        if count == 0:
            raise ListError(f"{name}: no songs in it; the list stays as it was", gone=True)

    def _drop_unwanted(self, lists: CatalogueEditor, report: RefreshReport) -> None:
        for emotion, wanted in self._wanted.items():
            names = [name for name in wanted if (emotion, name) not in self._resting]
            # A list whose new sources can't be read keeps its old songs.
            present = {entry.origin for entry in lists.entries(emotion)}
            if present & set(names or [OWN]) and (gone := lists.drop_other_origins(emotion, names)):
                report.changes[emotion.value, "no longer configured"] = Change(replaced=gone)


def _is_search(name: str) -> bool:
    return name.startswith(SEARCH)
