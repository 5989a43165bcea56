#!/usr/bin/env python3
"""Measure the shipped model, or another, on FER2013 or photographs: alone, or through the daemon's own Haar and crop.

    .venv/bin/python tools/evaluate.py --data fer2013.zip [--split train|test] [--through-pipeline] [--robustness]
        [--confusion PNG] [--json] [MODEL]
    .venv/bin/python tools/evaluate.py --photos photos.zip [--split train|test] [--ages JSON] [--contact-sheet PNG]
        [--store NPZ] [--json] [MODEL]

Runs where the daemon runs, without TensorFlow. `--robustness` reads the images again, made worse in eleven
ways. `--confusion` draws the table of what is taken for what. `--through-pipeline` lays each image, 120 to 240
pixels wide, into a room of 640x480 with noise and changing light, has the daemon's finder find it and its
reader read it. FER2013's images are read by the model's first output. `accuracy_as_in_a_room` is that of what the
daemon would announce: by the output for rooms, with the room's temperature and prior.

`--photos` lays photographs, 160 to 320 pixels high, into such rooms and reads them with the two:
`weighted` is accuracy weighted to the split's class mix, `resting_wrong` the share of neutral faces whose leading
wrong score reaches `mood.enter` (happy needs less), `right_at_80` how many of those that state about 80 % are right.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from musicond.commands.terminal import track
from musicond.config.schema import MoodSection
from musicond.core.models import Frame
from musicond.errors import ModelError
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector
from musicond.vision.preprocess import normalise
from tools.training.fer2013 import DataError, Split, load
from tools.training.metrics import Figures, drawn, figures, right_at, table
from tools.training.photos import by_age, contact_sheet, photo_figures
from tools.training.photos import load as load_photos
from tools.training.readings import Store
from tools.training.robustness import CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MODELS = Path(__file__).resolve().parent.parent / "models"
SEED = 5
FER_HEIGHTS, PHOTO_HEIGHTS = (120, 240), (160, 320)
"""Pixels that an image is high in the room: a photograph shows more than the face."""
LOOKS = 3
"""Frames of each image for the detector, which confirms a new face only after more than one."""


@dataclass(frozen=True)
class Piped:
    """The results of the pipeline; probabilities are those of the images with a detected face only."""

    found: NDArray[np.bool_]
    probabilities: NDArray[np.float64]


class ReaderWithoutRoom(TfliteClassifier):
    """A classifier that reads the faces in a room as it reads FER2013's images."""

    def scores(self, levels: NDArray[np.int8], *, room: bool = False) -> NDArray[np.float64]:
        """Return seven probabilities of a normalised chip, whether it is from a room or not."""
        del room
        return super().scores(levels)


def direct(
    reader: TfliteClassifier, images: NDArray[np.uint8], *, room: bool = False
) -> tuple[NDArray[np.float64], float]:
    """Return probabilities (n, 7) of the images as they are, and milliseconds for each; `room`: as faces in a room."""
    out = np.empty((len(images), 7))
    started = time.perf_counter()
    for row, image in enumerate(track(images, "direct", len(images))):
        out[row] = reader.scores(normalise(image), room=room)
    return out, 1000 * (time.perf_counter() - started) / max(1, len(images))


def room(image: NDArray[np.uint8], rng: np.random.Generator, heights: tuple[int, int]) -> NDArray[np.float32]:
    """Place an image, between `heights` pixels tall, in a room whose light falls off to one side."""
    height = int(rng.integers(heights[0], heights[1] + 1))
    width = min(639, round(height * image.shape[1] / image.shape[0]))
    left, top = int(rng.integers(0, 640 - width)), int(rng.integers(0, 480 - height))
    picture = np.full((480, 640), float(image.mean()), np.float32)
    picture[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    light = np.linspace(rng.uniform(0.7, 1.0), rng.uniform(0.7, 1.0), 640, dtype=np.float32)
    return np.asarray(picture * light, np.float32)


def through(
    reader: TfliteClassifier,
    finder: HaarFaceDetector,
    images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    heights: tuple[int, int] = FER_HEIGHTS,
) -> Piped:
    """Find and read each image as the daemon would a face that stays for some frames."""
    rng = np.random.default_rng(SEED)
    found, rows, at = np.zeros(len(images), bool), [], 0.0
    for index, image in enumerate(track(images, "through the pipeline", len(images))):
        finder.reset()
        picture, estimate = room(image, rng, heights), None
        for _ in range(LOOKS):
            noisy = np.clip(picture * rng.uniform(0.95, 1.05) + rng.normal(0, 3, picture.shape), 0, 255)
            frame = Frame(noisy.astype(np.uint8), at, datetime(2026, 1, 1, tzinfo=UTC))
            faces = finder.detect(frame)
            estimate = reader.classify(frame, faces) if faces.confirmed else None
            at += 0.125
        if estimate is not None:
            found[index] = True
            rows.append(estimate.scores)
    return Piped(found, np.array(rows).reshape(-1, 7))


def robustness(reader: TfliteClassifier, data: Split) -> dict[str, float]:
    """Return the accuracy on the images after each of the changes."""
    accuracies = {}
    for name, change in CHANGES.items():
        probabilities, _ = direct(reader, np.stack([change(image) for image in data.images]))
        accuracies[name] = round(figures(probabilities, data.labels).accuracy, 4)
    return accuracies


def measure(args: argparse.Namespace, data: Split) -> dict[str, object]:
    """Return what is printed."""
    reader = TfliteClassifier(args.model)
    probabilities, milliseconds = direct(reader, data.images)
    result = figures(probabilities, data.labels)
    report: dict[str, object] = {
        **_shown(result),
        "right_at_80": right_at(probabilities, data.labels),
        "accuracy_as_in_a_room": round(figures(direct(reader, data.images, room=True)[0], data.labels).accuracy, 4),
        "images": len(data.labels),
        "ms_per_inference": round(milliseconds, 3),
        "model_bytes": args.model.stat().st_size,
    }
    if not args.json:
        print(table(result))
    if args.confusion and not cv2.imwrite(str(args.confusion), drawn(result)):
        raise DataError(f"{args.confusion}: can't be written; give a .png in a folder that exists")
    if args.robustness:
        report["robustness"] = robustness(reader, data)
    if args.mirrored:
        other, _ = direct(reader, np.ascontiguousarray(data.images[:, :, ::-1]))
        both = np.sqrt(probabilities * other)  # the mean of the logits
        report["mirrored"] = _shown(figures(both / both.sum(axis=1, keepdims=True), data.labels))
    if args.through_pipeline:
        report |= pipeline(args.model, data, probabilities)
    return report


def pipeline(model: Path, data: Split, probabilities: NDArray[np.float64]) -> dict[str, object]:
    """Return the results of the images in rooms and their direct probabilities (n, 7)."""
    reader, room_reader = ReaderWithoutRoom(model), TfliteClassifier(model)
    finder = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", reader, motion_gate=False)
    piped, in_room = (through(classifier, finder, data.images) for classifier in (reader, room_reader))
    summary_fields: dict[str, object] = {"found": round(float(piped.found.mean()), 4)}
    if not piped.found.any():
        return {**summary_fields, **dict.fromkeys(("accuracy", "macro_f1", "recall", "ece", "accuracy_direct"))}
    labels = data.labels[piped.found]
    return {
        **summary_fields,
        **_shown(figures(piped.probabilities, labels)),
        "accuracy_direct": round(figures(probabilities[piped.found], labels).accuracy, 4),
        "accuracy_as_in_a_room": round(figures(in_room.probabilities, labels).accuracy, 4),
    }


def measure_photos(args: argparse.Namespace) -> dict[str, object]:
    """Return the figures of the photographs in rooms, calibrated for a room, and write the contact sheet."""
    photos = load_photos(args.photos, args.split)
    photos = photos.first(args.first) if args.first else photos
    reader = TfliteClassifier(args.model)
    finder = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", reader, motion_gate=False)
    store = Store(args.store, args.model, args.split, args.first or "all", photos.digest, PHOTO_HEIGHTS)
    piped = stored_or_read(store, lambda: through(reader, finder, photos.images, PHOTO_HEIGHTS))
    report = photo_figures(photos, piped.found, piped.probabilities, MoodSection().enter)
    if args.ages:
        report["by_age"] = by_age(photos, piped.found, piped.probabilities, json.loads(args.ages.read_text("utf-8")))
    sheet = args.contact_sheet
    if sheet and not cv2.imwrite(str(sheet), contact_sheet(photos, piped.found, piped.probabilities)):
        raise DataError(f"{sheet}: can't be written; give a .png in a folder that exists")
    return report


def stored_or_read(store: Store, read: Callable[[], Piped]) -> Piped:
    """Return the readings of a store, or what `read` returns."""

    def arrays() -> dict[str, NDArray[Any]]:
        piped = read()
        return {"found": piped.found, "scores": piped.probabilities}

    known = store.arrays(arrays)
    return Piped(known["found"], known["scores"])


def _shown(result: Figures) -> dict[str, object]:
    return {
        "accuracy": round(result.accuracy, 4),
        "macro_f1": round(result.macro_f1, 4),
        "recall": {label: round(value, 4) for label, value in result.recall.items()},
        "ece": round(result.ece, 4),
    }


def measure_fer2013(args: argparse.Namespace) -> dict[str, object]:
    """Return what is measured on FER2013, or on some of it."""
    data = load(args.data, args.split)
    if args.first:
        chosen = np.linspace(0, len(data.labels) - 1, min(args.first, len(data.labels))).astype(int)
        data = data.only(chosen)
    return measure(args, data)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODELS / "fer_int8.tflite")
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--data", type=Path, help="FER2013: a zip or a folder in the Kaggle layout")
    images.add_argument(
        "--photos", type=Path, metavar="ZIP", help="photographs of people, <split>/<emotion>/<person>_<n>.jpg, instead"
    )
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--through-pipeline", action="store_true", help="find and crop the faces as the daemon does")
    parser.add_argument(
        "--mirrored", action="store_true", help="read the mirror images, too, and what both say together"
    )
    parser.add_argument("--robustness", action="store_true", help="read the images made worse, too")
    parser.add_argument("--confusion", type=Path, metavar="PNG", help="draw the table of what is taken for what")
    parser.add_argument("--ages", type=Path, metavar="JSON", help="what tools/estimate_ages.py says of the photographs")
    parser.add_argument(
        "--contact-sheet", type=Path, metavar="PNG", help="show the photographs that are read wrong most firmly"
    )
    parser.add_argument(
        "--store", type=Path, metavar="NPZ", help="keep the photographs' readings, and score them by a changed sidecar"
    )
    parser.add_argument("--first", type=int, metavar="N", help="take N images only, spread over the split")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        report = measure_photos(args) if args.photos else measure_fer2013(args)
    except (DataError, OSError, ValueError) as fault:
        print(f"evaluate: {fault}", file=sys.stderr)
        return 69
    except ModelError as fault:
        print(f"evaluate: {fault}", file=sys.stderr)
        return 78
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        for key, value in report.items():
            if isinstance(value, dict) and key == "robustness":
                print(*(f"  {name:28} {share:.4f}" for name, share in value.items()), sep="\n")
            else:
                print(f"{key:17} {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
