"""`musicond privacy on|off`: close the camera device, or let it be opened again."""

from __future__ import annotations

import argparse
from dataclasses import replace

from musicond.commands.daemon import change_settings
from musicond.commands.options import add_config
from musicond.config.loader import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("switch", choices=("on", "off"), help="on: the camera is closed, and stays so over restarts")


def run(args: argparse.Namespace) -> None:
    """Switch privacy; raise ConfigError, ControlError or StateDirError."""
    on = args.switch == "on"
    change_settings(
        load(args.config).config,
        lambda client: client.send("privacy", on=on),
        lambda settings: replace(settings, private=on),
        done="private: the camera is closed" if on else "watching again",
        at_start="private" if on else "watching",
    )
