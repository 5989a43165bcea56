from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from musicond.runtime.inbox import INBOX_LIMIT, Inbox, InboxFull
from musicond.watch_loop import WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future


class LostError(Exception):
    """The double's word for a lost source."""


class Camera:
    """A driver's double: says what it was asked, and fails or hangs when told to."""

    name = "camera"

    def __init__(self) -> None:
        self.is_open = False
        self.opens = 0
        self.states: list[str] = []
        self.fault: str | None = None
        self.hang = threading.Event()
        self.hang.set()

    def open(self) -> None:
        self.opens += 1
        if self.fault:
            raise LostError(self.fault)
        self.is_open = True
        self.states.append("open")

    def capture(self, wait_s: float) -> int:
        assert self.is_open
        self.hang.wait()
        if self.fault:
            raise LostError(self.fault)
        return 7

    def close(self) -> None:
        self.is_open = False
        self.states.append("closed")


class Mind:
    def __init__(self) -> None:
        self.camera, self.frames = True, True
        self.fault: OSError | None = None
        self.crash = False

    def step(self, frame: int) -> str:
        if self.crash:
            raise ZeroDivisionError
        return f"frame {frame}"

    def idle(self) -> str:
        return "idle"

    def handle(self, command: str) -> None:
        self.camera, self.frames = command != "private", command != "pause"
        if self.fault:
            raise self.fault

    def wants_camera(self) -> bool:
        return self.camera

    def wants_frames(self) -> bool:
        return self.frames

    def interval_s(self) -> float:
        return 0.02


class Rig:
    def __init__(self) -> None:
        self.camera, self.mind = Camera(), Mind()
        self.inbox: Inbox[str] = Inbox()
        self.seen: list[str] = []
        self.beats = 0
        self.changed = threading.Condition()
        self.loop = WatchLoop(
            self.camera, self.mind, self.inbox, emit=self.emit, lost=LostError, beat=self.beat, max_wait_s=0.2
        )

    def emit(self, outcome: str) -> None:
        with self.changed:
            self.seen.append(outcome)
            self.changed.notify_all()

    def beat(self) -> None:
        with self.changed:
            self.beats += 1
            self.changed.notify_all()

    def until(self, true: Callable[[], bool], seconds: float = 5) -> bool:
        with self.changed:
            return self.changed.wait_for(true, seconds)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.loop.run)
        thread.start()
        try:
            yield
        finally:
            self.camera.hang.set()
            self.loop.stop()
            thread.join(5)
            assert not thread.is_alive()


def test_frames_are_stepped_and_each_turn_feeds_the_watchdog() -> None:
    rig = Rig()
    with rig.running():
        assert rig.until(lambda: rig.beats >= 5)
    assert set(rig.seen) == {"frame 7"}
    assert abs(rig.beats - len(rig.seen)) <= 1
    assert not rig.camera.is_open


def test_a_command_is_answered_only_when_the_camera_is_closed() -> None:
    rig = Rig()
    with rig.running():
        assert rig.until(lambda: bool(rig.seen))
        assert rig.camera.is_open
        rig.inbox.put("private").result(5)
        assert rig.camera.states[-1] == "closed"
        beats = rig.beats
        assert rig.until(lambda: rig.beats >= beats + 3), "a private daemon still feeds the watchdog"
        rig.inbox.put("watch").result(5)
        assert rig.until(lambda: rig.seen[-1] == "frame 7")


def test_a_pause_keeps_the_camera_open_and_reads_nothing() -> None:
    rig = Rig()
    with rig.running():
        assert rig.until(lambda: bool(rig.seen))
        rig.inbox.put("pause").result(5)
        beats = rig.beats
        assert rig.until(lambda: rig.beats >= beats + 2)
        assert rig.camera.is_open
        assert rig.seen[-1] == "idle"


def test_what_cannot_be_stored_is_told_to_whoever_asked() -> None:
    rig = Rig()
    rig.mind.fault = OSError(30, "Read-only file system")
    with rig.running():
        with pytest.raises(OSError, match="Read-only"):
            rig.inbox.put("private").result(5)
        assert rig.until(lambda: rig.seen[-1] == "idle")
        assert not rig.camera.is_open, "privacy holds even where it can't be stored"


def test_without_a_camera_the_turns_go_on_and_it_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.camera.fault = "no camera; plug one in"
    with caplog.at_level("INFO"), rig.running():
        assert rig.until(lambda: rig.beats >= 5)
        assert set(rig.seen) == {"idle"}
        assert rig.loop.trouble == "no camera; plug one in"
        rig.camera.fault = None
        assert rig.until(lambda: rig.seen[-1] == "frame 7"), "reopened after the back-off"
        assert rig.loop.trouble in (None, "")
    lost = [record for record in caplog.records if "lost" in record.message]
    assert len(lost) == 1, "told once, not at every try"
    assert any("back after" in record.message for record in caplog.records)


def test_tries_to_open_get_rarer() -> None:
    rig = Rig()
    rig.camera.fault = "gone"
    with rig.running():
        started = time.monotonic()
        assert rig.until(lambda: rig.camera.opens >= 3, 10)
    assert time.monotonic() - started >= 2.9, "one second, then two"


def test_a_blocked_step_feeds_no_watchdog() -> None:
    rig = Rig()
    with rig.running():
        assert rig.until(lambda: rig.beats >= 3)
        rig.camera.hang.clear()
        rig.until(lambda: False, 0.3)
        beats = rig.beats
        assert not rig.until(lambda: rig.beats > beats, 1.0)
        rig.camera.hang.set()
        assert rig.until(lambda: rig.beats > beats)


def test_the_opening_is_timed_for_the_supervisor() -> None:
    rig = Rig()
    inside: list[float | None] = []
    opened = rig.camera.open

    class Slow(Camera):
        def open(self) -> None:
            inside.append(rig.loop.opening_since)
            opened()
            super().open()

    loop = WatchLoop(Slow(), rig.mind, rig.inbox, emit=rig.emit, lost=LostError, beat=rig.beat, max_wait_s=0.01)
    rig.loop = loop
    loop.turn()
    assert inside[0] is not None
    assert loop.opening_since is None


def test_a_flood_is_refused_and_does_not_grow() -> None:
    inbox: Inbox[int] = Inbox()
    futures = [inbox.put(number) for number in range(1000)]
    refused = [future for future in futures if future.done()]
    assert len(refused) == 1000 - INBOX_LIMIT
    with pytest.raises(InboxFull, match="try again"):
        refused[0].result()
    assert [item for item, _ in inbox.drain()] == list(range(INBOX_LIMIT))
    inbox.wait(0.01)


def test_a_command_nobody_waits_for_any_more_does_not_hurt() -> None:
    rig = Rig()
    future: Future[None] = rig.inbox.put("pause")
    future.cancel()
    with rig.running():
        assert rig.until(lambda: rig.beats >= 2)
