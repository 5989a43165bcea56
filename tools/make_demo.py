#!/usr/bin/env python3
"""Make the built-in demo's faces: one composite for each emotion, showing no real person.

    .venv/bin/python tools/make_demo.py --data fer2013.zip --out models/

Each composite is the plain average of at least 200 FER2013 training images of one emotion, aligned to each
other (ECC, Evangelidis & Psarakis 2008), then sharpened. Chosen are the images that the model reads most
clearly. Writes demo.png (seven faces side by side, in the order of the labels) and demo.json (how many
images went into each). The demo shows that the pipeline works, not how well: no figure is taken from it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musicond.capture.demo import DemoClip
from musicond.core.messages import Frame
from musicond.vision.emotion import TfliteReader
from musicond.vision.faces import HaarFinder
from musicond.vision.preprocess import INPUT_SIZE, normalise
from tools.fer2013 import LABELS, DataError, load

Image = NDArray[np.float32]

MODELS = Path(__file__).resolve().parent.parent / "models"

SIZE = 128
"""Side of a composite in pixels."""
AVERAGED = 200
"""Images in each composite."""
POOL = 430
"""Images of each emotion that are aligned; disgust has 436."""
ROUNDS = 2
WEIGHTS = (0.0, 0.3, 0.6, 1.0, 1.5, 2.5, 4.0)
"""How much clear reading counts against good alignment, from the best-looking composite on."""
ENOUGH = 1.5
"""A lead (in log probability) that needs no improving at the cost of looks."""
SHARPEN, SHARPEN_SIGMA = 2.5, 3.5
"""Averaging blurs; this much of what a blur of that many pixels takes away is put back."""
MEAN, SPREAD = 125.0, 42.0
"""Grey levels of a finished composite."""


def standard(image: NDArray[np.uint8]) -> Image:
    """Return the image enlarged to `SIZE`, with zero mean and unit deviation."""
    values = image.astype(np.float32)
    values = (values - values.mean()) / max(float(values.std()), 4.0)
    return np.asarray(cv2.resize(values, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)


def aligned(template: Image, image: Image) -> tuple[float, Image] | None:
    """Warp the image onto the template by an affine map; return (correlation, image), None where it fails."""
    matrix = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 25, 1e-4)
    try:
        score, matrix = cv2.findTransformECC(template, image, matrix, cv2.MOTION_AFFINE, stop, None, 5)
    except cv2.error:
        return None
    if not 0.6 < abs(float(np.linalg.det(matrix[:, :2]))) < 1.6:
        return None
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return float(score), np.asarray(
        cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def best_aligned(template: Image, image: Image) -> tuple[float, Image] | None:
    """Align the image or its mirror image, whichever fits better."""
    found = [result for candidate in (image, image[:, ::-1].copy()) if (result := aligned(template, candidate))]
    return max(found, key=lambda result: result[0], default=None)


def finished(mean: Image) -> NDArray[np.uint8]:
    """Sharpen and bring to grey levels."""
    sharp = mean + SHARPEN * (mean - cv2.GaussianBlur(mean, (0, 0), SHARPEN_SIGMA))
    sharp = (sharp - sharp.mean()) / sharp.std()
    return np.asarray(np.clip(MEAN + SPREAD * sharp, 0, 255), np.uint8)


def lead(logits: NDArray[np.float64], label: int) -> float:
    """Return by how much the label's logit is ahead of the best other one."""
    return float(logits[label] - np.max(np.delete(logits, label)))


def score(reader: TfliteReader, picture: NDArray[np.uint8], label: int) -> float:
    """Return how clearly the model reads a picture as the label."""
    small = np.asarray(cv2.resize(picture, (INPUT_SIZE, INPUT_SIZE), interpolation=cv2.INTER_AREA), np.uint8)
    return lead(reader.logits(normalise(small)), label)


def seen(reader: TfliteReader, face: NDArray[np.uint8], label: int) -> float:
    """Return how clearly a composite is read in the demo itself: found by Haar, cropped; the least of some frames."""
    with tempfile.TemporaryDirectory() as folder:
        cv2.imwrite(str(Path(folder) / "demo.png"), np.hstack([face] * len(LABELS)))
        clip = DemoClip(Path(folder))
    finder = HaarFinder(MODELS / "haarcascade_frontalface_default.xml", motion_gate=False)
    found = []
    for t in np.arange(2.0, 6.0, 0.25):
        frame = Frame(clip.frame_at(float(t)), float(t), datetime(2026, 1, 1, tzinfo=UTC))
        estimate = reader.read(frame, finder.find(frame))
        found.append(lead(np.log(np.array(estimate.scores)), label) if estimate else -9.0)
    return float(np.quantile(found, 0.2))


def composite(reader: TfliteReader, images: NDArray[np.uint8], label: int, template: Image) -> Image:
    """Average `AVERAGED` of the images: those that align well and that are clearly read as the label.

    How much the one and the other count is tried out; the composite that is read most clearly in the demo stays.
    """
    order = np.argsort([-score(reader, image, label) for image in images])
    pool = [standard(images[index]) for index in order[:POOL]]
    for _ in range(ROUNDS):
        bar = tqdm(pool, desc=LABELS[label], leave=False)
        found = [result for image in bar if (result := best_aligned(template, image))]
        found.sort(key=lambda result: -result[0])
        template = np.mean([image for _, image in found[:AVERAGED]], axis=0, dtype=np.float32)
    if len(found) < AVERAGED:
        raise DataError(f"{LABELS[label]}: only {len(found)} images could be aligned, {AVERAGED} are needed")
    fit = _standing(np.array([fit for fit, _ in found]))
    clear = _standing(np.array([score(reader, finished(image), label) for _, image in found]))
    aligned_images = np.stack([image for _, image in found])
    tried = []
    for weight in WEIGHTS:
        chosen = np.argsort(-(fit + weight * clear))[:AVERAGED]
        tried.append(np.mean(aligned_images[chosen], axis=0, dtype=np.float32))
    return max(tried, key=lambda mean: min(ENOUGH, seen(reader, finished(mean), label)))


def _standing(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many deviations each value lies above the mean."""
    return np.asarray((values - values.mean()) / values.std(), np.float64)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder of the model, where the result goes")
    args = parser.parse_args()
    reader = TfliteReader(args.out / "fer_int8.tflite")
    try:
        train = load(args.data, "train")
        by_label = [train.images[train.labels == label] for label in range(len(LABELS))]
        start = np.mean([standard(image) for images in by_label for image in images[:400]], axis=0, dtype=np.float32)
        start = (start + start[:, ::-1]) / 2
        neutral = LABELS.index("neutral")
        sharp = composite(reader, by_label[neutral], neutral, start)
        faces = [
            finished(sharp if label == neutral else composite(reader, images, label, sharp))
            for label, images in enumerate(by_label)
        ]
    except DataError as fault:
        print(f"make_demo: {fault}", file=sys.stderr)
        return 2
    cv2.imwrite(str(args.out / "demo.png"), np.hstack(faces), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    about = {"source": "FER2013, training split", "labels": LABELS, "images_in_each": AVERAGED, "size": SIZE}
    (args.out / "demo.json").write_text(json.dumps(about, indent=2) + "\n")
    for label, face in zip(LABELS, faces, strict=True):
        print(f"{label:9} leads by {seen(reader, face, LABELS.index(label)):+.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
