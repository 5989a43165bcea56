"""`musicond settings reset [KEY]`: forget switched settings, so that the configuration applies again."""

from __future__ import annotations

import argparse

from musicond.commands.daemon import change_settings
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.core.settings import SETTINGS, reset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("action", choices=("reset",), metavar="reset", help="forget")
    keys = ", ".join(SETTINGS)
    parser.add_argument("key", nargs="?", choices=tuple(SETTINGS), metavar="KEY", help=f"one of {keys}; default: all")


def run(args: argparse.Namespace) -> None:
    """Reset one setting or all; raise ConfigError, ControlError or StateDirError."""
    name = args.key or "everything that was switched"
    change_settings(
        load(args.config).config,
        lambda client: client.send("settings/reset", key=args.key),
        lambda settings: reset(settings, args.key),
        done=f"reset: {name}",
        at_start=f"with {name} reset",
    )
