"""`musicond config`: every value that is in force and where it comes from, as YAML; secrets are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from musicond.commands.options import add_config, load_config
from musicond.config import model_path, state_dir
from musicond.config_file import leaves
from musicond.credentials import password_source

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from musicond.config_file import Loaded

HELP = "show every value of the configuration and where it comes from"
ORIGIN_COLUMN = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print the configuration; raise ConfigError."""
    for line in lines(load_config(args)):
        print(line)
    return 0


def lines(loaded: Loaded) -> Iterator[str]:
    """Yield a YAML file that gives the same configuration, each value with its origin."""
    yield f"# {loaded.path or 'no file: defaults'}"
    values = loaded.config.model_dump(mode="json")
    values["state_dir"] = str(state_dir(loaded.config))
    values["model"]["path"] = str(model_path(loaded.config))
    opened: tuple[str, ...] = ()
    for *parents, name in leaves():
        shared = next((n for n, (a, b) in enumerate(zip(opened, parents, strict=False)) if a != b), len(opened))
        for depth in range(min(shared, len(parents)), len(parents)):
            yield f"{'  ' * depth}{parents[depth]}:"
        opened = tuple(parents)
        value = values
        for part in (*parents, name):
            value = value[part]
        text = f"{'  ' * len(parents)}{name}: {written(value)}"
        yield f"{text:{ORIGIN_COLUMN}}  # {loaded.origin['.'.join([*parents, name])]}"
        if name == "password_file" and password_source(loaded.config):
            yield f"{'  # password: ********':{ORIGIN_COLUMN}}  # {password_source(loaded.config)}"


def written(value: Any) -> str:
    """Return a value as YAML in one line."""
    # In a list, because PyYAML ends a lone scalar with a line of dots.
    return str(yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6)).strip()[1:-1]
