"""The simulated devices of tools/fleet.py: a scripted face before the real core and the real MQTT output."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.config.schema import Config, Mqtt
from musicond.core.commands import Command, OtherSongs
from musicond.core.models import EMOTIONS, Box, Emotion, EmotionEstimate, Faces, Frame
from musicond.core.mood.tracker import MoodConfig
from musicond.core.pipeline import Pipeline
from musicond.core.recommend.recommender import Recommender
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import MEMORY
from musicond.mqtt import payloads
from musicond.mqtt.entities import available_entities
from musicond.mqtt.output import HEALTH_S, MqttOutput
from musicond.mqtt.publisher import StatePublisher
from tools.fleet_player import SimulatedPlayer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PICTURE = np.zeros((60, 80), np.uint8)
HERE = Faces(confirmed=(Box(10, 10, 40, 40),))
HOUR: tuple[tuple[float, Emotion | None], ...] = (
    (0, None),
    (5, Emotion.NEUTRAL),
    (15, Emotion.HAPPY),
    (27, None),
    (33, Emotion.NEUTRAL),
    (45, Emotion.SAD),
    (52, Emotion.NEUTRAL),
    (58, None),
)
"""An ordinary hour: the face from each minute on. A person arrives twice, and the mood changes three more times."""
SCORE_MEAN, SCORE_DEVIATION = 0.85, 0.12
"""Mean and standard deviation of the score of the face's emotion from frame to frame."""


class Face:
    """A `FaceDetector` and an `EmotionClassifier` that follow a script."""

    def __init__(self, seed: int) -> None:
        self.emotion: Emotion | None = None
        self._rng = random.Random(seed)

    def detect(self, _frame: Frame) -> Faces:
        """Return the one face, or none."""
        return Faces() if self.emotion is None else HERE

    def reset(self) -> None:
        """Do nothing: there is no state."""

    def classify(self, _frame: Frame, _faces: Faces) -> EmotionEstimate | None:
        """Return random scores around `SCORE_MEAN` for the scripted emotion."""
        score = min(0.97, max(0.2, self._rng.gauss(SCORE_MEAN, SCORE_DEVIATION)))
        rest = (1 - score) / (len(EMOTIONS) - 1)
        return EmotionEstimate(
            tuple(score if emotion is self.emotion else rest for emotion in EMOTIONS), HERE.confirmed[0]
        )


def build_core(seed: int, catalogue: SqliteCatalogue) -> tuple[Face, Pipeline]:
    """Return the scripted face, and the real core with the default configuration."""
    face, mood = Face(seed), Config().mood
    rules = MoodConfig(mood.enter, mood.leave, mood.dwell_s, mood.away_s, mood.smoothing_s)
    return face, Pipeline(face, face, Recommender(catalogue, seed), rules)


def ordinary_hour(seed: int = 1, rate: float = 8.0, *, music: bool = False) -> Counter[str]:
    """Return how many messages of each topic one device sends in the hour of the script, already connected.

    With `music` a player is configured, with autoplay on.
    """
    with SqliteCatalogue(MEMORY) as catalogue:
        return _count(*build_core(seed, catalogue), rate, music=music)


def _count(face: Face, pipeline: Pipeline, rate: float, *, music: bool) -> Counter[str]:
    capabilities = ("temperature", "throttled", *(("playback",) if music else ()))
    publisher, sent = StatePublisher(available_entities(capabilities), "0"), Counter[str]()
    player = SimulatedPlayer(lambda: pipeline.handle(OtherSongs(), NOON)) if music else None
    for step in range(round(3600 * rate)):
        at = step / rate
        face.emotion = next(emotion for minute, emotion in reversed(HOUR) if at >= 60 * minute)
        outcome = pipeline.step(Frame(PICTURE, at, NOON + timedelta(seconds=at)))
        if player is not None:
            outcome = replace(outcome, playback=player.update(outcome))
        topics = [topic for topic, _ in publisher.pending(outcome)]
        if step:  # the messages of the first step belong to the connection
            sent.update(topics)
            sent["event"] += payloads.event(outcome) is not None
    sent["health"] = round(3600 / HEALTH_S)
    return sent


class Device:
    """One device: `Fleet` steps its core, and its output has its own thread."""

    def __init__(self, number: int, port: int) -> None:
        self.node = f"fleet-{number:05}"
        self.catalogue = SqliteCatalogue(MEMORY)
        self.face, self._pipeline = build_core(number, self.catalogue)
        self._rng = random.Random(number)
        self._change_at = 0.0
        settings = Mqtt(host="127.0.0.1", port=port)
        self.output = MqttOutput(settings, self.node, self.node, None, self._submit, self._health)

    def step(self, at: float, change_s: float) -> None:
        """Process one frame; the emotion changes about every `change_s` seconds."""
        if at >= self._change_at:
            self._change_at = at + self._rng.uniform(0.5, 1.5) * change_s
            self.face.emotion = self._rng.choice([emotion for emotion in EMOTIONS if emotion is not self.face.emotion])
        outcome = self._pipeline.step(Frame(PICTURE, at, NOON + timedelta(seconds=at)))
        self.output.accept(outcome)

    @staticmethod
    def _submit(_command: Command) -> Future[None]:
        return Future()

    @staticmethod
    def _health() -> dict[str, object]:
        numbers = {"uptime_s": 1, "frames_per_s": 8.0, "cpu_percent": 5.0, "memory_mib": 90.0, "temperature_c": 50.0}
        return {"version": "0", "started": NOON, "camera": "script", "trouble": None, "throttled": None, **numbers}


class Fleet:
    """All devices, stepped by one thread."""

    def __init__(self, devices: int, port: int, change_s: float, rate: float) -> None:
        self.devices = [Device(number, port) for number in tqdm(range(devices), "devices", disable=None)]
        self._change_s, self._rate = change_s, rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start all outputs and the thread that steps the devices."""
        for device in self.devices:
            device.output.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop all devices at the same time."""
        self._stopping.set()
        self._thread.join()
        threads = [threading.Thread(target=device.output.stop) for device in self.devices]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for device in self.devices:
            device.catalogue.close()

    def _run(self) -> None:
        started = time.monotonic()
        while not self._stopping.wait(1 / self._rate):
            for device in self.devices:
                device.step(time.monotonic() - started, self._change_s)
