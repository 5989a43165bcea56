"""Options that several commands share, and the files that they write."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping
from pathlib import Path

from musicond.errors import CommandError, ListError, UsageError


def add_config(parser: argparse.ArgumentParser, *, action: bool = False) -> None:
    """Declare --config; `action`: for an action of a command that declares it too, so that it may follow either."""
    parser.add_argument(
        "--config",
        type=Path,
        default=argparse.SUPPRESS if action else None,
        metavar="F",
        help="default: /etc/musicond/musicon.yaml, else ./config/musicon.yaml, else built-in defaults",
    )


def add_actions(parser: argparse.ArgumentParser, helps: Mapping[str, str]) -> dict[str, argparse.ArgumentParser]:
    """Declare --config and the actions of a command, with a line of help each; return their parsers by name."""
    add_config(parser)
    group = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    actions = {}
    for name, text in helps.items():
        description = f"{text[0].upper()}{text[1:]}."
        actions[name] = group.add_parser(name, help=text, description=description, allow_abbrev=False)
        add_config(actions[name], action=True)
    return actions


def confirm(question: str, unchanged: str) -> None:
    """Ask a question on a terminal; raise CommandError unless the answer is yes, UsageError where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError(f"{unchanged}: without a terminal nobody can be asked; add --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError(f"{unchanged}; the answer was not yes")


def wants_json(args: argparse.Namespace) -> bool:
    """Return whether an export is JSON: by --json, or by the name of its file."""
    return bool(args.json or (args.file and args.file.suffix.lower() == ".json"))


def write_output(file: Path | None, text: str) -> None:
    """Write a text to a file and print so, or without a file to standard output; raise ListError."""
    if file is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as in a file, whatever the locale
        sys.stdout.write(text)
        return
    write_file(file, text.encode())
    print(f"{file} written")


def write_file(file: Path, data: bytes) -> None:
    """Write a file; raise ListError."""
    try:
        file.write_bytes(data)
    except OSError as exc:
        raise ListError(f"{file}: {exc.strerror}; give a file that can be written") from None
