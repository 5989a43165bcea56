#!/usr/bin/env python3
"""Fit the room's parameters of a model's sidecar: two temperatures, the room's prior, and the crop of faces.

    .venv/bin/python tools/fit_room.py --photos photos.zip [--data fer2013.zip] [--most 400] [--weigh sad=5 angry=4]
        [--store NPZ] [--write] [MODEL]

Photographs of the train part, at most so many of each emotion, are found in rooms, cut at several scales of Haar's
box, and read. Each emotion counts by its share of the whole part, times what `--weigh` says. At each scale, the room's
prior has the least log loss, and the room's temperature the least calibration error; the prior of disgust and fear
stays 0, as their labels are poor and few. The other temperature has the least log loss of FER2013's held-out images,
which are read by the model's first output, or is given. Prints a table; `--write` puts the figures of `--crop-scale`
into the sidecar, and `--face-crop-scale` as it is.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING, Any

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
from tools.training.metrics import calibration_error, fit_temperature, softmax
from tools.training.photos import Photos, class_weights, photo_figures
from tools.training.photos import load as load_photos
from tools.training.readings import Store, logits_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SCALES = (0.85, 0.95, 1.05)
TEMPERATURES = np.linspace(0.5, 1.5, 21)
FITTED = [LABELS.index(label) for label in ("angry", "happy", "neutral", "sad", "surprise")]
"""Emotions whose log-odds are shifted."""
STEPS, ENOUGH = 50, 1e-6
"""Most steps of Newton's method, and the length of a step that ends it."""
SEED = 5


def at_most(photos: Photos, most: int) -> Photos:
    """Return up to `most` photographs of each emotion, spread over them all."""
    places = (np.flatnonzero(photos.labels == label) for label in range(len(LABELS)))
    spread = [of[np.linspace(0, len(of) - 1, min(most, len(of))).astype(int)] for of in places if len(of)]
    chosen = np.concatenate(spread)
    return Photos([photos.images[at] for at in chosen], photos.labels[chosen], [photos.names[at] for at in chosen])


def chips(photos: Photos, reader: TfliteClassifier) -> list[list[NDArray[np.uint8]] | None]:
    """Return the face of each photograph in a room at `SCALES`; None where the detector sees none."""
    detector = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", reader, motion_gate=False)
    rng, cut = np.random.default_rng(SEED), []
    for number, image in enumerate(tqdm(photos.images, desc="finding", leave=False, disable=None)):
        detector.reset()
        picture = room(image, rng, PHOTO_HEIGHTS)
        for look in range(LOOKS):
            noisy = np.clip(picture * rng.uniform(0.95, 1.05) + rng.normal(0, 3, picture.shape), 0, 255)
            frame = Frame(noisy.astype(np.uint8), number + 0.125 * look, datetime(2026, 1, 1, tzinfo=UTC))
            faces = detector.detect(frame).confirmed
        cut.append([chip(frame.grey, faces[0], scale) for scale in SCALES] if faces else None)
    return cut


def fit_prior(
    logits: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the shifts (7,) of logits (n, 7) with the least weighted log loss, by Newton's method."""
    prior, counted = np.zeros(len(LABELS)), weights / weights.sum()
    fitted = [label for label in FITTED if (labels == label).any()]
    for _ in range(STEPS):
        scores = softmax(logits + prior, 1.0)
        slope = (counted[:, None] * (scores - np.eye(len(LABELS))[labels])).sum(axis=0)
        mean = (counted[:, None] * scores).sum(axis=0)
        curvature = np.diag(mean) - np.einsum("n,ni,nj->ij", counted, scores, scores)
        step = np.linalg.solve(curvature[np.ix_(fitted, fitted)], slope[fitted])
        prior[fitted] -= step
        if np.abs(step).max() < ENOUGH:
            break
    return prior


def fit_room(
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
    shares: NDArray[np.float64],
    factors: NDArray[np.float64],
    temperatures: Iterable[float] = TEMPERATURES,
) -> tuple[float, NDArray[np.float64]]:
    """Return the room's temperature and prior (7,) of logits (n, 7) of photographs.

    Emotions have their `shares` (7,) of a calibration error, and these times `factors` (7,) of a log loss.
    """

    def error(temperature: float, prior: NDArray[np.float64]) -> float:
        return calibration_error(softmax(logits / temperature + prior, 1.0), labels, class_weights(labels, shares))

    weights = class_weights(labels, shares * factors)
    candidates = [(float(at), fit_prior(logits / at, labels, weights)) for at in temperatures]
    return min(candidates, key=lambda candidate: error(*candidate))


def read(photos: Photos, reader: TfliteClassifier) -> dict[str, NDArray[Any]]:
    """Return which photographs are `found` (n,), and the `scores` of their m faces at one scale after the other."""
    faces = chips(photos, reader)
    levels = [normalise(face[number]) for number in range(len(SCALES)) for face in faces if face]
    scores = np.array([reader.scores(one, room=True) for one in levels]).reshape(-1, len(LABELS))
    return {"found": np.array([face is not None for face in faces]), "scores": scores}


def fer2013_temperature(args: argparse.Namespace, reader: TfliteClassifier) -> float:
    """Return the temperature with the least log loss of FER2013's held-out images."""
    if not args.data:
        raise DataError("give FER2013 as --data, or its temperature as --temperature")
    fer, _ = clean(load(args.data, "train"), load(args.data, "test"))
    fer = hold_out(fer, args.hold_out)[1]
    logits = np.stack([reader.logits(normalise(image)) for image in fer.images])
    return round(fit_temperature(logits, fer.labels), 3)


def choose(args: argparse.Namespace) -> dict[str, dict[str, object]]:
    """Return the figures at each scale, by scale."""
    reader = TfliteClassifier(args.model)
    temperature = args.temperature or fer2013_temperature(args, reader)
    everyone = load_photos(args.photos, "train")
    shares = np.bincount(everyone.labels, minlength=len(LABELS)) / len(everyone.labels)
    photos = at_most(everyone, args.most)
    store = Store(args.store, args.model, args.most, photos.digest, PHOTO_HEIGHTS, *SCALES)
    known = store.arrays(lambda: read(photos, reader))
    detected = known["found"]
    read_at = logits_of(reader.sidecar, known["scores"]).reshape(len(SCALES), -1, len(LABELS))
    labels, factors = photos.labels[detected], np.ones(len(LABELS))
    for emotion, factor in args.weigh:
        factors[LABELS.index(emotion)] = factor
    table: dict[str, dict[str, object]] = {}
    for scale, logits in zip(SCALES, read_at, strict=True):
        tried = [args.room_temperature] if args.room_temperature else TEMPERATURES
        room_temperature, prior = fit_room(logits, labels, shares, factors, tried)
        prior = prior.round(2)
        scores = softmax(logits / room_temperature + prior, 1.0)
        table[f"{scale:.2f}"] = {
            "temperature": temperature,
            "room_temperature": round(room_temperature, 3),
            "room_prior": {LABELS[at]: float(prior[at]) for at in FITTED},
            **photo_figures(photos, detected, scores, MoodSection().enter, shares),
        }
    return table


def write(args: argparse.Namespace, chosen: dict[str, object]) -> None:
    """Put what was chosen into the sidecar."""
    path = args.model.with_suffix(".json")
    sidecar = json.loads(path.read_text("utf-8"))
    sidecar |= {key: chosen[key] for key in ("temperature", "room_temperature", "room_prior")}
    sidecar |= {"crop_scale": args.crop_scale, "face_crop_scale": args.face_crop_scale}
    path.write_text(json.dumps(sidecar, indent=2) + "\n")


def factor_of(text: str) -> tuple[str, float]:
    """Return an emotion and its factor, written as `sad=5`; raise ArgumentTypeError."""
    emotion, _, number = text.partition("=")
    try:
        factor = float(number)
    except ValueError:
        factor = 0.0
    if emotion not in LABELS or not 0 < factor < math.inf:
        msg = f"{text}: give an emotion and a number above 0, like sad=5"
        raise argparse.ArgumentTypeError(msg)
    return emotion, factor


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODELS / "fer_int8.tflite")
    parser.add_argument("--data", type=Path, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--hold-out", type=int, default=1000, help="images of FER2013, as tools/adapt.py was told")
    parser.add_argument("--most", type=int, default=400, help="photographs of each emotion")
    parser.add_argument(
        "--weigh", type=factor_of, nargs="+", default=[], metavar="EMOTION=FACTOR", help="how much more it counts"
    )
    parser.add_argument("--crop-scale", type=float, choices=SCALES, default=0.95)
    parser.add_argument("--face-crop-scale", type=float, default=0.85)
    parser.add_argument("--temperature", type=float, help="of FER2013, to be taken as it is; else the best")
    parser.add_argument("--room-temperature", type=float, help="of a room, to be taken as it is; else the best")
    parser.add_argument("--store", type=Path, metavar="NPZ", help="keep the readings, to fit them with other factors")
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
