"""`musicond check-config`: check a configuration file and print every fault with its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from musicond.config.loader import load

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="F", type=Path, help="the file to check")


def run(args: argparse.Namespace) -> None:
    """Print that the file is valid; raise ConfigError with all faults."""
    load(args.file)
    print(f"{args.file}: ok")
