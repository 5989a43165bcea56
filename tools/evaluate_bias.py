#!/usr/bin/env python3
"""Measure how much accuracy on FER2013 the household's bias can cost, for every kind of bias that is permitted.

    .venv/bin/python tools/evaluate_bias.py --data fer2013.zip [--split train|test] [--json] [MODEL]

Biases of maximum length are tried in many directions: each pair of emotions, each set of emotions against the others,
and random ones of a fixed seed. Calibrations with a neutral face, which may be longer, are tried with extreme faces.
The exit code is 1 where more points are lost than `MOST_LOST` and `MOST_LOST_CALIBRATED`.
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
from tools.training.fer2013 import DataError, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

RANDOM = 1000
MOST_LOST, MOST_LOST_CALIBRATED = 1.0, 3.0
"""Points of accuracy that a correction by `WrongMood` may cost, and a calibration.

The second is what the worst calibration cost when it was measured, rounded up.
"""
FACE = 40
"""Estimates in one simulated calibration."""


def directions() -> Iterator[tuple[str, list[float]]]:
    """Yield the kind and the vector of each direction."""
    for up, down in itertools.permutations(range(len(EMOTIONS)), 2):
        yield "pairs", [float(index == up) - float(index == down) for index in range(len(EMOTIONS))]
    for signs in itertools.product((0.0, 1.0), repeat=len(EMOTIONS)):
        if 0 < sum(signs) < len(EMOTIONS):
            yield "sets", list(signs)
    rng = np.random.default_rng(1)
    for row in rng.normal(size=(RANDOM, len(EMOTIONS))):
        yield "random", row.tolist()


def measure(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, float]:
    """Return the accuracy without a bias, the greatest losses by kind of bias and the greatest change of a score."""

    def accuracy(shifts: tuple[float, ...]) -> float:
        return float(((probabilities * np.exp(shifts)).argmax(axis=1) == labels).mean())

    plain = accuracy((0.0,) * len(EMOTIONS))
    worst: dict[str, float] = {}
    moved = 0.0
    for kind, direction in directions():
        bias = bounded([1000 * shift for shift in direction], REACH)
        worst[kind] = max(worst.get(kind, -1.0), plain - accuracy(bias.shifts))
        weighted = probabilities * np.exp(bias.shifts)
        moved = max(moved, float(np.abs(weighted / weighted.sum(axis=1, keepdims=True) - probabilities).max()))
    worst["neutral face"] = max(plain - accuracy(shifts) for shifts in _calibrations(probabilities, labels))
    lost = {f"points_lost_{kind.replace(' ', '_')}": round(100 * loss, 2) for kind, loss in worst.items()}
    return {"accuracy": round(plain, 4), "reach": REACH, **lost, "most_moved_points": round(100 * moved, 2)}


def _calibrations(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Iterator[tuple[float, ...]]:
    """Yield the biases learnt from the worst neutral faces: for each emotion, those with its highest scores."""
    neutral = probabilities[labels == NEUTRAL]
    for emotion in range(len(EMOTIONS)):
        worst = neutral[np.argsort(-neutral[:, emotion])][:FACE]
        yield neutral_bias([tuple(map(float, row)) for row in worst]).shifts


def main() -> int:
    """Print the figures; return 1 if more than `MOST_LOST` or `MOST_LOST_CALIBRATED` points can be lost."""
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
            data = data.only(chosen)
        figures = measure(direct(TfliteClassifier(args.model), data.images)[0], data.labels)
    except (DataError, ModelError) as exc:
        print(f"evaluate_bias: {exc}", file=sys.stderr)
        return 69
    if args.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:26} {value}")
    lost = {name: value for name, value in figures.items() if name.startswith("points")}
    calibrated = lost.pop("points_lost_neutral_face")
    return int(max(lost.values()) > MOST_LOST or calibrated > MOST_LOST_CALIBRATED)


if __name__ == "__main__":
    raise SystemExit(main())
