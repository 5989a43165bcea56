"""What persons switched, as commands find and change it in the state directory while no daemon runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from musicond.config.paths import daemon_state_dir
from musicond.config.user_settings import from_json, load_settings, to_json
from musicond.errors import StateDirError
from musicond.library.selection import FILE_NAME as CHOSEN
from musicond.library.selection import chosen_from
from musicond.runtime.json_file import JsonFile, state_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.config.schema import Config
    from musicond.core.models import Emotion
    from musicond.core.outcome import Settings

FILE_NAME = "settings.json"


def change_stored(config: Config, change: Callable[[Settings], Settings]) -> None:
    """Store what the next start is to find; raise StateDirError."""
    folder = daemon_state_dir(config)
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        # Files of another user in there would keep the daemon from starting.
        raise StateDirError(f"{folder} belongs to another user; put sudo -u {folder.owner()} before the command")
    with state_lock(folder):
        store = JsonFile(folder / FILE_NAME)
        try:
            store.save(to_json(change(load_settings(store))))
        except OSError as fault:
            raise StateDirError(f"{store.path}: {fault.strerror}; nothing was switched") from None


def read_chosen(config: Config) -> dict[Emotion, tuple[str, ...]]:
    """Return the lists that were chosen on the page, touching nothing; raise StateDirError where that can't be read."""
    return chosen_from(JsonFile(daemon_state_dir(config) / CHOSEN).read())


def read_stored(config: Config) -> Settings:
    """Return what is switched, touching nothing; raise StateDirError where that can't be read."""
    return from_json(JsonFile(daemon_state_dir(config) / FILE_NAME).read())
