"""What persons have switched, in one small file that survives restarts; and the lock on the state directory."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

Settings = dict[str, "str | bool | float | None"]


class StateDirError(Exception):
    """The state directory can't be used; the text says what to do."""


class SettingsStore:
    """A JSON object in a file, replaced as a whole: after a power cut there is the old or the new one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Settings:
        """Return what was stored, or nothing. A damaged file is kept aside and reported."""
        try:
            found = json.loads(self.path.read_text("utf-8"))
            if isinstance(found, dict):
                return found
        except FileNotFoundError:
            return {}
        except ValueError:
            pass
        aside = self.path.with_suffix(".damaged")
        self.path.replace(aside)
        log.warning("%s was damaged; kept as %s, switches are at their defaults", self.path, aside.name)
        return {}

    def save(self, settings: Settings) -> None:
        """Store; on return it is on the disk. Raises OSError."""
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as out:
            json.dump(settings, out)
            out.flush()
            os.fsync(out.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def state_lock(folder: Path) -> Iterator[None]:
    """Hold the state directory, made if need be, for one process; raise StateDirError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise StateDirError(
            f"the state directory {folder} can't be written ({fault.strerror}); "
            "make it writable for this user, or set state_dir"
        ) from fault
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode().strip() or "?"
            raise StateDirError(
                f"another musicond (process {holder}) uses {folder}; stop it, or set another state_dir"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
