"""A second output of the emotion model: whether the picture is a face; a linear unit on the last features.

The cascade takes posters and shelves for faces now and then, and doubts real ones. The unit is fitted by logistic
regression while the rest of the network stays as it is; so it costs the emotions nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from musicond.core.models import Box
from musicond.vision.preprocess import INPUT_SIZE, chip
from tools.training.augment import jitter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tools.training.fer2013 import Split

CASCADE = Path(__file__).resolve().parents[2] / "models" / "haarcascade_frontalface_default.xml"
TIGHTER = 0.824
"""Faces are cut tighter than those of FER2013, which helps in films: docs/dev/model-experiments.md."""
CROP_SCALE = 0.85
"""Sides of Haar's box that this comes to, about."""
RIDGE = 3.0
"""Weight of the squared coefficients against the sum of log losses."""


def pictures(train: Split, count: int, scenes: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return pictures (n, 48, 48) and 1.0 for each that is a face, 0.0 for the rest.

    `count` are jittered faces, `count` are none, and some more none: what the cascade takes for faces in so many
    drawn `scenes`, each twice, once mirrored.
    """
    rng = np.random.default_rng(seed)
    chosen = train.images[rng.choice(len(train.images), 2 * count, replace=2 * count > len(train.images))]
    faces = [tighter(jitter(image, rng, 0.6), rng) for image in chosen[:count]]
    others = [
        spoilt(image, rng) if n % 3 == 0 else cv2.resize(scene(rng, 2 * INPUT_SIZE), (INPUT_SIZE, INPUT_SIZE))
        for n, image in enumerate(chosen[count:])
    ]
    mistaken = mined(scenes, rng)
    others += mistaken + [image[:, ::-1] for image in mistaken]
    return np.stack([*faces, *others]).astype(np.uint8), np.repeat([1.0, 0.0], [count, len(others)])


def tighter(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut a face of FER2013 as tight as the daemon does, or somewhat looser."""
    edge = int(rng.integers(0, round(INPUT_SIZE * (1 - TIGHTER) / 2) + 2))
    inner = image[edge : INPUT_SIZE - edge, edge : INPUT_SIZE - edge]
    return np.asarray(cv2.resize(inner, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_LINEAR), np.uint8)


def mined(scenes: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Return what the cascade finds in drawn scenes, where there is no face: the hardest of examples."""
    cascade = cv2.CascadeClassifier(str(CASCADE))
    mined_rows = []
    for _ in tqdm(range(scenes), desc="looking for what the cascade mistakes", leave=False):
        picture = scene(rng, 160)
        boxes = cascade.detectMultiScale(picture, 1.15, 1, minSize=(30, 30))
        mined_rows += [chip(picture, Box(*(int(value) for value in box)), CROP_SCALE) for box in boxes]
    return mined_rows


def spoilt(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Make a picture that is no face out of one: upside down, a corner of it, or its quarters in another order."""
    half = INPUT_SIZE // 2
    kind = int(rng.integers(3))
    if kind == 0:
        return np.ascontiguousarray(image[::-1])
    if kind == 1:
        size = int(rng.integers(14, 23))
        top, left = (int(rng.choice([0, INPUT_SIZE - size])) for _ in range(2))
        return _u8(cv2.resize(image[top : top + size, left : left + size], (INPUT_SIZE, INPUT_SIZE)))
    parts = [image[:half, :half], image[:half, half:], image[half:, :half], image[half:, half:]]
    a, b, c, d = (parts[i] for i in [(1, 2, 3, 0), (2, 3, 0, 1), (3, 2, 1, 0), (2, 3, 1, 0)][int(rng.integers(4))])
    return np.vstack([np.hstack([a, b]), np.hstack([c, d])])


def scene(rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    """Draw a background as in a room, (side, side): light, texture, stripes, sheets with ovals, blobs."""
    wall: NDArray[Any] = _smooth(rng, 2, side, 40) + float(rng.uniform(60, 190))
    for part in rng.choice([0.03, 0.06, 0.1, 0.17, 0.3], int(rng.integers(0, 3))):
        wall = wall + _smooth(rng, max(2, round(part * side)), side, float(rng.uniform(5, 40)))
    if rng.random() < 0.3:
        x, y = np.meshgrid(np.arange(side), np.arange(side))
        along = x * np.cos(angle := rng.uniform(0, np.pi)) + y * np.sin(angle)
        wall = wall + float(rng.uniform(5, 50)) * np.sin(2 * np.pi * along / rng.uniform(6, 60))
    wall = np.ascontiguousarray(wall, np.float32)
    for _ in range(int(rng.integers(0, 5))):
        start, size = rng.integers(-20, side - 20, 2), rng.integers(20, 100, 2)
        cv2.rectangle(wall, start.tolist(), (start + size).tolist(), (float(rng.uniform(10, 240)),), -1)
        if rng.random() < 0.7:
            middle, axes = (start + size // 2).tolist(), (size // 3).tolist()
            cv2.ellipse(wall, middle, axes, 0, 0, 360, (float(rng.uniform(20, 235)),), -1)
        for _ in range(int(rng.integers(0, 7))):
            spot, axes = (start + rng.integers(0, size)).tolist(), rng.integers(2, 14, 2).tolist()
            cv2.ellipse(wall, spot, axes, float(rng.uniform(0, 180)), 0, 360, (float(rng.uniform(10, 240)),), -1)
    blurred = cv2.GaussianBlur(wall, (0, 0), float(rng.uniform(0.5, 3)))
    return np.clip(blurred + rng.normal(0, rng.uniform(0, 8), wall.shape), 0, 255).astype(np.uint8)


def fit(features: NDArray[np.floating[Any]], is_face: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
    """Return weights (d,) and bias of ridge logistic regression on features (n, d), by Newton's method."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    x = np.hstack([(features - mean) / spread, np.ones((len(features), 1))]).astype(np.float64)
    w = np.zeros(x.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        curvature = (x.T * (p * (1 - p))) @ x + RIDGE * np.eye(len(w))
        w -= np.linalg.solve(curvature, x.T @ (p - is_face) + RIDGE * w)
    weights = w[:-1] / spread
    return weights.astype(np.float32), float(w[-1] - weights @ mean)


def _smooth(rng: np.random.Generator, cells: int, side: int, spread: float) -> NDArray[Any]:
    coarse = rng.normal(0, spread, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


def _u8(image: Any) -> NDArray[np.uint8]:
    return np.asarray(image, dtype=np.uint8)
