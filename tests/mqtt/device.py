"""A device with the real loop, core, stores and MQTT output, and a camera and a classifier that the test controls."""

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
from musicond.core.frame_rate import FrameRate
from musicond.core.models import EMOTIONS, Box, Emotion, EmotionEstimate, Faces, Frame, SourceStatus
from musicond.core.mood.tracker import MoodConfig
from musicond.core.pipeline import Pipeline
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
"""Longest wait of the backoff, plus 5 s."""
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINOR = ("confidence", "scores", "faces")
HERE = Faces(confirmed=(Box(10, 10, 40, 40),))


class Room:
    """The faces and the emotion that camera, detector and classifier see."""

    name = "room"

    def __init__(self) -> None:
        self.faces, self.emotion, self.is_open = HERE, Emotion.HAPPY, False

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def capture(self) -> Frame:
        return Frame(np.zeros((60, 80), np.uint8), time.monotonic(), datetime.now().astimezone())

    def detect(self, frame: Frame) -> Faces:
        return self.faces

    def reset(self) -> None:
        pass

    def estimate(self) -> EmotionEstimate:
        rest = 0.1 / 6
        scores = tuple(0.9 if emotion is self.emotion else rest for emotion in EMOTIONS)
        return EmotionEstimate(scores, HERE.confirmed[0])


class RoomCamera:
    """A `FrameSource` of the room."""

    def __init__(self, room: Room) -> None:
        self._room, self.name, self.open, self.close = room, room.name, room.open, room.close

    def capture(self, wait_s: float) -> Frame:
        return self._room.capture()

    def get_status(self) -> SourceStatus:
        return SourceStatus()


class RoomClassifier:
    """An `EmotionClassifier` that returns the room's emotion."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        return self._room.estimate()

    def reset(self) -> None:
        """Do nothing: no picture is kept."""


def health_values() -> dict[str, object]:
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


class Device:
    """The parts that `app.build` joins, with a room instead of camera and model, and without the page."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        node: str = "den",
        password: SecretStr | None = None,
        timing: Timing = QUICK,
        capabilities: tuple[str, ...] = (),
        settings: dict[str, Any] | None = None,
        output_type: type[MqttOutput] = MqttOutput,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.room, self.base = Room(), f"musicond/{node}"
        self.file = folder / FILE_NAME
        self.catalogue = SqliteCatalogue(self.file)
        self.store = JsonFile(folder / "settings.json")
        recommender = Recommender(self.catalogue, 1)
        pipeline = Pipeline(self.room, RoomClassifier(self.room), recommender, MoodConfig(0.42, 0.30, 0.2, 1.0, 0.1))
        pipeline.settings = load_settings(self.store)
        self.inbox: Inbox[Command | ConfigUpdate] = Inbox()
        self.latest: Outcome | None = None
        self.commands: list[Command] = []
        self._turned = threading.Condition()
        self._capabilities = capabilities
        config = Mqtt.model_validate({"host": "127.0.0.1", "port": port, **(settings or {})})
        self.output = output_type(
            config,
            node,
            "musicond",
            password,
            self._submit,
            health_values,
            capabilities,
            timing,
            published=JsonFile(folder / "published.json"),
        )
        self.loop = WatchLoop(
            RoomCamera(self.room),
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

    def wait_until(self, true: Callable[[Outcome], bool], seconds: float = 10) -> bool:
        """Wait for an outcome that meets a condition."""
        with self._turned:
            return self._turned.wait_for(lambda: self.latest is not None and true(self.latest), seconds)

    def count_feedback(self, verdict: str, track_id: str | None = None) -> int:
        """Count the `likes` or `dislikes` on the disk, of one track or of all."""
        with CatalogueEditor(self.file, read_only=True) as lists:
            return sum(int(str(row[verdict])) for row in lists.feedback() if track_id in (None, row["track_id"]))

    def likes(self) -> int:
        return self.count_feedback("likes")

    def expected_topics(self) -> dict[str, Any]:
        """Return the payloads that should be retained for the latest outcome, without `MINOR` values."""
        assert self.latest is not None
        topics = dict(StatePublisher(available_entities(self._capabilities), "").pending(replace(self.latest)))
        return {"availability": "online", **_without_minor(topics)}

    def retained_topics(self, listener: Listener) -> dict[str, Any]:
        """Return the retained payloads of these topics."""
        topics = listener.below(self.base)
        others = ("health", "event", *(topic for entity in ENTITIES for topic in entity.command_topics))
        return _without_minor({topic: text for topic, text in topics.items() if topic not in others})

    def wait_published(self, listener: Listener, seconds: float = 10) -> bool:
        """Wait until the retained payloads are those of the latest outcome."""
        if listener.until(
            lambda: self.latest is not None and self.retained_topics(listener) == self.expected_topics(), seconds
        ):
            return True
        raise AssertionError(
            f"retained {self.retained_topics(listener)}\nexpected {self.expected_topics()}\n{self.output.status()}"
        )


def _without_minor(topics: dict[str, str]) -> dict[str, Any]:
    payloads: dict[str, Any] = {}
    for topic, text in topics.items():
        value = json.loads(text) if text.startswith("{") else text
        if isinstance(value, dict):
            value = {key: item for key, item in value.items() if key not in (*MINOR, "version")}
        if value != "":  # an empty payload removes a retained message
            payloads[topic] = value
    return payloads
