"""Backups: what is in them, which are refused, and that an interrupted restore goes on."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import random
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from musicond.app.backup import (
    BEFORE,
    HEADER_BYTES,
    MADE,
    STAGED,
    check_backup,
    copies_of_history,
    kept_before,
    make_backup,
    stage,
    take_over,
)
from musicond.commands.backup import copy_file, owned_file
from musicond.config.user_settings import from_json, to_json
from musicond.core.models import Policy
from musicond.core.settings import DEFAULTS, Settings
from musicond.errors import BackupError, StateDirError
from musicond.history import FOLDER, HistoryBook
from musicond.library.editor import CatalogueEditor
from musicond.library.table_files import read_row
from musicond.runtime.json_file import JsonFile

SECRET = "s3cret-t0ken"
SECRETS = ("spotify.json", "music-assistant.json", "page-token", "mqtt-password", "page-links.json", "published.json")
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
SETTINGS = Settings(policy=Policy.LIFT, volume=30.0, autoplay=True, speaker="Kitchen")
OVERRIDES = {"device.name": "Den", "mqtt.host": "broker.local", "mqtt.port": 1883}


def fill(folder: Path, settings: Settings = SETTINGS, song: str = "Our Song") -> Path:
    """Make a state directory with everything in it."""
    folder.mkdir()
    JsonFile(folder / "settings.json").save(to_json(settings))
    JsonFile(folder / "overrides.json").save({**OVERRIDES, "mqtt.password_file": str(folder / "mqtt-password")})
    JsonFile(folder / "lists.json").save({"sad": json.dumps(["starter"])})
    for name in SECRETS:
        (folder / name).write_text(SECRET)
    HistoryBook(folder / FOLDER).add({("2026-11-30", "happy"): 1.5}, date(2026, 1, 1))
    with CatalogueEditor(folder / "catalogue.sqlite") as editor:
        row = read_row({"emotion": "sad", "title": song, "artist": "Us", "likes": 2}, "a song")
        assert row.emotion is not None
        editor.add([(row.emotion, row.song, row.feedback)])
    return folder


def songs(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as catalogue:
        return {title for (title,) in catalogue.execute("SELECT title FROM tracks")}


def likes(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as catalogue:
        return int(catalogue.execute("SELECT sum(likes) FROM feedback").fetchone()[0] or 0)


def settings_in(folder: Path) -> Settings:
    return from_json(JsonFile(folder / "settings.json").parse())


def test_a_backup_brings_everything_back_but_secrets(tmp_path: Path) -> None:
    backup = make_backup(fill(tmp_path / "old"))
    assert backup.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(backup) as archive:
        assert not any(SECRET.encode() in archive.read(name) for name in archive.namelist())
        assert "mqtt-password" not in archive.read("overrides.json").decode()
    new = fill(tmp_path / "new", replace(DEFAULTS, volume=70.0), song="Theirs")
    HistoryBook(new / FOLDER).add({("2026-10-01", "sad"): 9.0}, date(2026, 1, 1))
    stage(new, backup)
    assert songs(new) >= {"Theirs"}, "nothing has changed yet"
    assert take_over(new)
    assert settings_in(new) == SETTINGS
    assert "Our Song" in songs(new)
    assert "Theirs" not in songs(new)
    assert likes(new) == 2
    assert HistoryBook(new / FOLDER).days() == {"2026-11-30": {"happy": 1.5}}
    assert JsonFile(new / "lists.json").parse() == {"sad": '["starter"]'}
    overrides = JsonFile(new / "overrides.json").parse()
    assert overrides == {**OVERRIDES, "mqtt.password_file": str(new / "mqtt-password")}, "the broker is the same"
    assert all((new / name).read_text() == SECRET for name in SECRETS)
    assert not take_over(new)
    stage(new, new / BEFORE)
    take_over(new)
    assert settings_in(new).volume == 70
    assert "Theirs" in songs(new)
    assert "2026-10-01" in HistoryBook(new / FOLDER).days()


def test_the_password_of_another_broker_is_not_taken_over(tmp_path: Path) -> None:
    backup, new = make_backup(fill(tmp_path / "old")), fill(tmp_path / "new")
    JsonFile(new / "overrides.json").save({"mqtt.host": "other.local", "mqtt.password_file": "x"})
    stage(new, backup)
    take_over(new)
    assert JsonFile(new / "overrides.json").parse() == OVERRIDES


def test_an_empty_state_is_restored_too(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    backup, new = make_backup(tmp_path / "empty"), fill(tmp_path / "new")
    stage(new, backup)
    take_over(new)
    assert settings_in(new) == DEFAULTS
    assert JsonFile(new / "lists.json").parse() == {}


LATER = datetime(2026, 12, 1, tzinfo=UTC)
PRIVATE = [
    (Settings(), Settings(), False, None, False),
    (Settings(private=True), Settings(), True, None, False),
    (Settings(), Settings(private=True), True, None, False),
    (Settings(private=True, private_until=NOON), Settings(), True, NOON, False),
    (Settings(private=True, private_until=NOON), Settings(private=True, private_until=LATER), True, LATER, False),
    (Settings(private=True), Settings(private=True, private_until=LATER), True, None, False),
    (Settings(consent_pending=True), Settings(), False, None, True),
    (Settings(), Settings(consent_pending=True), False, None, True),
]


@pytest.mark.parametrize(("old", "present", "private", "until", "pending"), PRIVATE)
def test_privacy_stays_on(
    tmp_path: Path, old: Settings, present: Settings, private: bool, until: datetime | None, pending: bool
) -> None:
    for name, settings in (("old", old), ("new", present)):
        (tmp_path / name).mkdir()
        JsonFile(tmp_path / name / "settings.json").save(to_json(settings))
    stage(tmp_path / "new", make_backup(tmp_path / "old"))
    take_over(tmp_path / "new")
    restored = settings_in(tmp_path / "new")
    assert (restored.private, restored.private_until, restored.consent_pending) == (private, until, pending)


def test_a_camera_stays_closed_where_nobody_has_agreed_and_where_settings_are_damaged(tmp_path: Path) -> None:
    backup, new = make_backup(fill(tmp_path / "old")), tmp_path / "new"
    new.mkdir()
    stage(new, backup)
    take_over(new)
    assert settings_in(new).consent_pending
    stage(new, backup)
    (new / "settings.json").write_text("{")
    take_over(new)
    assert settings_in(new).private


def test_every_damage_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    backup, new = make_backup(fill(tmp_path / "old")), fill(tmp_path / "new", DEFAULTS, song="Theirs")
    whole, rng = backup.read_bytes(), random.Random(7)
    places = [*range(0, HEADER_BYTES, 5), *(rng.randrange(len(whole)) for _ in range(40))]
    damaged = [whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :] for place in places]
    damaged += [whole[: rng.randrange(len(whole))] for _ in range(10)]
    damaged += [b"", whole + b"x", b"PK\3\4", whole[HEADER_BYTES:]]
    for content in damaged:
        backup.write_bytes(content)
        with pytest.raises(BackupError, match=r"; (give another|give one|update)"):
            stage(new, backup)
        assert not (new / STAGED).exists()
        assert not (new / f"{STAGED}.new").exists()
    assert "Theirs" in songs(new)
    with pytest.raises(BackupError, match="No such file"):
        check_backup(tmp_path / "none")


def remade(backup: Path, contents: dict[str, bytes]) -> Path:
    """Write a backup with these contents and a right checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    backup.write_bytes(f"musicond backup 1 {digest}\n".encode() + buffer.getvalue())
    return backup


def test_a_newer_or_foreign_backup_is_refused_with_the_remedy(tmp_path: Path) -> None:
    new, backup = fill(tmp_path / "new"), tmp_path / "b"
    for header in (b"musicond backup 2 abc\n", b"musicond backup 999\nzip"):
        backup.write_bytes(header)
        with pytest.raises(BackupError, match="made by a newer musicond; update musicond"):
            stage(new, backup)
    for name in ("../x", "/etc/passwd", "page-token", "history/../../x.json", "history/2026-11.json/x"):
        with pytest.raises(BackupError, match="it holds what no backup has"):
            stage(new, remade(backup, {name: b"{}"}))
    with pytest.raises(BackupError, match=r"its settings\.json is damaged"):
        stage(new, remade(backup, {"settings.json": b"[]"}))
    with closing(sqlite3.connect(new / "catalogue.sqlite")) as catalogue:
        catalogue.execute("PRAGMA user_version = 77")
    content = (new / "catalogue.sqlite").read_bytes()
    shutil.rmtree(new)
    with pytest.raises(BackupError, match="its catalogue: made by a newer musicond"):
        stage(fill(new), remade(backup, {"catalogue.sqlite": content}))


class Interruption:
    """Lets a method of Path work some times, then fail as on a full disk."""

    def __init__(self, method: str, times: int) -> None:
        self.original, self.left = getattr(Path, method), times

    def __call__(self, path: Path, *args: object, **options: object) -> object:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return self.original(path, *args, **options)


def test_a_restore_that_is_interrupted_anywhere_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staged, new = fill(tmp_path / "staged", Settings(private=True)), tmp_path / "new"
    stage(staged, make_backup(fill(tmp_path / "old")))
    interrupted = 0
    for method, times in itertools.product(("replace", "rename", "unlink"), range(8)):
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(staged, new)
        interruption = Interruption(method, times)
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, lambda *args, call=interruption, **options: call(*args, **options))
            try:
                take_over(new)
            except StateDirError as exc:
                interrupted += 1
                assert "No space left on device; make room on the disk" in str(exc)
        assert settings_in(new).private, "privacy is on meanwhile"
        take_over(new)
        assert not (new / STAGED).exists()
        assert settings_in(new) == replace(SETTINGS, private=True)
        assert likes(new) == 2
        assert HistoryBook(new / FOLDER).days() == {"2026-11-30": {"happy": 1.5}}
    assert interrupted > 8


def test_privacy_that_is_switched_on_after_an_interruption_stays_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged, new = fill(tmp_path / "staged", Settings()), tmp_path / "new"
    stage(staged, make_backup(fill(tmp_path / "old")))
    for method, times in itertools.product(("replace", "rename", "unlink"), range(8)):
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(staged, new)
        interruption = Interruption(method, times)
        with monkeypatch.context() as patch, contextlib.suppress(StateDirError):
            patch.setattr(Path, method, lambda *args, call=interruption, **options: call(*args, **options))
            take_over(new)
        JsonFile(new / "settings.json").save(to_json(replace(settings_in(new), private=True)))
        take_over(new)
        assert settings_in(new) == replace(SETTINGS, private=True)


@pytest.mark.parametrize("damage", ["settings", "newer", "catalogue"])
def test_a_state_that_cannot_be_read_is_kept_as_it_is_and_replaced(tmp_path: Path, damage: str) -> None:
    backup, new = make_backup(fill(tmp_path / "old")), fill(tmp_path / "new")
    broken = new / ("settings.json" if damage == "settings" else "catalogue.sqlite")
    if damage == "newer":
        with closing(sqlite3.connect(broken)) as catalogue:
            catalogue.execute("PRAGMA user_version = 77")
    else:
        broken.write_bytes(b"{")
    content, history = broken.read_bytes(), (new / FOLDER / "2026-11.json").read_bytes()
    for _ in range(2):
        stage(new, backup)
        kept = kept_before(new)
        assert kept.is_dir()
        assert (kept / broken.name).read_bytes() == content
        assert (kept / FOLDER / "2026-11.json").read_bytes() == history
        assert kept.stat().st_mode & 0o077 == 0
    take_over(new)
    assert "Our Song" in songs(new)
    assert settings_in(new).private is (damage == "settings")
    stage(new, backup)
    assert kept_before(new) == new / BEFORE, "a state that can be read is a backup again"
    assert not kept.exists()


def test_who_deletes_the_history_deletes_its_copies_too(tmp_path: Path) -> None:
    backup, new = make_backup(fill(tmp_path / "old")), fill(tmp_path / "new")
    stage(new, backup)
    make_backup(new)
    book = HistoryBook(new / FOLDER, copies_of_history(new))
    os.utime(new / MADE, (0, 0))
    book.add({}, date(2026, 1, 1))
    assert not (new / MADE).exists(), "older than the days that are kept"
    assert (new / BEFORE).exists()
    (new / "before-restore").mkdir()
    (new / "before-restore/catalogue.sqlite").write_bytes(b"x")
    assert book.delete() == 1
    take_over(new)
    assert HistoryBook(new / FOLDER).days() == {}
    left = {path.name for path in new.iterdir()} - {*SECRETS, "lock"}
    assert left == {"settings.json", "overrides.json", "lists.json", "catalogue.sqlite"}
    assert "Our Song" in songs(new), "the rest of the backup was restored"


def test_what_the_owner_of_the_state_lays_there_misleads_nobody(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / MADE).symlink_to(tmp_path / "secret")
    with pytest.raises(BackupError, match="remove it, as it is a link"), owned_file(tmp_path, MADE):
        pass
    (tmp_path / MADE).unlink()
    os.mkfifo(tmp_path / MADE)
    with pytest.raises(BackupError, match="no regular file"), owned_file(tmp_path, MADE):
        pass


def test_a_backup_does_not_replace_what_is_no_file(tmp_path: Path) -> None:
    """As root, a backup to /dev/null would put a file in its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BackupError, match="pipe: no regular file"):
        copy_file(io.BytesIO(b"content"), pipe)
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]  # noqa: PTH208 - a plain comparison
    for target in (Path(), Path("/"), tmp_path / ("x" * 300), pipe / "x"):
        with pytest.raises(BackupError, match="; give a"):
            copy_file(io.BytesIO(b"content"), target)
