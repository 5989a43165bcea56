#!/usr/bin/env python3
"""Turn a trained Keras model into the daemon's full-int8 TFLite model and its sidecar.

    script/train-env && .train-env/bin/python tools/quantize.py build/train/best.keras --data fer2013.zip --out models/

Writes fer_int8.tflite, fer_int8.json (labels, temperature, crop scale, checksum) and fer_student.npz (the
float weights as float16). Only training images calibrate ranges, temperature and crop scale.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils
from tqdm import tqdm

from musicond.vision.preprocess import MODEL_SCALE
from tools.fer2013 import LABELS, DataError, Split, clean, jitter, load, model_input
from tools.metrics import figures, fit_temperature, softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODELS = Path(__file__).resolve().parent.parent / "models"
MAX_OP_VERSIONS = {"CONV_2D": 3, "FULLY_CONNECTED": 4, "MAX_POOL_2D": 2, "MEAN": 2}
"""Newest versions that tflite-runtime 2.14.0, the oldest runtime served, knows of the ops in use."""
SEED = 7


def representative(train: Split, count: int) -> NDArray[np.float32]:
    """Return (count, 48, 48, 1) model inputs of training images, half of them jittered."""
    rng = np.random.default_rng(SEED)
    chosen = train.images[rng.choice(len(train.images), count, replace=False)]
    half = count // 2
    return model_input(np.concatenate([chosen[:half], np.stack([jitter(image, rng) for image in chosen[half:]])]))


def convert(model: keras.Model, samples: NDArray[np.float32]) -> bytes:
    """Quantise weights (per channel) and activations to int8; raise ValueError if a float tensor stays."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def inspect(content: bytes) -> dict[str, Any]:
    """Walk the flatbuffer: op versions, multiplications, tensor types; raise ValueError on a misfit."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    graph = model.subgraphs[0]
    types = {flatbuffer_utils.type_to_name(tensor.type) for tensor in graph.tensors}
    if not types <= {"INT8", "INT32"}:
        msg = f"not fully quantised: tensors of {sorted(types - {'INT8', 'INT32'})}"
        raise ValueError(msg)
    codes = [
        (flatbuffer_utils.opcode_to_name(model, index), code.version) for index, code in enumerate(model.operatorCodes)
    ]
    for name, version in codes:
        if version > MAX_OP_VERSIONS.get(name, 0):
            msg = f"op {name} version {version} does not load in tflite-runtime 2.14.0"
            raise ValueError(msg)
    macs = 0
    for op in graph.operators:
        if codes[op.opcodeIndex][0] in {"CONV_2D", "FULLY_CONNECTED"}:
            weights, out = graph.tensors[op.inputs[1]].shape, graph.tensors[op.outputs[0]].shape
            macs += int(np.prod(weights) * np.prod(out[1:-1]))
    return {"ops": dict(codes), "operators": len(graph.operators), "macs": macs, "types": sorted(types)}


class Runner:
    """Runs a TFLite model with int8 input and output."""

    def __init__(self, content: bytes) -> None:
        self.interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
        self.interpreter.allocate_tensors()
        self.input, self.output = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()[0]

    def logits(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return real-valued logits (n, 7) and the milliseconds of one invoke."""
        scale, zero = self.output["quantization"]
        out = np.empty((len(inputs), len(LABELS)), np.float32)
        spent = 0.0
        for row, image in enumerate(tqdm(inputs, desc="int8", leave=False)):
            levels = np.rint(image / MODEL_SCALE).astype(np.int8)
            self.interpreter.set_tensor(self.input["index"], levels[None])
            started = time.perf_counter()
            self.interpreter.invoke()
            spent += time.perf_counter() - started
            out[row] = (self.interpreter.get_tensor(self.output["index"])[0].astype(np.float32) - zero) * scale
        return out, 1000 * spent / len(inputs)


def measure_crop(train: Split, cascade: Path, count: int) -> tuple[float, float]:
    """Return how many Haar boxes wide a FER2013 image is (median), and the share found.

    Each image is laid, 160 pixels wide, into a neutral canvas of 320: the detector frames the face
    within, and the image's side over the box's side is the scale by which a box must be widened.
    """
    finder = cv2.CascadeClassifier(str(cascade))
    if finder.empty():
        msg = f"{cascade}: no Haar cascade there; give one with --cascade"
        raise DataError(msg)
    rng = np.random.default_rng(SEED)
    ratios: list[float] = []
    for index in tqdm(rng.choice(len(train.images), count, replace=False), desc="crop scale", leave=False):
        image = cv2.resize(train.images[index], (160, 160), interpolation=cv2.INTER_CUBIC)
        canvas = np.full((320, 320), round(float(image.mean())), np.uint8)
        canvas[80:240, 80:240] = image
        boxes = finder.detectMultiScale(canvas, 1.05, 5, minSize=(70, 70), maxSize=(240, 240))
        if len(boxes) == 1:
            ratios.append(160 / float(boxes[0][2]))
    return float(np.median(ratios)), len(ratios) / count


def student(model: keras.Model, path: Path) -> None:
    """Keep the float weights as float16, in the order of `get_weights`."""
    np.savez_compressed(path, **{f"w{i:02}": w.astype(np.float16) for i, w in enumerate(model.get_weights())})


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out the width of a training that went on from another model: it took over that one's."""
    started = settings.get("start") not in (None, "None")
    return {key: value for key, value in settings.items() if not (started and key == "width")}


def _epoch(model: Path, epochs: list[dict[str, Any]]) -> int | None:
    """Return the epoch whose weights these are: averaged.keras holds the last one's, best.keras the best one's."""
    if not epochs:
        return None
    return (
        len(epochs) if model.stem == "averaged" else int(max(epochs, key=lambda each: each["test_accuracy"])["epoch"])
    )


def quantize(args: argparse.Namespace) -> None:
    """Convert, measure, write."""
    model = keras.models.load_model(args.model, compile=False)
    test = load(args.data, "test")
    train, _ = clean(load(args.data, "train"), test)
    content = convert(model, representative(train, args.samples))
    facts = inspect(content)
    runner = Runner(content)
    rng = np.random.default_rng(SEED + 1)
    fit = rng.choice(len(train.images), args.fit, replace=False)
    jittered = model_input(np.stack([jitter(train.images[i], rng) for i in fit]))
    temperature = fit_temperature(runner.logits(jittered)[0], train.labels[fit])
    crop, found = measure_crop(train, args.cascade, args.crops)

    inputs = model_input(test.images)
    floats = np.asarray(model.predict(inputs, batch_size=256, verbose=0))
    ints, milliseconds = runner.logits(inputs)
    result = figures(softmax(ints, temperature), test.labels)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "fer_int8.tflite").write_bytes(content)
    student(model, args.out / "fer_student.npz")
    log = args.model.parent / "log.json"
    trained = json.loads(log.read_text()) if log.exists() else {"settings": {}, "epochs": []}
    sidecar = {
        "labels": LABELS,
        "temperature": round(temperature, 4),
        "crop_scale": round(crop, 3),
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained": {
            "data": "FER2013 training split without repeats and without images of the test split",
            "images": len(train.labels),
            **_settings(trained["settings"]),
            "epoch": _epoch(args.model, trained["epochs"]),
        },
    }
    (args.out / "fer_int8.json").write_text(json.dumps(sidecar, indent=2) + "\n")
    report = {
        "float accuracy": round(float(np.mean(floats.argmax(1) == test.labels)), 4),
        "int8 accuracy": round(result.accuracy, 4),
        "agreement": round(float(np.mean(floats.argmax(1) == ints.argmax(1))), 4),
        "ece": round(result.ece, 4),
        "temperature": sidecar["temperature"],
        "crop scale": f"{crop:.3f} (a face found in {found:.0%} of {args.crops})",
        "bytes": len(content),
        "weights": model.count_params(),
        "MACs": facts["macs"],
        "ops": facts["ops"],
        "tensor types": facts["types"],
        "input": runner.input["quantization"],
        "output": runner.output["quantization"],
        "invoke ms": round(milliseconds, 3),
    }
    for key, value in report.items():
        print(f"{key:15} {value}")
    print(f"next: .venv/bin/python tools/evaluate.py --data {args.data} {args.out / 'fer_int8.tflite'}")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="best.keras of tools/train.py")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, default=MODELS, help="folder for the model and its sidecar")
    parser.add_argument("--cascade", type=Path, default=MODELS / "haarcascade_frontalface_default.xml")
    parser.add_argument("--samples", type=int, default=500, help="training images that calibrate the ranges")
    parser.add_argument("--fit", type=int, default=6000, help="training images that fit the temperature")
    parser.add_argument("--crops", type=int, default=1500, help="training images that measure the crop scale")
    args = parser.parse_args()
    if not args.model.is_file():
        print(f"quantize: {args.model}: no such file; run tools/train.py first", file=sys.stderr)
        return 2
    try:
        quantize(args)
    except (DataError, ValueError) as fault:
        print(f"quantize: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
