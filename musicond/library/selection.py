"""The lists of each mood: those of the configuration, or those chosen on the page, which are stored."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from musicond.config.schema import SPOTIFY, STARTER
from musicond.core.models import Emotion
from musicond.errors import CatalogueError, ListError
from musicond.runtime.json_file import JsonFile, JsonObject

ListNames = dict[Emotion, tuple[str, ...]]

FILE_NAME = "lists.json"
MOST = 20
"""Lists of one mood."""
LONGEST = 300
"""Characters of a list's name."""


class ListSelection:
    """The configured lists, and in their place those that were chosen, which `file` keeps.

    `schemes` are the prefixes of names that other packages read, for example "spotify".
    """

    def __init__(
        self, configured: Mapping[Emotion, Sequence[str]], file: JsonFile, schemes: Collection[str] = ()
    ) -> None:
        self.configured = configured
        self._file, self._schemes = file, schemes

    def wanted(self) -> ListNames:
        """Return the lists in force."""
        chosen = self._chosen()
        return {emotion: chosen.get(emotion, tuple(names)) for emotion, names in self.configured.items()}

    def to_json(self) -> dict[str, object]:
        """Return `lists` by emotion, and the emotions whose lists were `chosen`."""
        return {"lists": self.wanted(), "chosen": list(self._chosen()), "spotify": "spotify" in self._schemes}

    def select(self, emotion: Emotion, names: Any) -> None:
        """Choose the lists of a mood; None restores those of the configuration. Raises ListError, CatalogueError."""
        chosen = self._chosen()
        if names is None:
            chosen.pop(emotion, None)
        else:
            chosen[emotion] = self._validate(names)
        save_object(self._file, {mood.value: json.dumps(lists) for mood, lists in chosen.items()})

    def _validate(self, names: Any) -> tuple[str, ...]:
        """Return the names; raise ListError for files that the configuration does not name: the page must not try."""
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ListError("lists is no list of names")
        if len(names) > MOST or len(set(names)) < len(names):
            raise ListError(f"a list is named twice, or there are more than {MOST}; remove some")
        known = {STARTER, *(name for lists in self.configured.values() for name in lists)}
        for name in names:
            if name in known:
                continue
            if not name.startswith(SPOTIFY) or len(name) > LONGEST:
                raise ListError(
                    f"{name[:60]}: from here only {STARTER}, lists that the configuration names and lists at Spotify; "
                    "others: music.moods in musicon.yaml"
                )
            if name.partition(":")[0] not in self._schemes:
                raise ListError("Spotify is not set up; see docs/spotify.md")
        return tuple(names)

    def _chosen(self) -> ListNames:
        return parse_selection(self._file.load({}, unvouched=True))


def save_object(file: JsonFile, data: JsonObject) -> None:
    """Store an object in a file; raise CatalogueError."""
    try:
        file.save(data)
    except OSError as exc:
        raise CatalogueError(f"{file.path}: {exc.strerror}; make room on the disk") from None


def parse_selection(stored: JsonObject) -> ListNames:
    """Return the chosen lists of a stored object; leave out those that can't be understood."""
    selection: ListNames = {}
    for emotion in Emotion:
        try:
            names = json.loads(str(stored[emotion.value]))
        except (KeyError, ValueError):
            continue
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            selection[emotion] = tuple(names)
    return selection
