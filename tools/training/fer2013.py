"""FER2013 in the Kaggle layout (a zip or a folder), read, cleaned of duplicates, and a part held out."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from musicond.commands.terminal import track
from musicond.core.models import EMOTIONS
from musicond.vision.preprocess import INPUT_SIZE, MODEL_SCALE, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LABELS = [emotion.value for emotion in EMOTIONS]
ALIKE = 0.95
"""Correlation from which two images are one picture: looked at, pairs above it are the same photograph."""


@dataclass(frozen=True)
class Split:
    """Images uint8 (n, 48, 48), labels int64 (n,) as indices into `LABELS`, and places in the order of names."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def only(self, chosen: NDArray[Any]) -> Split:
        """Return the images that an index or mask array chooses."""
        return Split(self.images[chosen], self.labels[chosen], self.numbers[chosen])


class DataError(Exception):
    """The data set is not where or what it should be."""


def load(path: Path, split: str) -> Split:
    """Read `split` ("train" or "test") of the zip or folder at `path`, in the order of names."""
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    files = sorted(image_files(path, split))
    for name, data in track(files, f"reading {split}", len(files)):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        if image is None or image.shape != (INPUT_SIZE, INPUT_SIZE):
            msg = f"{path}: {name} is not a {INPUT_SIZE}x{INPUT_SIZE} image"
            raise DataError(msg)
        images.append(np.asarray(image, np.uint8))
        labels.append(LABELS.index(Path(name).parent.name))
    if not images:
        msg = f"{path}: no images below {split}/<{'|'.join(LABELS)}>/; give FER2013 in the Kaggle layout"
        raise DataError(msg)
    return Split(np.stack(images), np.array(labels, np.int64), np.arange(len(labels)))


def image_files(path: Path, split: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each `<split>/<emotion>/*.jpg` of the zip or folder at `path`."""

    def wanted(name: str) -> bool:
        parts = Path(name).parts
        return len(parts) >= 3 and parts[-3] == split and parts[-2] in LABELS

    if path.is_dir():
        for file in path.rglob("*.jpg"):
            if wanted(str(file)):
                yield str(file), file.read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if wanted(name):
                    yield name, archive.read(name)
    else:
        msg = f"{path}: neither a folder nor a zip file; give FER2013 in the Kaggle layout"
        raise DataError(msg)


def clean(train: Split, test: Split) -> tuple[Split, dict[str, int]]:
    """Drop training images that also stand in the test split, and repeats within training.

    An image also stands in the test split where its correlation with one of those is at least `ALIKE`. Repeats
    are images with the same pixels: of those whose labels differ, the majority's label stays; where there is a
    tie, all go. Returns the cleaned split and what was dropped, by reason.
    """
    in_test = likeness(train.images, test.images) >= ALIKE
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index in np.flatnonzero(~in_test):
        groups[hashlib.sha256(train.images[index].tobytes()).digest()].append(int(index))
    indices: list[int] = []
    dropped = Counter({"also in test": int(in_test.sum())})
    for members in groups.values():
        votes = Counter(int(train.labels[index]) for index in members).most_common(2)
        if len(votes) > 1 and votes[0][1] == votes[1][1]:
            dropped["repeated with differing labels"] += len(members)
            continue
        indices.append(next(index for index in members if train.labels[index] == votes[0][0]))
        dropped["repeated"] += len(members) - 1
    return train.only(np.array(sorted(indices))), dict(dropped)


def hold_out(train: Split, count: int, seed: int = 11) -> tuple[Split, Split]:
    """Take up to `count` images out that resemble no other; return (rest, held out).

    They fit what training must not: the temperature, and the choice between settings.
    """
    alone = np.flatnonzero(likeness(train.images, train.images, itself=True) < ALIKE)
    chosen = np.zeros(len(train.labels), bool)
    chosen[np.random.default_rng(seed).permutation(alone)[:count]] = True
    return train.only(~chosen), train.only(chosen)


def likeness(images: NDArray[np.uint8], others: NDArray[np.uint8], *, itself: bool = False) -> NDArray[np.float32]:
    """Return for each image (n,) its greatest correlation with one of `others`, both at 24x24 pixels.

    `itself`: both are the same, and an image is not held against itself.
    """
    ours, theirs = _vectors(images), _vectors(others)
    best = np.empty(len(ours), np.float32)
    for start in range(0, len(ours), 2000):
        products = ours[start : start + 2000] @ theirs.T
        if itself:
            rows = np.arange(len(products))
            products[rows, start + rows] = -1
        best[start : start + 2000] = products.max(axis=1)
    return best


def alike(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return a group's number for each image (n,): those alike, and those alike to these, are in one group."""
    vectors, group = _vectors(images), np.arange(len(images))

    def head(at: int) -> int:
        while group[at] != at:
            at = int(group[at])
        return at

    for start in range(0, len(vectors), 2000):
        products = vectors[start : start + 2000] @ vectors.T
        for row, other in zip(*np.nonzero(products >= ALIKE), strict=True):
            if start + row < other:
                group[head(int(other))] = head(int(start + row))
    return np.array([head(at) for at in range(len(images))])


def _vectors(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = [cv2.resize(image, (24, 24), interpolation=cv2.INTER_AREA) for image in images]
    rows = np.stack(small).reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6
    return np.asarray(rows, np.float32)


def model_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn uint8 (n, 48, 48) into the float model's input (n, 48, 48, 1)."""
    levels = np.stack([normalise(image) for image in images])
    return levels[..., None].astype(np.float32) * np.float32(MODEL_SCALE)
