"""Figures of a classifier: accuracy, macro-F1, recall, confusion, calibration error, temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tools.training.fer2013 import LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ECE_BINS = 15
STATED, STATED_WITHIN = 0.8, 0.05


@dataclass(frozen=True)
class Figures:
    """The quality of a set of predictions; `confusion[i, j]` counts images of class i classified as j."""

    accuracy: float
    macro_f1: float
    recall: dict[str, float]
    ece: float
    confusion: NDArray[np.int64]


def softmax(logits: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    """Return probabilities of shape (n, classes); a temperature above 1 flattens them."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def figures(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Figures:
    """Measure predictions (n, classes) against labels (n,); a class without images has recall 0."""
    classes = probabilities.shape[1]
    guesses = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, guesses), 1)
    hits = np.diag(confusion).astype(np.float64)
    of_class, read_as = confusion.sum(axis=1), confusion.sum(axis=0)
    recall = hits / np.maximum(of_class, 1)
    f1 = 2 * hits / np.maximum(of_class + read_as, 1)
    return Figures(
        accuracy=float(hits.sum() / len(labels)),
        macro_f1=float(f1.mean()),
        recall={label: float(value) for label, value in zip(LABELS, recall, strict=True)},
        ece=calibration_error(probabilities, labels),
        confusion=confusion,
    )


def calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the expected calibration error (Guo et al. 2017): the mean gap of confidence and accuracy in 15 bins.

    `weights` (n,) say how much each prediction counts; without them all count alike.
    """
    counted = np.ones(len(labels)) if weights is None else weights
    confidence = probabilities.max(axis=1)
    gaps = counted * ((probabilities.argmax(axis=1) == labels) - confidence)
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    return sum(abs(float(gaps[bins == b].sum())) for b in range(ECE_BINS)) / float(counted.sum())


def right_at(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float | None:
    """Return how many of the readings that state about 80 % (5 points either way) are right, of `weights` (n,)."""
    near = np.abs(probabilities.max(axis=1) - STATED) <= STATED_WITHIN
    right = (probabilities.argmax(axis=1) == labels)[near]
    counted = np.ones(len(labels)) if weights is None else weights
    return round(float(np.average(right, weights=counted[near])), 4) if near.any() else None


def fit_temperature(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """Return the temperature in 0.2..5 with the least mean negative log likelihood (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        chosen = softmax(logits, float(np.exp(log_temperature)))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    low, high = float(np.log(0.2)), float(np.log(5.0))
    # Golden-section search: the loss has one minimum in the logarithm of the temperature.
    ratio = (np.sqrt(5.0) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def table(result: Figures) -> str:
    """Return the confusion matrix as text: rows are labels, columns readings, in percent of the row."""
    head = " " * 9 + "".join(f"{label[:7]:>9}" for label in LABELS) + "   images"
    lines = [head]
    for label, row in zip(LABELS, result.confusion, strict=True):
        share = 100 * row / max(1, row.sum())
        lines.append(f"{label:9}" + "".join(f"{value:9.1f}" for value in share) + f"{row.sum():9d}")
    return "\n".join(lines)


def drawn(result: Figures) -> NDArray[np.uint8]:
    """Return the confusion matrix as a picture, uint8 (height, width, 3): the darker, the more of the row."""
    cell, margin, ink = 64, 110, (60, 40, 20)
    side = margin + cell * len(LABELS) + 12
    picture = np.full((side, side, 3), 255, np.uint8)

    def write(text: str, x: int, y: int, colour: tuple[int, int, int] = ink) -> None:
        cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)

    write("label / read as, in percent of the label", 6, margin - 48)
    for row, label in enumerate(LABELS):
        y = margin + row * cell
        write(label, 6, y + cell // 2 + 4)
        write(label, margin + row * cell, margin - 12)
        counts = result.confusion[row]
        for column, share in enumerate(counts / max(1, int(counts.sum()))):
            x = margin + column * cell
            shade = tuple(int(255 - share * (255 - full)) for full in (150, 90, 30))
            cv2.rectangle(picture, (x, y), (x + cell - 2, y + cell - 2), shade, -1)
            colour = (255, 255, 255) if share > 0.5 else ink
            write(f"{100 * share:.0f}", x + cell // 2 - 10, y + cell // 2 + 4, colour)
    return picture
