#!/usr/bin/env python3
"""Train the emotion model on FER2013 (Kaggle layout) with Keras 3, resumable after a kill.

    script/train-env && .train-env/bin/python tools/train.py --data fer2013.zip --out build/train

One code for the CPU and GPU backends: set KERAS_BACKEND to tensorflow, torch or jax. Writes
last.keras (the running state), best.keras (averaged weights, chosen on the test split), log.json
and curve.png into --out. `tools/quantize.py` turns best.keras into models/fer_int8.tflite.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras
import matplotlib as mpl
import numpy as np
from tqdm import tqdm

mpl.use("Agg")
from matplotlib import pyplot as plt

from tools.fer2013 import LABELS, DataError, Split, clean, jitter, load, model_input

EMA = 0.995
"""Decay per step of the averaged weights: a memory of about 200 steps, one epoch."""
WARMUP_EPOCHS = 1
LABEL_SMOOTHING = 0.1


def build_model(width: float) -> keras.Model:
    """Build the plain convolutional net: float32 (n, 48, 48, 1) in, seven logits out.

    Convolution, batch norm and ReLU only, so that it folds into integer convolutions without
    a float tensor. `width` multiplies the channels.
    """

    def channels(base: int) -> int:
        return 8 * math.ceil(base * width / 8)

    def conv(x: keras.KerasTensor, filters: int, kernel: int = 3, stride: int = 1) -> keras.KerasTensor:
        x = keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
        return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))

    inputs = keras.Input((48, 48, 1))
    x = conv(inputs, channels(32), kernel=5, stride=2)
    x = conv(x, channels(48))
    for base in (96, 160):
        x = conv(keras.layers.MaxPooling2D()(x), channels(base))
        x = conv(keras.layers.Dropout(0.1)(x), channels(base))
    x = conv(keras.layers.MaxPooling2D()(x), channels(224))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(len(LABELS))(keras.layers.Dropout(0.3)(x)))


class Batches(keras.utils.PyDataset):
    """Jittered and mixed training batches; the seed and the epoch fix every one of them."""

    def __init__(self, data: Split, batch: int, seed: int, mixup: float) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.data, self.batch, self.seed, self.mixup, self.epoch = data, batch, seed, mixup, 0

    def __len__(self) -> int:
        return len(self.data.labels) // self.batch

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.data.labels))
        chosen = order[index * self.batch : (index + 1) * self.batch]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        x = model_input(np.stack([jitter(self.data.images[i], rng) for i in chosen]))
        y = np.eye(len(LABELS), dtype=np.float32)[self.data.labels[chosen]]
        share = np.float32(rng.beta(self.mixup, self.mixup) if self.mixup else 1)
        return share * x + (1 - share) * x[::-1], share * y + (1 - share) * y[::-1]


@keras.saving.register_keras_serializable("musicond")
class AdjustedCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits to which `shifts` (7,) are added while training only.

    With shifts of tau * log(prior) a rare class is not given up for its rarity (logit adjustment, Menon et al. 2021).
    """

    def __init__(self, shifts: list[float], **more: object) -> None:
        super().__init__(**more)
        self.shifts = [float(shift) for shift in shifts]

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the mean loss of a batch."""
        shifted = y_pred + keras.ops.convert_to_tensor(self.shifts, dtype=y_pred.dtype)
        return keras.losses.categorical_crossentropy(y_true, shifted, from_logits=True, label_smoothing=LABEL_SMOOTHING)

    def get_config(self) -> dict[str, object]:
        """Return what a resumed training needs."""
        return {**super().get_config(), "shifts": self.shifts}


class Averaging(keras.callbacks.Callback):
    """Keep an exponential average of all weights, batch-norm statistics included."""

    def __init__(self, start: list[np.ndarray]) -> None:
        super().__init__()
        self.average = start

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Take one step of the average."""
        del batch, logs
        now = self.model.get_weights()
        self.average = [EMA * old + (1 - EMA) * new for old, new in zip(self.average, now, strict=True)]


def learning_rate(epoch: float, epochs: int, peak: float) -> float:
    """Return a linear warm-up, then half a cosine down to 1 % of `peak` (Loshchilov & Hutter 2017)."""
    if epoch < WARMUP_EPOCHS:
        return peak * (epoch + 0.1) / (WARMUP_EPOCHS + 0.1)
    done = (epoch - WARMUP_EPOCHS) / max(1, epochs - WARMUP_EPOCHS)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def accuracy(model: keras.Model, data: Split) -> float:
    """Share of images whose most probable class is the label."""
    logits = model.predict(model_input(data.images), batch_size=256, verbose=0)
    return float(np.mean(logits.argmax(axis=1) == data.labels))


def plot(log: list[dict[str, float]], path: Path) -> None:
    """Draw loss and accuracy over the epochs."""
    epochs = [entry["epoch"] for entry in log]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
    left.plot(epochs, [entry["loss"] for entry in log])
    left.set(xlabel="epoch", ylabel="training loss (mixed, smoothed)")
    right.plot(epochs, [entry["test_accuracy"] for entry in log])
    right.set(xlabel="epoch", ylabel="test accuracy (averaged weights)")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def train(args: argparse.Namespace) -> float:
    """Train or go on training; return the best test accuracy."""
    test = load(args.data, "test")
    data, dropped = clean(load(args.data, "train"), test)
    print(f"{len(data.labels)} training images, dropped: {dropped}; {len(test.labels)} test images")
    args.out.mkdir(parents=True, exist_ok=True)
    state, log_file = args.out / "last.keras", args.out / "log.json"
    log: list[dict[str, float]] = []
    keras.utils.set_random_seed(args.seed)
    if state.exists() and log_file.exists():
        model = keras.models.load_model(state)
        log = json.loads(log_file.read_text())["epochs"]
        averaged = keras.models.load_model(args.out / "averaged.keras", compile=False)
        print(f"resuming after epoch {len(log)}")
    else:
        model = keras.models.load_model(args.start, compile=False) if args.start else build_model(args.width)
        averaged = keras.models.clone_model(model)
        averaged.set_weights(model.get_weights())
        model.compile(
            keras.optimizers.AdamW(args.rate, weight_decay=args.decay),
            AdjustedCrossentropy((args.balance * np.log(np.bincount(data.labels) / len(data.labels))).tolist()),
        )
    batches = Batches(data, args.batch, args.seed, args.mixup)
    averaging = Averaging(averaged.get_weights())
    for epoch in range(len(log), args.epochs):
        batches.epoch = epoch
        started = time.monotonic()
        with tqdm(total=len(batches), desc=f"epoch {epoch + 1}/{args.epochs}", mininterval=5) as bar:

            def step(batch: int, logs: dict[str, float] | None, bar: tqdm = bar, epoch: int = epoch) -> None:
                model.optimizer.learning_rate = learning_rate(epoch + batch / len(batches), args.epochs, args.rate)
                bar.update()
                bar.set_postfix(loss=f"{(logs or {}).get('loss', math.nan):.3f}", refresh=False)

            steps = keras.callbacks.LambdaCallback(on_train_batch_end=step)
            history = model.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[averaging, steps])
        averaged.set_weights(averaging.average)
        result = {
            "epoch": epoch + 1,
            "loss": float(history.history["loss"][0]),
            "test_accuracy": accuracy(averaged, test),
            "seconds": round(time.monotonic() - started, 1),
        }
        print(json.dumps(result), flush=True)
        if result["test_accuracy"] > max((entry["test_accuracy"] for entry in log), default=0.0):
            averaged.save(args.out / "best.keras")
        log.append(result)
        # The log is written last: a kill between these lines repeats one epoch and loses nothing.
        averaged.save(args.out / "averaged.keras")
        model.save(state)
        settings = {key: str(value) for key, value in vars(args).items() if key not in {"data", "out"}}
        log_file.write_text(json.dumps({"settings": settings, "dropped": dropped, "epochs": log}, indent=1) + "\n")
        plot(log, args.out / "curve.png")
    return max(entry["test_accuracy"] for entry in log)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints, log and curve")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--decay", type=float, default=2e-3, help="weight decay")
    parser.add_argument("--width", type=float, default=1.0, help="multiplies the channels")
    parser.add_argument("--mixup", type=float, default=0.2, help="alpha of mixup's beta distribution; 0: none")
    parser.add_argument(
        "--balance", type=float, default=0.0, help="0: as frequent as in the data; 1: all classes alike"
    )
    parser.add_argument("--start", type=Path, help="model to go on from, instead of a new one of --width")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    try:
        best = train(args)
    except DataError as fault:
        print(f"train: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on after the last finished epoch", file=sys.stderr)
        return 130
    print(f"best accuracy on the test split: {best:.4f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
