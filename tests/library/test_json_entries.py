"""The entries of JSON lists, decoded one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.library.json_entries import CONTAINERS, MOST_CHARACTERS, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = st.sampled_from((*CONTAINERS, "title", 'a"\u00e9'))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=20,
)
LONG = "x" * MOST_CHARACTERS


def expected(document: Any) -> Iterator[Any]:
    if isinstance(document, list):
        for entry in document:
            if isinstance(entry, dict) and any(isinstance(entry.get(name), list) for name in CONTAINERS):
                yield from expected(entry)
            else:
                yield entry
    elif isinstance(document, dict):
        for name, value in document.items():
            if name in CONTAINERS and isinstance(value, list):
                yield from expected(value)


@given(VALUES, st.sampled_from((None, 1)), st.booleans())
def test_the_entries_are_those_of_the_whole_document(document: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    assert list(read_entries(f" {text}\n")) == list(expected(document))


@given(VALUES, st.data())
def test_what_is_no_json_is_refused_wherever_the_fault_is(document: Any, data: st.DataObject) -> None:
    text = json.dumps(document)
    place = data.draw(st.integers(0, len(text) - 1))
    broken = text[:place] + data.draw(st.sampled_from(("", "{", "]", ",", '"', "1", ":"))) + text[place + 1 :]
    try:
        entries = list(expected(json.loads(broken)))
    except ValueError:
        with pytest.raises(ValueError, match="line"):
            list(read_entries(broken))
    else:
        assert list(read_entries(broken)) == entries


def test_long_lists_and_values_beside_them_are_read() -> None:
    songs = [{"title": f"song {number}", "artist": "x" * 90} for number in range(2000)]
    document = {"albums": songs, "notes": {"a": songs}, "playlists": [{"name": "x", "items": songs}, {"items": []}]}
    assert list(read_entries(json.dumps(document))) == songs
    assert list(read_entries(json.dumps(songs))) == songs


@pytest.mark.parametrize("document", [[{"title": LONG}], [LONG], {"tracks": [1, {"a": {"b": LONG}}]}, {"name": LONG}])
def test_a_value_that_is_too_long_is_an_error_with_its_place(document: Any) -> None:
    with pytest.raises(ValueError, match=f"longer than {MOST_CHARACTERS} characters: line [1-9]"):
        list(read_entries(json.dumps(document, indent=1) + " " * MOST_CHARACTERS))
