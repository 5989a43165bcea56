"""`musicond pause [MIN]`: recommends nothing for a while; `musicond pause off` ends it."""

from __future__ import annotations

import argparse

from musicond.commands.options import add_config, load_config
from musicond.config import control_socket
from musicond.web.client import ControlClient

HELP = "recommend nothing for a while"
MOST_MINUTES = 7 * 24 * 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("minutes", nargs="?", type=_minutes, metavar="MIN|off", help="default: until `pause off`")


def run(args: argparse.Namespace) -> int:
    """Pause or resume through the daemon's control socket."""
    client = ControlClient(control_socket(load_config(args).config))
    if args.minutes == "off":
        client.resume()
        print("watching again")
        return 0
    client.pause(args.minutes)
    print("paused until `musicond pause off`" if args.minutes is None else f"paused for {args.minutes:g} minutes")
    return 0


def _minutes(text: str) -> float | str:
    if text == "off":
        return text
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes from 1 to {MOST_MINUTES}, nor off")
    return minutes
