"""`musicond backup FILE`: write settings, songs, feedback and history to one file."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from musicond.app.backup import make_backup
from musicond.commands.daemon import as_owner, ask_daemon, own_state_dir
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.errors import BackupError, StateDirError
from musicond.web.client import ControlClient

DESCRIPTION = (
    "write settings, songs, feedback and history to one file; passwords, sign-ins, the page's token and "
    "musicon.yaml are not in it"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="such as musicond.backup; it is replaced")


def run(args: argparse.Namespace) -> None:
    """Make a backup through the daemon, or from its state directory; raise BackupError and others."""
    made = ask_daemon(load(args.config).config, ask_for_backup, _make)
    try:
        copy_file(made, args.file)
    finally:
        made.unlink(missing_ok=True)
    print(f"{args.file} written: {args.file.stat().st_size // 1024} KiB; keep it to yourself")


def ask_for_backup(client: ControlClient) -> Path:
    """Let the daemon make a backup, with the minutes of the history that are not stored yet; return its file."""
    client.run_action("history", "days")
    return Path(str(client.run_action("setup", "backup")["file"]))


def _make(folder: Path) -> Path:
    if not folder.exists():
        raise StateDirError(f"{folder}: there is nothing yet; start musicond once, or name the right --config")
    with as_owner(folder), own_state_dir(folder):
        return make_backup(folder)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file as a whole, for this user alone; raise BackupError, and leave the target as it was."""
    new = target.with_name(f"{target.name}.new")
    try:
        new.unlink(missing_ok=True)
        with (
            source.open("rb") as content,
            os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
        ):
            shutil.copyfileobj(content, out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(target)
    except OSError as exc:
        new.unlink(missing_ok=True)
        raise BackupError(f"{exc.filename or target}: {exc.strerror}; give a file that can be written") from None
