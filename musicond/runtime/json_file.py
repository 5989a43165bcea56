"""A small JSON file that is replaced atomically, and the lock on the state directory."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

from musicond.errors import StateDirError
from musicond.runtime.systemd import remedy_for

JsonObject = dict[str, Any]

CHECKSUM = "checksum"
"""The last key of a saved object: 16 hexadecimal digits of BLAKE2b over the rest."""


class DamagedFileError(ValueError):
    """A file is not as it was saved; `readable` is the part that can be read, which may be wrong."""

    def __init__(self, path: Path, readable: JsonObject | None = None) -> None:
        super().__init__(f"{path} is damaged")
        self.readable = readable or {}


class JsonFile:
    """A JSON object in a file, replaced as a whole: after a power cut it is the old or the new one.

    It ends with a checksum. A file without one is of an earlier version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.verified = True
        """Whether the file was missing or as it was saved when it was last read or saved."""

    def parse(self, plausible: Callable[[JsonObject], bool] = lambda _: True) -> JsonObject:
        """Return the stored object, an empty one without a file; raise OSError and DamagedFileError.

        A file without a checksum is damaged unless its object is `plausible`.
        """
        self.verified = False
        try:
            data = json.loads(self.path.read_text("utf-8"))
            if not isinstance(data, dict):
                raise DamagedFileError(self.path)
            checksum = data.pop(CHECKSUM, None)
            self.verified = checksum == _checksum(data)
        except FileNotFoundError:
            self.verified = True
            return {}
        except (ValueError, RecursionError):
            raise DamagedFileError(self.path) from None
        if not self.verified and (checksum is not None or not plausible(data)):
            raise DamagedFileError(self.path, data)
        return data

    def read(self) -> JsonObject:
        """Return the stored object and leave a damaged file as it is, for a command; raise StateDirError."""
        try:
            return self.parse()
        except OSError as exc:
            raise StateDirError(f"{self.path}: {exc.strerror}; put sudo before the command") from None
        except ValueError:
            raise StateDirError(f"{self.path} is damaged; the next start moves it aside and stays private") from None

    def load(
        self, default: JsonObject, *, salvage: bool = False, plausible: Callable[[JsonObject], bool] = lambda _: True
    ) -> JsonObject:
        """Return the stored object, for the daemon; keep a copy of a damaged file and return `default`.

        A file of an earlier version gets its checksum. With `salvage`, the readable values of a damaged file complete
        `default`. Raises StateDirError where the file can't be read or copied.
        """
        try:
            data = self.parse(plausible)
            if not self.verified:
                with suppress(OSError):
                    self.save(data)
            return data  # noqa: TRY300 - the rest is for damage
        except OSError as exc:
            raise StateDirError(f"{self.path}: {exc.strerror}; make it readable for this user, or remove it") from None
        except DamagedFileError as exc:
            readable = exc.readable
        try:
            self.keep_copy()
        except OSError as exc:
            raise StateDirError(f"{self.path} is damaged and can't be moved ({exc.strerror}); remove it") from None
        return readable | default if salvage else default

    def keep_copy(self) -> None:
        """Keep a damaged file as NAME.damaged, NAME.2.damaged and so on, besides its own name; raise OSError."""
        for number in count(1):
            copy = self.path.with_suffix(".damaged" if number == 1 else f".{number}.damaged")
            try:
                copy.hardlink_to(self.path)
            except FileExistsError:
                if not copy.samefile(self.path):
                    continue
            return

    def save(self, data: Mapping[str, Any], *, sorted_lines: bool = False) -> None:
        """Store an object on the disk, in a file for the folder's owner alone, whoever saves it; raise OSError.

        `sorted_lines` writes one value a line, in the order of the keys, for a file that
        persons may edit: it gets no checksum.
        """
        content = data if sorted_lines else {**data, CHECKSUM: _checksum(data)}
        text = json.dumps(content, sort_keys=sorted_lines, indent=0 if sorted_lines else None)
        replace_file(self.path, text, self.path.parent)
        self.verified = True


def replace_file(path: Path, text: str, owner: Path) -> None:
    """Write a private file as a whole, on the disk; where root writes, it is the owner's of `owner`. Raises OSError."""
    owner_status, new = owner.stat(), path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as out:
        if os.geteuid() == 0:
            os.fchown(number, owner_status.st_uid, owner_status.st_gid)
        out.write(text)
        out.flush()
        os.fsync(number)
    new.replace(path)
    sync_folder(path.parent)


def delete_file(path: Path) -> None:
    """Delete a file, if there is one; on return that is on the disk. Raises OSError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until new, renamed and deleted names in a folder are on the disk; raise OSError."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _checksum(data: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(data, sort_keys=True).encode("ascii"), digest_size=8).hexdigest()


@contextmanager
def state_lock(folder: Path) -> Iterator[None]:
    """Hold the state directory, made if need be, for one process; raise StateDirError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        remedy = remedy_for(folder, "make it writable for this user, or set state_dir")
        raise StateDirError(f"the state directory {folder} can't be written ({exc.strerror}); {remedy}") from exc
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
