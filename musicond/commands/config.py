"""`musicond config`: print every effective value and its origin as YAML, secrets masked."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

from musicond.commands.daemon import read_list_selection
from musicond.commands.options import add_config
from musicond.config.camera_url import shown_source
from musicond.config.loader import LoadedConfig, iter_keys, load
from musicond.config.overrides import effective
from musicond.config.paths import daemon_state_dir, model_path, state_dir
from musicond.config.schema import Config
from musicond.config.secrets import password_source
from musicond.config.user_settings import read_settings
from musicond.core.models import Emotion
from musicond.core.settings import DEFAULTS, Settings, changed_keys
from musicond.errors import StateDirError

ORIGIN_COLUMN = 40
add_arguments = add_config


def run(args: argparse.Namespace) -> None:
    """Print the configuration; raise ConfigError."""
    loaded = load(args.config)
    try:
        folder = daemon_state_dir(loaded.config)
        loaded = effective(loaded, folder)
        settings, selection, error = read_settings(folder), read_list_selection(folder), ""
    except StateDirError as exc:
        settings, selection, error = DEFAULTS, {}, str(exc)
    for line in lines(loaded, settings, selection):
        print(line)
    if error:
        print(f"# what was switched is not known: {error}")


def lines(loaded: LoadedConfig, settings: Settings, selection: Mapping[Emotion, Sequence[str]]) -> Iterator[str]:
    """Yield a YAML file of the same configuration with the origin of each value, then the switched settings."""
    yield f"# {loaded.path or 'no file: defaults'}"
    values = loaded.config.model_dump(mode="json")
    values["state_dir"] = str(state_dir(loaded.config))
    values["camera"]["source"] = shown_source(loaded.config.camera.source)
    values["model"]["path"] = str(model_path(loaded.config))
    section: list[str] = []
    for *parents, name in iter_keys():
        for depth in range(len(parents)):
            if parents[: depth + 1] != section[: depth + 1]:
                yield f"{'  ' * depth}{parents[depth]}:"
        section = parents
        value: Any = values
        for part in (*parents, name):
            value = value[part]
        key = ".".join([*parents, name])
        origin = loaded.origin[key] + _sensitivity_note(key, loaded.config, settings)
        if key == "music.policy" and settings.policy:
            value, origin = settings.policy.value, f"switched by a person; {origin} says {value}"
        if name == "lists" and parents[-1] in selection:
            value = list(selection[Emotion(parents[-1])])
            origin = "chosen on the page, in the view Music"
        text = f"{'  ' * len(parents)}{name}: {to_yaml(value)}"
        yield f"{text:{ORIGIN_COLUMN}}  # {origin}"
        if key == "mqtt.password_file" and password_source(loaded.config):
            yield f"{'  # password: ********':{ORIGIN_COLUMN}}  # {password_source(loaded.config)}"
    for key in changed_keys(settings):
        text = f"# {key}: {FORMATS[key](settings)}"
        yield f"{text:{ORIGIN_COLUMN}}  # switched by a person; musicond settings reset {key}"


def _sensitivity_note(key: str, config: Config, settings: Settings) -> str:
    """Return a note on a value of the section `mood` that the sensitivity changes."""
    if settings.sensitivity is None or key not in ("mood.enter", "mood.leave", "mood.dwell_s"):
        return ""
    value = getattr(config.mood.tracker.at_sensitivity(settings.sensitivity), key.partition(".")[2])
    return f"; {value:.3g} by the sensitivity of {settings.sensitivity:g}"


def _until(when: datetime | None) -> str:
    return f" until {when.isoformat(' ', 'minutes')}" if when else ""


FORMATS: dict[str, Callable[[Settings], str]] = {
    "privacy": lambda settings: f"on{_until(settings.private_until)}",
    "pause": lambda settings: f"on{_until(settings.paused_until)}",
    "policy": lambda settings: str(settings.policy),
    "sensitivity": lambda settings: f"{settings.sensitivity:g}",
    "autoplay": lambda settings: "on" if settings.autoplay else "off",
    "volume": lambda settings: f"{settings.volume:g}",
    "speaker": lambda settings: to_yaml(settings.speaker),
    "mood": lambda settings: f"{settings.manual_mood}{_until(settings.manual_until)}",
}
"""For each of `core.settings.SETTINGS`, its value as text."""


def to_yaml(value: Any) -> str:
    """Return a value as one line of YAML."""
    # In a list, because PyYAML ends a lone scalar with the line "...".
    return str(yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6)).strip()[1:-1]
