"""`musicond privacy on|off`: closes the camera device, or lets it be opened again."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from musicond.brain import load_controls, settings_from
from musicond.commands.options import add_config, load_config
from musicond.config import control_socket, stored_state_dir
from musicond.runtime.settings import SettingsStore, StateDirError, state_lock
from musicond.web.client import ControlClient, NotRunning

if TYPE_CHECKING:
    import argparse

    from musicond.config import Config

HELP = "close the camera, or let it be opened again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("switch", choices=("on", "off"), help="on: the camera is closed, and stays so over restarts")


def run(args: argparse.Namespace) -> int:
    """Switch through the daemon; without one, store the switch for its next start."""
    config, on = load_config(args).config, args.switch == "on"
    try:
        ControlClient(control_socket(config)).privacy(on=on)
        print("private: the camera is closed" if on else "watching again")
    except NotRunning:
        _store(config, on=on)
        print("musicond is not running; it will start " + ("private" if on else "watching"))
    return 0


def _store(config: Config, *, on: bool) -> None:
    folder = stored_state_dir(config)
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        # Files of another user in there would keep the daemon from starting.
        raise StateDirError(f"{folder} belongs to another user; run: sudo -u {folder.owner()} musicond privacy ...")
    with state_lock(folder):
        store = SettingsStore(folder / "settings.json")
        try:
            store.save(settings_from(replace(load_controls(store), private=on)))
        except OSError as fault:
            raise StateDirError(f"{store.path}: {fault.strerror}; nothing was switched") from None
