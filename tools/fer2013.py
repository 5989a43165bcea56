"""FER2013 in the Kaggle layout (a zip or a folder), read, cleaned of duplicates and augmented."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from tqdm import tqdm

from musicond.core.messages import EMOTIONS
from musicond.vision.preprocess import INPUT_SIZE, MODEL_SCALE, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LABELS = [emotion.value for emotion in EMOTIONS]


@dataclass(frozen=True)
class Split:
    """Images uint8 (n, 48, 48) and labels int64 (n,), indices into `LABELS`."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


class DataError(Exception):
    """The data set is not where or what it should be."""


def load(path: Path, split: str) -> Split:
    """Read `split` ("train" or "test") of the zip or folder at `path`, in the order of names."""
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for name, data in tqdm(sorted(_files(path, split)), desc=f"reading {split}", leave=False):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        if image is None or image.shape != (INPUT_SIZE, INPUT_SIZE):
            msg = f"{path}: {name} is not a {INPUT_SIZE}x{INPUT_SIZE} image"
            raise DataError(msg)
        images.append(np.asarray(image, np.uint8))
        labels.append(LABELS.index(Path(name).parent.name))
    if not images:
        msg = f"{path}: no images below {split}/<{'|'.join(LABELS)}>/; give FER2013 in the Kaggle layout"
        raise DataError(msg)
    return Split(np.stack(images), np.array(labels, np.int64))


def _files(path: Path, split: str) -> Iterator[tuple[str, bytes]]:
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

    Repeats are images with the same pixels. Of repeats whose labels differ, the majority's label
    stays; where there is a tie, all go. Returns the cleaned split and what was dropped, by reason.
    """
    held_out = {_key(image) for image in test.images}
    groups: dict[bytes, list[int]] = defaultdict(list)
    for index, image in enumerate(train.images):
        groups[_key(image)].append(index)
    kept: list[int] = []
    dropped: Counter[str] = Counter()
    for key, members in groups.items():
        if key in held_out:
            dropped["also in test"] += len(members)
            continue
        votes = Counter(int(train.labels[index]) for index in members).most_common(2)
        if len(votes) > 1 and votes[0][1] == votes[1][1]:
            dropped["repeated with differing labels"] += len(members)
            continue
        kept.append(next(index for index in members if train.labels[index] == votes[0][0]))
        dropped["repeated"] += len(members) - 1
    order = np.array(sorted(kept))
    return Split(train.images[order], train.labels[order]), dict(dropped)


def _key(image: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def model_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn uint8 (n, 48, 48) into the float model's input (n, 48, 48, 1)."""
    levels = np.stack([normalise(image) for image in images])
    return levels[..., None].astype(np.float32) * np.float32(MODEL_SCALE)


def jitter(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Vary one training image as a Haar box, a camera and a living room would.

    Mirror, turn +-18 degrees, scale 0.8..1.2, shift +-12 % (Haar's boxes are about that loose),
    gamma, blur or coarse pixels (a small face), noise, and one erased rectangle.
    """
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
    centre = (INPUT_SIZE - 1) / 2
    matrix: NDArray[Any] = cv2.getRotationMatrix2D((centre, centre), rng.uniform(-18, 18), rng.uniform(0.8, 1.2))
    matrix[:, 2] += rng.uniform(-0.12, 0.12, 2) * INPUT_SIZE
    out: NDArray[Any] = cv2.warpAffine(image, matrix, (INPUT_SIZE, INPUT_SIZE), borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32
    )
    if rng.random() < 0.4:
        out = 255.0 * (out / 255.0) ** np.float32(np.exp(rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.25:
        small = int(rng.integers(20, 40))
        out = cv2.resize(cv2.resize(out, (small, small), interpolation=cv2.INTER_AREA), (INPUT_SIZE, INPUT_SIZE))
    if rng.random() < 0.3:
        out = out + rng.normal(0, rng.uniform(2, 14), out.shape).astype(np.float32)
    if rng.random() < 0.4:
        height, width = rng.integers(6, 18, 2)
        top, left = rng.integers(0, INPUT_SIZE - height), rng.integers(0, INPUT_SIZE - width)
        out[top : top + height, left : left + width] = rng.uniform(0, 255)
    return np.clip(out, 0, 255).astype(np.uint8)
