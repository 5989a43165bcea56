"""`musicond privacy on|off`: close the camera device, or let it be opened again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from musicond.commands.daemon import change_settings
from musicond.commands.options import add_config
from musicond.config.loader import load

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("switch", choices=("on", "off"), help="on: the camera is closed, and stays so over restarts")


def run(args: argparse.Namespace) -> int:
    """Switch privacy; raise ConfigError, ControlError or StateDirError."""
    config, on = load(args.config).config, args.switch == "on"
    if change_settings(
        config, lambda client: client.send("privacy", on=on), lambda settings: replace(settings, private=on)
    ):
        print("private: the camera is closed" if on else "watching again")
    else:
        print("musicond is not running; it will start " + ("private" if on else "watching"))
    return 0
