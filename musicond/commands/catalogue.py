"""`musicond catalogue list`: the tracks that can be recommended."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from musicond.commands.options import add_config, load_config
from musicond.config import state_dir
from musicond.core.messages import EMOTIONS, Emotion
from musicond.music.catalogue import FILE_NAME, MEMORY, SqliteCatalogue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from musicond.music.catalogue import Entry

HELP = "look at the tracks that can be recommended"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done with the catalogue."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="print the lists", description="Print the lists.", allow_abbrev=False)
    names = [each.value for each in EMOTIONS]
    listing.add_argument("emotion", nargs="?", metavar="EMOTION", choices=names, help=f"one of {', '.join(names)}")
    listing.add_argument("--json", action="store_true", help="print all that is known, as a JSON array")
    add_config(listing)


def run(args: argparse.Namespace) -> int:
    """Print the lists; raise ConfigError or CatalogueError."""
    path = state_dir(load_config(args).config) / FILE_NAME
    made = _made(path)
    if not made:
        print(f"musicond: there is no {path} yet; this is the starter that it begins with", file=sys.stderr)
    with SqliteCatalogue.open(path if made else MEMORY, read_only=made) as catalogue:
        entries = catalogue.entries(Emotion(args.emotion) if args.emotion else None)
    if args.json:
        print(json.dumps([asdict(each) for each in entries], ensure_ascii=False, indent=1))
    else:
        for line in lines(entries):
            print(line)
    return 0


def lines(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield a heading for each emotion and a line for each track: how often shown, title, artist, link."""
    emotion = ""
    for each in entries:
        if each.emotion != emotion:
            emotion = each.emotion
            yield f"{emotion} (times shown, song)"
        yield f"{each.shown:4}  {each.title} – {each.artist}  {each.link}"  # noqa: RUF001 - the dash of a list of songs


def _made(path: Path) -> bool:
    """Tell whether there is a file; one that may not be looked at counts, for SQLite to complain of."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True
