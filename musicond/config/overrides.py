"""The keys of the configuration that a person has set on the page; they win over the file."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from musicond.config.loader import LoadedConfig, describe_error, load
from musicond.config.paths import daemon_state_dir
from musicond.config.schema import Config
from musicond.config.section import CrossSectionError
from musicond.errors import NOT_TEXT, ConfigError, ListError, StateDirError, clean_text
from musicond.runtime.json_file import JsonFile, delete_file, replace_file

log = logging.getLogger(__name__)

FILE_NAME = "overrides.json"
PASSWORD_FILES = ("mqtt-password", "mqtt-password-2")
"""A new password is written into the other file: the one in force stays until the new values are stored."""
PASSWORD, PASSWORD_KEY = "mqtt.password", "mqtt.password_file"
"""The value that a person sends, and the key that names the file in which it is kept."""
KEYS = (
    "device.name",
    "camera.view",
    "camera.rotation",
    "music.quiet_hours",
    "playback.backend",
    "spotify.client_id",
    "mqtt.host",
    "mqtt.port",
    "mqtt.username",
    PASSWORD_KEY,
    "web.preview",
    "web.language",
    "history.enabled",
)
"""The keys that can be set on the page."""
BROKER = "mqtt."
"""Beginning of the keys of the broker."""
ORIGIN = "set on the page"
SAFE: Mapping[str, object] = {"web.preview": False, "history.enabled": False}
"""In force after damage: the file may allow what a person has forbidden on the page."""


class Overrides:
    """The file in the state directory `folder`; `load` returns the configuration without it. For one thread at a time.

    Its methods raise ConfigError where the configuration file has errors.
    """

    def __init__(self, folder: Path, load: Callable[[], LoadedConfig]) -> None:
        self._folder, self._file, self._load = folder, JsonFile(folder / FILE_NAME), load

    def read(self) -> dict[str, Any]:
        """Return the values that are set, for a command; raise StateDirError."""
        return _known(self._file.read())

    def effective(self) -> LoadedConfig:
        """Return the configuration in force, for the daemon; values that do not fit the file are left out and logged.

        Raises StateDirError.
        """
        loaded, values = self._load(), self._stored()
        try:
            return overlaid(loaded, values)
        except ConfigError as exc:
            reason = "; ".join(exc.problems)
            log.warning(
                "what was set on the page does not fit (%s); run, for each key named here: musicond settings reset KEY",
                reason,
            )
            return overlaid(loaded, {key: values[key] for key in SAFE if key in values})

    def _stored(self) -> dict[str, Any]:
        """Return the values that are set; after damage SAFE with those that are left, which are then stored.

        The broker's are left out, as they go together.
        """
        values = _known(self._file.load(dict(SAFE), plausible=lambda _: False))
        if not self._file.verified:
            values = {key: value for key, value in values.items() if not key.startswith(BROKER)}
            log.warning(
                "%s was damaged: for the broker the configuration file applies; live picture and history are off",
                self._file.path,
            )
            with suppress(OSError):  # the next start does it
                self._file.save(values)
        return values

    def checked(self, values: Mapping[str, object]) -> Config:
        """Return the configuration with further values, which are not kept; raise ListError where they do not fit."""
        names = (*KEYS, PASSWORD)
        if unknown := [key for key in values if key not in names or key == PASSWORD_KEY]:
            raise ListError(f"{clean_text(unknown[0])!r} can't be set here; give one of {', '.join(KEYS)}")
        own = {key: value for key, value in values.items() if key != PASSWORD}
        try:
            return overlaid(self._load(), self._stored() | own).config
        except ConfigError as exc:
            raise ListError("; ".join(exc.problems)) from None

    def change(self, values: Mapping[str, object]) -> None:
        """Keep further values; raise ListError where they do not fit, and OSError."""
        self.checked(values)
        stored = self._stored()
        kept = stored | {key: value for key, value in values.items() if key != PASSWORD}
        if PASSWORD in values:
            kept[PASSWORD_KEY] = self._keep_password(values[PASSWORD], stored.get(PASSWORD_KEY))
        self._save(kept)

    def _keep_password(self, password: object, stored: str | None) -> str | None:
        """Store a password beside the file of the one that is `stored`; return its file, None without a password."""
        if not password:
            return None
        if not isinstance(password, str) or NOT_TEXT.search(password) or len(password.splitlines()) > 1:
            raise ListError(f"{PASSWORD}: give one line of text")
        file = self._folder / PASSWORD_FILES[stored == str(self._folder / PASSWORD_FILES[0])]
        replace_file(file, f"{password}\n", self._folder)
        return str(file)

    def _save(self, values: Mapping[str, object]) -> None:
        """Store the values, then delete the passwords that are no longer used; raise OSError where it is not stored."""
        self._file.save(values)
        for file in (self._folder / name for name in PASSWORD_FILES):
            if str(file) != values.get(PASSWORD_KEY):
                with suppress(OSError):  # the next change does it
                    delete_file(file)

    def reset(self, key: str | None) -> None:
        """Forget one value, or all (None); raise OSError.

        The values of the broker go together: a password is for one broker.
        """
        kept = self._stored()
        group = BROKER if key and key.startswith(BROKER) else key
        left = {name: value for name, value in kept.items() if group and not name.startswith(group)}
        if left != kept:
            self._save(left)


def load_effective(path: Path | None) -> LoadedConfig:
    """Return the configuration of a file with what was set on the page, for a command; raise ConfigError."""
    loaded = load(path)
    return effective(loaded, daemon_state_dir(loaded.config))


def effective(loaded: LoadedConfig, folder: Path) -> LoadedConfig:
    """Return a configuration with what was set on the page in a state directory, for a command.

    Without it where the state directory can't be read or the values do not fit the file: the daemon reports that.
    """
    try:
        return overlaid(loaded, Overrides(folder, lambda: loaded).read())
    except (StateDirError, ConfigError):
        return loaded


def overlaid(loaded: LoadedConfig, values: Mapping[str, object]) -> LoadedConfig:
    """Return a configuration with values by dotted key; raise ConfigError where they do not fit."""
    if not values:
        return loaded
    data = loaded.config.model_dump(mode="json")
    for key, value in values.items():
        section, _, name = key.partition(".")
        data[section][name] = value
    try:
        config = Config.model_validate_json(json.dumps(data), strict=True, context=Path.cwd())
    except ValidationError as exc:
        raise ConfigError(*_problems(exc)) from None
    return replace(loaded, config=config, origin=loaded.origin | dict.fromkeys(values, ORIGIN))


def _problems(error: ValidationError) -> list[str]:
    problems = []
    for item in error.errors(include_url=False):
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, CrossSectionError):
            problems += [f"{'.'.join(map(str, key))}: {text}" for key, text in cause.problems]
        else:
            given = item["input"] if isinstance(item["input"], str | int | float) else ""
            text = describe_error(item, item["loc"], clean_text(str(given)))
            problems.append(f"{'.'.join(map(str, item['loc']))}: {text}")
    return problems


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of known keys: a file of a later version may have others."""
    return {key: value for key, value in values.items() if key in KEYS}
