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
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musicond.capture.demo import with_face
from musicond.core.messages import Box, Frame
from musicond.core.ports import ModelError
from musicond.vision.emotion import TfliteReader
from musicond.vision.faces import HaarFinder
from musicond.vision.preprocess import chip, normalise
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
SWAPS = 1000
"""Tries to swap a dozen images for others."""
ENOUGH = 1.8
"""A lead (in logits) that needs no improving at the cost of looks."""
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


def chip_seen(face: NDArray[np.uint8], box: Box) -> NDArray[np.int8]:
    """Return what the model gets of a composite in the demo's room where Haar's box is `box`."""
    return normalise(chip(np.asarray(with_face(face), np.uint8), box, 1.0))


def usual_box(reader: TfliteReader, face: NDArray[np.uint8]) -> Box:
    """Return the box that the daemon would cut from the demo's room with this face in it."""
    picture = np.asarray(with_face(face), np.uint8)
    finder = HaarFinder(MODELS / "haarcascade_frontalface_default.xml", motion_gate=False)
    for step in range(3):
        faces = finder.find(Frame(picture, step / 8, datetime(2026, 1, 1, tzinfo=UTC)))
    if not faces.confirmed:
        raise DataError("no face is found in the neutral composite; change SHARPEN")
    found = faces.confirmed[0]
    side = round(found.w * reader.crop_scale)
    return Box(found.x + (found.w - side) // 2, found.y + (found.h - side) // 2, side, side)


def lead(logits: NDArray[np.float64], label: int) -> float:
    """Return by how much the label's logit is ahead of the best other one."""
    return float(logits[label] - np.max(np.delete(logits, label)))


def read(reader: TfliteReader, face: NDArray[np.uint8], label: int, box: Box) -> float:
    """Return how clearly a composite is read, at the worst of some places where Haar's box may come to lie."""
    boxes = (box, replace(box, x=box.x - 7, w=box.w + 10, h=box.h + 10), replace(box, x=box.x + 6, y=box.y + 5))
    return min(lead(reader.logits(chip_seen(face, each)), label) for each in boxes)


def align_all(images: NDArray[np.uint8], label: int, template: Image) -> list[Image]:
    """Align the images to the template, then to their own mean; return them with the best fitting first."""
    pool = [standard(image) for image in images]
    for _ in range(ROUNDS):
        bar = tqdm(pool, desc=LABELS[label], leave=False)
        found = [result for image in bar if (result := best_aligned(template, image))]
        found.sort(key=lambda result: -result[0])
        template = np.mean([image for _, image in found[:AVERAGED]], axis=0, dtype=np.float32)
    if len(found) < AVERAGED:
        raise DataError(f"{LABELS[label]}: only {len(found)} images could be aligned, {AVERAGED} are needed")
    return [image for _, image in found]


def choose(reader: TfliteReader, images: list[Image], label: int, box: Box) -> Image:
    """Return the mean of `AVERAGED` images that is read clearly.

    It begins with the best fitting ones, or with those read most clearly, and swaps some for others.
    """
    rng = np.random.default_rng(label)
    stack = np.stack(images[: AVERAGED * 2])
    clear = np.argsort([-lead(reader.logits(chip_seen(finished(image), box)), label) for image in stack])
    tried = []
    for order in (np.arange(len(stack)), clear):
        mean = stack[order[:AVERAGED]].mean(axis=0, dtype=np.float32)
        tried.append((min(ENOUGH, read(reader, finished(mean), label, box)), order.tolist(), mean))
    best, order, mean = max(tried, key=lambda each: each[0])
    chosen, spare = order[:AVERAGED], order[AVERAGED:]
    for _ in tqdm(range(SWAPS if spare else 0), desc=f"{LABELS[label]}: swaps", leave=False):
        if best >= ENOUGH:
            break
        ours, theirs = rng.choice(AVERAGED, 12, replace=False), rng.choice(len(spare), 12, replace=False)
        out, into = [chosen[i] for i in ours], [spare[i] for i in theirs]
        other = mean + (stack[into].sum(axis=0) - stack[out].sum(axis=0)) / AVERAGED
        now = read(reader, finished(other), label, box)
        if now > best:
            best, mean = now, other.astype(np.float32)
            for i, j, a, b in zip(ours, theirs, out, into, strict=True):
                chosen[i], spare[j] = b, a
    return mean


def clearest(reader: TfliteReader, images: NDArray[np.uint8], label: int) -> NDArray[np.uint8]:
    """Return the images that the model reads most clearly as the label, at most `POOL`."""
    leads = [lead(reader.logits(normalise(image)), label) for image in images]
    return images[np.argsort(-np.array(leads))[:POOL]]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder of the model, where the result goes")
    args = parser.parse_args()
    try:
        reader = TfliteReader(args.out / "fer_int8.tflite")
        train = load(args.data, "train")
        by_label = [train.images[train.labels == label] for label in range(len(LABELS))]
        start = np.mean([standard(image) for images in by_label for image in images[:400]], axis=0, dtype=np.float32)
        start = (start + start[:, ::-1]) / 2
        neutral = LABELS.index("neutral")
        pools = [clearest(reader, images, label) for label, images in enumerate(by_label)]
        sharp = np.mean(align_all(pools[neutral], neutral, start)[:AVERAGED], axis=0, dtype=np.float32)
        box = usual_box(reader, finished(sharp))
        faces = []
        for label, pool in enumerate(pools):
            faces.append(finished(choose(reader, align_all(pool, label, sharp), label, box)))
            print(f"{LABELS[label]:9} leads by {read(reader, faces[-1], label, box):+.2f}", flush=True)
    except (DataError, ModelError) as fault:
        print(f"make_demo: {fault}", file=sys.stderr)
        return 69
    cv2.imwrite(str(args.out / "demo.png"), np.hstack(faces), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    about = {"source": "FER2013, training split", "labels": LABELS, "images_in_each": AVERAGED, "size": SIZE}
    (args.out / "demo.json").write_text(json.dumps(about, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
