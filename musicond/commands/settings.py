"""`musicond settings reset [KEY]`: forget switched settings, so that the configuration applies again."""

from __future__ import annotations

import argparse
from pathlib import Path

from musicond.commands.daemon import as_owner, ask_daemon, change_settings, own_state_dir
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.overrides import KEYS as OVERRIDES
from musicond.config.overrides import Overrides
from musicond.config.schema import Config
from musicond.core.settings import DEFAULTS, SETTINGS, reset, with_privacy_of
from musicond.errors import StateDirError
from musicond.library.selection import FILE_NAME as LISTS
from musicond.runtime.json_file import JsonFile
from musicond.web.client import ControlClient

EVERYTHING = "everything that was switched, but privacy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("action", choices=("reset",), metavar="ACTION", help="reset: forget")
    keys = (*SETTINGS, *OVERRIDES)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "key", nargs="?", choices=keys, metavar="KEY", help=f"one of {', '.join(keys)}; default: all but privacy"
    )
    group.add_argument(
        "--all",
        action="store_true",
        help="the calibration and the lists chosen on the page, too; privacy that is on stays on",
    )


def run(args: argparse.Namespace) -> None:
    """Reset one setting or all; raise ConfigError, ControlError or StateDirError."""
    config = load(args.config).config
    if args.all:
        change_settings(
            config,
            _reset_all,
            lambda settings: with_privacy_of(DEFAULTS, settings),
            done="reset: everything that was switched or learnt, but privacy",
            at_start="with everything reset that was switched or learnt, but privacy",
        )
        _reset_lists(config)
    elif args.key not in OVERRIDES:
        change_settings(
            config,
            lambda client: client.send("settings/reset", key=args.key),
            lambda settings: reset(settings, args.key),
            done=f"reset: {args.key or EVERYTHING}",
            at_start=f"with {args.key or EVERYTHING} reset",
        )
    if args.key not in SETTINGS:
        _reset_overrides(args, config)


def _reset_all(client: ControlClient) -> None:
    for key in SETTINGS:
        if key != "privacy":
            client.send("settings/reset", key=key)
    client.send("calibrate", reset=True)


def _reset_lists(config: Config) -> None:
    """Forget which lists were chosen on the page for the moods."""

    def ask(client: ControlClient) -> bool:
        chosen = client.run_action("catalogue", "sources")["chosen"]
        for emotion in chosen:
            client.run_action("catalogue", "source", {"emotion": emotion, "lists": None})
        return bool(chosen)

    def store(folder: Path) -> bool:
        file = JsonFile(folder / LISTS)
        if not file.read():
            return False
        with as_owner(folder), own_state_dir(folder):
            try:
                file.save({})
            except OSError as exc:
                raise StateDirError(f"{file.path}: {exc.strerror}; the chosen lists were not reset") from None
        return True

    if ask_daemon(config, ask, store):
        print("reset: the lists that were chosen on the page")


def _reset_overrides(args: argparse.Namespace, config: Config) -> None:
    """Forget what was set on the page."""

    def ask(client: ControlClient) -> str:
        restarts = client.run_action("setup", "reset", {"key": args.key})["restarts"]
        return "; musicond starts again with it" if restarts else ""

    def store(folder: Path) -> str:
        overrides = Overrides(folder, lambda: load(args.config))
        if not overrides.read():
            return ""
        with own_state_dir(folder):
            try:
                overrides.reset(args.key)
            except OSError as exc:
                raise StateDirError(f"{exc.filename or folder}: {exc.strerror}; nothing was reset") from None
        return "; musicond will start with it"

    note = ask_daemon(config, ask, store)
    print(f"reset: {args.key or 'everything that was set on the page'}{note}")
