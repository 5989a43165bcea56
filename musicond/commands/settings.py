"""`musicond settings reset [KEY]`: forget switched settings, so that the configuration applies again."""

from __future__ import annotations

import argparse
from pathlib import Path

from musicond.commands.daemon import ask_daemon, change_settings, own_state_dir
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.overrides import KEYS as OVERRIDES
from musicond.config.overrides import Overrides
from musicond.config.schema import Config
from musicond.core.settings import SETTINGS, reset
from musicond.errors import StateDirError
from musicond.web.client import ControlClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("action", choices=("reset",), metavar="reset", help="forget")
    keys = (*SETTINGS, *OVERRIDES)
    parser.add_argument("key", nargs="?", choices=keys, metavar="KEY", help=f"one of {', '.join(keys)}; default: all")


def run(args: argparse.Namespace) -> None:
    """Reset one setting or all; raise ConfigError, ControlError or StateDirError."""
    config = load(args.config).config
    if args.key not in OVERRIDES:
        change_settings(
            config,
            lambda client: client.send("settings/reset", key=args.key),
            lambda settings: reset(settings, args.key),
            done=f"reset: {args.key or 'everything that was switched'}",
            at_start=f"with {args.key or 'everything that was switched'} reset",
        )
    if args.key not in SETTINGS:
        _reset_overrides(args, config)


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
