"""From a face to seven probabilities: crop, quantise, invoke, dequantise, calibrate."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from musicond.core.models import EMOTIONS, EmotionEstimate
from musicond.errors import ModelError
from musicond.vision.interpreter import make_interpreter
from musicond.vision.preprocess import INPUT_SIZE, MODEL_SCALE, chip, normalise

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from musicond.core.models import Box, Faces, Frame

INPUT_SHAPE, SCORES_SHAPE, FACE_SHAPE = (1, INPUT_SIZE, INPUT_SIZE, 1), (1, len(EMOTIONS)), (1, 1)

MIN_SHARPNESS = 30.0
"""Least variance of the Laplacian of a normalised chip (grey levels squared): below, nothing can be read.

Of every twentieth training image of FER2013 none has less than 350; blurred by a Gaussian of 1.5 pixels of
the chip 1 in 20 falls below, of 3 pixels 19 in 20.
"""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What stands beside the model in a JSON file of the same name."""

    temperature: float
    """Divides the logits before the softmax (Guo et al. 2017, On Calibration of Modern Neural Networks)."""
    crop_scale: float
    """By how much Haar's box is widened to frame a face as the training images do."""


class TfliteClassifier:
    """Reads faces with an int8 TFLite model; not thread-safe. Loading it raises ModelError."""

    def __init__(self, path: Path, *, threads: int = 1, policy: Literal["largest", "all"] = "largest") -> None:
        content = _content(path)
        self._sidecar = load_sidecar(path, content)
        self._policy = policy
        try:
            self._interpreter = make_interpreter(content, threads)
        except (ValueError, RuntimeError) as fault:
            raise ModelError(f"{path}: not a TFLite model that can be loaded ({fault}); install it anew") from None
        self._input = _tensor(path, self._interpreter.get_input_details(), INPUT_SHAPE)
        outputs = self._interpreter.get_output_details()
        self._output = _tensor(path, outputs, SCORES_SHAPE)
        self._face = _tensor(path, outputs, FACE_SHAPE)

    @property
    def crop_scale(self) -> float:
        """By how much a box is widened before it is cut out."""
        return self._sidecar.crop_scale

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        """Return the scores of the chosen face, or of all faces weighted by area; None if all are blurred."""
        chosen = faces.confirmed[:1] if self._policy == "largest" else faces.confirmed
        found: list[tuple[Box, NDArray[np.float64]]] = []
        for box in chosen:
            levels = normalise(chip(frame.grey, box, self._sidecar.crop_scale))
            if sharpness(levels) >= MIN_SHARPNESS:
                found.append((box, self.scores(levels)))
        if not found:
            return None
        weights = np.array([box.area for box, _ in found], np.float64)
        mean = np.average([scores for _, scores in found], axis=0, weights=weights)
        return EmotionEstimate(tuple(float(score) for score in mean / mean.sum()), found[0][0])

    def scores(self, levels: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return seven calibrated probabilities of a normalised chip, int8 (48, 48)."""
        logits = self.logits(levels) / self._sidecar.temperature
        powers = np.exp(logits - logits.max())
        probabilities: NDArray[np.float64] = powers / powers.sum()
        return probabilities

    def logits(self, levels: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return the model's seven outputs for a normalised chip, int8 (48, 48)."""
        self._invoke(levels)
        return self._dequantised(self._output)

    def face_logit(self, grey: NDArray[np.uint8], box: Box) -> float:
        """Return the log odds that `box` of uint8 (height, width) frames a face (an `Opinion`)."""
        self._invoke(normalise(chip(grey, box, self._sidecar.crop_scale)))
        return float(self._dequantised(self._face)[0])

    def _invoke(self, levels: NDArray[np.int8]) -> None:
        self._interpreter.set_tensor(self._input["index"], self._quantised(levels)[None, :, :, None])
        self._interpreter.invoke()

    def _dequantised(self, details: dict[str, Any]) -> NDArray[np.float64]:
        scale, zero = details["quantization"]
        values: NDArray[np.float64] = (
            self._interpreter.get_tensor(details["index"])[0].astype(np.float64) - zero
        ) * scale
        return values

    def _quantised(self, levels: NDArray[np.int8]) -> NDArray[np.int8]:
        scale, zero = self._input["quantization"]
        if (scale, zero) == (MODEL_SCALE, 0):
            return levels
        steps = np.rint(levels.astype(np.float32) * (MODEL_SCALE / scale)) + zero
        quantised: NDArray[np.int8] = np.clip(steps, -128, 127).astype(np.int8)
        return quantised


def _tensor(path: Path, tensors: list[dict[str, Any]], shape: tuple[int, ...]) -> dict[str, Any]:
    for details in tensors:
        if tuple(details["shape"]) == shape and details["dtype"] is np.int8:
            return details
    has = ", ".join(f"{details['dtype'].__name__} {tuple(int(n) for n in details['shape'])}" for details in tensors)
    raise ModelError(f"{path}: wants int8 {shape}, the model has {has}; give a model made by tools/quantize.py")


def sharpness(levels: NDArray[np.int8]) -> float:
    """Return the variance of the Laplacian (Pech-Pacheco et al. 2000) of a normalised chip."""
    return float(cv2.Laplacian(levels.astype(np.float32), cv2.CV_32F).var())


def load_sidecar(path: Path, content: bytes) -> Sidecar:
    """Read the JSON file beside a model and hold the model against it; raise ModelError."""
    beside = path.with_suffix(".json")
    try:
        found: dict[str, Any] = json.loads(beside.read_text("utf-8"))
        labels, digest = found["labels"], found["sha256"]
        sidecar = Sidecar(float(found["temperature"]), float(found["crop_scale"]))
    except OSError as fault:
        raise ModelError(f"{beside}: {fault.strerror}; it must stand beside the model") from None
    except (ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"{beside}: damaged ({fault}); install the model anew") from None
    if labels != [str(emotion) for emotion in EMOTIONS]:
        raise ModelError(f"{beside}: labels {labels}; musicond wants {[str(emotion) for emotion in EMOTIONS]}")
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path}: damaged, or not the model that {beside.name} describes; install both anew")
    return sidecar


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise ModelError(f"{path}: {fault.strerror}; install the model, or correct model.path") from None
