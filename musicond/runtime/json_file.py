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
"""The first key of a saved object: the digest of the rest, then that of each key with its value."""
WHOLE_BYTES, ENTRY_BYTES = 8, 4
"""Lengths of the digests, which are in hexadecimal."""


class DamagedFileError(ValueError):
    """A file is not as it was saved.

    `vouched` are the values with the right digest. `readable` are the same, but all that can be read where no digests
    of single values are left. `is_earlier` is whether an earlier version may have saved it: in one line, without them.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        super().__init__(f"{path} is damaged")
        entries = _read_entries(content)
        digests = str(entries.pop(CHECKSUM, "")).split()[1:]
        self.vouched = {key: value for key, value in entries.items() if _entry_digest(key, value) in digests}
        self.readable = self.vouched if digests else entries
        self.is_earlier = not digests and b"\n" not in content


class JsonFile:
    """A JSON object in a file, replaced as a whole: after a power cut it is the old or the new one.

    It has a line for each key, so that damage of one line leaves the others, and a checksum. A file without one, or
    with the digest of the whole alone, is of an earlier version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.verified = True
        """Whether the file was missing or as it was saved when it was last read or saved."""

    def parse(self, plausible: Callable[[JsonObject], bool] | None = None) -> JsonObject:
        """Return the stored object, an empty one without a file; raise OSError and DamagedFileError.

        A file without a checksum is damaged unless its object is `plausible`, by default unless it is one line: most
        files of earlier versions are.
        """
        self.verified = False
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            self.verified = True
            return {}
        try:
            data = _object(content.decode("utf-8"))
            checksum = data.pop(CHECKSUM, None)
            self.verified = checksum in (_checksum(data), _digest(data, WHOLE_BYTES))
            is_earlier = plausible(data) if plausible else b"\n" not in content
            damaged = not self.verified and (checksum is not None or not is_earlier)
        except (ValueError, RecursionError):
            damaged = True
        if damaged:
            raise DamagedFileError(self.path, content)
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
        self,
        default: JsonObject,
        *,
        unvouched: bool = False,
        plausible: Callable[[JsonObject], bool] | None = None,
    ) -> JsonObject:
        """Return the stored object, for the daemon; keep a copy of a damaged file and return `default`.

        A file of an earlier version gets its checksum. After damage, the values for which a digest vouches complete
        `default`; with `unvouched`, also all that can be read of a file of an earlier version. Raises StateDirError
        where the file can't be read or copied.
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
            kept = exc.readable if unvouched and exc.is_earlier else exc.vouched
        try:
            self.keep_copy()
        except OSError as exc:
            raise StateDirError(f"{self.path} is damaged and can't be moved ({exc.strerror}); remove it") from None
        return kept | default

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

    def save(self, data: Mapping[str, Any]) -> None:
        """Store an object on the disk, in a file for the folder's owner alone, whoever saves it; raise OSError."""
        entries = {CHECKSUM: _checksum(data), **data}
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in entries.items())
        replace_file(self.path, f"{{\n{lines}\n}}\n", self.path.parent)
        self.verified = True


def replace_file(path: Path, text: str, owner: Path) -> None:
    """Write a private file as a whole, on the disk; where root writes, it is the owner's of `owner`.

    Raises OSError, which names `path`.
    """
    owner_status, new = owner.stat(), path.with_name(f"{path.name}.new")
    with errors_of(path):
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


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Let an OSError name this file, and not the temporary one that replaces it."""
    try:
        yield
    except OSError as exc:
        exc.filename = str(path)
        raise


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


def _object(text: str, *, strict: bool = True) -> JsonObject:
    """Return a JSON object; raise ValueError, and RecursionError for one that is nested too deep."""
    data = json.loads(text, strict=strict)
    if not isinstance(data, dict):
        raise ValueError(text)  # noqa: TRY004 - as for all other text that is no JSON object
    return data


def _checksum(data: Mapping[str, Any]) -> str:
    return " ".join([_digest(data, WHOLE_BYTES), *(_digest({key: data[key]}, ENTRY_BYTES) for key in data)])


def _digest(data: Mapping[str, Any], size: int) -> str:
    return blake2b(json.dumps(data, sort_keys=True).encode("ascii"), digest_size=size).hexdigest()


def _entry_digest(key: str, value: Any) -> str | None:
    try:
        return _digest({key: value}, ENTRY_BYTES)
    except RecursionError:
        return None


def _read_entries(content: bytes) -> JsonObject:
    """Return what can be read of a damaged file: as a whole, else line by line."""
    text, entries = content.decode("utf-8", "replace"), JsonObject()
    for part in (text, *(f"{{{line.rstrip(',')}}}" for line in text.split("\n"))):
        with suppress(ValueError, RecursionError):
            entries |= _object(part, strict=False)
    return entries


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
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "?"
            raise StateDirError(
                f"another musicond (process {holder}) uses {folder}; stop it, or set another state_dir"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
