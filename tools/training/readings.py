"""Readings of the daemon, kept in a file: temperature, prior and thresholds can be changed without reading again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from musicond.vision.classifier import load_sidecar
from tools.training.atomic import replacing
from tools.training.fer2013 import DataError
from tools.training.metrics import softmax

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from musicond.vision.classifier import Sidecar

LEAST = 1e-12
"""Scores below this are taken as this."""


class Store:
    """A file of readings that keeps logits, so that they are scored by the sidecar as it is now."""

    def __init__(self, path: Path | None, model: Path, *settings: object) -> None:
        """Take the .npz at `path`, None for nowhere, and all `settings` that the readings depend on."""
        content = model.read_bytes()
        self._path, self._sidecar = path, load_sidecar(model, content)
        scales = self._sidecar.crop_scale, self._sidecar.face_crop_scale
        self._key = " ".join(map(str, (hashlib.sha256(content).hexdigest()[:12], *scales, *settings)))

    def arrays(self, read: Callable[[], dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
        """Return the kept arrays, or those of `read`, which are then kept; the scores are named `scores`.

        Raises DataError where the file holds readings of another model or of other settings.
        """
        if self._path is None:
            return read()
        if not self._path.exists():
            arrays = read()
            scores, stored = logits_of(self._sidecar, arrays["scores"]), dict[str, Any](arrays)
            stored |= {"scores": scores, "key": np.array(self._key)}
            with replacing(self._path) as new, new.open("wb") as file:
                np.savez_compressed(file, **stored)
            return arrays
        with np.load(self._path) as file:
            if str(file["key"]) != self._key:
                msg = f"{self._path}: readings of {file['key']}, not of {self._key}; give another --store"
                raise DataError(msg)
            stored = {name: file[name] for name in file.files if name != "key"}
        return {**stored, "scores": room_scores(self._sidecar, stored["scores"])}


def logits_of(sidecar: Sidecar, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the model's logits (n, 7), up to a constant each, of the scores of faces in a room."""
    shifted: NDArray[np.float64] = np.log(np.maximum(scores, LEAST)) - np.array(sidecar.room_prior)
    return shifted * sidecar.room_temperature


def room_scores(sidecar: Sidecar, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores (n, 7) of faces in a room."""
    return softmax(logits / sidecar.room_temperature + np.array(sidecar.room_prior), 1.0)
