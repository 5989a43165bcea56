"""What persons have switched, in one small file that survives restarts; and the lock on the state directory."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from musicond.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JsonObject = dict[str, "str | bool | float | None"]


class JsonFile:
    """A JSON object in a file, replaced as a whole: after a power cut there is the old or the new one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, if_damaged: JsonObject) -> JsonObject:
        """Return what was stored, or nothing. A damaged file is kept aside, and `if_damaged` returned.

        Raises StateDirError where the file can't be read.
        """
        try:
            found = json.loads(self.path.read_text("utf-8"))
            if isinstance(found, dict):
                return found
        except FileNotFoundError:
            return {}
        except ValueError:
            pass
        except OSError as fault:
            raise StateDirError(
                f"{self.path}: {fault.strerror}; make it readable for this user, or remove it"
            ) from None
        try:
            self.path.replace(self.path.with_suffix(".damaged"))
        except OSError as fault:
            raise StateDirError(f"{self.path} is damaged and can't be moved ({fault.strerror}); remove it") from None
        return if_damaged

    def read(self) -> JsonObject:
        """Return what is stored and leave the file as it is; raise StateDirError for one that can't be read."""
        try:
            found = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as fault:
            raise StateDirError(f"{self.path}: {fault.strerror}; put sudo before the command") from None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StateDirError(f"{self.path} is damaged; the next start moves it aside and stays private")
        return found

    def save(self, settings: JsonObject) -> None:
        """Store, for the folder's owner alone, whoever does it; on return it is on the disk. Raises OSError."""
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as out:
            if os.geteuid() == 0:
                owner = self.path.parent.stat()
                os.fchown(number, owner.st_uid, owner.st_gid)
            json.dump(settings, out)
            out.flush()
            os.fsync(number)
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
