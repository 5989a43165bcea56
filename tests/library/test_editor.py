"""Changes to the lists by users and refreshes."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.models import Emotion, Song
from musicond.errors import CatalogueError, EntryError, ListError
from musicond.library.actions import run
from musicond.library.database import MEMORY, rebuild_lock
from musicond.library.editor import OWN, CatalogueEditor, ListChange
from musicond.library.headings import COLUMNS
from musicond.library.table_files import Row, read_csv, read_json, read_row, rows_to_json, write_csv, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

NONE = (0, 0, 0)


@pytest.fixture
def lists() -> Iterator[CatalogueEditor]:
    with CatalogueEditor(MEMORY) as editor:
        yield editor


def songs(*titles: str) -> list[Song]:
    return [Song(title, f"Artist {title}") for title in titles]


def titles(lists: CatalogueEditor, origin: str) -> list[tuple[str, str]]:
    return [(entry.title, entry.state) for entry in lists.entries(Emotion.SAD) if entry.origin == origin]


def test_a_merge_appends_marks_and_replaces(lists: CatalogueEditor) -> None:
    assert lists.merge(Emotion.SAD, "x", songs("a", "b", "c")).added == ("a, Artist a", "b, Artist b", "c, Artist c")
    assert not lists.merge(Emotion.SAD, "x", songs("c", "b", "a")), "another order is no change"
    change = lists.merge(Emotion.SAD, "x", songs("a"))
    assert change == ListChange(gone=("b, Artist b", "c, Artist c"))
    assert titles(lists, "x") == [("a", "listed"), ("b", "gone"), ("c", "gone")]
    assert lists.merge(Emotion.SAD, "x", songs("a", "d")) == ListChange(("d, Artist d",), (), ("b, Artist b",))
    assert titles(lists, "x") == [("a", "listed"), ("c", "gone"), ("d", "listed")]
    assert not lists.merge(Emotion.SAD, "x", songs("a", "d", "c")), "back again"
    assert titles(lists, "x") == [("a", "listed"), ("c", "listed"), ("d", "listed")]
    swapped = lists.merge(Emotion.SAD, "x", songs("a", "d", "e"))
    assert swapped == ListChange(("e, Artist e",), (), ("c, Artist c",))


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=8, unique=True), min_size=1, max_size=8))
def test_a_list_never_shrinks_and_holds_all_that_is_listed(rounds: list[list[int]]) -> None:
    with CatalogueEditor(MEMORY) as lists:
        size = 0
        for numbers in rounds:
            lists.merge(Emotion.SAD, "x", songs(*map(str, numbers)))
            listed = titles(lists, "x")
            assert {title for title, state in listed if state == "listed"} == set(map(str, numbers))
            assert len(listed) >= size
            size = len(listed)


def test_what_is_unchanged_is_not_written(tmp_path: Path) -> None:
    with CatalogueEditor(tmp_path / "c.sqlite") as lists:
        lists.merge(Emotion.SAD, "x", songs("a", "b"), "file:///x.m3u")
        before = lists.connection.total_changes
        lists.merge(Emotion.SAD, "x", songs("a", "b"), "file:///x.m3u")
        assert lists.connection.total_changes == before


def test_what_is_learnt_of_a_song_is_kept_and_what_is_new_added(lists: CatalogueEditor) -> None:
    lists.merge(Emotion.SAD, "x", [Song("a", "b", "id:1", valence=0.2, genre="folk")])
    lists.merge(Emotion.SAD, "x", [Song("A", "b", "id:1", energy=0.3)])
    [entry] = [candidate for candidate in lists.entries(Emotion.SAD) if candidate.origin == "x"]
    assert (entry.title, entry.valence, entry.energy, entry.genre) == ("A", 0.2, 0.3, "folk")


def test_what_a_person_removed_does_not_come_back_by_a_refresh_but_by_hand(lists: CatalogueEditor) -> None:
    [song] = songs("a")
    lists.merge(Emotion.SAD, "x", [song])
    lists.merge(Emotion.HAPPY, "y", [song])
    assert lists.remove(song.identifier, Emotion.SAD) == 1
    lists.merge(Emotion.SAD, "x", [song])
    assert titles(lists, "x") == []
    assert lists.remove(song.identifier) == 1
    assert lists.remove(song.identifier) == 0
    assert lists.add([(Emotion.SAD, song, NONE)]) == 1
    assert titles(lists, OWN) == [("a", "listed")]


def test_what_a_person_moved_stays_where_it_is_whatever_any_list_says_later(lists: CatalogueEditor) -> None:
    [song, other] = songs("a", "b")
    lists.merge(Emotion.SAD, "x", [song, other])
    assert not lists.move(song.identifier, Emotion.SAD, Emotion.NEUTRAL)
    for origin in ("x", "y"):
        lists.merge(Emotion.SAD, origin, [song, other])
        assert titles(lists, origin) == [("b", "listed")]
    lists.drop_other_origins(Emotion.NEUTRAL, [])
    assert [entry.title for entry in lists.entries(Emotion.NEUTRAL) if entry.origin == OWN] == ["a"]
    assert not lists.move(song.identifier, Emotion.NEUTRAL, Emotion.SAD), "and back by a person"
    assert "a" in [entry.title for entry in lists.entries(Emotion.SAD)]
    lists.merge(Emotion.FEAR, "x", [other])
    assert lists.move(other.identifier, Emotion.SAD, Emotion.FEAR), "it was there already"
    assert not lists.move(other.identifier, Emotion.FEAR, Emotion.SAD, keep=True)
    assert [entry.title for entry in lists.entries(Emotion.FEAR) if entry.origin == "x"] == ["b"]
    for source, target in ((Emotion.ANGRY, Emotion.SAD), (Emotion.SAD, Emotion.SAD)):
        with pytest.raises(ListError, match="no such song to move"):
            lists.move(song.identifier, source, target)


def test_a_move_that_is_taken_back_leaves_nothing_behind(lists: CatalogueEditor) -> None:
    [song, other] = songs("a", "b")
    lists.merge(Emotion.SAD, "x", [song, other])
    lists.merge(Emotion.FEAR, "x", [other])

    def places() -> list[tuple[object, ...]]:
        return lists.connection.execute("SELECT * FROM lists ORDER BY emotion, track, origin").fetchall()

    before = places()
    for moved, target in ((song, Emotion.NEUTRAL), (other, Emotion.FEAR)):
        was_there = lists.move(moved.identifier, Emotion.SAD, target)
        lists.move_back(moved.identifier, target, Emotion.SAD, keep=was_there)
        assert places() == before
    lists.merge(Emotion.NEUTRAL, "y", [song])
    assert "a" in [entry.title for entry in lists.entries(Emotion.NEUTRAL)], "a list may bring it later"
    with pytest.raises(ListError, match="no such song to move back"):
        lists.move_back(song.identifier, Emotion.NEUTRAL, Emotion.SAD)


def test_feedback_outlives_a_song_that_leaves_and_returns(lists: CatalogueEditor) -> None:
    [song, other] = songs("a", "b")
    lists.merge(Emotion.SAD, "x", [song])
    lists.add([(Emotion.SAD, song, (3, 1, 0))])
    lists.remove(song.identifier, Emotion.SAD)
    lists.merge(Emotion.SAD, "x", [other])
    [feedback] = lists.feedback()
    assert (feedback["title"], feedback["likes"], feedback["dislikes"]) == ("a", 3, 1)
    assert lists.reset_feedback("unknown") == 0
    assert lists.reset_feedback(song.identifier) == 1
    lists.add([(Emotion.SAD, other, (1, 0, 0))])
    assert lists.reset_feedback(None) == 1
    assert lists.feedback() == []


def test_lists_no_longer_configured_go_but_not_what_was_added_by_hand(lists: CatalogueEditor) -> None:
    lists.merge(Emotion.SAD, "x", songs("a"))
    lists.add([(Emotion.SAD, song, NONE) for song in songs("b")])
    assert len(lists.drop_other_origins(Emotion.SAD, ["x"])) == 25
    assert {entry.origin for entry in lists.entries(Emotion.SAD)} == {"x", OWN}
    assert len(lists.entries(Emotion.HAPPY)) == 25
    assert lists.drop_other_origins(Emotion.SAD, ["x"]) == ()


def test_verify_finds_thin_lists_and_damage(lists: CatalogueEditor) -> None:
    assert lists.verify() == []
    lists.merge(Emotion.SAD, "x", songs("a"))
    lists.drop_other_origins(Emotion.SAD, ["x"])
    assert lists.verify() == ["sad: 1 song, so they will come often; add some"]
    lists.connection.execute("DELETE FROM tracks WHERE title = 'a'")
    assert "damage: 1 place in the lists without a known song" in lists.verify()


def test_what_is_exported_can_be_imported_and_counts_nothing_twice() -> None:
    with CatalogueEditor(MEMORY) as lists:
        lists.add([(Emotion.SAD, Song('Quote "me", please', "Ä, B", valence=0.25, mode="minor"), (4, 0, 2))])
        entries = lists.entries()
        for text, read in ((write_csv(entries), read_csv), (write_json(entries), read_json)):
            rows = [row for row in read(text, "f") if isinstance(row, Row)]
            assert len(rows) == len(entries) == 176
            with CatalogueEditor(MEMORY) as other:
                put = [(row.emotion, row.song, row.feedback) for row in rows if row.emotion]
                assert other.add(put) == 1
                assert other.add(put) == 0
                [feedback] = other.feedback()
                assert (feedback["title"], feedback["likes"], feedback["skips"]) == ('Quote "me", please', 4, 2)
                assert {(e.emotion, e.track_id, e.valence, e.year) for e in other.entries()} == {
                    (e.emotion, e.track_id, e.valence, e.year) for e in entries
                }
            assert [read_row(fields, "m") for fields in rows_to_json(rows)] == rows
    assert next(csv.reader(io.StringIO(write_csv([])))) == list(COLUMNS)


BAD_CSV = {
    "": "f:1: no columns title and artist",
    "number,artist\na,b\n": "f:1: no columns title and artist",
    "title,artist\n,b\n": "f:2: no title; give one",
    "title,artist\na, \n": "f:2: no artist; give one",
    "title,artist\na,b\na,b,c\n": 'f:3: more fields than the first line names; put "" around texts with commas',
    "title,artist,emotion\na,b,bored\n": "f:2: 'bored' is no mood; give one of angry, disgust",
    f"title,artist\na,{'b' * 1001}\n": "f:2: artist is longer than 1000 characters",
}


def faults(rows: Iterable[object]) -> list[str]:
    """Return the texts of the errors among rows, or of the one that is raised."""
    try:
        return [str(row) for row in rows if isinstance(row, EntryError)]
    except ListError as exc:
        return [str(exc)]


@pytest.mark.parametrize(("text", "says"), BAD_CSV.items(), ids=[says[:30] for says in BAD_CSV.values()])
def test_a_fault_in_csv_is_named_with_its_line(text: str, says: str) -> None:
    [fault] = faults(read_csv(text, "f"))
    assert fault.startswith(says)
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "f: not JSON"),
        ("{}", "f: not a list"),
        ("[" * 100_000, "f: not JSON"),
        ("[1]", "f: entry 1 is no object"),
        ('[{"title": "a", "artist": true}]', "f: entry 1: artist is no text"),
        ('[{"title": {"x": 1}, "artist": "b"}]', "f: entry 1: title is no text"),
    ],
)
def test_a_fault_in_json_is_named_with_its_entry(text: str, says: str) -> None:
    [fault] = faults(read_json(text, "f"))
    assert fault.startswith(says)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    for read in (read_csv, read_json):
        assert all(fault.startswith("f") for fault in faults(read(text, "f")))


def test_columns_may_be_few_in_any_order_and_letters(tmp_path: Path) -> None:
    [row] = read_csv("Artist, TITLE ,mood\nb,a,x\n", "f")
    assert isinstance(row, Row)
    assert (row.song.title, row.song.artist, row.emotion) == ("a", "b", None)
    [row] = read_csv("title,artist,track_id\na,b,x:123\n", "f")
    assert isinstance(row, Row)
    assert (row.song.track_id, row.song.link) == ("x:123", "")


def test_actions_answer_and_refuse_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    answer = run(path, "add", {"rows": [{"title": "a", "artist": "b", "emotion": "sad"}]})
    assert answer == {"new": 1, "songs": 1}
    entries = run(path, "list", {"emotion": "sad"})["entries"]
    assert isinstance(entries, list)
    assert entries[-1]["title"] == "a"
    assert json.dumps(entries)
    for action, arguments, says in (
        ("eat", {}, "no action 'eat'"),
        ("list", {"emotion": "bored"}, "no mood"),
        ("add", {"rows": [{"title": "a", "artist": "b"}]}, "without a mood"),
        ("add", {"rows": [{"title": "a"}]}, "song 1: no artist"),
    ):
        with pytest.raises(ListError, match=says):
            run(path, action, arguments)
    assert run(path, "remove", {"id": entries[-1]["track_id"]}) == {"lists": 1}
    assert run(path, "verify", {}) == {"faults": []}
    assert run(path, "feedback", {}) == {"feedback": []}
    assert run(path, "reset-feedback", {"id": None}) == {"songs": 0}


def test_no_change_goes_into_a_file_that_is_being_replaced(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    with CatalogueEditor(path) as editor:
        song = [(Emotion.SAD, songs("a")[0], NONE)]
        with rebuild_lock(path, "catalogue", 1, exclusive=True), pytest.raises(CatalogueError, match="being rebuilt"):
            editor.add(song)
        path.unlink()
        CatalogueEditor(path).connection.close()
        with pytest.raises(CatalogueError, match="replaced"):
            editor.add(song)
    with CatalogueEditor(path) as editor:
        assert editor.add(song) == 1


def test_a_place_of_an_unknown_song_is_mended_by_the_next_refresh(lists: CatalogueEditor) -> None:
    for origin in ("x", "y"):
        lists.merge(Emotion.SAD, origin, songs("a", "b"))
    lists.connection.execute("UPDATE lists SET track = track + 100000 WHERE position % 2 AND origin <> 'starter'")
    lists.merge(Emotion.SAD, "x", songs("a"))
    lists.merge(Emotion.SAD, "x", songs("a", "b"))
    assert titles(lists, "x") == [("a", "listed"), ("b", "listed")]
    assert lists.drop_other_origins(Emotion.SAD, ["starter", "x"]) in (("a, Artist a",), ("b, Artist b",))
