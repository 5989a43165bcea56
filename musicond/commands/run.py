"""`musicond run`: the daemon."""

from __future__ import annotations

import argparse
import logging
import re

from musicond.app.build import build
from musicond.commands.doctor import page_checks
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.schema import SOURCE_PATTERN, Config
from musicond.runtime import logs

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument(
        "--source", type=_source, metavar="S", help="auto | pi | v4l2[:/dev/videoN] | demo | file:PATH (clip or folder)"
    )
    parser.add_argument(
        "--ask-consent",
        action="store_true",
        help="for the service: at the very first start the camera stays closed until `musicond privacy off`",
    )
    parser.add_argument("--log-level", default="info", choices=logs.LEVELS, help="default: info")


def run(args: argparse.Namespace) -> int:
    """Run the daemon in the foreground."""
    loaded = load(args.config)
    logs.setup(args.log_level)
    log.info("configuration: %s", loaded.path or "defaults")

    def read_again() -> Config:
        return _with_source(load(args.config).config, args.source)

    config = _with_source(loaded.config, args.source)
    ask_consent = args.ask_consent and args.source is None  # who names a camera consents
    with build(config, read_again, lambda: page_checks(args.config), ask_consent=ask_consent) as supervisor:
        return supervisor.run()


def _with_source(config: Config, source: str | None) -> Config:
    """Return the configuration with the camera source of the command line, where one is given."""
    if source is None:
        return config
    return config.model_copy(update={"camera": config.camera.model_copy(update={"source": source})})


def _source(text: str) -> str:
    if not re.match(SOURCE_PATTERN, text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a source; give auto, pi, v4l2[:/dev/videoN], demo or file:PATH"
        )
    return text
