"""`musicond restore FILE`: bring back what a backup holds."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from musicond.app.backup import GIVEN, STAGED, check_backup, kept_before, stage, take_over
from musicond.commands.backup import copy_file
from musicond.commands.daemon import as_owner, ask_daemon, own_state_dir
from musicond.commands.options import add_config, confirm
from musicond.config.loader import load
from musicond.config.paths import daemon_state_dir
from musicond.errors import BackupError, StateDirError
from musicond.web.client import ControlClient

DESCRIPTION = (
    "bring back settings, songs, feedback and history of a backup; what is here is kept in before-restore.musicond of "
    "the state directory, and privacy that is on stays on"
)
RESTART_S = 60.0
LOOK_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="made by musicond backup")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> None:
    """Restore a backup through the daemon, or into its state directory; raise BackupError and others."""
    config = load(args.config).config
    check_backup(args.file)
    if not args.yes:
        confirm("replace settings, songs, feedback and history by those of the backup?", "nothing was restored")

    folder = daemon_state_dir(config)

    def ask(client: ControlClient) -> None:
        client.run_action("history", "days")  # stores the minutes that are not stored yet
        _give(args.file, folder)
        client.run_action("setup", "restore")
        _wait(folder)

    ask_daemon(config, ask, lambda folder: _restore(folder, args.file))
    print(f"restored; the state before is kept in {kept_before(folder)}")
    print("passwords and sign-ins are in no backup: give those of another device again")


def _give(file: Path, folder: Path) -> None:
    """Lay the backup into the state directory, for its owner."""
    try:
        with file.open("rb") as content:
            copy_file(content, folder / GIVEN, owner_of=folder)
    except OSError as exc:
        raise BackupError(f"{file}: {exc.strerror}; give a file that can be read") from None


def _wait(folder: Path) -> None:
    """Wait until the new start of the daemon has taken over the backup."""
    deadline = time.monotonic() + RESTART_S
    while (folder / STAGED).exists():
        if time.monotonic() > deadline:
            raise BackupError("musicond has not taken the backup over yet; see journalctl -u musicond")
        time.sleep(LOOK_S)


def _restore(folder: Path, file: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StateDirError(f"{folder}: {exc.strerror}; put sudo before the command") from None
    _give(file, folder)
    given = folder / GIVEN
    try:
        with as_owner(folder), own_state_dir(folder):
            stage(folder, given)
            take_over(folder)
    finally:
        with as_owner(folder):
            given.unlink(missing_ok=True)
