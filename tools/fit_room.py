#!/usr/bin/env python3
"""Fit the room's parameters of a model's sidecar: temperature, the prior of resting faces, and the crop of faces.

    .venv/bin/python tools/fit_room.py --data fer2013.zip --photos photos.zip [--write] [MODEL]

Photographs of the people that tools/adapt.py holds out of the train part are found in rooms, and cut at several scales
of Haar's box. At each, the temperature that fits them and FER2013's held-out images together is found, and how much
is to be added to the log-odds of neutral and happy for the photographs (FER2013 is read without it). Prints a table;
`--write` puts the figures of `--crop-scale` into the sidecar, and `--face-crop-scale` as it is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from musicond.config.schema import MoodSection
from musicond.core.models import Frame
from musicond.errors import ModelError
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector
from musicond.vision.preprocess import chip, normalise
from tools.evaluate import LOOKS, MODELS, PHOTO_HEIGHTS, room
from tools.training.fer2013 import LABELS, DataError, clean, hold_out, load
from tools.training.metrics import softmax
from tools.training.photos import Photos, photo_figures
from tools.training.photos import load as load_photos

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from musicond.core.models import Box

SCALES = (0.80, 0.85, 0.90, 0.95, 1.00)
TEMPERATURES = np.linspace(0.7, 1.6, 19)
COMMON = ("neutral", "happy")
"""Emotions whose log-odds are shifted: people at home mostly rest or smile."""
PLACES = [LABELS.index(label) for label in COMMON]
SHIFTS = np.linspace(0.0, 2.4, 17)
SEED = 5


def held_out_people(photos: Photos, share: float, seed: int = 9) -> Photos:
    """Return the photographs of the persons that tools/adapt.py does not train on."""
    people = sorted(set(photos.persons))
    held = {people[at] for at in np.random.default_rng(seed).permutation(len(people))[: round(share * len(people))]}
    chosen = [at for at, person in enumerate(photos.persons) if person in held]
    return Photos([photos.images[at] for at in chosen], photos.labels[chosen], [photos.names[at] for at in chosen])


def seen(photos: Photos, reader: TfliteClassifier) -> list[tuple[NDArray[np.uint8], Box] | None]:
    """Return a frame with each photograph and where the detector sees the face; None where it sees none."""
    detector = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", reader, motion_gate=False)
    rng, frames = np.random.default_rng(SEED), []
    for number, image in enumerate(tqdm(photos.images, desc="finding", leave=False, disable=None)):
        detector.reset()
        picture = room(image, rng, PHOTO_HEIGHTS)
        for look in range(LOOKS):
            noisy = np.clip(picture * rng.uniform(0.95, 1.05) + rng.normal(0, 3, picture.shape), 0, 255)
            frame = Frame(noisy.astype(np.uint8), number + 0.125 * look, datetime(2026, 1, 1, tzinfo=UTC))
            faces = detector.detect(frame).confirmed
        frames.append((frame.grey, faces[0]) if faces else None)
    return frames


def fit(
    fer: NDArray[np.float64],
    fer_labels: NDArray[np.int64],
    room: NDArray[np.float64],
    room_labels: NDArray[np.int64],
    fixed: tuple[float, ...] | None = None,
    temperatures: Iterable[float] = TEMPERATURES,
) -> tuple[float, dict[str, float]]:
    """Return the temperature and the shifts of neutral and happy with the least mean log loss, both sets alike.

    `fixed` shifts are taken as they are.
    """

    def loss(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
        return float(-np.log(softmax(logits, 1.0)[np.arange(len(labels)), labels] + 1e-12).mean())

    def shifted(temperature: float, shifts: tuple[float, ...]) -> NDArray[np.float64]:
        moved = room / temperature
        moved[:, PLACES] += shifts
        return moved

    def best_shifts(temperature: float) -> tuple[float, ...]:
        pairs = [fixed] if fixed else itertools.product(SHIFTS, SHIFTS)
        return min(pairs, key=lambda pair: loss(shifted(temperature, pair), room_labels))

    candidates = [(float(t), best_shifts(t)) for t in temperatures]
    temperature, shifts = min(
        candidates, key=lambda pair: loss(fer / pair[0], fer_labels) + loss(shifted(*pair), room_labels)
    )
    return temperature, dict(zip(COMMON, map(float, shifts), strict=True))


def choose(args: argparse.Namespace) -> dict[str, dict[str, object]]:
    """Return the figures at each scale, by scale."""
    reader = TfliteClassifier(args.model)
    fer, _ = clean(load(args.data, "train"), load(args.data, "test"))
    fer = hold_out(fer, args.hold_out)[1]
    direct = np.stack([reader.logits(normalise(image)) for image in fer.images])
    photos = held_out_people(load_photos(args.photos, "train"), args.hold_people)
    frames = seen(photos, reader)
    detected = np.array([frame is not None for frame in frames])
    table: dict[str, dict[str, object]] = {}
    for scale in SCALES:
        logits = np.stack([reader.logits(normalise(chip(*frame, scale))) for frame in frames if frame])
        temperature, shifts = fit(
            direct, fer.labels, logits, photos.labels[detected], args.room_prior, args.temperature or TEMPERATURES
        )
        moved = logits / temperature
        moved[:, PLACES] += list(shifts.values())
        figures = photo_figures(photos, detected, softmax(moved, 1.0), MoodSection().enter)
        table[f"{scale:.2f}"] = {"temperature": round(temperature, 3), "room_prior": shifts, **figures}
    return table


def write(args: argparse.Namespace, chosen: dict[str, object]) -> None:
    """Put what was chosen into the sidecar."""
    path = args.model.with_suffix(".json")
    sidecar = json.loads(path.read_text("utf-8"))
    sidecar |= {"temperature": chosen["temperature"], "crop_scale": args.crop_scale}
    sidecar |= {"face_crop_scale": args.face_crop_scale, "room_prior": chosen["room_prior"]}
    path.write_text(json.dumps(sidecar, indent=2) + "\n")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODELS / "fer_int8.tflite")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--hold-out", type=int, default=1000, help="as tools/adapt.py was told")
    parser.add_argument("--hold-people", type=float, default=0.08, help="likewise")
    parser.add_argument("--crop-scale", type=float, choices=SCALES, default=0.85)
    parser.add_argument("--face-crop-scale", type=float, default=0.85)
    parser.add_argument(
        "--room-prior", type=float, nargs=2, metavar=("NEUTRAL", "HAPPY"), help="shifts to be taken; else the best"
    )
    parser.add_argument(
        "--temperature", type=float, nargs=1, help="the one to be taken; else that with the least mean log loss"
    )
    parser.add_argument("--write", action="store_true", help="put the figures of --crop-scale into the sidecar")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        table = choose(args)
    except (DataError, OSError) as fault:
        print(f"fit_room: {fault}", file=sys.stderr)
        return 69
    except ModelError as fault:
        print(f"fit_room: {fault}", file=sys.stderr)
        return 78
    for scale, figures in table.items():
        print(scale, json.dumps(figures))
    if args.write:
        write(args, table[f"{args.crop_scale:.2f}"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
