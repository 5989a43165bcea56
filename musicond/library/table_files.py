"""Songs as rows of CSV and JSON files; each error names its place."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from musicond.core.models import Emotion, Song
from musicond.errors import EntryError, ListError, bounded_number, clean_line
from musicond.library.csv_records import read_records
from musicond.library.editor import CatalogueEntry
from musicond.library.headings import COLUMNS, choose_values, find_column
from musicond.library.json_entries import read_entries
from musicond.library.track_ids import parse_track_id, uri_and_page

LONGEST = 1000
"""Characters of a text."""
MOST_COUNTED = 10**9
YEAR = re.compile(r"(?<!\d)[12]\d{3}(?!\d)", re.ASCII)
RANGES: Mapping[str, tuple[type, float, float]] = {
    "valence": (float, 0, 1),
    "energy": (float, 0, 1),
    "tempo": (float, 1, 1000),
    "popularity": (int, 0, 100),
}
MODES = {"major": "major", "minor": "minor", "1": "major", "1.0": "major", "0": "minor", "0.0": "minor"}
"""The last four as Spotify's audio features have them."""
COUNTS = ("likes", "dislikes", "skips")
OPTIONAL = tuple(name for name in COLUMNS if name not in ("title", "artist"))


@dataclass(frozen=True, slots=True)
class Row:
    """A song with its list (None: the row names none) and its feedback."""

    song: Song
    emotion: Emotion | None
    feedback: tuple[int, int, int] = (0, 0, 0)
    """Likes, dislikes and skips."""


def read_csv(text: str, where: str) -> Iterator[Row | EntryError]:
    """Yield the rows of a CSV file with a header, and an error for each that can't be used; raise ListError."""
    records = read_records(text)
    _, header = next(records, (1, []))
    names = {column[0] for column in map(find_column, header) if column}
    if not {"title", "artist"} <= names:
        raise ListError(f"{where}:1: no columns title and artist; begin with a line that names them: title,artist,link")
    for line, fields in records:
        try:
            yield _read_record(header, fields, f"{where}:{line}")
        except EntryError as exc:
            yield exc


def _read_record(header: Sequence[str], fields: Sequence[str], place: str) -> Row:
    if any(map(str.strip, fields[len(header) :])):
        raise EntryError(f'{place}: more fields than the first line names; put "" around texts with commas')
    return _read_cells(zip(header, fields, strict=False), place)


def read_json(text: str, where: str) -> Iterator[Row | EntryError]:
    """Yield the rows of a JSON array or of a data export of Spotify, and an error for each that can't be used.

    Raises ListError.
    """
    number = 0
    try:
        for number, entry in enumerate(read_entries(text), start=1):
            try:
                yield _read_entry(entry, f"{where}: entry {number}")
            except EntryError as exc:
                yield exc
    except (ValueError, RecursionError) as exc:
        raise ListError(f"{where}: not JSON ({exc}); correct it") from None
    if not number and not text.lstrip().startswith("["):
        raise ListError(f"{where}: not a list; give [{{...}}, ...] as catalogue export --json does")


def _read_entry(entry: Any, place: str) -> Row:
    if isinstance(entry, dict) and isinstance(entry.get("track"), dict):
        entry = entry["track"]
    if not isinstance(entry, dict):
        raise EntryError(f'{place} is no object; give {{"title": ..., "artist": ...}}')
    return read_row(entry, place)


def read_row(fields: Mapping[str, Any], place: str) -> Row:
    """Return the row of these fields; raise EntryError, which begins with `place`.

    An optional value that is not understood counts as unknown.
    """
    return _read_cells(fields.items(), place)


def _read_cells(cells: Iterable[tuple[str, Any]], place: str) -> Row:
    values = choose_values(cells)
    texts = {name: _text(values.get(name, ("", 0)), name, place) for name in ("title", "artist")}
    for name, text in texts.items():
        if not text:
            raise EntryError(f"{place}: no {name}; give one")
    optional = {name: _optional_text(values.get(name, ("", 0))[0]) for name in OPTIONAL}
    emotion = optional["emotion"].lower()
    if emotion and emotion not in tuple(Emotion):
        raise EntryError(f"{place}: {emotion!r} is no mood; give one of {', '.join(Emotion)}")
    track_id, link = _identify(optional["track_id"], optional["link"], values.get("track_id", ("", 0))[1])
    song = Song(
        title=texts["title"], artist=texts["artist"], track_id=track_id, link=link, source=optional["source"],
        genre=optional["genre"] or None, album=optional["album"] or None,
        year=parse_year(optional["year"]), mode=MODES.get(optional["mode"].lower()),
        **{name: _parse_number(optional[name], name) for name in RANGES},
    )  # fmt: skip
    likes, dislikes, skips = (_parse_count(optional[name]) for name in COUNTS)
    return Row(song, Emotion(emotion) if emotion else None, (likes, dislikes, skips))


def _identify(track_id: str, link: str, rank: int) -> tuple[str, str]:
    """Return the track's id and link: those of Spotify where one of them is of a track there.

    `rank`: that of the heading of `track_id`; under a heading of another tool only a URI or an id of Spotify counts.
    """
    if spotify_id := parse_track_id(track_id, bare=True) or (None if track_id else parse_track_id(link)):
        uri, page = uri_and_page(spotify_id)
        return uri, page if not link or parse_track_id(link) else link
    if track_id.lower().startswith("spotify:") or (rank and ":" not in track_id):
        track_id = ""
    return track_id, link


def write_csv(entries: Iterable[CatalogueEntry]) -> str:
    """Return entries as CSV that `read_csv` reads."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(export_rows(entries))
    return out.getvalue()


def write_json(entries: Iterable[CatalogueEntry]) -> str:
    """Return entries as JSON that `read_json` reads."""
    return json.dumps(list(export_rows(entries)), ensure_ascii=False, indent=1) + "\n"


def export_rows(entries: Iterable[CatalogueEntry]) -> Iterator[dict[str, object]]:
    """Yield the exported columns of each entry; a song of two lists appears once."""
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.emotion, entry.track_id) not in seen:
            seen.add((entry.emotion, entry.track_id))
            yield {name: getattr(entry, name) for name in COLUMNS}


def rows_to_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return rows as objects that `read_row` reads, for the control socket."""
    return [asdict(row.song) | {"emotion": row.emotion} | dict(zip(COUNTS, row.feedback, strict=True)) for row in rows]


def _text(cell: tuple[Any, int], name: str, place: str) -> str:
    """Return a title or the names of artists as text; raise EntryError."""
    value, rank = cell
    if name == "artist" and isinstance(value, list):
        value = ", ".join(str(item.get("name") or "") if isinstance(item, dict) else str(item) for item in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise EntryError(f"{place}: {name} is no text; correct it")
    text = clean_line(value)
    if name == "artist" and rank:
        names = map(clean_line, text.split(";"))  # Exportify joins artists with semicolons
        text = ", ".join(filter(None, names))
    if len(text) > LONGEST:
        raise EntryError(f"{place}: {name} is longer than {LONGEST} characters; shorten it")
    return text


def _optional_text(value: Any) -> str:
    """Return an optional value as text; empty for one that is no text, or too long."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = clean_line(value)
    return text if len(text) <= LONGEST else ""


def parse_year(text: str) -> int | None:
    """Return the year of a date in any usual form, or None."""
    match = YEAR.search(text)
    return int(match[0]) if match else None


def _parse_number(text: str, name: str) -> Any:
    """Return a number within its range of RANGES, None for any other text."""
    kind, low, high = RANGES[name]
    number = bounded_number(text.replace(",", "."), low, high)
    return None if number is None else kind(number)


def _parse_count(text: str) -> int:
    return int(bounded_number(text, 0, MOST_COUNTED) or 0)
