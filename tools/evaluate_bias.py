#!/usr/bin/env python3
"""Measure what the household's correction can cost: the accuracy on FER2013 with every kind of bias that is permitted.

    .venv/bin/python tools/evaluate_bias.py --data fer2013.zip [--split train|test] [--json] [MODEL]

Biases of full length are tried in many directions: what ten seconds of a neutral face teach at most, each pair of
emotions, each set of emotions against the others, and random ones of a fixed seed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING

import numpy as np

from musicond.core.models import EMOTIONS
from musicond.core.mood.bias import REACH, bounded
from musicond.core.mood.calibration import NEUTRAL, neutral_bias
from musicond.errors import ModelError
from musicond.vision.classifier import TfliteClassifier
from tools.evaluate import MODELS, direct
from tools.training.fer2013 import DataError, Split, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

RANDOM = 1000
FACE = 40
"""Readings of one simulated calibration."""


def directions() -> Iterator[tuple[str, list[float]]]:
    """Yield directions with their kind."""
    for one, other in itertools.permutations(range(len(EMOTIONS)), 2):
        yield "pairs", [1.0 if place == one else -1.0 if place == other else 0.0 for place in range(len(EMOTIONS))]
    for signs in itertools.product((0.0, 1.0), repeat=len(EMOTIONS)):
        if 0 < sum(signs) < len(EMOTIONS):
            yield "sets", list(signs)
    rng = np.random.default_rng(1)
    for row in rng.normal(size=(RANDOM, len(EMOTIONS))):
        yield "random", row.tolist()


def measure(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, float]:
    """Return the accuracy without a bias, and the points lost at worst by kind of bias; the most any score moves."""

    def accuracy(shifts: tuple[float, ...]) -> float:
        return float(((probabilities * np.exp(shifts)).argmax(axis=1) == labels).mean())

    plain = accuracy((0.0,) * len(EMOTIONS))
    worst: dict[str, float] = {}
    moved = 0.0
    for kind, direction in directions():
        bias = bounded([1000 * each for each in direction])
        worst[kind] = max(worst.get(kind, -1.0), plain - accuracy(bias.shifts))
        weighted = probabilities * np.exp(bias.shifts)
        moved = max(moved, float(np.abs(weighted / weighted.sum(axis=1, keepdims=True) - probabilities).max()))
    worst["neutral face"] = max(plain - accuracy(shifts) for shifts in _calibrations(probabilities, labels))
    lost = {f"points_lost_{kind.replace(' ', '_')}": round(100 * loss, 2) for kind, loss in worst.items()}
    return {"accuracy": round(plain, 4), "reach": REACH, **lost, "most_moved_points": round(100 * moved, 2)}


def _calibrations(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Iterator[tuple[float, ...]]:
    """Yield what faces teach that are read worst: neutral images sorted by what they are taken for."""
    neutral = probabilities[labels == NEUTRAL]
    for emotion in range(len(EMOTIONS)):
        taken = neutral[np.argsort(-neutral[:, emotion])][:FACE]
        yield neutral_bias([tuple(float(each) for each in row) for row in taken]).shifts


def main() -> int:
    """Run the command line; 1 where more than a point can be lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODELS / "fer_int8.tflite")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--first", type=int, metavar="N", help="take N images only, spread over the split")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    try:
        data = load(args.data, args.split)
        if args.first:
            chosen = np.linspace(0, len(data.labels) - 1, min(args.first, len(data.labels))).astype(int)
            data = Split(data.images[chosen], data.labels[chosen])
        found = measure(direct(TfliteClassifier(args.model), data.images)[0], data.labels)
    except (DataError, ModelError) as fault:
        print(f"evaluate_bias: {fault}", file=sys.stderr)
        return 69
    if args.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:26} {value}")
    return int(max(value for name, value in found.items() if name.startswith("points")) > 1)


if __name__ == "__main__":
    raise SystemExit(main())
