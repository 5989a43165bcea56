#!/usr/bin/env python3
"""Passes of two other projects over frames, for tools/compare_cost.py: it runs this file in their own environment."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pass = Callable[[NDArray[np.uint8]], int]
    """Reads the faces of colour frames (count, height, width, 3); returns the number of frames with a face read."""


def fer() -> Pass:
    """Return a pass of `fer` as it comes: Haar cascade and quantised model."""
    spec = importlib.util.find_spec("fer")
    assert spec is not None, "fer is not installed there"
    sys.modules["fer"] = importlib.util.module_from_spec(spec)  # not run: it imports what only videos need
    detector = importlib.import_module("fer.fer").FER()
    return lambda frames: sum(bool(detector.detect_emotions(frame)) for frame in frames)


def musicon() -> Pass:
    """Return a pass of Musicon's loop; its repository has no weights, so its network has random ones."""
    keras: Any = importlib.import_module("tensorflow").keras
    layers = keras.layers
    convolution = {"kernel_size": 3, "activation": "relu"}
    model = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            layers.Conv2D(32, **convolution),
            layers.Conv2D(64, **convolution),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, **convolution),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, **convolution),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dense(7, activation="softmax"),
        ]
    )
    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml")

    def reads_face(frame: NDArray[np.uint8]) -> bool:
        grey = cv2.cvtColor(cv2.resize(frame, (600, 500)), cv2.COLOR_BGR2GRAY)
        faces = cascade.detectMultiScale(grey, 1.3, 5)
        for x, y, w, h in faces:
            face = cv2.resize(grey[y : y + h, x : x + w], (48, 48))
            model.predict(face[None, :, :, None], verbose=0)
        return len(faces) > 0

    return lambda frames: sum(reads_face(frame) for frame in frames)


def serve(run: Pass, path: str) -> None:
    """Make a pass over the frames of a file for each line of standard input; print its processor seconds and result."""
    cv2.setNumThreads(1)
    frames = np.load(path, mmap_mode="r")
    run(frames[:8])  # the first readings build what all others use
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.process_time()
        read = run(frames)
        print(json.dumps([time.process_time() - started, read]), flush=True)


if __name__ == "__main__":
    serve({"fer": fer, "musicon": musicon}[sys.argv[1]](), sys.argv[2])
