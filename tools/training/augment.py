"""Training batches: every image jittered as a Haar box, a camera and a living room would, some mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from musicond.vision.preprocess import INPUT_SIZE
from tools.training.fer2013 import LABELS, Split, model_input

if TYPE_CHECKING:
    from numpy.typing import NDArray

CUTMIX = 0.3
"""Share of batches that are mixed by rectangles (Yun et al. 2019) instead of by blending, while mixing is on."""


@dataclass(frozen=True)
class Phase:
    """The strength of the augmentation in a part of the training."""

    side: int = INPUT_SIZE
    """Pixels of the square that is cut out of each image: a smaller one trains faster."""
    strength: float = 1.0
    """Scales the geometric jitter."""
    mixup: float = 0.2
    """Alpha of the beta distribution of shares; 0: nothing is mixed."""


@dataclass(frozen=True)
class Batches:
    """Batches of a split; seed, epoch and index fix each of them."""

    data: Split
    targets: NDArray[np.float32]
    """Target probabilities (n, 7): the labels, smoothed, or blended with a teacher's scores."""
    size: int
    seed: int

    def __len__(self) -> int:
        return len(self.data.labels) // self.size

    def batch(self, epoch: int, index: int, phase: Phase) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return model inputs (n, side, side, 1) and targets (n, 7)."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.data.labels))
        chosen = order[index * self.size : (index + 1) * self.size]
        rng = np.random.default_rng([self.seed, epoch, index])
        x = model_input(np.stack([jitter(self.data.images[i], rng, phase.strength) for i in chosen]))
        spare = INPUT_SIZE - phase.side
        if spare:
            top, left = rng.integers(0, spare + 1, 2)
            x = x[:, top : top + phase.side, left : left + phase.side]
        return mixed(np.ascontiguousarray(x), self.targets[chosen], rng, phase.mixup)


def targets(
    labels: NDArray[np.int64], smoothing: float, teacher: NDArray[np.floating[Any]] | None = None, weight: float = 0.0
) -> NDArray[np.float32]:
    """Return the targets (n, 7): smoothed labels, blended with a teacher's logits (n, 7) by `weight`."""
    hard = np.eye(len(LABELS), dtype=np.float32)[labels]
    soft = hard * (1 - smoothing) + smoothing / len(LABELS)
    if teacher is None:
        return soft
    powers = np.exp(teacher - teacher.max(axis=1, keepdims=True), dtype=np.float32)
    return np.asarray((1 - weight) * soft + weight * powers / powers.sum(axis=1, keepdims=True), np.float32)


def mixed(
    x: NDArray[np.float32], y: NDArray[np.float32], rng: np.random.Generator, alpha: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mix each image with its opposite in the batch, by blending (Zhang et al. 2018) or by a rectangle."""
    if not alpha:
        return x, y
    share = float(rng.beta(alpha, alpha))
    if rng.random() < CUTMIX:
        side = x.shape[1]
        edge = round(side * np.sqrt(1 - share))
        top, left = rng.integers(0, side - edge + 1, 2)
        out = x.copy()
        out[:, top : top + edge, left : left + edge] = x[::-1, top : top + edge, left : left + edge]
        share = 1 - edge * edge / side**2
    else:
        out = np.float32(share) * x + np.float32(1 - share) * x[::-1]
    return out, np.float32(share) * y + np.float32(1 - share) * y[::-1]


def jitter(image: NDArray[np.uint8], rng: np.random.Generator, strength: float = 1.0) -> NDArray[np.uint8]:
    """Vary one training image as a Haar box, a camera and a living room would.

    Mirror, turn +-18 degrees, scale 0.8..1.2, shift +-12 % (Haar's boxes are about that loose; `strength` scales
    the three), gamma, blur or coarse pixels (a small face), noise, and one erased rectangle.
    """
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
    centre = (INPUT_SIZE - 1) / 2
    turn, scale = strength * rng.uniform(-18, 18), 1 + strength * rng.uniform(-0.2, 0.2)
    matrix: NDArray[Any] = cv2.getRotationMatrix2D((centre, centre), turn, scale)
    matrix[:, 2] += strength * rng.uniform(-0.12, 0.12, 2) * INPUT_SIZE
    out: NDArray[Any] = cv2.warpAffine(image, matrix, (INPUT_SIZE, INPUT_SIZE), borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32
    )
    if rng.random() < 0.4:
        out = 255.0 * (out / 255.0) ** np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.2 * strength:
        small = int(rng.integers(20, 40))
        out = cv2.resize(cv2.resize(out, (small, small), interpolation=cv2.INTER_AREA), (INPUT_SIZE, INPUT_SIZE))
    if rng.random() < 0.25 * strength:
        noise = rng.standard_normal(out.shape, np.float32)
        out = out + np.float32(rng.uniform(2, 14)) * noise
    if rng.random() < 0.4 * strength:
        height, width = rng.integers(6, 18, 2)
        top, left = rng.integers(0, INPUT_SIZE - height), rng.integers(0, INPUT_SIZE - width)
        out[top : top + height, left : left + width] = rng.uniform(0, 255)
    jittered: NDArray[np.uint8] = np.clip(out, 0, 255).astype(np.uint8)
    return jittered
