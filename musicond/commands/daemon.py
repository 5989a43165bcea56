"""Access to the running daemon, or without one to the state directory that the next start reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from musicond.config.paths import control_socket, daemon_state_dir
from musicond.config.schema import Config
from musicond.config.user_settings import FILE_NAME as SETTINGS
from musicond.config.user_settings import is_of_this_boot, load_settings, read_settings, to_json
from musicond.core.models import Emotion
from musicond.core.settings import Settings
from musicond.errors import NotRunning, StateDirError
from musicond.library.selection import FILE_NAME as SELECTION
from musicond.library.selection import parse_selection
from musicond.runtime.json_file import JsonFile, state_lock
from musicond.web.client import ControlClient

Answer = TypeVar("Answer")


def ask_daemon(
    config: Config, request: Callable[[ControlClient], Answer], fallback: Callable[[Path], Answer]
) -> Answer:
    """Return the running daemon's answer; without a daemon, that of `fallback` to its state directory.

    Raises ControlError where the daemon can't be reached or refuses.
    """
    try:
        return request(ControlClient(control_socket(config)))
    except NotRunning:
        folder = daemon_state_dir(config)
    return fallback(folder)


def writable_state_dir(config: Config) -> Path:
    """Return the state directory, made if need be, for a file that is replaced as a whole; raise StateDirError.

    It is not locked, as a lock file of root would keep the daemon out.
    """
    folder = daemon_state_dir(config)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StateDirError(f"{folder}: {exc.strerror}; put sudo before the command") from None
    return folder


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Act as the owner of the state directory where root runs the command, so that no file of root is left there."""
    status = folder.stat() if os.geteuid() == 0 and folder.exists() else None
    if status is None or status.st_uid == 0:
        yield
        return
    os.setegid(status.st_gid)
    os.seteuid(status.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@contextmanager
def own_state_dir(folder: Path) -> Iterator[None]:
    """Hold the state directory for this process; raise StateDirError, also where another user owns it."""
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        # A file of this user in there would keep the daemon from starting.
        raise StateDirError(f"{folder} belongs to another user; put sudo -u {folder.owner()} before the command")
    with state_lock(folder):
        yield


def change_settings(
    config: Config,
    request: Callable[[ControlClient], object],
    change: Callable[[Settings], Settings],
    done: str,
    at_start: str,
) -> None:
    """Change settings through the daemon and print `done`; without one, store the change and print `at_start`.

    Raises StateDirError where they can't be stored.
    """

    def ask(client: ControlClient) -> str:
        request(client)
        return done

    def store(folder: Path) -> str:
        file = JsonFile(folder / SETTINGS)
        with own_state_dir(folder):
            of_this_boot, before = is_of_this_boot(file), load_settings(file)
            after = change(before)
            of_this_boot |= after.private_until != before.private_until
            try:
                file.save(to_json(after, of_this_boot=of_this_boot))
            except OSError as exc:
                raise StateDirError(f"{file.path}: {exc.strerror}; nothing was switched") from None
        return f"musicond is not running; it will start {at_start}"

    print(ask_daemon(config, ask, store))


def read_controls(config: Config) -> dict[str, Any]:
    """Return the settings as the state of the API has them; without a daemon those that it starts with."""

    def read_stored(folder: Path) -> dict[str, Any]:
        settings = read_settings(folder)
        until = settings.paused_until
        return {
            "private": settings.private or (settings.consent_pending and config.camera.is_device),
            "private_until": settings.private_until and settings.private_until.isoformat(),
            "consent_pending": settings.consent_pending,
            "paused": settings.paused,
            "paused_until": until and until.isoformat(),
        }

    return ask_daemon(config, lambda client: dict(client.state()["controls"]), read_stored)


def read_list_selection(folder: Path) -> dict[Emotion, tuple[str, ...]]:
    """Return the lists chosen on the page without changing the file; raise StateDirError if it can't be read."""
    return parse_selection(JsonFile(folder / SELECTION).read())
