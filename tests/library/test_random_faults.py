"""Random faults of lists and of the catalogue: damaged, gone, no files, locked, interrupted; script/fault-test random runs a thousand.

After each fault every acknowledged like counts once, and no list is lost.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import EMOTIONS, Emotion, Verdict
from musicond.errors import CatalogueError, clean_line
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.editor import CatalogueEditor
from musicond.library.refresh import Refresh, RefreshCancelledError
from tests.figures import MANY, SEED, random_faults, record
from tools import fuzz_seeds
from tools.fuzz import damage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def run_librarian(
    count: int,
    seed: int,
    folder: Path,
    catalogue_type: type[SqliteCatalogue] = SqliteCatalogue,
    refresh_type: type[Refresh] = Refresh,
) -> dict[str, int]:
    """Spoil a list or the catalogue; after each fault every acknowledged like counts once, and no list is lost."""
    rng, path, done = (
        random.Random(seed),
        folder / "catalogue.sqlite",
        {"faults": 0, "likes": 0, "refused": 0, "kept": 0},
    )
    seeds = {"sad.csv": fuzz_seeds.csv(), "happy.json": fuzz_seeds.json(), "neutral.m3u": fuzz_seeds.m3u()}
    lists = {Emotion(name.partition(".")[0]): folder / name for name in seeds}
    wanted = {emotion: (str(file),) for emotion, file in lists.items()} | {Emotion.ANGRY: ("starter",)}
    likes: dict[int, int] = {}
    with ExitStack() as opened:
        catalogue = opened.enter_context(catalogue_type(path))
        keys = [int(key) for key in catalogue.candidates(Emotion.ANGRY).keys]
        for _ in range(count):
            spoil(rng.choice(list(lists.values())), seeds, rng)
            before = songs_of(path)
            refresh = refresh_type(wanted, should_stop=lambda: rng.randrange(60) == 0)
            with suppress(RefreshCancelledError):
                done["kept"] += check_lists(refresh.run(path).errors, lists, before, songs_of(path))
            key = rng.choice(keys)
            with locked_for(path, 0.03) if rng.randrange(4) == 0 else nullcontext():
                try:
                    catalogue.rate([Emotion.ANGRY], key, Verdict.LIKE)
                    likes[key] = likes.get(key, 0) + 1
                except CatalogueError:
                    done["refused"] += 1
            if rng.randrange(6) == 0:
                opened.close()
                catalogue = opened.enter_context(catalogue_type(path))
            stats = catalogue.stats(Emotion.ANGRY)
            assert {key: stats[key].likes for key in likes} == likes, "a like is lost or doubled"
            check_catalogue(path)
            done["faults"] += 1
    assert likes, "likes are stored at all"
    assert done["kept"], "lists fail at all"
    return done | {"likes": sum(likes.values())}


def spoil(file: Path, seeds: dict[str, list[bytes]], rng: random.Random) -> None:
    """Replace a list by a damaged, empty or good one, by what is no file, or by nothing."""
    content = rng.choice(seeds[file.name])
    if file.is_dir():
        file.rmdir()
    file.unlink(missing_ok=True)
    match rng.randrange(6):
        case 0:
            file.write_bytes(damage(content, seeds[file.name], rng))
        case 1:
            file.mkdir()
        case 2:
            file.symlink_to(file)
        case 3:
            file.write_bytes(b"")
        case 4:
            file.write_bytes(content)


def check_lists(
    errors: list[str],
    lists: dict[Emotion, Path],
    before: dict[Emotion, list[str]],
    after: dict[Emotion, list[str]],
) -> int:
    """Check that the lists that could not be read are as they were; return their number."""
    kept = [emotion for emotion, file in lists.items() if any(str(file) in error for error in errors)]
    for emotion in kept:
        assert after[emotion] == before[emotion], f"the list for {emotion} is not as it was"
    return len(kept)


def songs_of(path: Path) -> dict[Emotion, list[str]]:
    """Return the songs of each emotion, each with its state."""
    with CatalogueEditor(path, read_only=True) as editor:
        return {
            emotion: sorted(f"{entry.track_id} {entry.state}" for entry in editor.entries(emotion))
            for emotion in EMOTIONS
        }


def check_catalogue(path: Path) -> None:
    """Check the file, that the starter is in it, and that no title could steer a terminal."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    connection.close()
    with CatalogueEditor(path, read_only=True) as editor:
        entries = editor.entries()
    assert sum(entry.emotion == Emotion.ANGRY for entry in entries) > 5, "the starter is there"
    assert all(clean_line(entry.title) == entry.title != "" for entry in entries)


@contextmanager
def locked_for(path: Path, seconds: float) -> Iterator[None]:
    """Lock the catalogue as another program would, for a while."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(seconds, lambda: connection.execute("ROLLBACK"))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        connection.close()


class DoublesLikes(SqliteCatalogue):
    """A planted bug: after a wait for a lock the like is stored twice."""

    def rate(self, moods: Sequence[Emotion], key: int, verdict: Verdict) -> None:
        """Store a verdict, or two."""
        begun = time.monotonic()
        super().rate(moods, key, verdict)
        if time.monotonic() - begun > 0.02:
            super().rate(moods, key, verdict)


class EmptiesLists(Refresh):
    """A planted bug: what can't be read counts as empty."""

    def _refresh_list(self, editor: CatalogueEditor, tag_cache: Any, emotion: Emotion, name: str) -> None:
        before = len(self._report.errors)
        super()._refresh_list(editor, tag_cache, emotion, name)
        if len(self._report.errors) > before:
            editor.merge(emotion, name, ())


def test_no_fault_of_a_list_or_a_lock_loses_a_like_or_a_list(tmp_path: Path) -> None:
    record("librarian", **run_librarian(random_faults(40), SEED, tmp_path))


@pytest.mark.parametrize(
    ("bugs", "text"),
    [((DoublesLikes, Refresh), "lost or doubled"), ((SqliteCatalogue, EmptiesLists), "is not as it was")],
)
def test_a_bug_of_the_librarian_is_found(tmp_path: Path, bugs: tuple[Any, Any], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        run_librarian(MANY, SEED, tmp_path, *bugs)
