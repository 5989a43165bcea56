"""`musicond backup FILE`: write settings, songs, feedback and history to one file."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from musicond.app.backup import MADE, make_backup
from musicond.commands.daemon import as_owner, ask_daemon, own_state_dir
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.paths import daemon_state_dir
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
    config = load(args.config).config
    ask_daemon(config, _ask, _make)
    folder = daemon_state_dir(config)
    try:
        with owned_file(folder, MADE) as content:
            copy_file(content, args.file)
    finally:
        with as_owner(folder), suppress(OSError):
            (folder / MADE).unlink()
    print(f"{args.file} written: {args.file.stat().st_size // 1024} KiB; keep it to yourself")


def _ask(client: ControlClient) -> None:
    """Let the daemon make a backup, with the minutes of the history that are not stored yet."""
    client.run_action("history", "days")
    client.run_action("setup", "backup")


def _make(folder: Path) -> None:
    if not folder.exists():
        raise StateDirError(f"{folder}: there is nothing yet; start musicond once, or name the right --config")
    with as_owner(folder), own_state_dir(folder):
        make_backup(folder)


@contextmanager
def owned_file(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file of the state directory with the rights of its owner, who may have put a link or a pipe there.

    Raises BackupError.
    """
    path = folder / name
    try:
        with as_owner(folder):
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as exc:
        remedy = "remove it, as it is a link" if exc.errno == errno.ELOOP else "put sudo before the command"
        raise BackupError(f"{path}: {exc.strerror}; {remedy}") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BackupError(f"{path}: no regular file; remove it")
        yield file


def copy_file(content: BinaryIO, target: Path, owner_of: Path | None = None) -> None:
    """Write a file as a whole, for this user alone, or as the owner of the folder `owner_of`.

    Raises BackupError, and leaves the target as it was.
    """
    with as_owner(owner_of) if owner_of is not None else nullcontext():
        _write(content, target)


def _write(content: BinaryIO, target: Path) -> None:
    try:
        if target.exists() and not target.is_file():
            raise BackupError(f"{target}: no regular file; give another name")  # root would replace even /dev/null
        _replace(content, target, target.with_name(f"{target.name}.new"))
    except OSError as exc:
        raise BackupError(f"{target}: {exc.strerror}; give a file that can be written") from None


def _replace(content: BinaryIO, target: Path, new: Path) -> None:
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            shutil.copyfileobj(content, out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
