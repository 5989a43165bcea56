"""Photographs of people in folders by emotion: reading them, figures of a model on them, and a sheet of the worst."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from musicond.core.mood.calibration import NEUTRAL
from tools.training.fer2013 import LABELS, DataError, image_files
from tools.training.metrics import calibration_error, figures, right_at

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BANDS = {"under 30": (0, 30), "30 to 40": (30, 40), "40 to 50": (40, 50), "50 and above": (50, 200)}
"""Ages in years, the first included."""
COLUMNS, ROWS, CELL = 8, 5, 120
"""The contact sheet: pictures beside and below each other, and the side of each in pixels."""


@dataclass(frozen=True)
class Photos:
    """Grey photographs of any size, their labels as indices into `LABELS`, and `<emotion>/<person>_<n>` as names."""

    images: list[NDArray[np.uint8]]
    labels: NDArray[np.int64]
    names: list[str]

    def first(self, count: int) -> Photos:
        """Return `count` photographs spread over these."""
        chosen = np.linspace(0, len(self.names) - 1, min(count, len(self.names))).astype(int)
        return Photos([self.images[at] for at in chosen], self.labels[chosen], [self.names[at] for at in chosen])

    @property
    def digest(self) -> str:
        """A digest of the photographs, their labels and their names."""
        content = hashlib.sha256(repr((self.names, self.labels.tolist())).encode())
        for image in self.images:
            content.update(repr(image.shape).encode() + image.tobytes())
        return content.hexdigest()[:12]

    @property
    def persons(self) -> list[str]:
        """The person on each photograph."""
        return [name.rpartition("/")[2].partition("_")[0] for name in self.names]


def load(path: Path, split: str) -> Photos:
    """Read `<split>/<emotion>/<person>_<n>.jpg` of the zip or folder at `path`, in the order of names."""
    images, labels, names = [], [], []
    for name, data in sorted(image_files(path, split)):
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        if image is None:
            msg = f"{path}: {name} is not an image"
            raise DataError(msg)
        emotion, file = name.rsplit("/", 2)[-2:]
        images.append(np.asarray(image, np.uint8))
        labels.append(LABELS.index(emotion))
        names.append(f"{emotion}/{file.rpartition('.')[0]}")
    if not images:
        msg = f"{path}: no images below {split}/<{'|'.join(LABELS)}>/; give a zip of photographs by emotion"
        raise DataError(msg)
    return Photos(images, np.array(labels, np.int64), names)


def photo_figures(
    photos: Photos,
    detected: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    enter: float,
    shares: NDArray[np.float64] | None = None,
) -> dict[str, object]:
    """Return the figures of `probabilities` (m, 7), of the m `found` (n,) photographs; scores from `enter` announce.

    `shares` (7,) of the emotions are those of which the photographs are a part; without them their own.
    """
    labels = photos.labels[detected]
    if not len(labels):
        nothing = ("weighted", "mean_recall", "recall", "ece", "resting_wrong", "right_at_80")
        return {"found": 0.0, **dict.fromkeys(nothing), "images": len(detected)}
    recall = figures(probabilities, labels).recall
    weights = None if shares is None else class_weights(labels, shares)
    shares = np.bincount(photos.labels, minlength=len(LABELS)) / len(detected) if shares is None else shares
    there = [label for label, share in zip(LABELS, shares, strict=True) if share]
    rest = probabilities[labels == NEUTRAL]
    wrong = np.delete(rest, NEUTRAL, axis=1).max(axis=1, initial=0)
    announced = (rest.argmax(axis=1) != NEUTRAL) & (wrong >= enter)
    return {
        "found": round(float(detected.mean()), 4),
        "weighted": round(float(sum(recall[label] * share for label, share in zip(LABELS, shares, strict=True))), 4),
        "mean_recall": round(float(np.mean([recall[label] for label in there])), 4),
        "recall": {label: round(recall[label], 4) for label in there},
        "ece": round(calibration_error(probabilities, labels, weights), 4),
        "resting_wrong": round(float(announced.mean()), 4) if len(rest) else None,
        "right_at_80": right_at(probabilities, labels, weights),
        "images": len(detected),
    }


def class_weights(labels: NDArray[np.int64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights of labelled photographs (n,) by which each emotion counts as its share (7,) says."""
    counts = np.bincount(labels, minlength=len(LABELS))
    return np.asarray((shares / np.maximum(counts, 1))[labels], np.float64)


def by_age(
    photos: Photos, detected: NDArray[np.bool_], probabilities: NDArray[np.float64], ages: dict[str, float]
) -> dict[str, dict[str, object]]:
    """Return recall of neutral and of happy faces, and how many there are, by bands of estimated age."""
    names = [name for name, here in zip(photos.names, detected, strict=True) if here]
    years = np.array([ages.get(name, np.nan) for name in names])
    labels, right = photos.labels[detected], probabilities.argmax(axis=1) == photos.labels[detected]
    report: dict[str, dict[str, object]] = {}
    for band, (least, below) in BANDS.items():
        report[band] = {}
        for emotion in ("neutral", "happy"):
            chosen = (years >= least) & (years < below) & (labels == LABELS.index(emotion))
            report[band][emotion] = round(float(right[chosen].mean()), 4) if chosen.any() else None
            report[band][f"{emotion} faces"] = int(chosen.sum())
    return report


def contact_sheet(photos: Photos, detected: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a picture of the photographs that are read wrong most firmly, each with its label and the reading."""
    labels, read_as = photos.labels[detected], probabilities.argmax(axis=1)
    firmness = np.where(read_as != labels, probabilities.max(axis=1), -1)
    places = np.flatnonzero(detected)
    sheet = np.full((ROWS * (CELL + 18), COLUMNS * CELL), 255, np.uint8)
    for cell, at in enumerate(np.argsort(-firmness)[: ROWS * COLUMNS]):
        if firmness[at] < 0:
            break
        image = photos.images[places[at]]
        scale = CELL / max(image.shape)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = cell // COLUMNS * (CELL + 18), cell % COLUMNS * CELL
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
        text = f"{LABELS[labels[at]]}: {LABELS[read_as[at]]} {firmness[at]:.2f}"
        cv2.putText(sheet, text, (left + 2, top + CELL + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.34, (0,), 1, cv2.LINE_AA)
    return sheet
