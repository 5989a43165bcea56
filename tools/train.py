#!/usr/bin/env python3
"""Train the emotion model on FER2013 (Kaggle layout) with Keras 3, resumable after a kill.

    script/train-env && .train-env/bin/python tools/train.py --data fer2013.zip --out build/train

One code for the CPU and GPU backends: set KERAS_BACKEND to tensorflow, torch or jax. Writes state.npz (the
running state, after each epoch), averaged.keras (the averaged weights), log.json and curve.png into --out; the same
command goes on from there. `tools/quantize.py` turns averaged.keras into models/fer_int8.tflite.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tqdm import tqdm

from tools.training.augment import Batches, Phase, targets
from tools.training.curve import plot
from tools.training.fer2013 import LABELS, DataError, Split, clean, hold_out, load, model_input
from tools.training.rounds import Alone, Job, Recipe, State, Team, Trainer, Workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE_NAMES = ("small", "medium", "large")
ROUND = 50
"""Batches of a round: the learning rate moves, and weights are averaged, after each."""
EMA = 0.85
"""Decay per round of the averaged weights: a memory of about seven rounds, a quarter or so of them an epoch."""
WARM_UP = 0.03
"""Part of the training in which the learning rate rises."""
MEASURE_EVERY = 3
"""Epochs from one measurement to the next."""
FINISH = 0.75
"""Part of the training after which images are whole, jitter is weaker and nothing is mixed."""


def learning_rate(progress: float, peak: float) -> float:
    """Return a linear warm-up, then half a cosine down to 0.2 % of `peak` (Loshchilov & Hutter 2017)."""
    if progress < WARM_UP:
        return peak * (0.1 + 0.9 * progress / WARM_UP)
    done = min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
    return peak * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * done)))


def phase(progress: float, args: argparse.Namespace) -> Phase:
    """Return how hard the images are by now."""
    if progress < FINISH:
        return Phase(args.crop, args.strength, args.mixup)
    return Phase(strength=0.75 * args.strength, mixup=0.0)


class Progress:
    """The progress of the training, 0..1: by epochs, or by the minutes that it may take."""

    def __init__(self, args: argparse.Namespace, spent_s: float) -> None:
        self._epochs, self._budget_s = args.epochs, 60.0 * args.minutes
        self._began = time.monotonic() - spent_s

    @property
    def spent_s(self) -> float:
        """Seconds trained so far, those before a kill included."""
        return time.monotonic() - self._began

    def at(self, epoch: float) -> float:
        """Return the progress after so many epochs."""
        return self.spent_s / self._budget_s if self._budget_s else epoch / self._epochs


class Judge:
    """Measures averaged weights, in float32."""

    def __init__(self, recipe: Recipe) -> None:
        import keras  # noqa: PLC0415 - loaded where it is used: workers set their threads first

        from tools.training.network import build_model  # noqa: PLC0415

        keras.mixed_precision.set_global_policy("float32")
        self.model = build_model(recipe.size)

    def accuracy(self, weights: State, data: Split) -> float:
        """Share of images whose most probable class is the label."""
        self.model.set_weights(weights)
        return float(np.mean(self.logits(data.images).argmax(axis=1) == data.labels)) if len(data.labels) else 0.0

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (n, 7) of the model as it is."""
        return np.asarray(self.model.predict(model_input(images), batch_size=256, verbose=0), np.float32)


def save(out: Path, judge: Judge, state: State, average: State, record: dict[str, Any]) -> None:
    """Write a checkpoint; the log last, and each file in one move: a kill between costs one epoch at most."""
    judge.model.set_weights(average)
    judge.model.save(out / "new.keras")
    (out / "new.keras").replace(out / "averaged.keras")
    done = len(record["epochs"])
    arrays = {f"s{i:03}": value for i, value in enumerate(state)} | {f"a{i:03}": v for i, v in enumerate(average)}
    np.savez(out / "new.npz", done=done, **arrays)
    (out / "new.npz").replace(out / "state.npz")
    (out / "new.json").write_text(json.dumps(record, indent=1) + "\n")
    (out / "new.json").replace(out / "log.json")
    plot(record["epochs"], out / "curve.png")


def resume(out: Path, epochs: list[dict[str, float]]) -> tuple[State, State] | None:
    """Return state and average of an earlier run into `out`, and add its epochs to the list."""
    if not (out / "state.npz").exists() or not (out / "log.json").exists():
        return None
    with np.load(out / "state.npz") as stored:
        done = int(stored["done"])
        state, average = ([stored[k] for k in sorted(stored) if k.startswith(kind) and k != "done"] for kind in "sa")
    epochs += json.loads((out / "log.json").read_text())["epochs"][:done]
    print(f"resuming after epoch {done}")
    return state, average


def prepare(args: argparse.Namespace) -> tuple[Batches, Split, Split, dict[str, int]]:
    """Load, clean and hold out; return the batches, the test split, the held-out images and what was dropped."""
    test = load(args.data, "test")
    everything = load(args.data, "train")
    train, dropped = clean(everything, test)
    train, held_out = hold_out(train, args.hold_out)
    print(f"{len(train.labels)} images to train on, {len(held_out.labels)} held out; dropped: {dropped}")
    teacher = None
    if args.teacher:
        with np.load(args.teacher) as opinions:
            logits = opinions["logits"]
        if logits.shape != (len(everything.labels), len(LABELS)):
            msg = f"{args.teacher}: logits of shape {logits.shape}; made for other data, make it again"
            raise DataError(msg)
        teacher = logits[train.numbers].astype(np.float32) / args.teacher_temperature
    learnt = targets(train.labels, args.smoothing, teacher, args.teacher_weight)
    return Batches(train, learnt, args.batch, args.seed), test, held_out, dropped


def train(args: argparse.Namespace) -> float:
    """Train or continue a training; return the last accuracy on the test split."""
    from tools.training.sizes import SIZES  # noqa: PLC0415

    batches, test, held_out, dropped = prepare(args)
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {key: str(value) for key, value in vars(args).items() if key not in {"data", "out"}}
    epochs: list[dict[str, float]] = []
    record = {"settings": settings, "dropped": dropped, "images": len(batches.data.labels), "epochs": epochs}
    recipe = Recipe(SIZES[args.size], args.momentum, args.decay, args.bfloat16)
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(args.workers, recipe, batches)) if args.workers > 1 else None
        judge = Judge(recipe)
        state, average, team = begin(args, recipe, batches, workers, epochs)
        progress = Progress(args, epochs[-1]["spent_s"] if epochs else 0.0)
        while progress.at(len(epochs)) < 1:
            state, average, loss = run_epoch(args, team, batches, progress, len(epochs), state, average)
            after = progress.at(len(epochs) + 1)
            entry = {"epoch": len(epochs) + 1, "progress": round(after, 4), "loss": round(loss, 4)}
            if len(epochs) % MEASURE_EVERY == 0 or after >= 1:
                entry["test_accuracy"] = round(judge.accuracy(average, test), 4)
                entry["held_out_accuracy"] = round(judge.accuracy(average, held_out), 4)
            entry["spent_s"] = round(progress.spent_s, 1)
            print(json.dumps(entry), flush=True)
            epochs.append(entry)
            save(args.out, judge, state, average, record)
    return float(epochs[-1].get("test_accuracy", math.nan))


def begin(
    args: argparse.Namespace, recipe: Recipe, batches: Batches, workers: Workers | None, epochs: list[dict[str, float]]
) -> tuple[State, State, Team]:
    """Return state, averaged weights and team to train with: an earlier run's, those of --start, or new ones."""
    import keras  # noqa: PLC0415

    from tools.training.network import load_student  # noqa: PLC0415

    keras.utils.set_random_seed(args.seed)
    trainer = Trainer(recipe, batches)
    team: Team = workers or Alone(trainer)
    state = resume(args.out, epochs)
    if state:
        return *state, team
    if args.start:
        model, size = load_student(args.start)
        if size != args.size:
            msg = f"{args.start}: a {size} network; give --size {size}"
            raise DataError(msg)
        trainer.model.set_weights(model.get_weights())
    return trainer.state(), trainer.model.get_weights(), team


def run_epoch(
    args: argparse.Namespace,
    team: Team,
    batches: Batches,
    progress: Progress,
    epoch: int,
    state: State,
    average: State,
) -> tuple[State, State, float]:
    """Train one epoch; return state, averaged weights and loss."""
    losses = []
    starts = range(0, len(batches), ROUND)
    bar = tqdm(starts, desc=f"epoch {epoch + 1}", unit="round", mininterval=10)
    for first in bar:
        now = progress.at(epoch + first / len(batches))
        indices = list(range(first, min(first + ROUND, len(batches))))
        team.start(Job(state, epoch, indices, learning_rate(now, args.rate), phase(now, args)))
        state, loss = team.result()
        average = [EMA * old + (1 - EMA) * new for old, new in zip(average, state, strict=False)]
        losses.append(loss)
        bar.set_postfix(loss=f"{loss:.3f}", done=f"{now:.1%}", refresh=False)
    return state, average, float(np.mean(losses))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints, log and curve")
    parser.add_argument("--size", choices=SIZE_NAMES, default="large")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--minutes", type=float, default=0.0, help="end after so long, instead of after --epochs")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.1, help="peak learning rate")
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--decay", type=float, default=5e-3, help="weight decay, decoupled, per step and rate")
    parser.add_argument("--smoothing", type=float, default=0.1, help="label smoothing")
    parser.add_argument("--mixup", type=float, default=0.2, help="alpha of the shares of mixed images; 0: none")
    parser.add_argument("--strength", type=float, default=0.8, help="scales turn, scale and shift of the jitter")
    parser.add_argument("--crop", type=int, default=40, help="pixels cut out of the images in the first 3/4")
    parser.add_argument("--hold-out", type=int, default=1000, help="training images kept for the temperature")
    parser.add_argument("--teacher", type=Path, help="logits of a teacher on the training split (tools/teach.py)")
    parser.add_argument("--teacher-weight", type=float, default=0.7, help="its share in what is learnt")
    parser.add_argument("--teacher-temperature", type=float, default=1.5)
    parser.add_argument(
        "--start", type=Path, help="model to go on from, instead of a new one: a .keras file or a fer_student.npz"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each, averaged every round")
    parser.add_argument("--bfloat16", action="store_true", help="mixed precision: twice as fast where the CPU has it")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    try:
        best = train(args)
    except (DataError, ValueError) as fault:
        print(f"train: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on after the last finished epoch", file=sys.stderr)
        return 130
    print(f"accuracy on the test split: {best:.4f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
