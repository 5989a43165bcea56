"""The refresh of the lists from their sources: list by list; it can be interrupted at any moment and continued.

Libraries come after all other lists, as their first sorting may take hours, and fallbacks at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from musicond.config.schema import SEARCH, SPOTIFY, STARTER
from musicond.core.models import Emotion, Song
from musicond.core.ports import ListSource
from musicond.errors import CatalogueError, ListError, SkippedEntries, counted, error_text
from musicond.library.audio_files import TagCache
from musicond.library.database import sqlite_errors
from musicond.library.editor import OWN, CatalogueEditor, ListChange
from musicond.library.sorted_library import LIBRARY, LibraryReading, SortedLibrary, takes_nearest
from musicond.library.sources import MOST_SONGS, SourceBuilders, library_source, make_source

log = logging.getLogger(__name__)

PROGRESS_EVERY = 20
"""Songs."""


class RefreshCancelledError(Exception):
    """The refresh was asked to end; completed lists stay refreshed."""


@dataclass(frozen=True, slots=True)
class RefreshProgress:
    """Progress of a refresh."""

    done: int
    """Lists."""
    total: int
    name: str
    """The list being read."""
    songs: int
    """Number read from it so far."""


@dataclass
class RefreshReport:
    """Changes made by a refresh."""

    changes: dict[tuple[str, str], ListChange] = field(default_factory=dict)
    """By emotion and list."""
    errors: list[str] = field(default_factory=list)
    """Lists that could not be read; they stay as they were."""
    skipped: list[str] = field(default_factory=list)
    """For each list with entries that could not be used: their number, and the first ones by file and line."""
    skipped_count: int = 0
    """Of all lists."""
    left: int = 0
    """Songs of libraries that got no mood."""
    library_songs: int = 0
    """All songs of libraries, if these were read."""
    again_s: float | None = None
    """Seconds after which some of these may be readable; None: unknown."""

    def summary(self) -> str:
        """Return one line that names no song and no emotion, for the log."""
        changes = self.changes.values()
        new, gone, replaced = (
            sum(len(getattr(change, name)) for change in changes) for name in ("added", "gone", "replaced")
        )
        text = f"{counted(new, 'new song')}, {gone} no longer listed, {replaced} replaced"
        if self.skipped_count:
            text += f", {counted(self.skipped_count, 'entry', 'entries')} not found or skipped"
        return f"{text}, {counted(len(self.errors), 'list')} could not be read" if self.errors else text

    def to_json(self) -> dict[str, object]:
        """Return it for the control socket."""
        lists = [
            {"emotion": emotion, "list": name, "new": change.added, "gone": change.gone, "replaced": change.replaced}
            for (emotion, name), change in self.changes.items()
        ]
        return {
            "summary": self.summary(),
            "lists": lists,
            "faults": self.errors,
            "skipped": self.skipped,
            "left": self.left,
            "library_songs": self.library_songs,
        }


class Refresh:
    """One refresh of all wanted lists; `should_stop` interrupts it.

    A mood that has libraries alone, none of which has songs that fit it, takes the nearest songs of the last one.
    Two lists are fallbacks: a search is read only where every other list of the mood at Spotify is gone or empty, and
    the starter where those of the library are. While one of these can be read, the songs of the fallback leave; while
    one is merely out of reach, all stays as it is.
    """

    def __init__(
        self,
        wanted: Mapping[Emotion, Sequence[str]],
        builders: SourceBuilders | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._wanted, self._builders, self._should_stop = wanted, builders, should_stop
        lists = [(emotion, name) for emotion, names in wanted.items() for name in names]
        self._lists = sorted(lists, key=lambda pair: _rank(pair[1], wanted[pair[0]]))
        self._has_songs: dict[tuple[Emotion, str], bool] = {}
        """Whether a list has songs (True), or is gone or empty (False); one that failed otherwise is missing here."""
        self._unneeded: set[tuple[Emotion, str]] = set()
        """Fallbacks whose mood has another list."""
        self._readings: dict[str, LibraryReading] = {}
        """By the name of the library's list."""
        self._report = RefreshReport()
        self.progress = RefreshProgress(0, len(self._lists), "", 0)
        """Replaced as a whole, so that other threads may read it."""

    def run(self, path: Path, *, first: int = 0, on_list_done: Callable[[int], None] = lambda _: None) -> RefreshReport:
        """Refresh from list number `first` on; call `on_list_done` with the number of completed lists after each.

        Raises CatalogueError, and RefreshCancelledError as soon as `should_stop` returns True.
        """
        with CatalogueEditor(path) as editor:
            tag_cache = TagCache(editor.connection)
            self._restore(editor, first)
            with self._libraries(tag_cache, path.parent):
                for number, (emotion, name) in enumerate(self._lists[first:], start=first):
                    self.progress = RefreshProgress(number, len(self._lists), name, 0)
                    if self._is_needed(emotion, name):
                        self._refresh_list(editor, tag_cache, emotion, name)
                    on_list_done(number + 1)
            self._drop_unwanted(editor)
        self.progress = RefreshProgress(len(self._lists), len(self._lists), "", 0)
        return self._report

    @contextmanager
    def _libraries(self, tag_cache: TagCache, folder: Path) -> Iterator[None]:
        """Let each library be read once for all moods, and report at the end which of its songs were left."""
        names = dict.fromkeys(name for _, name in self._lists if name.startswith(LIBRARY))
        self._readings = {
            name: LibraryReading(
                partial(library_source, name, tag_cache, self._builders), folder, partial(self._note_progress, name)
            )
            for name in names
        }
        try:
            yield
            for name, reading in self._readings.items():
                self._note_skipped(name, reading.skipped, reading.placed)
                self._report.left += reading.left
                self._report.library_songs += reading.left + reading.placed
        finally:
            for reading in self._readings.values():
                reading.close()

    def _note_skipped(self, name: str, skipped: SkippedEntries, used: int) -> None:
        self._report.skipped += skipped.report(name, used)
        self._report.skipped_count += len(skipped)

    def _refresh_list(self, editor: CatalogueEditor, tag_cache: TagCache, emotion: Emotion, name: str) -> None:
        """Read one list into the catalogue; raise RefreshCancelledError, CatalogueError."""
        try:
            with sqlite_errors(editor.name):
                source = self._make_source(name, emotion, tag_cache)
                try:
                    songs = list(self._read(source, name))
                finally:
                    tag_cache.flush()
            self._has_songs[emotion, name] = bool(songs)
            self._note_skipped(name, source.skipped, len(songs))
            if change := editor.merge(emotion, name, songs, source.uri):
                self._report.changes[emotion.value, name] = change
        except ListError as exc:
            if str(exc) not in self._report.errors:  # a library has the same one for every mood
                self._report.errors.append(str(exc))
            if exc.gone:
                self._has_songs[emotion, name] = False
            if exc.wait_s is not None:
                self._report.again_s = max(exc.wait_s, self._report.again_s or 0.0)
        except (RefreshCancelledError, CatalogueError):
            raise
        except Exception as exc:  # a source that breaks its library must not keep the other lists from being read
            log.exception("a list could not be read")
            self._report.errors.append(f"{name}: {error_text(exc)}; the list stays as it was")

    def _make_source(self, name: str, emotion: Emotion, tag_cache: TagCache) -> ListSource:
        if (reading := self._readings.get(name)) is not None:
            nearest = takes_nearest(name, self._wanted[emotion], lambda other: self._has_songs.get((emotion, other)))
            return SortedLibrary(reading, emotion, nearest=nearest)
        return make_source(name, emotion, tag_cache, self._builders)

    def _is_needed(self, emotion: Emotion, name: str) -> bool:
        if not (names := _preferred(name, self._wanted[emotion])):
            return True
        states = [self._has_songs.get((emotion, name)) for name in names]
        if any(states):
            self._unneeded.add((emotion, name))
        return all(has_songs is False for has_songs in states)

    def _restore(self, editor: CatalogueEditor, first: int) -> None:
        """Regard the lists that the interrupted refresh has completed as gone where they are without songs.

        Those of the library, which is read to its end or not at all, have songs otherwise.
        """
        for emotion, name in self._lists[:first]:
            states = {entry.state for entry in editor.entries(emotion) if entry.origin == name}
            if name.startswith(LIBRARY):
                self._has_songs[emotion, name] = "listed" in states
            elif not states:
                self._has_songs[emotion, name] = False
            self._is_needed(emotion, name)

    def _read(self, source: ListSource, name: str) -> Iterator[Song]:
        count = 0
        for count, song in enumerate(source.tracks(), start=1):
            if not name.startswith(LIBRARY):
                self._note_progress(name, count)
            if count > MOST_SONGS:
                remedy = "name folders with fewer in music.library" if name.startswith(LIBRARY) else "split it"
                raise ListError(f"{name}: more than {MOST_SONGS} songs; {remedy}")
            yield song
        if count == 0 and name.startswith(LIBRARY):
            return  # none of its songs fits this mood
        if count == 0 and source.skipped:
            raise ListError(f"{name}: {source.skipped.none_usable()}; the list stays as it was")
        if count == 0:
            raise ListError(f"{name}: no songs in it; the list stays as it was", gone=True)

    def _note_progress(self, name: str, count: int) -> None:
        """Note how many songs of a list were read; raise RefreshCancelledError."""
        if self._should_stop():
            raise RefreshCancelledError
        if count % PROGRESS_EVERY == 0:
            self.progress = RefreshProgress(self.progress.done, self.progress.total, name, count)

    def _drop_unwanted(self, editor: CatalogueEditor) -> None:
        for emotion, wanted in self._wanted.items():
            names = [name for name in wanted if (emotion, name) not in self._unneeded]
            # A list whose new sources can't be read keeps its old songs.
            present = {entry.origin for entry in editor.entries(emotion)}
            if present & set(names or [OWN]) and (titles := editor.drop_other_origins(emotion, names)):
                self._report.changes[emotion.value, "no longer configured"] = ListChange(replaced=titles)


def _rank(name: str, names: Sequence[str]) -> int:
    """Return the place of a list in the order of a refresh: 0 for the first ones."""
    return 2 if _preferred(name, names) else int(name.startswith(LIBRARY))


def _preferred(name: str, names: Sequence[str]) -> list[str]:
    """Return the lists of a mood that a list is a fallback for; none for other lists."""
    if name == STARTER:
        return [other for other in names if other.startswith(LIBRARY)]
    if name.startswith(SEARCH):
        return [other for other in names if other.startswith(SPOTIFY) and not other.startswith(SEARCH)]
    return []
