"""Bugs that script/chaos plants into a test build of musicond, to show that it would find them."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho

from musicond import controller
from musicond.config.user_settings import to_json
from musicond.controller import Controller
from musicond.core.commands import ConfigUpdate, Pause, Rate, SetManualMood
from musicond.core.models import Emotion
from musicond.history import HistoryBook
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.maintenance import LibraryMaintenance
from musicond.mqtt.publisher import StatePublisher
from musicond.runtime.storage import StorageWriter
from musicond.runtime.supervisor import ServiceMonitor
from musicond.runtime.worker import Worker
from musicond.status import StatusOutput
from musicond.watch_loop import WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = logging.getLogger("musicond.planted")

HOLD_S = 6.0


@dataclass(frozen=True)
class Plant:
    """A bug, and the invariant that it breaks, by its letter in `tests.chaos.judge`."""

    breaks: str
    shown_by: tuple[str, ...]
    """Damages, orders and restarts that show it; none: all do."""
    apply: Callable[[], None]


def camera_stays_open() -> None:
    """Let privacy close no camera."""
    patch(WatchLoop, "_close", lambda *_: None)


def privacy_not_stored() -> None:
    """Leave privacy out of the stored settings."""
    patch(controller, "to_json", lambda settings: {**to_json(settings), "private": False})


def like_lost() -> None:
    """Acknowledge likes without storing them."""
    patch(SqliteCatalogue, "rate", lambda *_: None)


def like_twice() -> None:
    """Store each like twice."""
    rate = SqliteCatalogue.rate

    def twice(self: SqliteCatalogue, *args: Any) -> None:
        rate(self, *args)
        rate(self, *args)

    patch(SqliteCatalogue, "rate", twice)


def retained_is_old() -> None:
    """Publish `watching` once only."""
    changed = StatePublisher._changed

    def once(self: StatePublisher, topic: str, payload: str) -> Iterator[tuple[str, str]]:
        return iter(()) if topic == "watching" and topic in self._sent else changed(self, topic, payload)

    patch(StatePublisher, "_changed", once)


def likes_hold_up_privacy() -> None:
    """Let each like hold up the watch loop."""
    before(Rate, lambda _: time.sleep(HOLD_S))


def thread_ends_unseen() -> None:
    """Let the thread of the jobs end, and nobody look after it."""
    patch(Worker, "_run", lambda _: time.sleep(HOLD_S))
    patch(Worker, "trouble", None)
    patch(Worker, "is_alive", lambda _: True)
    patch(ServiceMonitor, "trouble", None)


def traceback_in_the_log() -> None:
    """Log a traceback at each pause."""

    def fail(_: Controller) -> None:
        try:
            int("planted")
        except ValueError:
            log.exception("planted")

    before(Pause, fail)


def stop_takes_long() -> None:
    """Need too long to stop."""
    stop = StorageWriter.stop

    def slow(self: StorageWriter) -> None:
        time.sleep(2 * HOLD_S)
        stop(self)

    patch(StorageWriter, "stop", slow)


def history_is_emptied() -> None:
    """Delete the history at the start."""
    make = HistoryBook.__init__

    def empty(self: HistoryBook, folder: Path, *more: Any) -> None:
        for file in folder.glob("*.json"):
            file.unlink()
        make(self, folder, *more)

    patch(HistoryBook, "__init__", empty)


def refresh_does_nothing() -> None:
    """Refresh no list any more."""
    patch(LibraryMaintenance, "tick", lambda _: None)


def connections_leak() -> None:
    """Leave descriptors behind at each connection to the broker."""
    connect = paho.Client.connect

    def leak(self: paho.Client, *args: Any, **more: Any) -> Any:
        for _ in range(30):
            os.open("/dev/null", os.O_RDONLY)
        return connect(self, *args, **more)

    patch(paho.Client, "connect", leak)


def songs_in_the_log() -> None:
    """Log the titles of recommended songs at INFO."""
    accept = StatusOutput.accept

    def chatty(self: StatusOutput, outcome: Any) -> None:
        accept(self, outcome)
        if outcome.recommended and outcome.recommendation:
            log.info("now: %s", outcome.recommendation.tracks[0].title)

    patch(StatusOutput, "accept", chatty)


def reload_makes_sad() -> None:
    """Let a reload change the mood."""

    def sadden(self: Controller) -> None:
        self.handle(SetManualMood(Emotion.SAD))

    before(ConfigUpdate, sadden)


def patch(owner: object, name: str, value: object) -> None:
    """Replace an attribute of a class or module of this process."""
    setattr(owner, name, value)


def before(kind: type, act: Callable[[Controller], None]) -> None:
    """Do something in the watch thread before each command of a kind."""
    handle = Controller.handle

    def planted(self: Controller, command: Any) -> Any:
        if isinstance(command, kind):
            act(self)
        return handle(self, command)

    patch(Controller, "handle", planted)


PRIVACY = ("privacy", "likes")
PLANTS = {
    "camera-stays-open": Plant("a", PRIVACY, camera_stays_open),
    "privacy-not-stored": Plant("a", PRIVACY, privacy_not_stored),
    "like-lost": Plant("b", ("likes",), like_lost),
    "like-twice": Plant("b", ("likes",), like_twice),
    "retained-is-old": Plant("c", PRIVACY, retained_is_old),
    "likes-hold-up-privacy": Plant("d", ("likes",), likes_hold_up_privacy),
    "thread-ends-unseen": Plant("e", (), thread_ends_unseen),
    "traceback-in-the-log": Plant("f", ("pause",), traceback_in_the_log),
    "stop-takes-long": Plant("f", ("restart: term",), stop_takes_long),
    "history-is-emptied": Plant("g", ("restart: term",), history_is_emptied),
    "refresh-does-nothing": Plant("h", ("refresh",), refresh_does_nothing),
    "connections-leak": Plant("i", ("reconnects", "lost broker", "deaf broker"), connections_leak),
    "songs-in-the-log": Plant("j", (), songs_in_the_log),
    "reload-makes-sad": Plant("j", ("reload under load",), reload_makes_sad),
}
