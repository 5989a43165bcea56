"""Backups: one file with the settings, the catalogue with its feedback, and the history; no token and no password.

A backup is a line with its version and checksum, and a ZIP. Nothing of it is used before all of it is checked. What is
to be restored is first laid in a folder of the state directory, which appears as a whole. The next start takes its
files over before anything is opened, and goes on with the rest where it was interrupted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from musicond import __version__
from musicond.config.overrides import FILE_NAME as OVERRIDES
from musicond.config.overrides import PASSWORD_KEY
from musicond.config.user_settings import FILE_NAME as SETTINGS
from musicond.config.user_settings import from_json, is_lost, to_json
from musicond.core.settings import DEFAULTS, Settings, with_privacy_of
from musicond.errors import BackupError, CatalogueError, StateDirError, error_text
from musicond.history import FILE as HISTORY_FILE
from musicond.history import FOLDER as HISTORY
from musicond.library.database import FILE_NAME as CATALOGUE
from musicond.library.database import back_up, check_database, open_database, sqlite_errors
from musicond.library.recovery import SIDECARS
from musicond.library.selection import FILE_NAME as LISTS
from musicond.runtime.json_file import JsonFile, sync_folder

log = logging.getLogger(__name__)

VERSION = 1
MADE, GIVEN, BEFORE = "backup.musicond", "restore.musicond", "before-restore.musicond"
"""In the state directory: a new backup, one that is to be restored, and the state before the last restore."""
BEFORE_FILES = "before-restore"
"""The folder with the files of a state before the last restore of which no backup could be made."""
STAGED = "restore"
"""The folder whose files the next start takes over."""
MANIFEST = "manifest.json"
STAGED_HISTORY = f"{STAGED}/{HISTORY}"
HEADER = re.compile(rb"musicond backup (\d{1,6})(?: ([0-9a-f]{64}))?")
HEADER_BYTES = len(f"musicond backup {VERSION} {'0' * 64}\n")
NAME = re.compile(rf"(?:{SETTINGS}|{LISTS}|{OVERRIDES}|{CATALOGUE}|{MANIFEST}|{HISTORY}/\d{{4}}-\d{{2}}\.json)")
MOST_BYTES = 2**30
"""Largest content."""
CHUNK_BYTES = 2**20
ANOTHER = "give another backup"


def make_backup(folder: Path) -> Path:
    """Write a backup of a state directory into it, and return its path; raise BackupError or StateDirError."""
    target = folder / MADE
    new, catalogue = target.with_suffix(".new"), folder / "catalogue.copy.sqlite"
    with _os_errors(folder), contextlib.ExitStack() as stack:
        for temporary in (new, catalogue):
            temporary.unlink(missing_ok=True)
            stack.callback(temporary.unlink, missing_ok=True)
        with os.fdopen(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            file.write(bytes(HEADER_BYTES))
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                _add_files(archive, folder, catalogue)
            file.seek(HEADER_BYTES)
            header = f"musicond backup {VERSION} {_digest(file)}\n".encode()
            file.seek(0)
            file.write(header)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    return target


def _add_files(archive: zipfile.ZipFile, folder: Path, catalogue: Path) -> None:
    """Add all files of the state; the catalogue is copied to a file first, as the daemon may write to it."""
    archive.writestr(MANIFEST, json.dumps({"version": __version__, "made": datetime.now().astimezone().isoformat()}))
    for name in (SETTINGS, LISTS, OVERRIDES):
        data = JsonFile(folder / name).read()
        if name == OVERRIDES:  # the file that it names stays here
            data.pop(PASSWORD_KEY, None)
        if data:
            archive.writestr(name, json.dumps(data))
    for month in sorted((folder / HISTORY).glob("*.json")):
        if HISTORY_FILE.match(month.name):
            archive.write(month, f"{HISTORY}/{month.name}")
    if (folder / CATALOGUE).exists():
        try:
            with (
                contextlib.closing(open_database(folder / CATALOGUE, CATALOGUE, read_only=True)) as connection,
                sqlite_errors(CATALOGUE),
            ):
                back_up(connection, catalogue)
        except CatalogueError as exc:
            raise BackupError(f"nothing was backed up: {exc}") from None
        archive.write(catalogue, CATALOGUE)


def check_backup(file: Path) -> None:
    """Check a backup as a whole; raise BackupError for one that is damaged or of a newer version."""
    try:
        with _opened(file):
            pass
    except OSError as exc:
        raise BackupError(f"{file}: {exc.strerror}; give a file that can be read") from None


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """Yield the content of a checked backup; raise BackupError."""
    with file.open("rb") as source:
        header = source.readline(HEADER_BYTES)
        match = HEADER.match(header)
        if match is None:
            raise BackupError(f"{file}: no backup of musicond; give one that musicond backup has made")
        if int(match[1]) > VERSION:
            raise BackupError(f"{file}: made by a newer musicond; update musicond, then restore it")
        if len(header) != HEADER_BYTES or int(match[1]) < 1 or match[2] is None:
            raise BackupError(f"{file}: its first line is damaged; {ANOTHER}")
        if _digest(source).encode() != match[2]:
            raise BackupError(f"{file}: damaged or cut off: its checksum does not fit; {ANOTHER}")
        try:
            with zipfile.ZipFile(source) as archive:
                names = archive.namelist()
                size = sum(info.file_size for info in archive.infolist())
                if size > MOST_BYTES or len(set(names)) < len(names) or not all(map(NAME.fullmatch, names)):
                    raise BackupError(f"{file}: it holds what no backup has; {ANOTHER}")
                yield archive
        except (zipfile.BadZipFile, NotImplementedError) as exc:
            raise BackupError(f"{file}: {error_text(exc)}; {ANOTHER}") from None


def copies_of_history(folder: Path) -> list[Path]:
    """Return the files and folders of a state directory that hold the history besides the history itself."""
    names = (MADE, Path(MADE).with_suffix(".new"), GIVEN, f"{GIVEN}.new", BEFORE)
    return [folder / name for name in (*names, BEFORE_FILES, f"{BEFORE_FILES}.new", f"{STAGED}.new", STAGED_HISTORY)]


def kept_before(folder: Path) -> Path:
    """Return the file or folder with the state before the last restore."""
    return folder / (BEFORE_FILES if (folder / BEFORE_FILES).is_dir() else BEFORE)


def stage(folder: Path, file: Path) -> None:
    """Lay the files of a backup where the next start takes them over, and keep the present state in BEFORE.

    A present state that is damaged or of a newer version is kept in BEFORE_FILES instead. Raises BackupError; then
    nothing has changed.
    """
    check_backup(file)
    before = _copy_present(folder)
    new = folder / f"{STAGED}.new"
    with _os_errors(folder), contextlib.ExitStack() as stack:
        stack.callback(_delete, before)
        shutil.rmtree(new, ignore_errors=True)
        stack.callback(shutil.rmtree, new, ignore_errors=True)
        new.mkdir(mode=0o700)
        (new / HISTORY).mkdir(mode=0o700)
        with _opened(file) as archive:
            for name in archive.namelist():
                _extract(archive, name, new / name)
        _check_staged(file, new)
        for name in (SETTINGS, LISTS, OVERRIDES):  # one that the backup lacks is empty
            staged = JsonFile(new / name)
            staged.save(staged.parse())
        for earlier in (BEFORE, BEFORE_FILES):
            _delete(folder / earlier)
        before.rename(folder / (BEFORE_FILES if before.is_dir() else BEFORE))
        shutil.rmtree(folder / STAGED, ignore_errors=True)
        new.rename(folder / STAGED)
        sync_folder(folder)


def _copy_present(folder: Path) -> Path:
    """Return a new backup of the present state, or where it can't be read a folder with its files as they are."""
    try:
        return make_backup(folder)
    except (BackupError, StateDirError) as exc:
        log.warning("%s; its files are kept as they are", exc)
    copy = folder / f"{BEFORE_FILES}.new"
    with _os_errors(folder):
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(mode=0o700)
        for name in (SETTINGS, LISTS, OVERRIDES, *(f"{CATALOGUE}{suffix}" for suffix in SIDECARS)):
            if (folder / name).exists():
                shutil.copy2(folder / name, copy / name)
        if (folder / HISTORY).exists():
            shutil.copytree(folder / HISTORY, copy / HISTORY)
    return copy


def _delete(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _extract(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with archive.open(name) as source, os.fdopen(number, "wb") as out:
        shutil.copyfileobj(source, out, CHUNK_BYTES)
        out.flush()
        os.fsync(out.fileno())


def _check_staged(file: Path, staged: Path) -> None:
    """Raise BackupError for files that this version can't use."""
    for path in (*staged.glob("*.json"), *staged.glob(f"{HISTORY}/*.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise BackupError(f"{file}: its {path.name} is damaged; {ANOTHER}") from None
    if (staged / CATALOGUE).exists():
        try:
            check_database(staged / CATALOGUE, "its catalogue")
        except CatalogueError as exc:
            raise BackupError(f"{file}: {str(exc).partition('; ')[0]}; update musicond, or {ANOTHER}") from None


def take_over(folder: Path) -> bool:
    """Replace the state by what is staged, if anything is; the caller holds the state directory. Raises StateDirError.

    Called again after an interruption, it goes on. Privacy stays on where it is on, here or in the backup.
    """
    staged = folder / STAGED
    if not staged.is_dir():
        return False
    try:
        _merge(folder, staged)
        for name in (SETTINGS, OVERRIDES, LISTS):
            _replace(staged / name, folder / name)
        if (staged / CATALOGUE).exists():
            for suffix in SIDECARS[1:]:  # they belong to the old file
                (folder / f"{CATALOGUE}{suffix}").unlink(missing_ok=True)
            (staged / CATALOGUE).replace(folder / CATALOGUE)
        if (staged / HISTORY).exists():
            shutil.rmtree(folder / HISTORY, ignore_errors=True)
            (staged / HISTORY).rename(folder / HISTORY)
        sync_folder(folder)
        shutil.rmtree(staged)
    except OSError as exc:
        raise StateDirError(
            f"{folder}: the backup can't be taken over: {exc.strerror}; make room on the disk, then restart musicond"
        ) from None
    log.info("the state of a backup was restored; the one before is in %s", kept_before(folder))
    return True


def _merge(folder: Path, staged: Path) -> None:
    """Complete the staged settings by what stays as it is here: privacy, and the password of the same broker."""
    # As long as they are there: after an interruption, privacy may have been switched meanwhile.
    settings, overrides = JsonFile(staged / SETTINGS), JsonFile(staged / OVERRIDES)
    if settings.path.exists():
        restored = with_privacy_of(from_json(settings.parse()), _present(folder))
        settings.save(to_json(restored, of_this_boot=False))
    if overrides.path.exists():
        values, before = overrides.parse(), _parsed(JsonFile(folder / OVERRIDES))
        same = all(values.get(key) == before.get(key) for key in ("mqtt.host", "mqtt.port"))
        if PASSWORD_KEY in before and same:
            overrides.save({**values, PASSWORD_KEY: before[PASSWORD_KEY]})


def _parsed(file: JsonFile) -> Mapping[str, Any]:
    try:
        return file.parse()
    except ValueError:
        return {}


def _present(folder: Path) -> Settings:
    """Return the settings here: without any, consent is pending; after damage or loss the camera is closed."""
    file = JsonFile(folder / SETTINGS)
    if is_lost(file):
        return replace(DEFAULTS, private=True)
    if not file.path.exists():
        return replace(DEFAULTS, consent_pending=not (folder / CATALOGUE).exists())
    try:
        return from_json(file.parse())
    except ValueError:
        return replace(DEFAULTS, private=True)


def _replace(source: Path, target: Path) -> None:
    if source.exists():
        source.replace(target)


def _digest(file: IO[bytes]) -> str:
    """Return the SHA-256 of the rest of a file."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def _os_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise BackupError(f"{exc.filename or folder}: {exc.strerror}; make room on the disk") from None
