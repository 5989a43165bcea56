"""`musicond privacy on|off`: closes the camera device, or lets it be opened again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from musicond.commands.daemon import change_stored
from musicond.commands.options import add_config, load_config
from musicond.config.paths import control_socket
from musicond.errors import NotRunning
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    import argparse

HELP = "close the camera, or let it be opened again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("switch", choices=("on", "off"), help="on: the camera is closed, and stays so over restarts")


def run(args: argparse.Namespace) -> int:
    """Switch through the daemon; without one, store the switch for its next start."""
    config, on = load_config(args).config, args.switch == "on"
    try:
        ControlClient(control_socket(config)).privacy(on=on)
        print("private: the camera is closed" if on else "watching again")
    except NotRunning:
        change_stored(config, lambda controls: replace(controls, private=on))
        print("musicond is not running; it will start " + ("private" if on else "watching"))
    return 0
