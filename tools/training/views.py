"""The pictures for training in torch: made on demand, or once and stored with the scores of the teachers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as tf
from tqdm import tqdm

from musicond.vision.preprocess import MODEL_SCALE
from tools.training.atomic import replacing
from tools.training.augment import Phase, targets
from tools.training.fer2013 import DataError, Split, clean, hold_out, load
from tools.training.torch_augment import mixed, model_input, vary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
VARIED = 8
"""Batches that are jittered at a time: launching so many small kernels takes longer than running them."""
SHIFT = 1
"""Pixels by which a batch of kept pictures is shifted at the most, either way: few come back just as they were."""
LATE_SHARE = 3
"""So many views are for most of a training for each that is for its end."""


class Pictures:
    """A split on the device: grey levels (n, 1, 48, 48), target probabilities (n, 7), labels (n,)."""

    def __init__(self, data: Split, smoothing: float) -> None:
        self.grey = torch.from_numpy(data.images[:, None]).to(DEVICE)
        self.labels = torch.from_numpy(data.labels).to(DEVICE)
        self.learnt = torch.from_numpy(targets(data.labels, smoothing)).to(DEVICE)

    def __len__(self) -> int:
        return len(self.labels)


def read(path: Path, held: int, smoothing: float) -> tuple[Pictures, dict[str, Pictures], dict[str, int]]:
    """Read FER2013 at `path`: the training data, the evaluation data (`test`, `held_out`), and the dropped images.

    `held` images are held out of those to train on, whose labels are smoothed. Raises DataError.
    """
    test = load(path, "test")
    train, dropped = clean(load(path, "train"), test)
    train, held_out = hold_out(train, held)
    print(f"{len(train.labels)} images to train on, {len(held_out.labels)} held out; dropped: {dropped}", flush=True)
    judged = {"test": Pictures(test, 0.0), "held_out": Pictures(held_out, 0.0)}
    return Pictures(train, smoothing), judged, dropped


class Live:
    """Epochs of pictures that are jittered and mixed as they are needed; seed and number fix each of them."""

    def __init__(self, data: Pictures, phases: tuple[Phase, Phase], batch: int, seed: int) -> None:
        self._data, self._phases, self._batch, self._seed = data, phases, batch, seed

    def epoch(self, number: int, *, late: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield batches of inputs (n, 1, side, side) and targets (n, 7) for most of a training, or for its end."""
        rng = _rng(self._seed, number, late)
        phase, first = self._phases[1 if late else 0], True
        for chosen in torch.randperm(len(self._data), device=DEVICE).split(self._batch * VARIED):
            inputs = model_input(vary(self._data.grey[chosen].float(), phase.strength)).split(self._batch)
            for x, y in zip(inputs, self._data.learnt[chosen].split(self._batch), strict=True):
                if len(y) == self._batch or first:
                    yield mixed(x, y, phase, rng)
                first = False


class Views:
    """Epochs of pictures that were augmented, mixed and scored once; only mirroring and shifting are left.

    A view is one epoch of `Live` with the teachers' predictions beside its targets, 40 to 60 MB of FER2013, in a file
    and, once used, in memory. Trainings that run side by side share a folder and the work of filling it. Raises
    DataError for a folder that was filled with other `settings`.
    """

    def __init__(self, folder: Path, count: int, batch: int, seed: int, settings: dict[str, Any]) -> None:
        self._folder, self._batch, self._seed = folder, batch, seed
        self._counts = count, max(1, count // LATE_SHARE)
        self._held: dict[Path, tuple[torch.Tensor, torch.Tensor]] = {}
        index = folder / "views.json"
        if index.exists():
            before = json.loads(index.read_text())
            other = sorted(key for key in settings if before.get(key) != settings[key])
            if other:
                msg = f"{folder}: holds views of other settings ({', '.join(other)}); give another --work"
                raise DataError(msg)
        else:
            with replacing(index) as new:
                new.write_text(json.dumps(settings) + "\n")

    def write(self, data: Pictures, phases: tuple[Phase, Phase], says: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Write the missing views, with the probabilities (n, 7) that `says` returns for their inputs."""
        live = Live(data, phases, self._batch, seed=0)
        wanted = [(number, late) for late in (False, True) for number in range(self._counts[1 if late else 0])]
        order = np.random.default_rng(self._seed).permutation(len(wanted))
        for number, late in tqdm([wanted[at] for at in order], desc="views", unit="view", mininterval=5):
            path, levels, learnt = self._path(number, late=late), [], []
            if path.exists():
                continue
            for x, y in live.epoch(number, late=late):
                shown = (x / MODEL_SCALE).round().clamp(-128, 127)
                levels.append(shown.to(torch.int8).cpu())
                learnt.append(torch.cat([y, says(shown * MODEL_SCALE).float()], dim=1).half().cpu())
            keep(path, levels=torch.cat(levels).numpy(), learnt=torch.cat(learnt).numpy())

    def epoch(self, number: int, *, late: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield batches of inputs (n, 1, side, side) and targets (n, 14): of the labels, then of the teachers."""
        count = self._counts[1 if late else 0]
        turn = np.random.default_rng([self._seed, number // count]).permutation(count)[number % count]
        levels, learnt = self._view(self._path(int(turn), late=late))
        _rng(self._seed, number, late)
        for chosen in torch.randperm(len(learnt)).split(self._batch):
            if len(chosen) == self._batch or len(learnt) < self._batch:
                x = levels[chosen].float() * MODEL_SCALE
                x = torch.where(torch.rand(len(chosen), 1, 1, 1) < 0.5, x.flip(3), x)
                x = _shifted(x, *torch.randint(2 * SHIFT + 1, (2,)).tolist())
                yield x.to(DEVICE), learnt[chosen].float().to(DEVICE)

    def _path(self, number: int, *, late: bool) -> Path:
        return self._folder / f"view-{'late-' if late else ''}{number}.npz"

    def _view(self, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
        if path not in self._held:
            with np.load(path) as views:
                self._held[path] = torch.from_numpy(views["levels"]), torch.from_numpy(views["learnt"])
        return self._held[path]


def _shifted(x: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Return the part of (n, 1, h, w) of the same size, 0 to 2 * SHIFT pixels into what its edges are drawn out to."""
    height, width = x.shape[2:]
    return tf.pad(x, (SHIFT,) * 4, mode="replicate")[..., down : down + height, right : right + width]


def keep(path: Path, **arrays: Any) -> None:
    """Write arrays into a .npz, whole or not at all."""
    with replacing(path) as new, new.open("wb") as file:
        np.savez(file, **arrays)


def _rng(seed: int, number: int, late: bool) -> np.random.Generator:
    """Return a generator for one epoch, and seed torch's."""
    rng = np.random.default_rng([seed, number, late])
    torch.manual_seed(int(rng.integers(2**31)))
    return rng
