"""Drawn pictures for the golden vectors, without a camera or the face of a person.

`python -m tests.golden.pictures` rewrites golden.json; run it only after a change of the preprocessing or the model.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musicond.config.paths import models_dir
from musicond.core.models import Box
from musicond.vision.classifier import TfliteClassifier
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
        yield f"face {side}", drawn(side), Box(side // 2, side // 2, side, side)
    ramp = np.tile(np.linspace(0, 255, 100).astype(np.uint8), (100, 1))
    yield "ramp beyond the edge", ramp, Box(-15, 60, 70, 70)
    yield "flat", np.full((50, 50), 130, np.uint8), Box(0, 0, 50, 50)


def drawn(side: int) -> NDArray[np.uint8]:
    """Draw an oval with two eyes and a mouth, without OpenCV, as its versions draw differently."""
    y, x = np.mgrid[0 : 2 * side, 0 : 2 * side] / side - 1.0
    picture = np.full((2 * side, 2 * side), 60, np.uint8)
    picture[(x / 0.4) ** 2 + (y / 0.5) ** 2 <= 1] = 190
    picture[(np.abs(x) - 0.17) ** 2 + (y + 0.12) ** 2 <= 0.07**2] = 40
    picture[((x / 0.17) ** 2 + ((y - 0.2) / 0.1) ** 2 <= 1) & (y > 0.2)] = 50
    return picture


def vectors() -> list[dict[str, object]]:
    """Return for each picture its normalised chip and both logits of the model."""
    classifier = TfliteClassifier(MODEL)
    result: list[dict[str, object]] = []
    for name, picture, box in pictures():
        levels = normalise(chip(picture, box, 1.05))
        logits, room_logits = (
            [round(float(value), 4) for value in classifier.logits(levels, room=room)] for room in (False, True)
        )
        chips = levels.reshape(-1).tolist()
        result.append({"name": name, "levels": chips, "logits": logits, "room_logits": room_logits})
    return result


if __name__ == "__main__":
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    FILE.write_text(json.dumps({"model": digest, "vectors": vectors()}) + "\n")
