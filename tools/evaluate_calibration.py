#!/usr/bin/env python3
"""Measure whether calibrating helps: calibrate with one neutral photograph of a person, and read the others.

    .venv/bin/python tools/evaluate_calibration.py --photos photos.zip [--split train|test] [--json] [MODEL]

Takes every person with a neutral photograph and at least one more that the daemon's detector finds. The first neutral
one is held before the camera as `musicond calibrate` asks for; the others are read in a room, before and after.
`struggling` are the people of whom fewer than half of the others are read right before.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from musicond.core.mood.calibration import MIN_READINGS, NEUTRAL, neutral_bias
from musicond.errors import ModelError
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector
from tools.evaluate import MODELS, PHOTO_HEIGHTS, through
from tools.evaluate_over_time import RATE, frames
from tools.training.fer2013 import LABELS, DataError
from tools.training.photos import Photos, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from musicond.core.mood.bias import Bias

BELOW = 0.5
"""Share of right readings below which a person counts as hard to read."""


@dataclass(frozen=True)
class Person:
    """Scores (n, 7) of a person's other photographs, their labels, and the bias of the calibration."""

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    bias: Bias

    def right(self, *, calibrated: bool) -> NDArray[np.bool_]:
        """Return which are read right (n,)."""
        rows = [tuple(row) for row in self.scores.tolist()]
        read = np.array([self.bias.apply(row) for row in rows] if calibrated else rows)
        return np.asarray(read.argmax(axis=1) == self.labels)


def readings(image: NDArray[np.uint8], reader: TfliteClassifier, rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Return the scores of the frames of a person's calibration."""
    detector = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", reader, motion_gate=False)
    scores = []
    for frame in frames(image, (MIN_READINGS + 4) / RATE, rng):
        faces = detector.detect(frame)
        estimate = reader.classify(frame, faces) if faces.confirmed else None
        if estimate:
            scores.append(estimate.scores)
    return scores


def people(photos: Photos, reader: TfliteClassifier) -> list[Person]:
    """Return everyone with a neutral photograph to learn from and others to read."""
    places = defaultdict(list)
    for at, person in enumerate(photos.persons):
        places[person].append(at)
    neutral = {name: [at for at in of if photos.labels[at] == NEUTRAL] for name, of in places.items()}
    several = [name for name, of in places.items() if len(of) > 1 and neutral[name]]
    detector = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", reader, motion_gate=False)
    rng, persons = np.random.default_rng(3), []
    for name in tqdm(several, desc="people", leave=False, disable=None):
        learnt = neutral[name][0]
        others = [at for at in places[name] if at != learnt]
        piped = through(reader, detector, [photos.images[at] for at in others], PHOTO_HEIGHTS)
        taught = readings(photos.images[learnt], reader, rng)
        if taught and piped.found.any():
            labels = photos.labels[others][piped.found]
            persons.append(Person(piped.probabilities, labels, neutral_bias(taught)))
    return persons


def summary(group: Sequence[Person]) -> dict[str, float | int]:
    """Return how many photographs are read right before and after, in all and of some emotions."""
    if not group:
        return {"people": 0}
    before = np.concatenate([person.right(calibrated=False) for person in group])
    after = np.concatenate([person.right(calibrated=True) for person in group])
    labels = np.concatenate([person.labels for person in group])
    report: dict[str, float | int] = {"people": len(group), "photographs": len(labels)}
    for name in ("all", "neutral", "happy"):
        chosen = np.ones(len(labels), bool) if name == "all" else labels == LABELS.index(name)
        if chosen.any():
            report[f"{name}_before"] = round(float(before[chosen].mean()), 4)
            report[f"{name}_after"] = round(float(after[chosen].mean()), 4)
    return report


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODELS / "fer_int8.tflite")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--first", type=int, metavar="N", help="take N photographs only, spread over the split")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        photos = load(args.photos, args.split)
        everyone = people(photos.first(args.first) if args.first else photos, TfliteClassifier(args.model))
    except (DataError, OSError) as fault:
        print(f"evaluate_calibration: {fault}", file=sys.stderr)
        return 69
    except ModelError as fault:
        print(f"evaluate_calibration: {fault}", file=sys.stderr)
        return 78
    struggling = [person for person in everyone if person.right(calibrated=False).mean() < BELOW]
    report = {"everyone": summary(everyone), "struggling": summary(struggling)}
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        for name, figures in report.items():
            print(name, *(f"  {key:18} {value}" for key, value in figures.items()), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
