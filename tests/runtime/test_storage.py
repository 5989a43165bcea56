"""The thread that writes: order, retries, the newest settings, and what is reported meanwhile."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from musicond.errors import CatalogueError, CatalogueLocked
from musicond.runtime import storage
from musicond.runtime.inbox import InboxFull
from musicond.runtime.storage import MAX_WAITING, StorageWriter

if TYPE_CHECKING:
    from collections.abc import Iterator


class Disk:
    """Fails with `error`, or hangs, until that is changed; keeps the written data."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.works = threading.Event()
        self.works.set()
        self.written: list[object] = []

    def write(self, item: object) -> None:
        self.works.wait(10)
        if self.error is not None:
            raise self.error
        self.written.append(item)


@contextmanager
def running() -> Iterator[StorageWriter]:
    writer = StorageWriter()
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


def test_each_write_is_answered_in_order_once_it_is_done() -> None:
    disk = Disk()
    with running() as writer:
        futures = [writer.submit(lambda number=number: disk.write(number)) for number in range(5)]  # type: ignore[misc]
        futures[-1].result(5)
    assert disk.written == [0, 1, 2, 3, 4]
    assert all(future.done() for future in futures)


def test_settings_go_first_and_only_the_newest_are_stored() -> None:
    disk = Disk()
    disk.works.clear()
    with running() as writer:
        like = writer.submit(lambda: disk.write("like"))
        other = writer.submit(lambda: disk.write("other like"))
        answers = [writer.save_settings(lambda number=number: disk.write(number)) for number in range(3)]  # type: ignore[misc]
        disk.works.set()
        for answer in (like, other, *answers):
            answer.result(5)
        assert writer.saved
    assert disk.written in (["like", 2, "other like"], [2, "like", "other like"])


def test_settings_that_cannot_be_stored_are_told_and_stored_later() -> None:
    disk = Disk()
    disk.error = OSError(28, "No space left on device")
    with running() as writer:
        with pytest.raises(OSError, match="No space"):
            writer.save_settings(lambda: disk.write("private")).result(5)
        assert "not saved yet (No space left on device)" in str(writer.unsaved)
        disk.error = None
        deadline = time.monotonic() + 10
        while not writer.saved and time.monotonic() < deadline:
            time.sleep(0.02)
        assert writer.unsaved is None
    assert disk.written == ["private"]


def test_a_disk_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "SLOW_S", 0.0)
    disk = Disk()
    disk.works.clear()
    with running() as writer:
        answer = writer.save_settings(lambda: disk.write("private"))
        assert "the disk does not answer" in str(writer.unsaved)
        disk.works.set()
        answer.result(5)
        assert writer.unsaved is None


def test_feedback_waits_for_a_lock_and_lets_settings_pass() -> None:
    disk, settings = Disk(), Disk()
    disk.error = CatalogueLocked("locked")
    with running() as writer:
        likes = [writer.submit(lambda number=number: disk.write(number)) for number in range(MAX_WAITING)]  # type: ignore[misc]
        with pytest.raises(InboxFull):
            writer.submit(lambda: disk.write("too many")).result(5)
        writer.save_settings(lambda: settings.write("private")).result(5)
        assert not any(like.done() for like in likes)
        disk.error = None
        likes[-1].result(10)
    assert disk.written == list(range(MAX_WAITING)), "each once"


def test_feedback_that_fails_is_not_stored_later(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk()
    disk.error = CatalogueError("damaged")
    with running() as writer:
        with pytest.raises(CatalogueError, match="damaged"):
            writer.submit(lambda: disk.write("like")).result(5)
        monkeypatch.setattr(storage, "WRITE_WAIT_S", 0.0)
        disk.error = CatalogueLocked("locked")
        with pytest.raises(CatalogueLocked):
            writer.submit(lambda: disk.write("like")).result(5)
        disk.error = None
        writer.submit(lambda: disk.write("next")).result(5)
    assert disk.written == ["next"]


def test_what_waits_at_the_end_is_tried_once_more() -> None:
    disk = Disk()
    disk.error = CatalogueLocked("locked")
    with running() as writer:
        likes = [writer.submit(lambda: disk.write("like")) for _ in range(3)]
        with pytest.raises(CatalogueLocked):
            writer.save_settings(lambda: disk.write("private")).result(5)
        disk.error = None
    for like in likes:
        like.result(0)
    assert sorted(map(str, disk.written)) == ["like", "like", "like", "private"]
    writer.save_settings(lambda: disk.write("late")).result(0)
    assert disk.written[-1] == "late"


def test_settings_are_answered_only_by_a_store_of_these_or_newer_ones() -> None:
    written: list[int] = []
    answers: list[tuple[int, int]] = []

    def save(number: int) -> None:
        future = writer.save_settings(lambda: written.append(number))
        future.add_done_callback(lambda _: answers.append((number, written[-1])))
        if number == 299:
            future.result(5)

    with running() as writer:
        for number in range(300):
            save(number)
    assert len(answers) == 300
    assert all(stored >= number for number, stored in answers)
