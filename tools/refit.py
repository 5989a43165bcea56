#!/usr/bin/env python3
r"""Average students that went on from the same weights, and fit the last layers: for FER2013, and for rooms.

    P=.train-env/bin/python
    $P tools/refit.py models/fer_student.npz build/a/student.npz build/b/student.npz --shares 0.8 0.1 0.1 \
      --data fer2013.zip --photos photos.zip --out build/refitted

Weights between those before and after a training keep most of the accuracy of both (Wortsman et al. 2022, *Robust
fine-tuning of zero-shot models*). Both layers are fitted by L-BFGS on the features of images as they are: to FER2013's
labels and teachers by halves, and to the photographs' smoothed labels. They stay near the layer of the average, and in
mirrored pairs.

The layer for FER2013 counts photographs `--photo-weight` as strongly; with 0 it stays as it is. The layer for rooms
counts them `--room-weight` as strongly, with a prior and a temperature, which tools/fit_room.py fits again. Writes
student.npz into --out. Minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.nn import functional as tf

from tools.adapt import MODELS, PHOTO_SMOOTHING
from tools.training.chips import EXTENT, Chips, hold_out_persons, read_chips
from tools.training.course import run_tool
from tools.training.fer2013 import LABELS, Split, clean, hold_out, load
from tools.training.sizes import ROOM_LAYER, SIZES, read_weights
from tools.training.torch_augment import model_input
from tools.training.torch_network import Network
from tools.training.views import keep

if TYPE_CHECKING:
    from numpy.typing import NDArray

FER_IMAGES, RESTING, SMILING = 7000, 1900, 1500
"""Images that FER2013's layer is fitted to, and of the photographs so many neutral and happy ones and all others."""
COVERS, ROOM_COVERS = 0.87, (0.85, 0.95, 1.05)
"""Sides of Haar's box that are cut out of a photograph, for each of the two layers."""
WEIGHTS = dict(zip(LABELS, (2.0, 0.5, 1.0, 1.5, 1.6, 2.0, 1.0), strict=True))
"""Of the photographs by class: angry and sad ones are few, and disgust's labels are poor."""
NEAR = 1e-3
"""Weight of the squared distance from the layer as it was."""
ROOM_WEIGHTS = dict(zip(LABELS, (5.0, 1.0, 1.0, 1.2, 1.0, 6.0, 1.0), strict=True))
"""Of the photographs by class for rooms, beside their share: angry and sad ones are few."""
ROOM_SMOOTHING, ROOM_TEMPERATURE = 0.05, 0.75
"""Smoothing of the photographs' labels for rooms, and the room's temperature during the fit."""
FIRST_PRIOR = dict(zip(LABELS, (0.65, 0.0, 0.0, 2.42, 2.49, 1.4, 1.36), strict=True))
"""Where the fit of the prior begins: the sidecar of the model before. tools/fit_room.py replaces both.

Those of 0 stay: disgust and fear are few, and their labels poor.
"""


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


def tight(chips: Chips, covers: float) -> torch.Tensor:
    """Return grey levels (n, 1, 48, 48) of chips, cut at so many sides of Haar's box."""
    ratio = covers / EXTENT
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


@dataclass(frozen=True)
class Examples:
    """Features of m images, in one or more cuts (m, d) each, their targets (m, 7), and the weight of each (m,)."""

    cuts: list[torch.Tensor]
    targets: torch.Tensor
    weights: torch.Tensor

    def loss(self, kernel: torch.Tensor, bias: torch.Tensor, temperature: float, prior: torch.Tensor) -> torch.Tensor:
        """Return the weighted log loss of a layer with a temperature and a prior, averaged over the cuts."""
        losses = [
            tf.cross_entropy((cut @ kernel + bias) / temperature + prior, self.targets, reduction="none")
            for cut in self.cuts
        ]
        return (self.weights * torch.stack(losses).mean(dim=0)).sum()


@dataclass(frozen=True)
class Layer:
    """Half of the last layer's kernel, (d, 7), and its biases, (7,)."""

    kernel: torch.Tensor
    bias: torch.Tensor

    def fitted(self, fer: Examples, photos: Examples, photo_weight: float, *, room: bool) -> Layer:
        """Return a layer near this one; for a `room` its prior is fitted, too, and its temperature taken off."""
        kernel, bias = (values.clone().requires_grad_() for values in (self.kernel, self.bias))
        prior = torch.tensor([FIRST_PRIOR[label] for label in LABELS]) if room else torch.zeros(len(LABELS))
        shifted, none = prior != 0, torch.zeros(len(LABELS))
        prior = prior.requires_grad_(room)
        temperature = ROOM_TEMPERATURE if room else 1.0
        optimizer = torch.optim.LBFGS(
            [kernel, bias, *([prior] if room else [])], max_iter=60, line_search_fn="strong_wolfe"
        )

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            total = fer.loss(kernel, bias, 1.0, none)
            total = total + photo_weight * photos.loss(kernel, bias, temperature, prior * shifted)
            total = total + NEAR * ((kernel - self.kernel) ** 2).sum()
            total.backward()
            return total

        optimizer.step(loss)
        return Layer(kernel.detach(), bias.detach())

    def whole(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the kernel (2d, 7) and the biases."""
        half = self.kernel.numpy().astype(np.float32)
        return np.concatenate([half, half]), self.bias.numpy().astype(np.float32)


def image_weights(labels: NDArray[np.int64], weights: dict[str, float]) -> torch.Tensor:
    """Return the weight of each image, by its class; they add up to 1."""
    each = torch.tensor([weights[LABELS[label]] for label in labels])
    return each / each.sum()


def fer_examples(network: Network, fer: Split, teacher: Path) -> Examples:
    """Return FER2013's images, taught by their labels and by the teachers."""
    with np.load(teacher) as file:
        taught = torch.from_numpy(file["logits"][fer.numbers].astype(np.float32)).softmax(1)
    targets = (smoothed(torch.from_numpy(fer.labels), 0.05) + taught) / 2
    seen = features(network, torch.from_numpy(fer.images[:, None]))
    return Examples([seen], targets, torch.full((len(targets),), 1 / len(targets)))


def refit(args: argparse.Namespace) -> None:
    """Fit the last layers of the averaged students, and write the student to --out."""
    students = [read_weights(path) for path in args.models]
    weights = [np.average(layers, axis=0, weights=args.shares) for layers in zip(*students, strict=True)]
    network = Network(SIZES[args.size])
    network.set_weights([values.astype(np.float32) for values in weights])
    network = network.eval().to(memory_format=torch.channels_last)
    rng = np.random.default_rng(4)
    fer, _ = hold_out(clean(load(args.data, "train"), load(args.data, "test"))[0], args.hold_out)
    args.out.mkdir(parents=True, exist_ok=True)
    cascade = MODELS / "haarcascade_frontalface_default.xml"
    everyone, _ = hold_out_persons(read_chips(args.photos, "train", cascade, args.out / "chips.npz"), args.hold_people)
    half = len(weights[-2]) // 2
    before = Layer(*(torch.from_numpy(values.astype(np.float32)) for values in (weights[-2][:half], weights[-1])))
    if args.photo_weight:
        learnt = fer_examples(network, fer.only(rng.permutation(len(fer.labels))[:FER_IMAGES]), args.teacher)
        chips = some(everyone, rng)
        targets = smoothed(torch.from_numpy(chips.labels), PHOTO_SMOOTHING)
        photos = Examples([features(network, tight(chips, COVERS))], targets, image_weights(chips.labels, WEIGHTS))
        weights[-2:] = before.fitted(learnt, photos, args.photo_weight, room=False).whole()
    learnt = fer_examples(network, fer, args.teacher)
    targets = smoothed(torch.from_numpy(everyone.labels), ROOM_SMOOTHING)
    cuts = [features(network, tight(everyone, covers)) for covers in ROOM_COVERS]
    photos = Examples(cuts, targets, image_weights(everyone.labels, ROOM_WEIGHTS))
    room = before.fitted(learnt, photos, args.room_weight, room=True).whole()
    keep(
        args.out / "student.npz",
        **{f"w{n:03}": values.astype(np.float32) for n, values in enumerate(weights)},
        **dict(zip(ROOM_LAYER, room, strict=True)),
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
    parser.add_argument("--photo-weight", type=float, default=0.1, help="0: FER2013's layer stays as it is")
    parser.add_argument("--room-weight", type=float, default=3.0)
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
