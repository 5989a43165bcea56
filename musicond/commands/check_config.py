"""`musicond check-config`: check a configuration file and print every fault with its line and column."""

from __future__ import annotations

import argparse
from pathlib import Path

from musicond.config.loader import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="F", type=Path, help="the file to check")


def run(args: argparse.Namespace) -> None:
    """Print that the file is valid; raise ConfigError with all faults."""
    load(args.file)
    print(f"{args.file}: ok")
