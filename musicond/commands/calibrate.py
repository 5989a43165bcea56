"""`musicond calibrate`: correct the classifier's bias from ten seconds of a neutral face."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from musicond.commands import terminal
from musicond.commands.daemon import ask_daemon
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.paths import control_socket
from musicond.config.schema import Config
from musicond.config.user_settings import read_settings
from musicond.core.models import EMOTIONS
from musicond.errors import ControlError
from musicond.web.client import ControlClient

DESCRIPTION = "look into the camera with a neutral face for ten seconds: the reading is corrected for it"
POLL_S = 0.25
START_S = 3.0
"""Longest time until the daemon's next turn, which begins the calibration."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--show", action="store_true", help="print the correction that is in force")
    group.add_argument("--reset", action="store_true", help='forget it, and what "wrong mood" has taught')
    parser.add_argument("--json", action="store_true", help="with --show: print JSON")


def run(args: argparse.Namespace) -> None:
    """Show, reset or measure the correction; raise ConfigError, StateDirError or ControlError."""
    config = load(args.config).config
    if not args.show:
        client = ControlClient(control_socket(config))
        before = _number(client)
        client.send("calibrate", reset=args.reset)
        if args.reset:
            print("forgotten: the scores are what the model gives")
            return
        print("look into the camera with a neutral face, and hold it")
        _wait(client, before)
    bias = _read_bias(config)
    if args.show and args.json:
        print(json.dumps(bias))
    elif not bias:
        print("no correction: the scores are what the model gives")
    else:
        print("correction (above 0 raises a score; none moves by more than 34 points):")
        for name, shift in bias.items():
            print(f"  {name:9}{shift:+.2f}")


def _number(client: ControlClient) -> int:
    """Return the number of the last calibration, 0 without one."""
    return int((client.state()["calibration"] or {"number": 0})["number"])


def _wait(client: ControlClient, before: int) -> None:
    latest = time.monotonic() + START_S
    while _number(client) == before:
        if time.monotonic() > latest:
            raise ControlError("the calibration does not begin; see musicond doctor")
        time.sleep(POLL_S)
    progress = {"share": 0.0}
    with terminal.progress("calibrating, percent", 100) as advance:
        while progress["share"] < 1:
            progress = client.state()["calibration"] or {"share": 1.0, "fault": "it was reset meanwhile"}
            if progress["fault"]:
                raise ControlError(progress["fault"])
            advance(completed=round(100 * progress["share"]))
            time.sleep(POLL_S)


def _read_bias(config: Config) -> dict[str, float] | None:
    def read_stored(folder: Path) -> dict[str, float] | None:
        bias = read_settings(folder).bias
        return dict(zip(map(str, EMOTIONS), bias.shifts, strict=True)) if bias else None

    return ask_daemon(config, lambda client: client.state()["controls"]["bias"] or None, read_stored)
