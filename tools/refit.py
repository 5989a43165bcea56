#!/usr/bin/env python3
r"""Average students that went on from the same weights, and refit the last layer to FER2013 and photographs.

    P=.train-env/bin/python
    $P tools/refit.py models/fer_student.npz build/a/student.npz build/b/student.npz --shares 0.8 0.1 0.1 \
      --data fer2013.zip --photos photos.zip --out build/refitted

Weights between those before and after a training keep most of the accuracy of both (Wortsman et al. 2022, *Robust
fine-tuning of zero-shot models*). The last layer is fitted by L-BFGS on the features of some images as they are: to
FER2013's labels and teachers by halves, and, `--photo-weight` as strongly, to the photographs' smoothed labels. It
stays near what it was, and in mirrored pairs. Writes student.npz into --out. Minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.nn import functional as tf

from tools.adapt import MODELS, PHOTO_SMOOTHING
from tools.training.chips import EXTENT, Chips, hold_out_persons, read_chips
from tools.training.course import run_tool
from tools.training.fer2013 import LABELS, clean, hold_out, load
from tools.training.sizes import SIZES, read_weights
from tools.training.torch_augment import model_input
from tools.training.torch_network import Network
from tools.training.views import keep

FER_IMAGES, RESTING, SMILING = 7000, 1900, 1500
"""Images that the layer is fitted to, and of the photographs so many neutral and happy ones and all others."""
COVERS = 0.87
"""Sides of Haar's box that are cut out of a photograph."""
WEIGHTS = dict(zip(LABELS, (2.0, 0.5, 1.0, 1.5, 1.6, 2.0, 1.0), strict=True))
"""Of the photographs by class: angry and sad ones are few, and disgust's labels are poor."""
NEAR = 1e-3
"""Weight of the squared distance from the layer as it was."""


def features(network: Network, images: torch.Tensor) -> torch.Tensor:
    """Return what the last layer sees of grey levels (n, 1, 48, 48); both of each pair added up, (n, d / 2)."""
    rows = []
    with torch.no_grad():
        for part in images.split(256):
            x = model_input(part.float()).contiguous(memory_format=torch.channels_last)
            for layer in network.stem:
                x = tf.relu(layer(x))
            rows.append(network.stages(x).mean(dim=(2, 3)))
    whole = torch.cat(rows)
    return whole[:, : whole.shape[1] // 2] + whole[:, whole.shape[1] // 2 :]


def tight(chips: Chips) -> torch.Tensor:
    """Return grey levels (n, 1, 48, 48) of chips, cut as the daemon cuts."""
    ratio = COVERS / EXTENT
    theta = torch.tensor([[ratio, 0.0, 0.0], [0.0, ratio, 0.0]]).repeat(len(chips.labels), 1, 1)
    grid = tf.affine_grid(theta, [len(theta), 1, 48, 48], align_corners=False)
    images = torch.from_numpy(chips.images[:, None]).float()
    return tf.grid_sample(images, grid, padding_mode="border", align_corners=False).round()


def some(chips: Chips, rng: np.random.Generator) -> Chips:
    """Return some of the neutral and happy photographs and all others."""
    chosen = ~np.isin(chips.labels, [LABELS.index("neutral"), LABELS.index("happy")])
    for label, count in (("happy", SMILING), ("neutral", RESTING)):
        of_label = np.flatnonzero(chips.labels == LABELS.index(label))
        chosen[rng.permutation(of_label)[:count]] = True
    return chips.only(chosen)


def smoothed(labels: torch.Tensor, by: float) -> torch.Tensor:
    """Return probabilities (n, 7)."""
    return tf.one_hot(labels, len(LABELS)).float() * (1 - by) + by / len(LABELS)


def refit(args: argparse.Namespace) -> None:
    """Fit the last layer of the averaged students, and write the student to --out."""
    students = [read_weights(path) for path in args.models]
    weights = [np.average(layers, axis=0, weights=args.shares) for layers in zip(*students, strict=True)]
    network = Network(SIZES[args.size])
    network.set_weights([values.astype(np.float32) for values in weights])
    network = network.eval().to(memory_format=torch.channels_last)
    rng = np.random.default_rng(4)
    fer, _ = hold_out(clean(load(args.data, "train"), load(args.data, "test"))[0], args.hold_out)
    fer = fer.only(rng.permutation(len(fer.labels))[:FER_IMAGES])
    args.out.mkdir(parents=True, exist_ok=True)
    cascade = MODELS / "haarcascade_frontalface_default.xml"
    chips, _ = hold_out_persons(read_chips(args.photos, "train", cascade, args.out / "chips.npz"), args.hold_people)
    chips = some(chips, rng)
    with np.load(args.teacher) as teacher:
        targets = torch.from_numpy(teacher["logits"][fer.numbers].astype(np.float32)).softmax(1)
    fer_learnt = (smoothed(torch.from_numpy(fer.labels), 0.05) + targets) / 2
    photos_learnt = smoothed(torch.from_numpy(chips.labels), PHOTO_SMOOTHING)
    class_weights = torch.tensor([WEIGHTS[LABELS[label]] for label in chips.labels])
    weigh = args.photo_weight * class_weights / class_weights.sum()
    seen, seen_photos = features(network, torch.from_numpy(fer.images[:, None])), features(network, tight(chips))
    half = len(weights[-2]) // 2
    before = torch.from_numpy(weights[-2][:half].astype(np.float32))
    kernel = before.clone().requires_grad_()
    bias = torch.from_numpy(weights[-1].astype(np.float32)).requires_grad_()
    optimizer = torch.optim.LBFGS([kernel, bias], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        of_photos = tf.cross_entropy(seen_photos @ kernel + bias, photos_learnt, reduction="none")
        total = tf.cross_entropy(seen @ kernel + bias, fer_learnt) + (weigh * of_photos).sum()
        total = total + NEAR * ((kernel - before) ** 2).sum()
        total.backward()
        return total

    optimizer.step(loss)
    fitted = kernel.detach().numpy()
    weights[-2:] = [np.concatenate([fitted, fitted]), bias.detach().numpy()]
    keep(
        args.out / "student.npz",
        **{f"w{n:03}": values.astype(np.float32) for n, values in enumerate(weights)},
    )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="student.npz, all gone on from the same weights")
    parser.add_argument("--shares", type=float, nargs="+", help="of each in the average; else all alike")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--teacher", type=Path, default=MODELS / "fer_teacher.npz", help="logits of FER2013's images")
    parser.add_argument("--photo-weight", type=float, default=0.1)
    parser.add_argument("--size", choices=list(SIZES), default="large")
    parser.add_argument("--hold-out", type=int, default=1000, help="as tools/adapt.py was told")
    parser.add_argument("--hold-people", type=float, default=0.08, help="likewise")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    args = parser.parse_args()
    if args.shares and len(args.shares) != len(args.models):
        parser.error("give as many --shares as models")
    return run_tool("refit", refit, args)


if __name__ == "__main__":
    raise SystemExit(main())
