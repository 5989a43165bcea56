"""Pictures drawn for the golden vectors: no camera and no face of a person in them.

`python -m tests.golden.pictures` writes golden.json anew; do so only when the preprocessing or the model has changed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from musicond.config import models_dir
from musicond.core.messages import Box
from musicond.vision.emotion import TfliteReader
from musicond.vision.preprocess import chip, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FILE = Path(__file__).with_name("golden.json")
MODEL = models_dir() / "fer_int8.tflite"


def pictures() -> Iterator[tuple[str, NDArray[np.uint8], Box]]:
    """Yield (name, grey picture, box): noise, a drawn face in several sizes, and a box beyond the edge."""
    rng = np.random.default_rng(2026)
    yield "noise", rng.integers(0, 256, (120, 160)).astype(np.uint8), Box(30, 20, 80, 80)
    for side in (40, 64, 200):
        picture = np.full((side * 2, side * 2), 60, np.uint8)
        centre = (side, side)
        cv2.ellipse(picture, centre, (side * 4 // 10, side // 2), 0, 0, 360, (190,), -1)
        for x in (-1, 1):
            cv2.circle(picture, (side + x * side // 6, side - side // 8), max(2, side // 14), (40,), -1)
        cv2.ellipse(picture, (side, side + side // 5), (side // 6, side // 10), 0, 0, 180, (50,), max(1, side // 24))
        yield f"face {side}", picture, Box(side // 2, side // 2, side, side)
    ramp = np.tile(np.linspace(0, 255, 100).astype(np.uint8), (100, 1))
    yield "ramp beyond the edge", ramp, Box(-15, 60, 70, 70)
    yield "flat", np.full((50, 50), 130, np.uint8), Box(0, 0, 50, 50)


def vectors() -> list[dict[str, object]]:
    """Return for each picture its normalised chip and the model's logits."""
    reader = TfliteReader(MODEL)
    found = []
    for name, picture, box in pictures():
        levels = normalise(chip(picture, box, 1.05))
        logits = [round(float(value), 4) for value in reader.logits(levels)]
        found.append({"name": name, "levels": levels.reshape(-1).tolist(), "logits": logits})
    return found


if __name__ == "__main__":
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    FILE.write_text(json.dumps({"model": digest, "vectors": vectors()}) + "\n")
