"""`musicond settings reset [KEY]`: forgets what persons have switched, so that the configuration holds again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.commands.daemon import change_stored
from musicond.commands.options import add_config, load_config
from musicond.config.paths import control_socket
from musicond.core.settings import SETTINGS, reset
from musicond.errors import NotRunning
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    import argparse

HELP = "forget what was switched, so that the configuration holds again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("action", choices=("reset",), metavar="reset", help="forget")
    keys = ", ".join(SETTINGS)
    parser.add_argument("key", nargs="?", choices=tuple(SETTINGS), metavar="KEY", help=f"one of {keys}; default: all")


def run(args: argparse.Namespace) -> int:
    """Reset through the daemon; without one, in the state directory."""
    config, key = load_config(args).config, args.key
    what = key or "everything that was switched"
    try:
        ControlClient(control_socket(config)).reset(key)
        print(f"reset: {what}")
    except NotRunning:
        change_stored(config, lambda controls: reset(controls, key))
        print(f"musicond is not running; it will start with {what} reset")
    return 0
