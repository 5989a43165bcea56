#!/usr/bin/env python3
"""Make the built-in demo's faces: one composite for each emotion, showing no real person.

    .venv/bin/python tools/make_demo.py --data fer2013.zip --out models/ [--only fear]

Without --data the composites that are there are judged by a new model, and stay as they are.

Each composite is an average of at least 200 FER2013 training images of one emotion and of their mirror images,
aligned to each other, sharpened, and laid at a place where Haar finds it. It begins as the plain average of the
images that align best; where the model does not read that clearly, the weights are shifted, but no image counts
more than a 200th. Writes demo.png (seven faces side by side, in the order of the labels) and demo.json (the least
score of each). The demo shows that the pipeline works, not how well: no figure is taken from it.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musicond.capture.demo import with_face
from musicond.core.models import Box, Frame
from musicond.errors import ModelError
from musicond.vision.cascade import Cascade
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector
from musicond.vision.preprocess import chip, normalise
from tools.training.fer2013 import LABELS, DataError, clean, load

Image = NDArray[np.float32]

CASCADE = Path(__file__).resolve().parent.parent / "models" / "haarcascade_frontalface_default.xml"
SIZE = 128
"""Side of a composite in pixels."""
SMALL = 48
"""Side at which images are aligned."""
AVERAGED = 200
"""Least number of images in each composite: none counts more than its inverse."""


@dataclass(frozen=True)
class Recipe:
    """The alignment of one emotion's images."""

    start: str | None = None
    """The emotion whose composite is the first target of the alignment; None: their own plain mean."""
    pool: int = 450
    """Images that are aligned: those that the model reads most clearly."""
    rounds: int = 3


# Smiles, frowns and wide mouths come in many shapes: their own plain mean is too soft to align to.
RECIPES = {
    "neutral": Recipe(),
    "disgust": Recipe(),
    "sad": Recipe(),
    "surprise": Recipe(),
    "happy": Recipe("neutral", 1000, 2),
    "angry": Recipe("disgust", 1000, 2),
    "fear": Recipe(None, 1000, 2),
}
SCALES, TURNS = (0.82, 0.88, 0.94, 1.0, 1.06, 1.13, 1.2), (-12, -8, -4, 0, 4, 8, 12)
"""Scales and degrees that the alignment tries."""
REACH = 6
"""Pixels of `SMALL` by which it shifts."""
PLACES = tuple(product((0.72, 0.76, 0.8, 0.84, 0.88, 0.96), (-4, 0, 5, 10)))
"""Scales and downward shifts (pixels) of the finished face that are tried."""
SHARPEN, SHARPEN_SIGMA = 1.5, 4.0
"""Averaging blurs; this much of what a blur of that many pixels takes away is put back."""
MEAN, SPREAD = 125.0, 42.0
"""Grey levels of a finished composite."""
BOXES = ((0, 0, 0), (-8, -4, 10), (5, 5, -4), (6, -7, 8), (-5, 7, 4), (0, 3, -12), (3, 0, 18), (0, -9, 0))
"""Shifts (right, down) and growths of Haar's box, in pixels of the demo, at which a composite has to be read."""
ENOUGH_LEAD, ENOUGH_FACE = 3.5, 6.0
"""A lead (natural logarithm of scores), and log-odds of a face or weight of the cascade, that need not be greater."""
FACE_WEIGHT = 0.6
"""Weight of the latter two beside the lead."""
STEPS, DIRECTIONS, STRIDE = 14, 50, 0.5
"""Steps of the shifting of weights; principal components along which each measures the gradient; how far it goes along
them, in their mean standard deviation."""
BLENDS = (0.03, 0.08, 0.15, 0.3, 0.5, 1.0)
"""Shares of the new images that each step tries."""
READ = 0.85
"""A least score of which more is not better."""
ENOUGH = 3.0
"""A clearness at which nothing is shifted any more."""


def standard(image: NDArray[np.uint8]) -> Image:
    """Return the image enlarged to `SIZE`, with zero mean and unit deviation."""
    values = image.astype(np.float32)
    values = (values - values.mean()) / max(float(values.std()), 4.0)
    return np.asarray(cv2.resize(values, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)


def symmetric(image: Image) -> Image:
    """Return the mean of the image and its mirror image."""
    return np.asarray((image + image[..., ::-1]) / 2, np.float32)


def middle(small: Image) -> Image:
    """Return the part of a small image that alignment looks at."""
    return small[REACH : SMALL - 2, REACH : SMALL - REACH]


def shrunk(image: Image, side: int = SMALL) -> Image:
    """Return the image at the given side."""
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def aligned(template: Image, image: Image) -> tuple[float, Image]:
    """Turn, scale, shift and perhaps mirror the image to fit the template; return (correlation, image)."""
    patch, pad = middle(shrunk(template)), REACH - 1
    best, fitting = -1.0, image
    for side in (image, np.ascontiguousarray(image[:, ::-1])):
        small = shrunk(side)
        for scale, turn in product(SCALES, TURNS):
            centre = ((SMALL - 1) / 2, (SMALL - 1) / 2)
            matrix = cv2.getRotationMatrix2D(centre, turn, scale) + np.array([[0, 0, pad], [0, 0, pad]])
            wide = cv2.warpAffine(small, matrix, (SMALL + 2 * pad,) * 2, borderMode=cv2.BORDER_REPLICATE)
            _, value, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(wide, patch, cv2.TM_CCOEFF_NORMED))
            if value > best:
                best = value
                fitting = moved(side, scale, (REACH + pad - x) * SIZE / SMALL, (REACH + pad - y) * SIZE / SMALL, turn)
    fitting = refined(template, fitting)
    return float(np.corrcoef(middle(shrunk(fitting)).ravel(), patch.ravel())[0, 1]), fitting


def moved(image: Image, scale: float, right: float, down: float, turn: float = 0.0) -> Image:
    """Turn (degrees), scale and shift (pixels) an image about its centre; its edge is repeated."""
    matrix = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), turn, scale)
    matrix += np.array([[0, 0, right], [0, 0, down]])
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), **how), np.float32)


def refined(template: Image, image: Image) -> Image:
    """Warp a little further by ECC (Evangelidis & Psarakis 2008) where that converges close by."""
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 15, 1e-3)
    start = np.eye(2, 3, dtype=np.float32)
    half = SIZE // 2
    try:
        _, warp = cv2.findTransformECC(
            shrunk(template, half), shrunk(image, half), start, cv2.MOTION_AFFINE, stop, None, 5
        )
    except cv2.error:
        return image
    if np.abs(warp[:, :2] - np.eye(2)).max() > 0.12 or np.abs(warp[:, 2]).max() > 3:
        return image
    warp[:, 2] *= 2
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(image, warp, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def align_all(images: list[Image], recipe: Recipe, template: Image, label: str) -> NDArray[np.float32]:
    """Return the images aligned to the template and then to their own mean, mirrored in, the best fitting first."""
    with ProcessPoolExecutor() as workers:
        for step in range(recipe.rounds):
            results = workers.map(partial(aligned, template), images, chunksize=20)
            name = f"{label}: round {step + 1} of {recipe.rounds}"
            ranked = sorted(tqdm(results, name, len(images), leave=False), key=lambda result: -result[0])
            template = symmetric(np.mean([image for _, image in ranked[:AVERAGED]], axis=0, dtype=np.float32))
    return symmetric(np.stack([image for _, image in ranked]))


class Certain:
    """A verifier that accepts all detections of the cascade as faces."""

    def face_logit(self, grey: NDArray[np.uint8], box: Box, *, tight: bool = False) -> float:
        """Return log-odds that confirm any box at once."""
        del grey, box, tight
        return 20.0


@dataclass(frozen=True)
class Judge:
    """Returns the daemon's reading of a composite placed in the demo's room."""

    reader: TfliteClassifier
    cascade: Cascade = field(default_factory=partial(Cascade, CASCADE))

    def seen(self, face: NDArray[np.uint8], label: int) -> float:
        """Return the least score of the label over some frames of a moving head; 0 where no face is found."""
        finder, noise = HaarFaceDetector(CASCADE, self.reader, motion_gate=False), np.random.default_rng(3)
        picture, scores = with_face(face), []
        for number in range(8):
            shift = np.array([[1, 0, 5 * np.sin(0.9 * number)], [0, 1, 3 * np.sin(0.6 * number)]], np.float32)
            drawn = cv2.warpAffine(picture, shift, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
            drawn = drawn + noise.normal(0, 1.5, picture.shape)
            frame = Frame(np.clip(drawn, 0, 255).astype(np.uint8), number / 8, datetime(2026, 1, 1, tzinfo=UTC))
            estimate = self.reader.classify(frame, finder.detect(frame))
            scores.append(estimate.scores[label] if estimate else 0.0)
        return float(min(scores[1:]))  # a new face may need a second frame

    def box(self, face: NDArray[np.uint8]) -> Box | None:
        """Return where the cascade sees the face."""
        finder, picture = HaarFaceDetector(CASCADE, Certain(), motion_gate=False), np.asarray(with_face(face), np.uint8)
        for number in range(3):
            faces = finder.detect(Frame(picture, number / 8, datetime(2026, 1, 1, tzinfo=UTC))).confirmed
        return faces[0] if faces else None

    def clearness(self, face: NDArray[np.uint8], label: int, box: Box) -> float:
        """Return the soft minimum of the cascade's weight, the label's leads and the face's log-odds at the `BOXES`."""
        picture = np.asarray(with_face(face), np.uint8)
        values = [FACE_WEIGHT * min(self.cascade.score(picture, box), ENOUGH_FACE)]
        for right, down, wider in BOXES:
            left, top = box.x + right - wider // 2, box.y + down - wider // 2
            near = replace(box, x=left, y=top, w=box.w + wider, h=box.h + wider)
            scores = np.log(self.reader.scores(normalise(chip(picture, near, self.reader.crop_scale)), room=True))
            values.append(min(float(scores[label] - np.max(np.delete(scores, label))), ENOUGH_LEAD))
            values.append(FACE_WEIGHT * min(self.reader.face_logit(picture, near), ENOUGH_FACE))
        return float(-np.log(np.mean(np.exp(-np.array(values)))))


def finished(mean: Image, place: tuple[float, float] = (1.0, 0.0)) -> NDArray[np.uint8]:
    """Lay at its place, sharpen, and bring to grey levels."""
    laid = moved(mean, place[0], 0, place[1])
    sharp = laid + SHARPEN * (laid - cv2.GaussianBlur(laid, (0, 0), SHARPEN_SIGMA))
    sharp = (sharp - sharp.mean()) / sharp.std()
    return np.asarray(np.clip(MEAN + SPREAD * sharp, 0, 255), np.uint8)


def best_place(judge: Judge, mean: Image, label: int) -> tuple[float, float]:
    """Return the scale and shift at which the cascade finds the mean and the model reads it most clearly."""

    def clear(place: tuple[float, float]) -> float:
        face = finished(mean, place)
        box = judge.box(face)
        return judge.clearness(face, label, box) if box else -np.inf

    return max(PLACES, key=clear)


def components(stack: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the strongest principal components, as images, and the images' coordinates along them."""
    centred = stack - stack.mean(axis=0)
    small = np.stack([shrunk(image, SIZE // 4).ravel() for image in centred])
    values, vectors = np.linalg.eigh(small @ small.T)
    values, vectors = values[-DIRECTIONS:], vectors[:, -DIRECTIONS:]
    directions = np.tensordot((vectors / np.sqrt(values)).T, centred, 1)
    return np.asarray(directions, np.float32), np.asarray(vectors * np.sqrt(values), np.float32)


def weighted(judge: Judge, stack: NDArray[np.float32], label: int, place: tuple[float, float]) -> NDArray[np.uint8]:
    """Return the finished average of the images with weights that the model reads clearly, none over 1 / `AVERAGED`.

    By Frank & Wolfe (1956): each step blends in the plain average of the images that lie furthest along the gradient
    of `Judge.clearness`, which finite differences along the principal components give.
    """
    directions, coordinates = components(stack)
    stride = STRIDE * float(np.sqrt((coordinates**2).mean()))
    mean, found = stack[:AVERAGED].mean(axis=0), []
    for _ in tqdm(range(STEPS), "weighing", leave=False):
        face = finished(mean, place)
        box = judge.box(face)
        if box is None:
            return face

        def clear(image: Image, box: Box = box) -> float:
            return judge.clearness(finished(image, place), label, box)

        found.append((min(judge.seen(face, label), READ), clear(mean), face))
        if found[-1][0] >= READ and found[-1][1] >= ENOUGH:
            break
        gradient = np.array([clear(mean + stride * one) - clear(mean - stride * one) for one in directions])
        new = stack[np.argsort(-(coordinates @ gradient))[:AVERAGED]].mean(axis=0)
        blends = sorted((mean + share * (new - mean) for share in BLENDS), key=clear, reverse=True)
        mean = next((blend for blend in blends if judge.box(finished(blend, place))), mean)
    return max(found, key=lambda one: one[:2])[2]


def make(data: Path, out: Path, only: list[str]) -> None:
    """Write the composites of the emotions in `only`, and keep the others."""
    reader = TfliteClassifier(out / "fer_int8.tflite")
    judge = Judge(reader)
    train, _ = clean(load(data, "train"), load(data, "test"))
    faces = {} if set(only) == set(LABELS) else strip(out)
    means = {name: standard(face) for name, face in faces.items()}
    for name, recipe in RECIPES.items():
        if name not in only:
            continue
        label = LABELS.index(name)
        of_label = train.images[train.labels == label]
        logits = np.stack([reader.logits(normalise(image)) for image in tqdm(of_label, "reading", leave=False)])
        lead = logits[:, label] - np.delete(logits, label, axis=1).max(axis=1)
        clearest = of_label[np.argsort(-lead)][: recipe.pool]
        if len(clearest) < AVERAGED:
            raise DataError(f"{data}: {len(clearest)} images of {name}, {AVERAGED} are needed; give all of FER2013")
        pool = [standard(image) for image in clearest]
        own = symmetric(np.mean(pool[:250], axis=0, dtype=np.float32))
        template = own if recipe.start is None else cv2.GaussianBlur(means[recipe.start], (0, 0), 3)
        stack = align_all(pool, recipe, np.asarray(template, np.float32), name)
        means[name] = np.asarray(stack[:AVERAGED].mean(axis=0), np.float32)
        place = best_place(judge, means[name], label)
        faces[name] = weighted(judge, stack, label, place)
        print(f"{name:9} at {place}: score at least {judge.seen(faces[name], label):.2f}", flush=True)
    cv2.imwrite(str(out / "demo.png"), np.hstack([faces[name] for name in LABELS]), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def strip(out: Path) -> dict[str, NDArray[np.uint8]]:
    """Return the existing composites by emotion."""
    picture = cv2.imread(str(out / "demo.png"), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise DataError(f"{out / 'demo.png'}: no picture there; make it with --data")
    return dict(zip(LABELS, np.split(np.asarray(picture, np.uint8), len(LABELS), axis=1), strict=True))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="FER2013: a zip or a folder; without it the composites stay as they are"
    )
    parser.add_argument("--only", nargs="+", choices=LABELS, default=LABELS, metavar="EMOTION", help="make only these")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder of the model, where the result goes")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        if args.data:
            make(args.data, args.out, args.only)
        judge = Judge(TfliteClassifier(args.out / "fer_int8.tflite"))
        scores = {name: judge.seen(face, LABELS.index(name)) for name, face in strip(args.out).items()}
    except (DataError, ModelError) as fault:
        print(f"make_demo: {fault}", file=sys.stderr)
        return 69
    about = {
        "source": "FER2013, training split",
        "labels": LABELS,
        "least_images_in_each": AVERAGED,
        "mirrored": True,
        "size": SIZE,
        "least_score": {label: round(scores[label], 2) for label in LABELS},
    }
    (args.out / "demo.json").write_text(json.dumps(about, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
