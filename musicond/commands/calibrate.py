"""`musicond calibrate`: ten seconds of a neutral face correct the reading for this household."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from musicond.commands.options import add_config, load_config
from musicond.config.paths import control_socket, daemon_state_dir
from musicond.config.user_settings import load_settings
from musicond.core.models import EMOTIONS
from musicond.errors import ControlError, NotRunning
from musicond.runtime.json_file import JsonFile
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from musicond.config.schema import Config

HELP = "look into the camera with a neutral face for ten seconds: the reading is corrected for it"
POLL_S = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="print the correction that is in force")
    what.add_argument("--reset", action="store_true", help='forget it, and what "wrong mood" has taught')
    parser.add_argument("--json", action="store_true", help="with --show: print JSON")


def run(args: argparse.Namespace) -> int:
    """Calibrate through the daemon; raise ControlError."""
    config = load_config(args).config
    client = ControlClient(control_socket(config))
    if args.show:
        bias = _bias(client, config)
        for line in [json.dumps(bias)] if args.json else lines(bias):
            print(line)
        return 0
    client.calibrate(reset=args.reset)
    if args.reset:
        print("forgotten: the scores are what the model gives")
        return 0
    print("look into the camera with a neutral face, and hold it")
    _wait(client)
    for line in lines(_bias(client, config)):
        print(line)
    return 0


def lines(bias: Mapping[str, float] | None) -> Iterator[str]:
    """Yield the correction for a person: how much likelier each emotion has become."""
    if not bias:
        yield "no correction: the scores are what the model gives"
        return
    yield "correction (shift of the log-odds; no score moves by more than 15 points):"
    for name, shift in bias.items():
        yield f"  {name:9}{shift:+.2f}"


def _wait(client: ControlClient) -> None:
    with tqdm(total=100, bar_format="{l_bar}{bar}|", leave=False, disable=None) as bar:
        while True:
            found = client.state()["calibration"] or {"share": 1.0, "fault": "it was reset meanwhile"}
            if found["fault"]:
                raise ControlError(found["fault"])
            bar.n = round(100 * found["share"])
            bar.refresh()
            if found["share"] >= 1:
                return
            time.sleep(POLL_S)


def _bias(client: ControlClient, config: Config) -> dict[str, Any] | None:
    try:
        found = client.state()["controls"]["bias"]
    except NotRunning:
        bias = load_settings(JsonFile(daemon_state_dir(config) / "settings.json")).bias
        found = dict(zip((each.value for each in EMOTIONS), bias.shifts, strict=True)) if bias else None
    return dict(found) if found else None
