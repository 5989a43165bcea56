"""`musicond run`: the daemon."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from musicond.app.build import build
from musicond.commands.doctor import page_checks
from musicond.commands.options import add_config, load_config, source
from musicond.runtime import logs

if TYPE_CHECKING:
    import argparse


log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument(
        "--source", type=source, metavar="S", help="auto | pi | v4l2[:/dev/videoN] | demo | file:PATH (clip or folder)"
    )
    parser.add_argument("--log-level", default="info", choices=logs.LEVELS, help="default: info")


def run(args: argparse.Namespace) -> int:
    """Run the daemon in the foreground."""
    logs.setup(args.log_level)
    loaded = load_config(args, camera_source=args.source)
    log.info("configuration: %s", loaded.path or "defaults")

    with build(
        loaded.config, lambda: load_config(args, camera_source=args.source).config, lambda: page_checks(args.config)
    ) as app:
        return app.run()
