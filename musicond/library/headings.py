"""The headings of song tables: our columns, and the names that other tools give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

COLUMNS = (
    "emotion", "track_id", "title", "artist", "album", "link", "year", "genre", "valence", "energy", "tempo", "mode",
    "popularity", "source", "likes", "dislikes", "skips",
)  # fmt: skip
"""The columns of an export, which are the names of the values in this program."""
ALIASES: Mapping[str, tuple[str, ...]] = {
    "title": ("track name", "track title", "song", "song name", "song title", "track", "name",
              "master metadata track name"),
    "artist": ("artist name", "artist name(s)", "artists", "track artist", "album artist name", "creator",
               "master metadata album artist name"),
    "track_id": ("track uri", "spotify uri", "spotify track uri", "uri", "spotify - id", "spotify id",
                 "spotify track id", "id"),
    "link": ("url", "track url", "track link", "spotify url", "spotify link", "spotify track url"),
    "album": ("album name", "album title", "master metadata album album name"),
    "year": ("release date", "album release date", "release year", "date"),
    "genre": ("genres",),
    "tempo": ("bpm",),
}  # fmt: skip
"""Headings of Exportify, TuneMyMusic, Soundiiz, Spotify's data exports and public data sets, the best ones first."""
Column = tuple[str, int]
"""Name of a column, and the rank of the heading among its aliases; 0 for our own name."""


def _simplify(heading: str) -> str:
    return re.sub(r"[^a-z0-9]", "", heading.casefold())


COLUMN_OF: Mapping[str, Column] = {
    _simplify(alias): (column, rank)
    for column in COLUMNS
    for rank, alias in enumerate((column, *ALIASES.get(column, ())))
}


@lru_cache(maxsize=1024)
def find_column(heading: str) -> Column | None:
    """Return the column that a heading stands for, None for an unknown heading. Case and punctuation do not count."""
    return COLUMN_OF.get(_simplify(heading))


def choose_values(cells: Iterable[tuple[str, Any]]) -> dict[str, tuple[Any, int]]:
    """Return the value and the rank of its heading for each known column; empty cells and worse headings lose."""
    chosen: dict[str, tuple[Any, int]] = {}
    for heading, value in cells:
        column = find_column(heading)
        if column is None or value is None or (isinstance(value, str) and not value.strip()):
            continue
        name, rank = column
        if name not in chosen or rank < chosen[name][1]:
            chosen[name] = value, rank
    return chosen
