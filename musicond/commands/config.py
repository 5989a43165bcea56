"""`musicond config`: every value that is in force and where it comes from, as YAML; secrets are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from musicond.commands.daemon import read_chosen, read_stored
from musicond.commands.options import add_config, load_config
from musicond.config.loader import iter_keys
from musicond.config.paths import model_path, state_dir
from musicond.config.secrets import password_source
from musicond.core.models import Emotion
from musicond.core.mood.tracker import MoodConfig
from musicond.core.settings import DEFAULTS, changed_keys
from musicond.errors import StateDirError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from musicond.config.loader import LoadedConfig
    from musicond.config.schema import Config
    from musicond.core.outcome import Settings

HELP = "show every value of the configuration and where it comes from"
ORIGIN_COLUMN = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print the configuration; raise ConfigError."""
    loaded = load_config(args)
    try:
        controls, chosen, trouble = read_stored(loaded.config), read_chosen(loaded.config), None
    except StateDirError as fault:
        controls, chosen, trouble = DEFAULTS, {}, str(fault)
    for line in lines(loaded, controls, chosen):
        print(line)
    if trouble:
        print(f"# what was switched is not known: {trouble}")
    return 0


def lines(loaded: LoadedConfig, controls: Settings, chosen: Mapping[Emotion, Sequence[str]]) -> Iterator[str]:
    """Yield a YAML file that gives the same configuration, each value with its origin, then what was switched."""
    yield f"# {loaded.path or 'no file: defaults'}"
    values = loaded.config.model_dump(mode="json")
    values["state_dir"] = str(state_dir(loaded.config))
    values["model"]["path"] = str(model_path(loaded.config))
    opened: tuple[str, ...] = ()
    for *parents, name in iter_keys():
        shared = next((n for n, (a, b) in enumerate(zip(opened, parents, strict=False)) if a != b), len(opened))
        for depth in range(min(shared, len(parents)), len(parents)):
            yield f"{'  ' * depth}{parents[depth]}:"
        opened = tuple(parents)
        value: Any = values
        for part in (*parents, name):
            value = value[part]
        key = ".".join([*parents, name])
        origin = loaded.origin[key] + _moved(key, loaded.config, controls)
        if key == "music.policy" and controls.policy:
            value, origin = controls.policy.value, f"switched by a person; {origin} says {value}"
        if name == "lists" and parents[-1] in chosen:
            value = list(chosen[Emotion(parents[-1])])
            origin = "chosen on the page, in the view Music"
        text = f"{'  ' * len(parents)}{name}: {written(value)}"
        yield f"{text:{ORIGIN_COLUMN}}  # {origin}"
        if name == "password_file" and password_source(loaded.config):
            yield f"{'  # password: ********':{ORIGIN_COLUMN}}  # {password_source(loaded.config)}"
    for key in changed_keys(controls):
        text = f"# {key}: {SAYS[key](controls)}"
        yield f"{text:{ORIGIN_COLUMN}}  # switched by a person; musicond settings reset {key}"


def _moved(key: str, config: Config, controls: Settings) -> str:
    """Say to what the sensitivity moves a value of the section `mood`."""
    if controls.sensitivity is None or key not in ("mood.enter", "mood.leave", "mood.dwell_s"):
        return ""
    mood = config.mood
    rules = MoodConfig(mood.enter, mood.leave, mood.dwell_s, mood.away_s, mood.smoothing_s)
    value = getattr(rules.at_sensitivity(controls.sensitivity), key.partition(".")[2])
    return f"; {value:.3g} by the sensitivity of {controls.sensitivity:g}"


def _until(when: datetime | None) -> str:
    return f" until {when.isoformat(' ', 'minutes')}" if when else ""


SAYS: dict[str, Callable[[Settings], str]] = {
    "privacy": lambda _: "on",
    "pause": lambda controls: f"on{_until(controls.paused_until)}",
    "policy": lambda controls: str(controls.policy),
    "sensitivity": lambda controls: f"{controls.sensitivity:g}",
    "autoplay": lambda controls: "on" if controls.autoplay else "off",
    "volume": lambda controls: f"{controls.volume:g}",
    "mood": lambda controls: f"{controls.manual_mood}{_until(controls.manual_until)}",
}
"""For each of `core.controls.SWITCHES` what it is switched to."""


def written(value: Any) -> str:
    """Return a value as YAML in one line."""
    # In a list, because PyYAML ends a lone scalar with a line of dots.
    return str(yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6)).strip()[1:-1]
