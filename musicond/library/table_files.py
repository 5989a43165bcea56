"""Songs as rows of CSV and JSON files; each error names its place."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from musicond.core.models import Emotion, Song
from musicond.errors import ListError, clean_text
from musicond.library.editor import CatalogueEntry

COLUMNS = (
    "emotion", "track_id", "title", "artist", "album", "link", "year", "genre", "valence", "energy", "tempo", "mode",
    "popularity", "source", "likes", "dislikes", "skips",
)  # fmt: skip
MOST_BYTES = 32 * 2**20
LONGEST = 1000
"""Characters of a text."""
SPOTIFY_PAGE = "https://open.spotify.com/track/"
TRACK_PAGE = re.compile(r"https://open\.spotify\.com/(?:intl-[a-z]+/)?track/([A-Za-z0-9]{22})\b")
RANGES: Mapping[str, tuple[type, float, float]] = {
    "year": (int, 1000, 3000),
    "valence": (float, 0, 1),
    "energy": (float, 0, 1),
    "tempo": (float, 1, 1000),
    "popularity": (int, 0, 100),
}
TEXTS = ("title", "artist", "track_id", "link", "source")
COUNTS = ("likes", "dislikes", "skips")


@dataclass(frozen=True, slots=True)
class Row:
    """A song with its list (None: the row names none) and its feedback."""

    song: Song
    emotion: Emotion | None
    feedback: tuple[int, int, int] = (0, 0, 0)
    """Likes, dislikes and skips."""


def read_list_file(path: Path) -> bytes:
    """Return the content of a list; raise OSError, and ListError for what is no file, such as a pipe, or too large."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ListError(f"{path}: not a file; give one")
        if status.st_size > MOST_BYTES:
            raise ListError(f"{path}: larger than {MOST_BYTES // 2**20} MiB; split it")
        return file.read(MOST_BYTES)


def read_csv(text: str, where: str) -> Iterator[Row]:
    """Yield the rows of a CSV file with a header; raise ListError."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    try:
        names = [str(name).strip().lower() for name in reader.fieldnames or ()]
        if "title" not in names or "artist" not in names:
            raise ListError(
                f"{where}:1: no columns title and artist; begin with a line that names them: title,artist,link"
            )
        reader.fieldnames = names
        for fields in reader:
            place = f"{where}:{reader.line_num}"
            if "" in fields:
                raise ListError(f'{place}: more fields than the first line names; put "" around texts with commas')
            yield read_row(fields, place)
    except csv.Error as exc:
        raise ListError(f"{where}:{reader.line_num + 1}: {exc}; correct this line") from None


def read_json(text: str, where: str) -> Iterator[Row]:
    """Yield the rows of a JSON array of objects; raise ListError."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ListError(f"{where}: not JSON ({exc}); correct it") from None
    if not isinstance(items, list):
        raise ListError(f"{where}: not a list; give [{{...}}, ...] as catalogue export --json does")
    for number, fields in enumerate(items, start=1):
        if not isinstance(fields, dict):
            raise ListError(f'{where}: entry {number} is no object; give {{"title": ..., "artist": ...}}')
        yield read_row(fields, f"{where}: entry {number}")


def read_row(fields: Mapping[str, Any], place: str) -> Row:
    """Return the row of these fields without unknown ones; raise ListError, which begins with `place`."""
    texts: dict[str, Any] = {name: _text(fields.get(name), name, place) for name in TEXTS}
    for name in ("title", "artist"):
        if not texts[name]:
            raise ListError(f"{place}: no {name}; give one")
    kind, _, rest = texts["track_id"].rpartition(":")
    if kind == "spotify:track" and not texts["link"]:
        texts["link"] = SPOTIFY_PAGE + rest
    if not texts["track_id"] and (page := TRACK_PAGE.match(texts["link"])):
        texts["track_id"], texts["link"] = f"spotify:track:{page[1]}", SPOTIFY_PAGE + page[1]
    numbers = {name: _number(fields.get(name), name, place) for name in RANGES}
    mode = _text(fields.get("mode"), "mode", place).lower()
    if mode not in ("", "major", "minor"):
        raise ListError(f"{place}: mode is {mode!r}; give major or minor, or leave it empty")
    emotion = _text(fields.get("emotion"), "emotion", place).lower()
    if emotion and emotion not in tuple(Emotion):
        raise ListError(f"{place}: {emotion!r} is no emotion; give one of {', '.join(Emotion)}")
    genre, album = (_text(fields.get(name), name, place) or None for name in ("genre", "album"))
    song = Song(**texts, genre=genre, album=album, mode=mode or None, **numbers)
    likes, dislikes, skips = (_count(fields.get(name), name, place) for name in COUNTS)
    return Row(song, Emotion(emotion) if emotion else None, (likes, dislikes, skips))


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


def _text(value: Any, name: str, place: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ListError(f"{place}: {name} is no text; correct it")
    text = clean_text(" ".join(str(value).split()))
    if len(text) > LONGEST:
        raise ListError(f"{place}: {name} is longer than {LONGEST} characters; shorten it")
    return text


def _number(value: Any, name: str, place: str) -> Any:
    """Return a number within its range of RANGES, None for an empty field."""
    text = _text(value, name, place)
    if not text:
        return None
    kind, low, high = RANGES[name]
    try:
        number = kind(text)
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        words = "a whole number" if kind is int else "a number"
        raise ListError(f"{place}: {name} is {text!r}; give {words} from {low:g} to {high:g}, or leave it empty")
    return number


def _count(value: Any, name: str, place: str) -> int:
    text = _text(value, name, place)
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - a sane count
        raise ListError(f"{place}: {name} is {text!r}; give a whole number from 0")
    return int(text or 0)
