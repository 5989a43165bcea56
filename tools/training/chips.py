"""Faces cut out of photographs once for training, with room around them to turn, shift and scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from musicond.vision.cascade import Cascade
from musicond.vision.search import Search
from tools.training.photos import load
from tools.training.views import keep

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from musicond.core.models import Box

SIDE, EXTENT = 84, 1.5
"""Pixels of a chip, and the sides of Haar's box that it covers."""
PHOTO_HEIGHT, MARGIN = 240, 60
"""Pixels that a photograph is high when its face is looked for, and that lie around it."""


@dataclass(frozen=True)
class Chips:
    """Grey chips uint8 (n, 84, 84), labels (n,) and a number for each person (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    persons: NDArray[np.int64]
    people: int
    """Number of photographs, those without a chip included."""

    def only(self, chosen: NDArray[np.bool_]) -> Chips:
        """Return those that are chosen."""
        return Chips(self.images[chosen], self.labels[chosen], self.persons[chosen], self.people)


def read_chips(path: Path, split: str, cascade: Path, cache: Path) -> Chips:
    """Return the faces that the cascade finds in the photographs at `path`; `cache` (.npz) keeps them."""
    if not cache.exists():
        photos, finder = load(path, split), Cascade(cascade)
        numbers = {person: number for number, person in enumerate(sorted(set(photos.persons)))}
        cut_faces = [cut(image, finder) for image in tqdm(photos.images, desc="cutting faces", leave=False)]
        there = [at for at, chip in enumerate(cut_faces) if chip is not None]
        persons = np.array([numbers[photos.persons[at]] for at in there], np.int64)
        images = np.stack([chip for chip in cut_faces if chip is not None])
        keep(cache, images=images, labels=photos.labels[there], persons=persons, people=len(numbers))
    with np.load(cache) as cached:
        return Chips(cached["images"], cached["labels"], cached["persons"], int(cached["people"]))


def cut(image: NDArray[np.uint8], finder: Cascade) -> NDArray[np.uint8] | None:
    """Return the chip of the surest face in a photograph, uint8 (84, 84); None where there is none."""
    scale = PHOTO_HEIGHT / image.shape[0]
    width = round(image.shape[1] * scale)
    canvas = np.full((PHOTO_HEIGHT + 2 * MARGIN, width + 2 * MARGIN), round(float(image.mean())), np.uint8)
    shown = cv2.resize(image, (width, PHOTO_HEIGHT), interpolation=cv2.INTER_CUBIC)
    canvas[MARGIN:-MARGIN, MARGIN:-MARGIN] = shown
    faces = [face for box in finder.scan(canvas, [Search(0.12, 1.0)]) if (face := finder.detect_near(canvas, box))]
    if not faces:
        return None
    return _framed(image, max(faces, key=lambda face: face.weight).box, scale)


def _framed(image: NDArray[np.uint8], box: Box, scale: float) -> NDArray[np.uint8]:
    half = EXTENT * box.w / scale / 2
    left = round((box.x + box.w / 2 - MARGIN) / scale - half)
    top = round((box.y + box.h / 2 - MARGIN) / scale - half)
    side = max(2, round(2 * half))
    height, width = image.shape
    pad = max(0, -left, -top, left + side - width, top + side - height)
    padded = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    face = padded[top + pad : top + pad + side, left + pad : left + pad + side]
    how = cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=how), np.uint8)


def hold_out_persons(chips: Chips, share: float, seed: int = 9) -> tuple[Chips, Chips]:
    """Hold out a share of the persons; return (rest, held out)."""
    held = np.random.default_rng(seed).permutation(chips.people)[: round(share * chips.people)]
    out = np.isin(chips.persons, held)
    return chips.only(~out), chips.only(out)
