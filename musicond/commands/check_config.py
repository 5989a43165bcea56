"""`musicond check-config`: is this file right, and if not, every fault with its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from musicond.config.loader import load

if TYPE_CHECKING:
    import argparse

HELP = "check a configuration file and name every fault in it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="F", type=Path, help="the file to check")


def run(args: argparse.Namespace) -> int:
    """Print `F: ok`; raise ConfigError with all faults."""
    load(args.file)
    print(f"{args.file}: ok")
    return 0
