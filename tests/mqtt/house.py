"""The real loop, core, stores and MQTT output behind a camera and a reader that the test directs."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from musicond.config.schema import Mqtt
from musicond.config.user_settings import load_settings
from musicond.controller import Controller
from musicond.core.models import EMOTIONS, Box, Emotion, EmotionEstimate, Faces, Frame
from musicond.core.mood.tracker import MoodConfig
from musicond.core.pipeline import FrameRate, Pipeline
from musicond.core.recommend.recommender import Recommender
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor
from musicond.mqtt.connection import Timing
from musicond.mqtt.entities import ENTITIES, available_entities
from musicond.mqtt.output import MqttOutput
from musicond.mqtt.publisher import StatePublisher
from musicond.runtime.inbox import Inbox
from musicond.runtime.json_file import JsonFile
from musicond.watch_loop import WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path
    from typing import Self

    from pydantic import SecretStr

    from musicond.core.commands import Command, ConfigUpdate
    from musicond.core.outcome import Outcome
    from tests.mqtt.conftest import Listener

QUICK = Timing(
    keepalive_s=2, silence_s=3.0, connect_s=2.0, backoff_s=(0.1, 0.2, 0.4), steady_s=1.0, session_s=60, poll_s=0.3
)
BACK_S = 0.4 * 1.2 + 5
"""The longest of these waits, and 5 s."""
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WAVERING = ("confidence", "scores", "faces")
HERE = Faces(confirmed=(Box(10, 10, 40, 40),))


class Room:
    """Camera, finder and reader in one."""

    name = "room"

    def __init__(self) -> None:
        self.faces, self.emotion, self.open_now = HERE, Emotion.HAPPY, False

    def open(self) -> None:
        self.open_now = True

    def close(self) -> None:
        self.open_now = False

    def read_frame(self) -> Frame:
        return Frame(np.zeros((60, 80), np.uint8), time.monotonic(), datetime.now().astimezone())

    def detect(self, frame: Frame) -> Faces:
        return self.faces

    def reset(self) -> None:
        pass

    def estimate(self) -> EmotionEstimate:
        rest = 0.1 / 6
        scores = tuple(0.9 if each is self.emotion else rest for each in EMOTIONS)
        return EmotionEstimate(scores, HERE.confirmed[0])


class Camera:
    """A `FrameSource` that shows the room."""

    def __init__(self, room: Room) -> None:
        self._room, self.name, self.open, self.close = room, room.name, room.open, room.close

    def capture(self, wait_s: float) -> Frame:
        return self._room.read_frame()


class Reader:
    """An `EmotionReader` that the room tells what to read."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        return self._room.estimate()


def vitals() -> dict[str, object]:
    return {
        "version": "1",
        "started": NOON,
        "uptime_s": 1,
        "camera": "room",
        "trouble": None,
        "frames_per_s": 8.0,
        "cpu_percent": 3.0,
        "memory_mib": 90.0,
        "temperature_c": 51.0,
        "throttled": False,
    }


class House:
    """What `app.build` joins, with a room instead of camera and model, and without a page."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        node: str = "den",
        password: SecretStr | None = None,
        timing: Timing = QUICK,
        facts: tuple[str, ...] = (),
        settings: dict[str, Any] | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.room, self.base = Room(), f"musicond/{node}"
        self.file = folder / FILE_NAME
        self.catalogue = SqliteCatalogue.open(self.file)
        self.store = JsonFile(folder / "settings.json")
        recommender = Recommender(self.catalogue, 1)
        pipeline = Pipeline(self.room, Reader(self.room), recommender, MoodConfig(0.42, 0.30, 0.2, 1.0, 0.1))
        pipeline.settings = load_settings(self.store)
        self.inbox: Inbox[Command | ConfigUpdate] = Inbox()
        self.latest: Outcome | None = None
        self.commands: list[Command] = []
        self._turned = threading.Condition()
        self._facts = facts
        config = Mqtt.model_validate({"host": "127.0.0.1", "port": port, **(settings or {})})
        self.output = MqttOutput(config, node, "musicond", password, self._submit, vitals, facts, timing)
        self.loop = WatchLoop(
            Camera(self.room),
            Controller(pipeline, FrameRate(8, 8), self.store),
            self.inbox,
            emit=self._emit,
            beat=lambda: None,
        )
        self._thread = threading.Thread(target=self.loop.run, daemon=True)

    def __enter__(self) -> Self:
        self.output.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.stop()
        self._thread.join(10)
        self.output.stop()
        self.catalogue.close()

    def _submit(self, command: Command) -> Future[None]:
        self.commands.append(command)
        return self.inbox.put(command)

    def _emit(self, outcome: Outcome) -> None:
        self.output.accept(outcome)
        with self._turned:
            self.latest = outcome
            self._turned.notify_all()

    def until(self, true: Callable[[Outcome], bool], seconds: float = 10) -> bool:
        """Wait for an outcome that makes it true."""
        with self._turned:
            return self._turned.wait_for(lambda: self.latest is not None and true(self.latest), seconds)

    def said(self, verdict: str, track_id: str | None = None) -> int:
        """Count what is on the disk: `likes` or `dislikes`, of one song or of all."""
        with CatalogueEditor.open(self.file, read_only=True) as lists:
            return sum(int(str(each[verdict])) for each in lists.feedback() if track_id in (None, each["track_id"]))

    def likes(self) -> int:
        return self.said("likes")

    def truth(self) -> dict[str, Any]:
        """Return what the retained topics should hold, without what wavers."""
        assert self.latest is not None
        topics = dict(StatePublisher(available_entities(self._facts), "").pending(replace(self.latest)))
        return {"availability": "online", **_steady(topics)}

    def told(self, listener: Listener) -> dict[str, Any]:
        """Return what they hold; health, events and commands are no state of the core."""
        topics = listener.below(self.base)
        others = ("health", "event", *(topic for thing in ENTITIES for topic in thing.command_topics))
        return _steady({each: topics[each] for each in topics if each not in others})

    def settled(self, listener: Listener, seconds: float = 10) -> bool:
        """Wait until the retained state is the daemon's truth."""
        if listener.until(lambda: self.latest is not None and self.told(listener) == self.truth(), seconds):
            return True
        raise AssertionError(f"told {self.told(listener)}\nbut {self.truth()}\nstatus {self.output.status()}")


def _steady(topics: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for topic, text in topics.items():
        value = json.loads(text) if text.startswith("{") else text
        if isinstance(value, dict):
            value = {key: each for key, each in value.items() if key not in (*WAVERING, "version")}
        if value != "":  # a retained message that holds nothing is none
            found[topic] = value
    return found
