"""From where each mood's songs come: as configured, or as a person chose since, which lasts over restarts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from musicond.config.schema import SPOTIFY
from musicond.core.models import Emotion
from musicond.errors import CatalogueError, ListError
from musicond.library.sources import STARTER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from musicond.runtime.json_file import JsonFile, JsonObject

Wanted = dict[Emotion, tuple[str, ...]]

FILE_NAME = "lists.json"
MOST = 20
"""Lists of one mood."""
LONGEST = 300
"""Characters of a list's name."""


class ListSelection:
    """The configured lists with what was chosen instead, which `store` keeps."""

    def __init__(
        self, configured: Mapping[Emotion, Sequence[str]], store: JsonFile, schemes: Collection[str] = ()
    ) -> None:
        self.configured = configured
        self._store, self._schemes = store, schemes

    def wanted(self) -> Wanted:
        """Return the lists in force."""
        chosen = self._chosen()
        return {emotion: chosen.get(emotion, tuple(names)) for emotion, names in self.configured.items()}

    def to_json(self) -> dict[str, object]:
        """Return `lists` by emotion, and which emotions' are `chosen` and not configured."""
        return {"lists": self.wanted(), "chosen": list(self._chosen()), "spotify": "spotify" in self._schemes}

    def select(self, emotion: Emotion, names: Any) -> None:
        """Take these lists for a mood from now on, None: the configured ones; raise ListError, CatalogueError."""
        chosen = self._chosen()
        if names is None:
            chosen.pop(emotion, None)
        else:
            chosen[emotion] = self._checked(names)
        try:
            self._store.save({each.value: json.dumps(lists) for each, lists in chosen.items()})
        except OSError as fault:
            raise CatalogueError(f"{self._store.path}: {fault.strerror}; make room on the disk") from None

    def _checked(self, names: Any) -> tuple[str, ...]:
        """Return the names; of files only those that the configuration names: the page must not look for others."""
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
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

    def _chosen(self) -> Wanted:
        return chosen_from(self._store.load(default={}))


def chosen_from(kept: JsonObject) -> Wanted:
    """Return the lists that were kept; what can't be understood is left out."""
    found: Wanted = {}
    for emotion in Emotion:
        try:
            names = json.loads(str(kept[emotion.value]))
        except (KeyError, ValueError):
            continue
        if isinstance(names, list) and all(isinstance(each, str) for each in names):
            found[emotion] = tuple(names)
    return found
