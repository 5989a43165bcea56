"""Actions on the catalogue, in the daemon or without one: each takes arguments and returns a JSON object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from musicond.core.models import Emotion
from musicond.errors import ListError
from musicond.library.database import MEMORY
from musicond.library.editor import CatalogueEditor
from musicond.library.table_files import read_row

JsonObject = dict[str, object]
MAX_PAGE = 500
"""Most songs of a part of a list."""
MAX_NUMBER = 10**6
WEB = ("https://", "http://", "spotify:track:")
"""Beginnings of the links that the page may add."""


def run(path: Path | str, action: str, arguments: Mapping[str, Any]) -> JsonObject:
    """Run one of ACTIONS on the catalogue at `path`; raise ListError for wrong arguments, CatalogueError."""
    if action not in ACTIONS:
        raise ListError(f"there is no action {action!r}; give one of {', '.join(ACTIONS)}")
    with CatalogueEditor(path, read_only=action in READ_ACTIONS and path != MEMORY) as editor:
        return ACTIONS[action](editor, arguments)


def parse_emotion(arguments: Mapping[str, Any]) -> Emotion | None:
    """Return the argument `emotion`, None where it is missing; raise ListError for an unknown one."""
    name = arguments.get("emotion")
    if name is None:
        return None
    if name not in tuple(Emotion):
        raise ListError(f"{name!r} is no mood; give one of {', '.join(Emotion)}")
    return Emotion(name)


def check_page_action(action: str, arguments: Mapping[str, Any]) -> None:
    """Raise ListError for an action that the page must not run: adding songs that link to anything but the web."""
    rows = arguments.get("rows")
    if action != "add" or not isinstance(rows, list):
        return
    for number, row in enumerate(rows, start=1):
        link = row.get("link") if isinstance(row, dict) else None
        if link and not str(link).strip().lower().startswith(WEB):
            raise ListError(f"song {number}: the link is no web address; give one that begins with https://")


def _add(editor: CatalogueEditor, arguments: Mapping[str, Any]) -> JsonObject:
    objects = arguments.get("rows")
    if not isinstance(objects, list) or not all(isinstance(fields, dict) for fields in objects):
        raise ListError("rows is no list of songs; send objects with emotion, title and artist")
    rows = [read_row(fields, f"song {number}") for number, fields in enumerate(objects, start=1)]
    songs = [(row.emotion, row.song, row.feedback) for row in rows if row.emotion is not None]
    if len(songs) < len(rows):
        raise ListError("a song without a mood; say for which list it is")
    return {"new": editor.add(songs), "songs": len(songs)}


def _list(editor: CatalogueEditor, arguments: Mapping[str, Any]) -> JsonObject:
    emotion, limit = parse_emotion(arguments), arguments.get("limit")
    if limit is None:
        return {"entries": [entry.to_json() for entry in editor.entries(emotion)]}
    query, offset = arguments.get("query", ""), arguments.get("offset", 0)
    numbers = all(type(number) is int and 0 <= number <= MAX_NUMBER for number in (limit, offset))
    if emotion is None or not numbers or not isinstance(query, str):
        raise ListError("for a part of a list send its mood, and limit and offset as numbers")
    entries, total = editor.page(emotion, query, offset, min(limit, MAX_PAGE))
    return {"entries": entries, "total": total}


def _move(editor: CatalogueEditor, arguments: Mapping[str, Any]) -> JsonObject:
    source, target = (parse_emotion({"emotion": arguments.get(name)}) for name in ("emotion", "to"))
    if source is None or target is None:
        raise ListError("say which song: its id, the mood of its list, and the mood of the list that it goes to")
    track_id, keep = str(arguments.get("id")), arguments.get("keep") is True
    if arguments.get("back") is True:
        editor.move_back(track_id, source, target, keep=keep)
        return {"was_there": True}
    return {"was_there": editor.move(track_id, source, target, keep=keep)}


def _reset_feedback(editor: CatalogueEditor, arguments: Mapping[str, Any]) -> JsonObject:
    track_id = arguments.get("id")
    return {"songs": editor.reset_feedback(None if track_id is None else str(track_id))}


ACTIONS: Mapping[str, Callable[[CatalogueEditor, Mapping[str, Any]], JsonObject]] = {
    "add": _add,
    "remove": lambda editor, args: {"lists": editor.remove(str(args.get("id")), parse_emotion(args))},
    "move": _move,
    "list": _list,
    "verify": lambda editor, _: {"faults": editor.verify()},
    "feedback": lambda editor, _: {"feedback": editor.feedback()},
    "reset-feedback": _reset_feedback,
}
READ_ACTIONS = frozenset({"list", "verify", "feedback"})
"""Those that change nothing."""
