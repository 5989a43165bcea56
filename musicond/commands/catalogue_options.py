"""The options of `musicond catalogue`."""

from __future__ import annotations

import argparse
from pathlib import Path

from musicond.commands.options import add_config
from musicond.core.models import EMOTIONS, Verdict

NAMES = [each.value for each in EMOTIONS]
ONE_OF = f"one of {', '.join(NAMES)}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done with the catalogue."""
    add_config(parser)
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        add_config(made, action=True)
        return made

    listing = action("list", "print the lists")
    _emotion(listing, "emotion", nargs="?")
    listing.add_argument("--json", action="store_true", help="print all that is known, as a JSON array")
    add = action("add", "add one song to a list")
    _emotion(add, "emotion")
    add.add_argument("title")
    add.add_argument("artist")
    add.add_argument("link", nargs="?", help="its web address")
    add.add_argument("--id", metavar="ID", help="such as spotify:track:...; default: made of link, or artist and title")
    for name, text in (("valence", "gloomy to cheerful"), ("energy", "calm to lively")):
        add.add_argument(f"--{name}", type=_share, metavar="0..1", help=f"0 to 1, {text}")
    remove = action("remove", "take a song out of one list or all, for good")
    remove.add_argument("song", metavar="SONG", help="its track_id, as list --json has it")
    _emotion(remove, "--mood")
    bring = action("import", "add the songs of a CSV, JSON or M3U file, or of a folder of audio files")
    bring.add_argument("file", type=Path, metavar="FILE")
    _emotion(bring, "--mood")
    export = action("export", "write all lists, with what was said of their songs, for import")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: standard output")
    _emotion(export, "--mood")
    export.add_argument("--json", action="store_true", help="JSON instead of CSV; so does a FILE that ends in .json")
    action("verify", "check the file and the lists")
    refresh = action("refresh", "read the lists of music.moods anew, now")
    refresh.add_argument("--if-due", action="store_true", help="only if music.refresh says that it is time")
    feedback = action("feedback", "like, dislike or skip a song, or print what was said")
    verdicts = [*(each.value for each in Verdict), "reset"]
    feedback.add_argument(
        "verdict", nargs="?", choices=verdicts, metavar="VERDICT", help=f"{', '.join(verdicts[:-1])}; reset forgets"
    )
    feedback.add_argument(
        "song", nargs="?", metavar="SONG", help="its track_id; default: the first one shown, reset: all"
    )
    feedback.add_argument("--json", action="store_true", help="print JSON")


def _emotion(parser: argparse.ArgumentParser, name: str, nargs: str | None = None) -> None:
    if name.startswith("--"):
        parser.add_argument(name, dest="emotion", metavar="EMOTION", choices=NAMES, help=ONE_OF)
    else:
        parser.add_argument(name, metavar="EMOTION", choices=NAMES, help=ONE_OF, nargs=nargs)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return share
