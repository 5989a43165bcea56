#!/usr/bin/env python3
"""Turn a trained Keras model into the daemon's full-int8 TFLite model and its sidecar.

    script/train-env
    .train-env/bin/python tools/quantize.py build/train/averaged.keras --data fer2013.zip --out models/

Several trainings that went on from the same weights are averaged, weight by weight (Wortsman et al. 2022, *Model
soups*). Writes fer_int8.tflite, fer_int8.json (labels, temperature, crop scale, checksum) and fer_student.npz (the
float weights as float16; tools/train.py --start goes on from them). A student of tools/refit.py has a second last
layer, for rooms: it becomes an output of its own. Only training images calibrate ranges and crop scale and fit the
face output; the temperature is fitted on those that were held out of the training.
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

from musicond.vision.preprocess import INPUT_SIZE, MODEL_SCALE
from tools.training import face_unit
from tools.training.augment import jitter
from tools.training.fer2013 import LABELS, DataError, Split, clean, hold_out, load, model_input
from tools.training.metrics import figures, fit_temperature, softmax
from tools.training.network import load_student
from tools.training.sizes import ROOM_LAYER, read_room_layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODELS = Path(__file__).resolve().parent.parent / "models"
MAX_OP_VERSIONS = {"CONV_2D": 3, "FULLY_CONNECTED": 4, "MAX_POOL_2D": 2, "MEAN": 2, "ADD": 2}
"""Newest versions of the ops in use that tflite-runtime 2.14.0, the oldest supported runtime, has."""
SEED = 7


def whole(
    model: keras.Model, room: list[NDArray[np.float32]] | None, train: Split, faces: int, scenes: int
) -> tuple[keras.Model, dict[str, float]]:
    """Return the model for 48x48 with further outputs beside the logits, and how good the face output is.

    These are the face output, which is measured with fresh pictures, and the logits for rooms if there is a layer for
    them.
    """
    fixed = keras.models.clone_model(model, input_tensors=keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="face"))
    fixed.set_weights(model.get_weights())
    body = keras.Model(fixed.input, fixed.layers[-1].input)
    pictures, is_face = face_unit.pictures(train, faces, scenes, SEED)
    features = np.asarray(body.predict(model_input(pictures), batch_size=256, verbose=0))
    weights, bias = face_unit.fit(features, is_face)
    unit = keras.layers.Dense(1, name="is_face")
    outputs = [fixed.output, unit(body.output)]
    unit.set_weights([weights[:, None], np.array([bias], np.float32)])
    fresh, truth = face_unit.pictures(train, max(1, faces // 4), scenes // 4, SEED + 1)
    odds = np.asarray(body.predict(model_input(fresh), batch_size=256, verbose=0)) @ weights + bias
    if room is not None:
        layer = keras.layers.Dense(len(LABELS), name="room")
        outputs.append(layer(body.output))
        layer.set_weights(room)
    good = {"of faces": float(np.mean(odds[truth == 1] > 0)), "of others": float(np.mean(odds[truth == 0] <= 0))}
    return keras.Model(fixed.input, outputs), good


def representative(train: Split, count: int) -> NDArray[np.float32]:
    """Return (count, 48, 48, 1) model inputs: training images, half of them jittered, and a tenth no faces."""
    rng = np.random.default_rng(SEED)
    chosen = train.images[rng.choice(len(train.images), min(count, len(train.images)), replace=False)]
    half = len(chosen) // 2
    jittered = [jitter(image, rng) for image in chosen[half:]]
    scenes = [cv2.resize(face_unit.scene(rng, 96), (INPUT_SIZE, INPUT_SIZE)) for _ in range(count // 10)]
    return model_input(np.stack([*chosen[:half], *jittered, *scenes]).astype(np.uint8))


def convert(model: keras.Model, samples: NDArray[np.float32]) -> bytes:
    """Quantise weights (per channel) and activations to int8."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return in_order(bytes(converter.convert()))


def in_order(content: bytes) -> bytes:
    """Return a model whose outputs stand in the order of the Keras model: an interpreter lists them as they stand."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    named = {bytes(output.name): output.tensorIndex for output in model.signatureDefs[0].outputs}
    model.subgraphs[0].outputs = [named[f"output_{number}".encode()] for number in range(len(named))]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


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
        self.input = self.interpreter.get_input_details()[0]
        outputs = self.interpreter.get_output_details()
        self.output = next(details for details in outputs if details["shape"][-1] == len(LABELS))

    def logits(self, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return real-valued logits (n, 7) and the median milliseconds of one invoke."""
        scale, zero = self.output["quantization"]
        out = np.empty((len(inputs), len(LABELS)), np.float32)
        spent = []
        for row, image in enumerate(tqdm(inputs, desc="int8", leave=False)):
            levels = np.rint(image / MODEL_SCALE).astype(np.int8)
            self.interpreter.set_tensor(self.input["index"], levels[None])
            started = time.perf_counter()
            self.interpreter.invoke()
            spent.append(time.perf_counter() - started)
            out[row] = (self.interpreter.get_tensor(self.output["index"])[0].astype(np.float32) - zero) * scale
        return out, 1000 * float(np.median(spent))


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
    for index in tqdm(rng.permutation(len(train.images))[:count], desc="crop scale", leave=False):
        image = cv2.resize(train.images[index], (160, 160), interpolation=cv2.INTER_CUBIC)
        canvas = np.full((320, 320), round(float(image.mean())), np.uint8)
        canvas[80:240, 80:240] = image
        boxes = finder.detectMultiScale(canvas, 1.05, 5, minSize=(70, 70), maxSize=(240, 240))
        if len(boxes) == 1:
            ratios.append(160 / float(boxes[0][2]))
    return (float(np.median(ratios)) if ratios else 1.0), len(ratios) / count


def student(model: keras.Model, room: list[NDArray[np.float32]] | None, size: str, path: Path) -> None:
    """Keep the float weights as float16, in the order of `get_weights`, the layer for rooms, and the size's name."""
    weights = {f"w{i:03}": w.astype(np.float16) for i, w in enumerate(model.get_weights())}
    if room is not None:
        weights |= {name: w.astype(np.float16) for name, w in zip(ROOM_LAYER, room, strict=True)}
    np.savez_compressed(path, size=size, **weights)


def averaged(paths: list[Path], shares: list[float] | None) -> tuple[keras.Model, str]:
    """Return the mean of models of one size, and its name; raise ValueError where they differ in size."""
    students = [load_student(path) for path in paths]
    model, size = students[0]
    for path, (_, other) in zip(paths, students, strict=True):
        if other != size:
            msg = f"{path}: a {other} network, {paths[0]} a {size} one; only networks of one size have an average"
            raise ValueError(msg)
    weights = zip(*(student.get_weights() for student, _ in students), strict=True)
    model.set_weights([np.average(values, axis=0, weights=shares) for values in weights])
    return model, size


def averaged_room_layer(paths: list[Path], shares: list[float] | None) -> list[NDArray[np.float32]] | None:
    """Return the mean of the last layers for rooms; None if no model has one, DataError if some have."""
    layers = [read_room_layer(path) for path in paths]
    with_layer = [layer for layer in layers if layer is not None]
    if not with_layer:
        return None
    if len(with_layer) < len(layers):
        raise DataError("some models have a last layer for rooms, others have none; run tools/refit.py on each")
    parts = zip(*with_layer, strict=True)
    return [np.asarray(np.average(part, axis=0, weights=shares), np.float32) for part in parts]


def quantize(args: argparse.Namespace) -> None:
    """Convert, measure, write."""
    model, size = averaged(args.models, args.shares)
    room = averaged_room_layer(args.models, args.shares)
    test = load(args.data, "test")
    train, _ = clean(load(args.data, "train"), test)
    train, held_out = hold_out(train, args.hold_out)
    complete, face = whole(model, room, train, args.faces, args.scenes)
    content = convert(complete, representative(train, args.samples))
    runner = Runner(content)
    temperature = fit_temperature(runner.logits(model_input(held_out.images))[0], held_out.labels)
    crop, face_share = measure_crop(train, args.cascade, args.crops)
    tight = crop * face_unit.TIGHTER
    report = {
        **measured(complete, runner, test, temperature),
        **{key: value for key, value in inspect(content).items() if key != "operators"},
        "temperature": f"{temperature:.4f} (fitted on {len(held_out.labels)} held-out images)",
        "face output": ", ".join(f"{share:.1%} {whose}" for whose, share in face.items()) + " told right",
        "crop scale": f"{tight:.3f} (FER2013's own {crop:.3f}; a face found in {face_share:.0%} of {args.crops})",
        "bytes": len(content),
        "weights": complete.count_params(),
    }
    how = [_trained(path) for path in args.models]
    sidecar = {
        "labels": LABELS,
        "temperature": round(temperature, 4),
        "crop_scale": round(tight, 3),
        "face_crop_scale": round(tight, 3),
        "sha256": hashlib.sha256(content).hexdigest(),
        "trained": {
            "data": "FER2013 training split without repeats and without images of the test split",
            "images": len(train.labels),
            **(how[0] if len(how) == 1 else {"average_of": how, "shares": args.shares}),
        },
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "fer_int8.tflite").write_bytes(content)
    (args.out / "fer_int8.json").write_text(json.dumps(sidecar, indent=2) + "\n")
    student(model, room, size, args.out / "fer_student.npz")
    for key, value in report.items():
        print(f"{key:15} {value}")
    print(f"next: .venv/bin/python tools/evaluate.py --data {args.data} {args.out / 'fer_int8.tflite'}")


def measured(model: keras.Model, runner: Runner, test: Split, temperature: float) -> dict[str, object]:
    """Return the figures of the int8 model and of the float model on the test split."""
    inputs = model_input(test.images)
    floats = np.asarray(model.predict(inputs, batch_size=256, verbose=0)[0])
    ints, milliseconds = runner.logits(inputs)
    result = figures(softmax(ints, temperature), test.labels)
    return {
        "float accuracy": round(float(np.mean(floats.argmax(1) == test.labels)), 4),
        "int8 accuracy": round(result.accuracy, 4),
        "agreement": round(float(np.mean(floats.argmax(1) == ints.argmax(1))), 4),
        "macro-F1": round(result.macro_f1, 4),
        "ece": round(result.ece, 4),
        "input": runner.input["quantization"],
        "output": runner.output["quantization"],
        "invoke ms": f"{milliseconds:.3f} (median, one thread, TensorFlow's runtime)",
    }


def _trained(model: Path) -> dict[str, Any]:
    """Return how the model was trained, from the log beside it."""
    log = model.parent / "log.json"
    if not log.exists():
        return {}
    entries = json.loads(log.read_text())
    return {**entries["settings"], "epochs": len(entries["epochs"])}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "models",
        type=Path,
        nargs="+",
        help="averaged.keras of tools/train.py, or a fer_student.npz; of several, the average",
    )
    parser.add_argument("--shares", type=float, nargs="+", help="of each model in the average; else all alike")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, default=MODELS, help="folder for the model and its sidecar")
    parser.add_argument("--cascade", type=Path, default=MODELS / "haarcascade_frontalface_default.xml")
    parser.add_argument("--hold-out", type=int, default=1000, help="as tools/train.py was told")
    parser.add_argument("--samples", type=int, default=500, help="training images that calibrate the ranges")
    parser.add_argument("--faces", type=int, default=4000, help="training images that fit the face output")
    parser.add_argument("--scenes", type=int, default=8000, help="drawn scenes likewise")
    parser.add_argument("--crops", type=int, default=1500, help="training images that measure the crop scale")
    args = parser.parse_args()
    if args.shares and len(args.shares) != len(args.models):
        parser.error("give as many --shares as models")
    missing = [path for path in args.models if not path.is_file()]
    if missing:
        print(f"quantize: {missing[0]}: no such file; run tools/train.py or tools/distil.py first", file=sys.stderr)
        return 2
    try:
        quantize(args)
    except (DataError, ValueError) as fault:
        print(f"quantize: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
