"""The turns of the watch loop, with a simulated camera."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from musicond import watch_loop
from musicond.core.commands import Pause, Play, Resume, SetPrivacy
from musicond.core.models import Faces, Frame, Mood, SourceStatus, Watching
from musicond.core.outcome import Outcome
from musicond.errors import Connecting, Interrupted, PasswordRefused, SourceLost
from musicond.runtime.inbox import DRAIN_LIMIT, INBOX_LIMIT, Inbox, InboxFull
from musicond.watch_loop import WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from musicond.core.commands import Command, ConfigUpdate

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FRAME = Frame(np.zeros((4, 4), np.uint8), 1.0, NOON)


class Camera:
    """A simulated driver that records its calls, and fails or hangs on demand."""

    name = "camera"

    def __init__(self) -> None:
        self.is_open = False
        self.opens = 0
        self.states: list[str] = []
        self.trouble: str | None = None
        self.hang = threading.Event()
        self.hang.set()

    def open(self) -> None:
        self.opens += 1
        if self.trouble:
            raise SourceLost(self.trouble)
        self.is_open = True
        self.states.append("open")

    def capture(self, wait_s: float) -> Frame:
        assert self.is_open
        self.hang.wait()
        if self.trouble:
            raise SourceLost(self.trouble)
        return FRAME

    def close(self) -> None:
        self.is_open = False
        self.states.append("closed")

    def get_status(self) -> SourceStatus:
        return SourceStatus()


class SimulatedController:
    """Knows privacy and pauses, and fails on demand."""

    def __init__(self) -> None:
        self.private = self.paused = False
        self.error: OSError | None = None
        self.stored: Future[None] | None = None

    def step(self, frame: Frame) -> Outcome:
        return outcome(Watching.YES)

    def idle(self) -> Outcome:
        return outcome(Watching.NO_CAMERA)

    def handle(self, command: Command | ConfigUpdate) -> Future[None] | None:
        self.private, self.paused = command == SetPrivacy(on=True), isinstance(command, Pause)
        if self.error is None:
            return self.stored
        stored: Future[None] = Future()
        stored.set_exception(self.error)
        return stored

    def wants_camera(self) -> bool:
        return not self.private

    def wants_frames(self) -> bool:
        return not self.paused

    def interval_s(self) -> float:
        return 0.02


def outcome(watching: Watching) -> Outcome:
    return Outcome(1, 1.0, NOON, watching, Mood.NOBODY, NOON, 0.0, None, None, Faces(), None)


class Rig:
    """A loop with everything that it needs; counts its outcomes and beats."""

    def __init__(self) -> None:
        self.camera, self.controller = Camera(), SimulatedController()
        self.inbox: Inbox[Command | ConfigUpdate] = Inbox()
        self.outcomes: list[Watching] = []
        self.beats = 0
        self.changed = threading.Condition()
        self.loop = self.loop_with(self.camera)

    def loop_with(self, camera: Camera) -> WatchLoop:
        return WatchLoop(camera, self.controller, self.inbox, self.emit, self.beat, max_wait_s=0.2)

    def emit(self, outcome: Outcome) -> None:
        with self.changed:
            self.outcomes.append(outcome.watching)
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
    assert set(rig.outcomes) == {Watching.YES}
    assert abs(rig.beats - len(rig.outcomes)) <= 1
    assert not rig.camera.is_open


def test_a_command_is_answered_only_when_the_camera_is_closed() -> None:
    rig = Rig()
    with rig.running():
        assert rig.until(lambda: bool(rig.outcomes))
        assert rig.camera.is_open
        rig.inbox.put(SetPrivacy(on=True)).result(5)
        assert rig.camera.states[-1] == "closed"
        beats = rig.beats
        assert rig.until(lambda: rig.beats >= beats + 3), "a private daemon still feeds the watchdog"
        rig.inbox.put(Resume()).result(5)
        assert rig.until(lambda: rig.outcomes[-1] == Watching.YES)


def test_a_pause_keeps_the_camera_open_and_reads_nothing() -> None:
    rig = Rig()
    with rig.running():
        assert rig.until(lambda: bool(rig.outcomes))
        rig.inbox.put(Pause()).result(5)
        beats = rig.beats
        assert rig.until(lambda: rig.beats >= beats + 2)
        assert rig.camera.is_open
        assert rig.outcomes[-1] == Watching.NO_CAMERA


def test_what_can_not_be_stored_is_the_sender_s_error() -> None:
    rig = Rig()
    rig.controller.error = OSError(30, "Read-only file system")
    with rig.running():
        with pytest.raises(OSError, match="Read-only"):
            rig.inbox.put(SetPrivacy(on=True)).result(5)
        assert rig.until(lambda: rig.outcomes[-1] == Watching.NO_CAMERA)
        assert not rig.camera.is_open, "privacy holds even where it can't be stored"


def test_without_a_camera_the_turns_go_on_and_it_is_found_again(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.camera.trouble = "no camera; plug one in"
    with caplog.at_level("INFO"), rig.running():
        assert rig.until(lambda: rig.beats >= 5)
        assert set(rig.outcomes) == {Watching.NO_CAMERA}
        assert rig.loop.trouble == "no camera; plug one in"
        rig.camera.trouble = None
        assert rig.until(lambda: rig.outcomes[-1] == Watching.YES), "reopened after the back-off"
        assert rig.loop.trouble in (None, "")
    lost = [record for record in caplog.records if "lost" in record.message]
    assert len(lost) == 1, "logged once, not at every attempt"
    assert any("back after" in record.message for record in caplog.records)


def test_attempts_to_open_get_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_loop, "BACKOFF_S", (0.2, 0.4))
    rig = Rig()
    rig.camera.trouble = "gone"
    with rig.running():
        started = time.monotonic()
        assert rig.until(lambda: rig.camera.opens >= 3, 10)
    assert time.monotonic() - started >= 0.59, "the first wait, then the second"


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


def test_a_turn_is_timed_for_the_supervisor() -> None:
    rig = Rig()
    inside: dict[str, float | None] = {}

    def note(part: str) -> None:
        assert rig.loop.busy_with == part
        inside[part] = rig.loop.busy_since

    class NotingCamera(Camera):
        def open(self) -> None:
            note("the camera")
            super().open()

    class NotingController(SimulatedController):
        def step(self, frame: Frame) -> Outcome:
            note("the reading of a frame")
            return super().step(frame)

        def handle(self, command: Command | ConfigUpdate) -> Future[None] | None:
            note("a command")
            return super().handle(command)

    rig.controller = NotingController()
    rig.inbox.put(Resume())
    rig.loop = WatchLoop(NotingCamera(), rig.controller, rig.inbox, lambda _: note("the outputs"), rig.beat)
    rig.loop.turn()
    assert len(inside) == 4
    assert None not in inside.values()
    assert rig.loop.busy_since is None


def test_a_flood_is_refused_and_does_not_grow() -> None:
    inbox: Inbox[int] = Inbox()
    futures = [inbox.put(number) for number in range(1000)]
    refused = [future for future in futures if future.done()]
    assert len(refused) == 1000 - INBOX_LIMIT
    with pytest.raises(InboxFull, match="try again"):
        refused[0].result()
    drained = [item for _ in range(0, INBOX_LIMIT, DRAIN_LIMIT) for item, _ in inbox.drain()]
    assert drained == list(range(INBOX_LIMIT))
    inbox.wait(0.01)


def test_a_command_nobody_waits_for_any_more_does_not_hurt() -> None:
    rig = Rig()
    future: Future[None] = rig.inbox.put(Pause())
    future.cancel()
    with rig.running():
        assert rig.until(lambda: rig.beats >= 2)


def test_urgent_commands_overtake_all_others_in_their_order_and_are_never_refused() -> None:
    inbox = Inbox[int](lambda number: number < 0)
    for number in range(INBOX_LIMIT + 3):
        inbox.put(number)
    urgent = [inbox.put(-number) for number in (1, 3, 2)]
    assert not any(future.done() for future in urgent)
    assert [item for item, _ in inbox.drain()] == [-1, -3, -2, *range(DRAIN_LIMIT)]


def test_a_command_is_answered_when_its_storing_has_ended() -> None:
    rig = Rig()
    stored: Future[None] = Future()
    rig.controller.stored = stored
    with rig.running():
        answer = rig.inbox.put(SetPrivacy(on=True))
        assert rig.until(lambda: rig.outcomes[-1:] == [Watching.NO_CAMERA])
        assert not rig.camera.is_open, "it is in force, whatever the disk does"
        assert not answer.done()
        stored.set_result(None)
        answer.result(5)


def test_privacy_that_waits_at_the_end_is_carried_out_and_a_play_is_not() -> None:
    rig = Rig()
    rig.inbox = Inbox()
    played, private = rig.inbox.put(Play()), rig.inbox.put(SetPrivacy(on=True))
    rig.loop = rig.loop_with(rig.camera)
    rig.loop.take_waiting()
    assert rig.controller.private
    assert private.done()
    assert not played.done()


def test_an_urgent_command_is_handled_within_the_turn_whose_wait_it_ends() -> None:
    rig = Rig()

    class Interruptible(Camera):
        def capture(self, wait_s: float) -> Frame:
            self.answer = rig.inbox.put(SetPrivacy(on=True))
            raise Interrupted("a command waits")

    camera = Interruptible()
    rig.loop_with(camera).turn()
    assert camera.answer.done()
    assert camera.states == ["open", "closed"]
    assert len(rig.outcomes) == 1, "the camera does not count as lost before"


def test_the_end_is_urgent_and_is_no_outcome() -> None:
    rig = Rig()

    class Silent(Camera):
        def capture(self, wait_s: float) -> Frame:
            deadline = time.monotonic() + 30
            self.hang.set()
            while not rig.inbox.has_urgent():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            raise Interrupted("the end waits")

    camera = Silent()
    camera.hang.clear()
    rig.loop = rig.loop_with(camera)
    with rig.running():
        assert camera.hang.wait(5)
    assert camera.states == ["open", "closed"]
    assert rig.outcomes == []


def test_a_refused_password_is_not_tried_again_for_minutes_but_after_privacy() -> None:
    class Locked(Camera):
        def capture(self, wait_s: float) -> Frame:
            raise PasswordRefused

    rig, camera = Rig(), Locked()
    loop = rig.loop_with(camera)
    loop.turn()
    assert loop._backoff.wait_s() > 500
    loop.turn()
    assert camera.opens == 1
    for on in (True, False):
        rig.inbox.put(SetPrivacy(on=on))
        loop.turn()
    assert camera.opens == 2


def test_a_camera_that_is_being_connected_is_no_loss(caplog: pytest.LogCaptureFixture) -> None:
    connected = False

    class Slow(Camera):
        def capture(self, wait_s: float) -> Frame:
            if connected:
                return FRAME
            raise Connecting("camera is being connected")

        def get_status(self) -> SourceStatus:
            return SourceStatus(connecting=not connected)

    caplog.set_level("INFO")
    rig, camera = Rig(), Slow()
    loop = rig.loop_with(camera)
    loop.turn()
    loop.turn()
    assert camera.is_open
    assert camera.opens == 1
    assert loop.trouble == "camera is being connected"
    assert rig.outcomes == [Watching.NO_CAMERA] * 2
    assert "opened" not in caplog.text
    connected = True
    loop.turn()
    loop.turn()
    assert caplog.text.count("camera opened") == 1
