"""`musicond history`: the minutes of each mood and day, as text, picture, CSV or JSON; and how to be rid of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from musicond.commands.history_chart import MOODS, bars, svg
from musicond.commands.options import add_config, load_config
from musicond.config.paths import control_socket, daemon_state_dir
from musicond.errors import ListError, NotRunning, StateDirError
from musicond.history import FOLDER, HistoryBook, do
from musicond.runtime.json_file import state_lock
from musicond.web.client import ControlClient

if TYPE_CHECKING:
    import argparse

    from musicond.config.schema import Config
    from musicond.history import Days

HELP = "the minutes of each mood and day, where history.enabled is on"
WORDS = {
    "show": "print a bar for each day",
    "chart": "draw a picture of all days (SVG)",
    "export": "write everything as CSV or JSON",
    "delete": "delete everything, for good",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done."""
    add_config(parser)
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    for name, text in WORDS.items():
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        add_config(action, action=True)
        if name in ("chart", "export"):
            action.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: standard output")
        if name == "export":
            action.add_argument("--json", action="store_true", help="JSON; so does a FILE that ends in .json")


def run(args: argparse.Namespace) -> int:
    """Do it; raise ConfigError, ListError, StateDirError or ControlError."""
    config = load_config(args).config
    if args.action == "delete":
        print(f"{_ask(config, 'delete')['deleted']} days deleted")
        return 0
    days: Days = _ask(config, "days")["days"]  # type: ignore[assignment]  # what the daemon's history.do returns
    if not days:
        how = "" if config.history.enabled else "; history.enabled: true begins to keep it"
        print(f"musicond: no history is kept{how}", file=sys.stderr)
    if args.action == "show":
        for line in bars(days):
            print(line)
    elif args.action == "chart":
        _write(args.file, svg(days))
    else:
        as_json = args.json or (args.file is not None and args.file.suffix.lower() == ".json")
        _write(args.file, json.dumps(days, indent=1) + "\n" if as_json else _csv(days))
    return 0


def _ask(config: Config, action: str) -> dict[str, object]:
    try:
        return ControlClient(control_socket(config)).run_action("history", action)
    except NotRunning:
        folder = daemon_state_dir(config)
    book = HistoryBook(folder / FOLDER)
    try:
        if action == "delete" and folder.exists():
            with state_lock(folder):
                return do(book, None, action, {})
        return do(book, None, action, {})
    except OSError as fault:
        raise StateDirError(f"{fault.filename or folder}: {fault.strerror}; put sudo -u musicond before it") from None


def _csv(days: Days) -> str:
    lines = [["day", *MOODS], *([day, *(f"{moods.get(mood, 0):.1f}" for mood in MOODS)] for day, moods in days.items())]
    return "".join(",".join(line) + "\n" for line in lines)


def _write(file: Path | None, text: str) -> None:
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, "utf-8")
    except OSError as fault:
        raise ListError(f"{file}: {fault.strerror}; give a file that can be written") from None
    print(f"{file} written")
