"""`musicond pause [MIN|tomorrow|off]`: recommend nothing for a while, or again."""

from __future__ import annotations

import argparse

from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.paths import control_socket
from musicond.core.settings import MAX_MINUTES
from musicond.errors import bounded_number
from musicond.web.client import ControlClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument(
        "minutes", nargs="?", type=_minutes, metavar="MIN|tomorrow|off", help="default: until `pause off`"
    )


def run(args: argparse.Namespace) -> None:
    """Pause or resume through the daemon; raise ConfigError or ControlError."""
    client = ControlClient(control_socket(load(args.config).config))
    if args.minutes == "off":
        client.send("resume")
        print("watching again")
    elif args.minutes == "tomorrow":
        client.send("pause", until="tomorrow")
        print("paused until tomorrow morning")
    else:
        client.send("pause", minutes=args.minutes)
        print("paused until `musicond pause off`" if args.minutes is None else f"paused for {args.minutes:g} minutes")


def _minutes(text: str) -> float | str:
    if text in ("off", "tomorrow"):
        return text
    if not (minutes := bounded_number(text, 0, MAX_MINUTES)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of minutes from 1 to {MAX_MINUTES}, nor tomorrow or off"
        )
    return minutes
