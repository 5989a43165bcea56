"""`musicond privacy [on|off]`: show whether the camera is closed, close it, or let it be opened again."""

from __future__ import annotations

import argparse
from datetime import datetime

from musicond.commands.daemon import change_settings, read_controls
from musicond.commands.options import add_config
from musicond.commands.status import privacy_text
from musicond.config.loader import load
from musicond.core.commands import SetPrivacy
from musicond.core.settings import apply

DESCRIPTION = "close the camera, let it be opened again, or show which holds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument(
        "switch", nargs="?", choices=("on", "off"), help="on: the camera is closed, and stays so over restarts"
    )


def run(args: argparse.Namespace) -> None:
    """Show or switch privacy; raise ConfigError, ControlError or StateDirError."""
    config = load(args.config).config
    if args.switch is None:
        print(privacy_text(read_controls(config)))
        return
    on = args.switch == "on"
    change_settings(
        config,
        lambda client: client.send("privacy", on=on),
        lambda settings: apply(settings, SetPrivacy(on), datetime.now().astimezone()),
        done="private: the camera is closed" if on else "watching again",
        at_start="private" if on else "watching",
    )
