"""The emotion classifier: crop, quantise, invoke, dequantise, calibrate."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.core.models import EMOTIONS, Box, EmotionEstimate, Faces, Frame
from musicond.errors import ModelError, bounded_number
from musicond.runtime.stages import bare_call, stage
from musicond.vision.interpreter import make_interpreter
from musicond.vision.preprocess import INPUT_SIZE, MODEL_SCALE, chip, normalise, spread_of

INPUT_SHAPE, SCORES_SHAPE, FACE_SHAPE = (1, INPUT_SIZE, INPUT_SIZE, 1), (1, len(EMOTIONS)), (1, 1)
TEMPERATURES, CROP_SCALES, SHIFTS = (0.05, 20.0), (0.25, 4.0), (-10.0, 10.0)
"""Bounds of the values of a sidecar; beyond them every face would get the same scores, or none of it would be read."""
TIGHT = 0.85
"""Side of a tighter picture of a face as a fraction of the usual one."""
MIN_SHARPNESS = 30.0
"""Least variance of the Laplacian of a normalised chip (grey levels squared) for a classification.

In every twentieth training image of FER2013 it is at least 350; after a Gaussian blur of 1.5 pixels of the chip 1 in
20 falls below this limit, after 3 pixels 19 in 20.
"""
SAME_CELL, CELLS = 20.0, 16
"""Grey levels by which no cell of two normalised chips may differ, so that the second keeps the reading of the first.

A chip has 16 x 16 cells: the mean of nine pixels has little noise, and a mouth that moves changes several cells. In the
shared clips at 5 frames a second, scores of such pairs differ by 0.04 on average, in the demo by 0.005.
"""
NEW_FRAMES = 2
"""Frames that are read in any case after another emotion has begun to lead, so that a change is announced no later."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The parameters of a model, from the JSON file of the same name beside it."""

    temperature: float
    """Divides the logits before the softmax (Guo et al. 2017, On Calibration of Modern Neural Networks)."""
    crop_scale: float
    """Factor by which a box of the Haar cascade is widened before the emotions are read from it."""
    face_crop_scale: float
    """The same factor for the face output."""
    room_temperature: float
    """Divides the logits of faces before a camera instead of `temperature`."""
    room_prior: tuple[float, ...]
    """Shifts of the seven log-odds for faces before a camera: people at home rest and smile more than in FER2013."""


class TfliteClassifier:
    """A classifier with an int8 TFLite model, for use in one thread. Its constructor raises ModelError."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        try:
            content = path.read_bytes()
        except OSError as exc:
            raise ModelError(f"{path}: {exc.strerror}; install the model, or correct model.path") from None
        self._sidecar = load_sidecar(path, content)
        self._room_prior = np.array(self._sidecar.room_prior)
        try:
            self._interpreter = make_interpreter(content, threads)
        except (ValueError, RuntimeError) as exc:
            raise ModelError(f"{path}: not a TFLite model that can be loaded ({exc}); install it again") from None
        self._input = _tensors(path, self._interpreter.get_input_details(), INPUT_SHAPE)[0]
        outputs = self._interpreter.get_output_details()
        self._output, *room_outputs = _tensors(path, outputs, SCORES_SHAPE)
        self._room_output = room_outputs[0] if room_outputs else self._output
        self._face = _tensors(path, outputs, FACE_SHAPE)[0]
        self._last: tuple[NDArray[np.float32], NDArray[np.float64]] | None = None
        """The cells of the chip that was read last, and its scores."""
        self._new_frames = 0
        """Frames to come that don't keep the last reading."""
        self._holds_picture = False
        """Whether the interpreter's memory holds a picture."""

    @property
    def crop_scale(self) -> float:
        """Factor by which a box is widened before it is cut out."""
        return self._sidecar.crop_scale

    @property
    def sidecar(self) -> Sidecar:
        """The parameters of the file beside the model."""
        return self._sidecar

    @stage("classify")
    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        """Return the mean scores of all faces, weighted by area; None if all are blurred."""
        classified: list[tuple[Box, NDArray[np.float64]]] = []
        for box in faces.confirmed:
            levels = normalise(chip(frame.grey, box, self._sidecar.crop_scale))
            if sharpness(levels) >= MIN_SHARPNESS:
                classified.append((box, self._reading(levels)))
        if not classified:
            return None
        total = np.sum([box.area * scores for box, scores in classified], axis=0)
        return EmotionEstimate(tuple((total / total.sum()).tolist()), classified[0][0])

    def reset(self) -> None:
        """Drop the last chip, and overwrite what the interpreter holds of it."""
        self._last = None
        if self._holds_picture:
            self._invoke(np.zeros((INPUT_SIZE, INPUT_SIZE), np.int8))
            self._holds_picture = False

    def _reading(self, levels: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return the scores of a normalised chip, those of the last one if it was nearly the same."""
        cells = cv2.resize(levels.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        last = self._last
        if last is not None and self._new_frames <= 0 and cv2.norm(cells, last[0], cv2.NORM_INF) < SAME_CELL:
            return last[1]
        scores = self.scores(levels, room=True)
        changed = last is not None and last[1].argmax() != scores.argmax()
        self._new_frames = NEW_FRAMES if changed else self._new_frames - 1
        self._last = np.asarray(cells, np.float32), scores
        return scores

    def scores(self, levels: NDArray[np.int8], *, room: bool = False) -> NDArray[np.float64]:
        """Return seven calibrated probabilities of a normalised chip, int8 (48, 48); `room`: read as one in a room."""
        logits = self.logits(levels, room=room)
        if room:
            logits = logits / self._sidecar.room_temperature + self._room_prior
        else:
            logits = logits / self._sidecar.temperature
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum(), np.float64)

    def logits(self, levels: NDArray[np.int8], *, room: bool = False) -> NDArray[np.float64]:
        """Return seven outputs for a normalised chip, int8 (48, 48): those for FER2013, or for faces in a room.

        A model without outputs for a room has the same for both.
        """
        self._invoke(levels)
        return self._dequantised(self._room_output if room else self._output)

    def face_logit(self, grey: NDArray[np.uint8], box: Box, *, tight: bool = False) -> float:
        """Return the log-odds that `box` of uint8 (height, width) frames a face, as a `FaceVerifier`.

        `tight`: the mean of a tighter picture and its mirror image.
        """
        levels = normalise(chip(grey, box, self._sidecar.face_crop_scale * (TIGHT if tight else 1)))
        if not tight:
            return self._face_output(levels)
        return (self._face_output(levels) + self._face_output(levels[:, ::-1])) / 2

    def _face_output(self, levels: NDArray[np.int8]) -> float:
        self._invoke(levels)
        return float(self._dequantised(self._face)[0])

    def _invoke(self, levels: NDArray[np.int8]) -> None:
        self._holds_picture = True
        self._interpreter.set_tensor(self._input["index"], self._quantised(levels)[None, :, :, None])
        _invoke(self._interpreter)

    def _dequantised(self, details: dict[str, Any]) -> NDArray[np.float64]:
        scale, zero = details["quantization"]
        steps = self._interpreter.get_tensor(details["index"])[0]
        return np.asarray((steps.astype(np.float64) - zero) * scale)

    def _quantised(self, levels: NDArray[np.int8]) -> NDArray[np.int8]:
        scale, zero = self._input["quantization"]
        if (scale, zero) == (MODEL_SCALE, 0):
            return levels
        steps = np.rint(levels.astype(np.float32) * (MODEL_SCALE / scale)) + zero
        return np.asarray(np.clip(steps, -128, 127), np.int8)


@bare_call
def _invoke(interpreter: Any) -> None:
    interpreter.invoke()


def _within(values: dict[str, Any], name: str, low: float, high: float) -> float:
    """Return a number of a sidecar; raise ValueError if it is none or outside of its bounds."""
    number = bounded_number(values[name], low, high)
    if number is None:
        raise ValueError(f"{name} is {values[name]!r}; it must be a number from {low:g} to {high:g}")
    return number


def _tensors(path: Path, tensors: list[dict[str, Any]], shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the int8 tensors of a shape in their order, one at least; raise ModelError."""
    if matching := [details for details in tensors if tuple(details["shape"]) == shape and details["dtype"] is np.int8]:
        return matching
    has = ", ".join(f"{details['dtype'].__name__} {tuple(int(n) for n in details['shape'])}" for details in tensors)
    raise ModelError(f"{path}: wants int8 {shape}, the model has {has}; give a model made by tools/quantize.py")


def sharpness(levels: NDArray[np.int8]) -> float:
    """Return the variance of the Laplacian (Pech-Pacheco et al. 2000) of a normalised chip."""
    positive = cv2.addWeighted(levels, 1.0, levels, 0.0, 128.0, dtype=cv2.CV_8U)
    return spread_of(cv2.Laplacian(positive, cv2.CV_16S))[1] ** 2


def load_sidecar(path: Path, content: bytes) -> Sidecar:
    """Return the parameters of a model from the file beside it, and check its digest; raise ModelError."""
    file = path.with_suffix(".json")
    try:
        values: dict[str, Any] = json.loads(file.read_text("utf-8"))
        labels, digest = values["labels"], values["sha256"]
        shifts = values.get("room_prior", {})
        sidecar = Sidecar(
            temperature=_within(values, "temperature", *TEMPERATURES),
            crop_scale=_within(values, "crop_scale", *CROP_SCALES),
            face_crop_scale=_within(
                {"face_crop_scale": values["crop_scale"], **values}, "face_crop_scale", *CROP_SCALES
            ),
            room_temperature=_within(
                {"room_temperature": values["temperature"], **values}, "room_temperature", *TEMPERATURES
            ),
            room_prior=tuple(_within({str(emotion): 0.0, **shifts}, str(emotion), *SHIFTS) for emotion in EMOTIONS),
        )
    except OSError as exc:
        raise ModelError(f"{file}: {exc.strerror}; it must stand beside the model") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise ModelError(f"{file}: damaged ({exc}); install the model again") from None
    if labels != [str(emotion) for emotion in EMOTIONS]:
        raise ModelError(f"{file}: labels {labels}; musicond wants {[str(emotion) for emotion in EMOTIONS]}")
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path}: damaged, or not the model that {file.name} describes; install both again")
    return sidecar
