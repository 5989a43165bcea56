"""What is done with the catalogue, in the daemon or without one: an action, arguments and an answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from musicond.core.models import Emotion
from musicond.errors import ListError
from musicond.library.database import MEMORY
from musicond.library.editor import CatalogueEditor
from musicond.library.table_files import read_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Answer = dict[str, object]
WEB = ("https://", "http://", "spotify:track:")
"""How the link of a song begins that the page may add."""


def run(path: Path | str, action: str, arguments: Mapping[str, Any]) -> Answer:
    """Do one of ACTIONS with the catalogue at `path`; raise ListError for what makes no sense, CatalogueError."""
    if action not in ACTIONS:
        raise ListError(f"there is no action {action!r}; give one of {', '.join(ACTIONS)}")
    act, reads = ACTIONS[action]
    with CatalogueEditor.open(path, read_only=reads and path != MEMORY) as lists:
        return act(lists, arguments)


def _add(lists: CatalogueEditor, arguments: Mapping[str, Any]) -> Answer:
    given = arguments.get("rows")
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ListError("rows is no list of songs; send objects with emotion, title and artist")
    rows = [read_row(each, f"song {number}") for number, each in enumerate(given, start=1)]
    songs = [(row.emotion, row.song, row.feedback) for row in rows if row.emotion is not None]
    if len(songs) < len(rows):
        raise ListError("a song without an emotion; say for which list it is")
    return {"new": lists.add(songs), "songs": len(songs)}


def _remove(lists: CatalogueEditor, arguments: Mapping[str, Any]) -> Answer:
    return {"lists": lists.remove(str(arguments.get("id")), emotion_of(arguments))}


def _reorder(lists: CatalogueEditor, arguments: Mapping[str, Any]) -> Answer:
    emotion, ids = emotion_of(arguments), arguments.get("ids")
    if emotion is None or not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise ListError("say for which emotion, and give the songs' track_id in order as ids")
    return {"songs": lists.reorder(emotion, ids)}


def _list(lists: CatalogueEditor, arguments: Mapping[str, Any]) -> Answer:
    return {"entries": [asdict(each) for each in lists.entries(emotion_of(arguments))]}


def _verify(lists: CatalogueEditor, _: Mapping[str, Any]) -> Answer:
    return {"faults": lists.verify()}


def _said(lists: CatalogueEditor, _: Mapping[str, Any]) -> Answer:
    return {"feedback": lists.feedback()}


def _forget(lists: CatalogueEditor, arguments: Mapping[str, Any]) -> Answer:
    track_id = arguments.get("id")
    return {"songs": lists.forget(None if track_id is None else str(track_id))}


def emotion_of(arguments: Mapping[str, Any]) -> Emotion | None:
    """Return the emotion that is named, None for none; raise ListError for what is no emotion."""
    name = arguments.get("emotion")
    if name is None:
        return None
    if name not in tuple(Emotion):
        raise ListError(f"{name!r} is no emotion; give one of {', '.join(Emotion)}")
    return Emotion(name)


def from_page(action: str, arguments: Mapping[str, Any]) -> None:
    """Raise ListError for what the page must not have done: songs that link to anything but the web."""
    rows = arguments.get("rows")
    if action != "add" or not isinstance(rows, list):
        return
    for number, row in enumerate(rows, start=1):
        link = row.get("link") if isinstance(row, dict) else None
        if link and not str(link).strip().lower().startswith(WEB):
            raise ListError(f"song {number}: the link is no web address; give one that begins with https://")


ACTIONS: Mapping[str, tuple[Callable[[CatalogueEditor, Mapping[str, Any]], Answer], bool]] = {
    "add": (_add, False),
    "remove": (_remove, False),
    "reorder": (_reorder, False),
    "list": (_list, True),
    "verify": (_verify, True),
    "said": (_said, True),
    "forget": (_forget, False),
}
"""Each with whether it only reads."""
