"""A small JSON file that is replaced atomically, and the lock on the state directory."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from musicond.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

JsonObject = dict[str, Any]


class JsonFile:
    """A JSON object in a file, replaced as a whole: after a power cut it is the old or the new one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def parse(self) -> JsonObject:
        """Return the stored object, an empty one without a file; raise OSError, and ValueError for a damaged file."""
        try:
            data = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        if not isinstance(data, dict):
            raise ValueError(f"{self.path} holds no object")  # noqa: TRY004 - damaged, as any other content
        return data

    def read(self) -> JsonObject:
        """Return the stored object and leave a damaged file as it is, for a command; raise StateDirError."""
        try:
            return self.parse()
        except OSError as exc:
            raise StateDirError(f"{self.path}: {exc.strerror}; put sudo before the command") from None
        except ValueError:
            raise StateDirError(f"{self.path} is damaged; the next start moves it aside and stays private") from None

    def load(self, default: JsonObject) -> JsonObject:
        """Return the stored object, for the daemon; move a damaged file aside and return `default`.

        Raises StateDirError where the file can't be read or moved.
        """
        try:
            return self.parse()
        except OSError as exc:
            raise StateDirError(f"{self.path}: {exc.strerror}; make it readable for this user, or remove it") from None
        except ValueError:
            pass
        try:
            self.move_aside()
        except OSError as exc:
            raise StateDirError(f"{self.path} is damaged and can't be moved ({exc.strerror}); remove it") from None
        return default

    def move_aside(self) -> None:
        """Rename a damaged file to NAME.damaged; raise OSError."""
        self.path.replace(self.path.with_suffix(".damaged"))

    def save(self, data: Mapping[str, Any], *, mode: int = 0o600, sorted_lines: bool = False) -> None:
        """Store an object on the disk, in a file of the folder's owner, whoever saves it; raise OSError.

        The umask is taken off `mode`; `sorted_lines` writes one value a line, in the order of the keys.
        """
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(number, "w", encoding="utf-8") as out:
            if os.geteuid() == 0:
                owner = self.path.parent.stat()
                os.fchown(number, owner.st_uid, owner.st_gid)
            json.dump(data, out, sort_keys=sorted_lines, indent=0 if sorted_lines else None)
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
    except OSError as exc:
        raise StateDirError(
            f"the state directory {folder} can't be written ({exc.strerror}); "
            "make it writable for this user, or set state_dir"
        ) from exc
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
