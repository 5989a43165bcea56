"""`musicond pause [MIN|on|tomorrow|off]`: recommend nothing for a while, or again, or show which holds."""

from __future__ import annotations

import argparse

from musicond.commands.daemon import read_controls
from musicond.commands.options import add_config
from musicond.commands.status import pause_text
from musicond.config.loader import load
from musicond.config.paths import control_socket
from musicond.core.settings import MAX_MINUTES
from musicond.errors import bounded_number, counted
from musicond.web.client import ControlClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument(
        "minutes",
        nargs="?",
        type=_minutes,
        metavar="MIN|on|tomorrow|off",
        help="minutes; on: until `pause off`; default: show whether it is paused",
    )


def run(args: argparse.Namespace) -> None:
    """Pause or resume through the daemon, or show which holds; raise ConfigError, ControlError or StateDirError."""
    config = load(args.config).config
    client = ControlClient(control_socket(config))
    if args.minutes is None:
        print(pause_text(read_controls(config)))
    elif args.minutes == "off":
        client.send("resume")
        print("watching again")
    elif args.minutes == "tomorrow":
        client.send("pause", until="tomorrow")
        print("paused until tomorrow morning")
    else:
        minutes = None if args.minutes == "on" else args.minutes
        client.send("pause", minutes=minutes)
        print("paused until `musicond pause off`" if minutes is None else f"paused for {counted(minutes, 'minute')}")


def _minutes(text: str) -> float | str:
    if text in ("on", "off", "tomorrow"):
        return text
    if not (minutes := bounded_number(text, 0, MAX_MINUTES)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of minutes from 1 to {MAX_MINUTES}, nor on, tomorrow or off"
        )
    return minutes
