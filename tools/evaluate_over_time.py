#!/usr/bin/env python3
"""Hold photographs before the camera for a minute each, and count the moods that are announced.

    .venv/bin/python tools/evaluate_over_time.py --photos photos.zip [--people 200] [--trade] [--picture PNG]
        [--store NPZ] [--json] [MODEL]

Resting people sway, turn a little, and the light changes; every frame has noise and goes through the daemon's whole
pipeline at its frame rate. A wrong emotion is any mood but neutral and unsure. Then as many smiling people are shown,
each for a few seconds, and the time until happy is announced counts from the first frame. `--trade` repeats the
decisions with other thresholds: wrong moods an hour against smiles and resting faces that are missed. `--picture`
draws that.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from tqdm import tqdm

from musicond.config.camera import Camera
from musicond.config.schema import MoodSection
from musicond.core.models import Frame, Mood
from musicond.core.mood.tracker import MoodConfig, MoodState, Observation, update
from musicond.core.pipeline import Pipeline
from musicond.errors import ModelError
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector
from tools.chart import Axis, draw_lines
from tools.evaluate import MODELS, PHOTO_HEIGHTS
from tools.training.fer2013 import LABELS, DataError
from tools.training.photos import Photos, load
from tools.training.readings import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from musicond.core.outcome import Recommendation
    from musicond.core.recommend.recommender import Recommender

RATE = Camera().rate
SMILE_S, IN_TIME_S = 4.0, 2.0
"""Seconds for which a smile is shown, and within which it is to be announced."""
SWAY, LEAN, NEARER = 9.0, 4.0, 0.03
"""Largest movement of a person: pixels, degrees and share of the size."""
NOISE = (2.0, 6.0)
"""Standard deviation of the camera's noise in grey levels, from bright to poor light."""
ENTERS = (0.42, 0.50, 0.58, 0.62, 0.66, 0.70, 0.74, 0.78, 0.82)
LEAVES = (3 / 7, 0.9)
"""Values of `mood.leave` that are tried with each, as shares of `mood.enter`."""
WIDTH, HEIGHT = 640, 480
FRAME_SETTINGS = RATE, PHOTO_HEIGHTS, SWAY, LEAN, NEARER, NOISE, WIDTH, HEIGHT
"""Those that the frames depend on."""


class NoSongs:
    """A recommender that recommends nothing."""

    taste = None

    def recommend(self, *_: object) -> Recommendation | None:
        """Return None: the recommendation stays as it is."""

    recommend_other = rate = recommend

    def is_outdated(self, *_: object) -> bool:
        """Return False: there are no lists."""
        return False


@dataclass(frozen=True)
class Watched:
    """A person before the camera: the reading of each frame, and the announced moods with their times in seconds."""

    seen: list[Observation]
    moods: list[tuple[float, Mood]]


def frames(image: NDArray[np.uint8], seconds: float, rng: np.random.Generator) -> Iterator[Frame]:
    """Yield frames of a person who sways in changing light."""
    height = float(rng.integers(PHOTO_HEIGHTS[0], PHOTO_HEIGHTS[1] + 1))
    scale = height / image.shape[0]
    place = rng.uniform((150, 150), (WIDTH - 150, HEIGHT - 150))
    period, phase = rng.uniform(3, 17, 5), rng.uniform(0, 2 * np.pi, 5)
    level = float(image.mean())
    noises = [rng.normal(0, rng.uniform(*NOISE), (HEIGHT, WIDTH)).astype(np.int16) for _ in range(4)]
    light = np.linspace(rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.0), WIDTH, dtype=np.float32)
    lit = np.broadcast_to(light, (HEIGHT, WIDTH)).copy()
    middle = image.shape[1] / 2, image.shape[0] / 2
    for number in range(round(seconds * RATE)):
        at = number / RATE
        wave = np.sin(2 * np.pi * at / period + phase)
        turn = cv2.getRotationMatrix2D(middle, LEAN * wave[0], scale * (1 + NEARER * wave[1]))
        matrix = np.asarray(turn, np.float64)
        matrix[:, 2] += place + SWAY * wave[2:4] - middle
        room = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), borderValue=(level,))
        shown = cv2.multiply(room, lit, scale=0.8 + 0.2 * wave[4], dtype=cv2.CV_16S)
        noise = np.roll(noises[number % 4], int(rng.integers(0, WIDTH)), 1)
        grey = cv2.add(shown, noise, dtype=cv2.CV_8U)
        yield Frame(np.asarray(grey, np.uint8), at, datetime(2026, 1, 1, 12, tzinfo=UTC))


def watch(
    image: NDArray[np.uint8], seconds: float, reader: TfliteClassifier, rules: MoodConfig, rng: np.random.Generator
) -> Watched:
    """Take the frames of one person through a pipeline of their own."""
    detector = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", reader)
    pipeline = Pipeline(detector, reader, cast("Recommender", NoSongs()), rules)
    seen, moods = [], []
    for frame in frames(image, seconds, rng):
        outcome = pipeline.step(frame)
        present = bool(outcome.faces.confirmed or outcome.faces.coasted)
        seen.append(Observation(frame.captured_at, present, outcome.raw_scores, outcome.faces.dark))
        if outcome.change:
            moods.append((frame.captured_at, outcome.mood))
    return Watched(seen, moods)


def decided(person: Watched, rules: MoodConfig) -> Watched:
    """Return the person with the moods that other rules would have announced."""
    state, moods = MoodState(), []
    for seen in person.seen:
        before, state = state.mood, update(state, rules, seen)
        if state.mood is not before:
            moods.append((seen.at, state.mood))
    return Watched(person.seen, moods)


def decide_stored(store: Store, watched: Iterable[Watched], rules: MoodConfig) -> list[Watched]:
    """Return the persons of a store, or those `watched`, with the moods that the rules announce."""

    def arrays() -> dict[str, NDArray[Any]]:
        observations = [(number, seen) for number, person in enumerate(watched) for seen in person.seen]
        return {
            "person": np.array([number for number, _ in observations]),
            "at": np.array([seen.at for _, seen in observations]),
            "present": np.array([seen.present for _, seen in observations]),
            "dark": np.array([seen.dark for _, seen in observations]),
            "read": np.array([seen.scores is not None for _, seen in observations]),
            "scores": np.array([seen.scores or (1 / len(LABELS),) * len(LABELS) for _, seen in observations]),
        }

    known = store.arrays(arrays)
    people: list[list[Observation]] = [[] for _ in range(int(known["person"].max()) + 1)]
    rows = zip(*(known[name] for name in ("person", "at", "present", "dark", "read", "scores")), strict=True)
    for person, at, present, dark, was_read, scores in rows:
        values = tuple(map(float, scores)) if was_read else None
        people[person].append(Observation(float(at), bool(present), values, bool(dark)))
    return [decided(Watched(seen, []), rules) for seen in people]


def summary(resting: Sequence[Watched], smiling: Sequence[Watched]) -> dict[str, float | int]:
    """Return the figures of the persons with any reading; raise DataError where a group has none."""
    rest = [person for person in resting if any(seen.scores for seen in person.seen)]
    smiles = [person for person in smiling if any(seen.scores for seen in person.seen)]
    for name, group in (("resting", rest), ("smiling", smiles)):
        if not group:
            raise DataError(f"the face of no {name} person was read; give more --people or --seconds")
    minutes = sum(person.seen[-1].at for person in rest) / 60
    wrong = [[mood for _, mood in person.moods if mood.emotion and mood is not Mood.NEUTRAL] for person in rest]
    emotions = sum(1 for person in rest for _, mood in person.moods if mood.emotion)
    neutral = [any(mood is Mood.NEUTRAL for _, mood in person.moods) for person in rest]
    in_time = [any(mood is Mood.HAPPY and at <= IN_TIME_S for at, mood in person.moods) for person in smiles]
    return {
        "resting_people": len(rest),
        "announced_wrong": round(float(np.mean([bool(is_wrong) for is_wrong in wrong])), 4),
        "wrong_moods_per_hour": round(60 * sum(map(len, wrong)) / minutes, 2),
        "moods_per_minute": round(emotions / minutes, 3),
        "never_neutral": round(1 - float(np.mean(neutral)), 4),
        "smiling_people": len(smiles),
        "smile_within_2_s": round(float(np.mean(in_time)), 4),
    }


def chosen(photos: Photos, emotion: str, count: int) -> list[NDArray[np.uint8]]:
    """Return one picture of each of up to `count` persons with this label, spread over all of them."""
    first: dict[str, NDArray[np.uint8]] = {}
    for image, label, person in zip(photos.images, photos.labels, photos.persons, strict=True):
        if LABELS[label] == emotion:
            first.setdefault(person, image)
    people = list(first.values())
    places = np.linspace(0, len(people) - 1, min(count, len(people))).astype(int)
    return [people[at] for at in places]


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Return what is printed."""
    photos, reader = load(args.photos, args.split), TfliteClassifier(args.model)
    section = MoodSection()
    rules = MoodConfig(**section.model_dump())
    groups: dict[str, list[Watched]] = {}
    for emotion, seconds in (("neutral", args.seconds), ("happy", SMILE_S)):
        rng = np.random.default_rng(args.seed)
        images = chosen(photos, emotion, args.people)
        if not images:
            raise DataError(f"{args.photos}: no {emotion} person in {args.split}; give photographs of one")
        people = tqdm(images, desc=emotion, leave=False, disable=None)
        watched = (watch(image, seconds, reader, rules, rng) for image in people)
        if args.store:
            path = args.store.with_name(f"{args.store.stem}-{emotion}.npz")
            settings = args.split, args.people, seconds, args.seed, photos.digest, *FRAME_SETTINGS
            store = Store(path, args.model, *settings)
            groups[emotion] = decide_stored(store, watched, rules)
        else:
            groups[emotion] = list(watched)
    report: dict[str, object] = {"enter": section.enter, "leave": section.leave, **summary(*groups.values())}
    if args.trade:
        report["trade"] = {
            f"enter {enter:.2f}, leave {leave:.2f}": summary(
                *([decided(p, other) for p in of] for of in groups.values())
            )
            for enter in ENTERS
            for leave in (round(share * enter, 2) for share in LEAVES)
            for other in (MoodConfig(**{**section.model_dump(), "enter": enter, "leave": leave}),)
        }
    return report


def draw_trade(path: Path, trade: dict[str, dict[str, float | int]]) -> None:
    """Draw, for falling thresholds, moods that are missed over wrong moods; a mood is left at the first of `LEAVES`."""
    lines: dict[str, list[tuple[float, float]]] = {name: [] for name in ("smile missed", "never neutral", "told wrong")}
    for figures in list(trade.values())[::2]:
        per_hour = float(figures["wrong_moods_per_hour"])
        lines["smile missed"].append((per_hour, 100 - 100 * figures["smile_within_2_s"]))
        lines["never neutral"].append((per_hour, 100 * figures["never_neutral"]))
        lines["told wrong"].append((per_hour, 100 * figures["announced_wrong"]))
    most = max(10, math.ceil(max(x for points in lines.values() for x, _ in points) / 10) * 10)
    highest = max(10, math.ceil(max(y for points in lines.values() for _, y in points) / 10) * 10)
    across, up = ([float(at) for at in np.linspace(0, end, 6)] for end in (most, highest))
    title = f"mood.enter from {ENTERS[-1]:g} (left) to {ENTERS[0]:g}"
    draw_lines(path, title, Axis("wrong moods an hour", across), Axis("% of people", up), lines)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODELS / "fer_int8.tflite")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--people", type=int, default=200, help="resting, and as many smiling")
    parser.add_argument("--seconds", type=float, default=60.0, help="for which a resting person is shown")
    parser.add_argument("--trade", action="store_true", help="repeat the decisions with other thresholds")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the trade")
    parser.add_argument(
        "--store", type=Path, metavar="NPZ", help="keep the readings, and decide with a changed sidecar or thresholds"
    )
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        report = measure(args)
    except (DataError, OSError) as fault:
        print(f"evaluate_over_time: {fault}", file=sys.stderr)
        return 69
    except ModelError as fault:
        print(f"evaluate_over_time: {fault}", file=sys.stderr)
        return 78
    if args.picture and args.trade:
        draw_trade(args.picture, cast("dict[str, dict[str, float | int]]", report["trade"]))
    if args.json:
        print(json.dumps(report, indent=1))
        return 0
    for key, value in report.items():
        if isinstance(value, dict):
            print(*(f"{rules}: {figures}" for rules, figures in value.items()), sep="\n")
        else:
            print(f"{key:22} {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
