#!/usr/bin/env python3
r"""Train a trained student further with photographs of people and FER2013, so that it is right about resting faces.

    P=.train-env/bin/python
    $P tools/adapt.py --data fer2013.zip --photos photos.zip --out build/adapted --epochs 3 [--opinions opinions.npz]

A stated share of each batch are photographs (--photo-share), found and cut by the daemon's own cascade; their labels
are smoothed, and blended with what tools/crossfit.py's networks say of photographs that they did not learn. FER2013's
images are taught by the logits that models/fer_teacher.npz holds of them. Kernels stay in mirrored pairs, and the
first stage, which knows edges already, as it is. Writes student.npz, log.json and state.pt into --out, and chips.npz:
the same command goes on from there. tools/quantize.py converts, or averages several (with the start, too).
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import nn
from torch.nn import functional as tf

from tools.training.atomic import replacing
from tools.training.augment import Phase, targets
from tools.training.chips import EXTENT, Chips, hold_out_persons, read_chips
from tools.training.course import run_tool, sgd
from tools.training.fer2013 import LABELS, DataError, Split, clean, hold_out, load
from tools.training.room_augment import vary_room
from tools.training.sizes import SIZES, read_weights
from tools.training.torch_augment import mixed, model_input
from tools.training.torch_network import Network
from tools.training.views import keep

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODELS = Path(__file__).resolve().parent.parent / "models"
DRAWN = dict(zip(LABELS, (3.0, 0.5, 2.0, 1.0, 1.0, 3.0, 1.0), strict=True))
"""Weight with which a photograph of a class is drawn: angry and sad ones are few, and disgust's labels are poor."""
FER_SMOOTHING, PHOTO_SMOOTHING = 0.05, 0.2
"""The photographs' labels are one student's each."""
SAVED_EVERY = 100
"""Steps."""


class Batches:
    """Batches of FER2013's images first, then of photographs; the seed and the number of a step fix each."""

    def __init__(
        self, fer: Split, chips: Chips, learnt: dict[str, NDArray[np.float32]], args: argparse.Namespace
    ) -> None:
        self._fer = torch.from_numpy(fer.images[:, None])
        self._chips = torch.from_numpy(chips.images[:, None])
        self._learnt = {name: torch.from_numpy(values) for name, values in learnt.items()}
        self._weights = torch.tensor([DRAWN[LABELS[label]] for label in chips.labels])
        self._args = args
        self.photos = round(args.batch * args.photo_share)

    def batch(self, step: int, phase: Phase) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs (n, 1, side, side) and targets (n, 14): the labels', then the teachers'."""
        torch.manual_seed(self._args.seed * 1_000_003 + step)
        rng = np.random.default_rng([self._args.seed, step])
        fer = torch.randint(len(self._fer), (self._args.batch - self.photos,))
        photos = torch.multinomial(self._weights, self.photos, replacement=True)
        parts = [
            (vary_room(self._fer[fer].float(), 1.0, phase.strength, photos=False), self._learnt["fer"][fer]),
            (
                vary_room(self._chips[photos].float(), EXTENT, phase.strength, photos=True),
                self._learnt["photos"][photos],
            ),
        ]
        inputs = [mixed(model_input(x), y, phase, rng) for x, y in parts]
        return torch.cat([x for x, _ in inputs]), torch.cat([y for _, y in inputs])


def learnt_of(fer: Split, chips: Chips, args: argparse.Namespace) -> dict[str, NDArray[np.float32]]:
    """Return targets (n, 14) of FER2013's images and of the photographs."""
    with np.load(args.teacher) as teacher:
        probabilities = softened(teacher["logits"][fer.numbers], args.temperature)
    labels = targets(chips.labels, PHOTO_SMOOTHING)
    if args.opinions:
        with np.load(args.opinions) as teacher:
            opinions = softened(teacher["photos"], 1.0)
        if len(opinions) != len(labels):
            msg = f"{args.opinions}: opinions of {len(opinions)} photographs, not {len(labels)}; run tools/crossfit.py"
            raise DataError(msg)
        labels = (1 - args.blend) * labels + args.blend * opinions
    return {
        "fer": np.hstack([targets(fer.labels, FER_SMOOTHING), probabilities]),
        "photos": np.hstack([labels, labels]),
    }


def softened(logits: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float32]:
    """Return probabilities (n, 7)."""
    return np.asarray(torch.from_numpy(logits.astype(np.float32) / temperature).softmax(1).numpy(), np.float32)


class Run:
    """A training that is saved regularly and continues from there."""

    def __init__(self, args: argparse.Namespace) -> None:
        torch.manual_seed(args.seed)
        self.network = Network(SIZES[args.size], dropout=0.1, equivariant=True)
        self.network.set_weights(read_weights(args.start))
        self.network = self.network.to(memory_format=torch.channels_last)
        self._frozen: list[nn.Module] = [*self.network.stem, self.network.stages[0]]
        for part in self._frozen:
            part.requires_grad_(requires_grad=False)
        self.average = copy.deepcopy(self.network).eval()
        self._start = copy.deepcopy(self.average).requires_grad_(requires_grad=False)
        self.optimizer = sgd(self.network, args.decay)
        self.steps, self.losses = 0, 0.0
        self._args = args
        self._moving = [
            [values for values in of.state_dict().values() if values.is_floating_point()]
            for of in (self.average, self.network)
        ]

    def train(self, batches: Batches, total: int) -> None:
        """Train until `total` steps are done."""
        began = time.monotonic()
        while self.steps < total:
            late = self.steps >= (1 - self._args.late) * total
            strength, mixup = self._args.strength, self._args.mixup
            phase = Phase(strength=0.8 * strength, mixup=mixup / 2) if late else Phase(40, strength, mixup)
            for group in self.optimizer.param_groups:
                group["lr"] = self._args.rate * 0.5 * (1.001 + math.cos(math.pi * self.steps / total))
            self.step(*batches.batch(self.steps, phase), batches.photos)
            if self.steps % SAVED_EVERY == 0 or self.steps == total:
                spent = round(time.monotonic() - began)
                print(json.dumps({"step": self.steps, "of": total, "loss": self.losses / self.steps, "spent_s": spent}))
                self.save()

    def step(self, x: torch.Tensor, y: torch.Tensor, photos: int) -> None:
        """Train on a batch whose last `photos` pictures are photographs, and update the average."""
        self.network.train()
        for part in self._frozen:
            part.eval()
        self.optimizer.zero_grad(set_to_none=True)
        out, heat = self.network(x.contiguous(memory_format=torch.channels_last)), self._args.temperature
        hard = torch.full((len(x),), self._args.hard)
        hard[len(x) - photos :] = 1.0
        soft = heat * tf.cross_entropy(out / heat, self._taught(x, y, photos), reduction="none")
        loss = ((1 - hard) * soft + hard * tf.cross_entropy(out, y[:, : len(LABELS)], reduction="none")).mean()
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        self.losses += float(loss.detach())
        with torch.no_grad():
            torch._foreach_lerp_(*self._moving, 1 - min(self._args.ema, self.steps / (self.steps + 10)))

    def _taught(self, x: torch.Tensor, y: torch.Tensor, photos: int) -> torch.Tensor:
        """Return soft targets (n, 7): for FER2013's pictures partly the initial weights' predictions for these inputs.

        Learning without forgetting (Li & Hoiem 2016, arXiv 1606.09282).
        """
        taught = y[:, len(LABELS) :]
        if not self._args.keep:
            return taught
        fer = len(x) - photos
        with torch.no_grad():
            said = self._start(x[:fer].contiguous(memory_format=torch.channels_last)) / self._args.temperature
        return torch.cat([torch.lerp(taught[:fer], said.softmax(1), self._args.keep), taught[fer:]])

    def save(self) -> None:
        """Write the state and student.npz."""
        state = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer")}
        with replacing(self._args.out / "state.pt") as new:
            torch.save({**state, "steps": self.steps, "losses": self.losses, "settings": settings(self._args)}, new)
        weights = {f"w{number:03}": values for number, values in enumerate(self.average.weights())}
        keep(self._args.out / "student.npz", **weights)

    def resume(self) -> None:
        """Go on from what `save` wrote, if it did. Raises DataError where that had other settings."""
        path = self._args.out / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["settings"] != settings(self._args):
            msg = f"{path}: a training of other settings; give another --out"
            raise DataError(msg)
        for name in ("network", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.steps, self.losses = state["steps"], state["losses"]
        print(f"resuming after step {self.steps}")


def settings(args: argparse.Namespace) -> dict[str, str]:
    """Return the options that decide what comes out."""
    unused = {"data", "photos", "out", "threads"}
    options = {key: value for key, value in vars(args).items() if key not in unused}
    return {key: value.name if isinstance(value, Path) else str(value) for key, value in options.items()}


def adapt(args: argparse.Namespace) -> None:
    """Train the student further, and write it to --out."""
    args.out.mkdir(parents=True, exist_ok=True)
    test = load(args.data, "test")
    fer, _ = hold_out(clean(load(args.data, "train"), test)[0], args.hold_out)
    cascade = MODELS / "haarcascade_frontalface_default.xml"
    chips, held = hold_out_persons(read_chips(args.photos, "train", cascade, args.out / "chips.npz"), args.hold_people)
    print(f"{len(fer.labels)} images and {len(chips.labels)} photographs; {len(held.labels)} photographs held out")
    batches = Batches(fer, chips, learnt_of(fer, chips, args), args)
    run = Run(args)
    run.resume()
    run.train(batches, max(1, round(args.epochs * len(fer.labels) / (args.batch - batches.photos))))
    record = {"settings": settings(args), "images": len(fer.labels), "photographs": len(chips.labels)}
    record |= {"epochs": [{"epoch": args.epochs, "steps": run.steps, "loss": run.losses / max(1, run.steps)}]}
    (args.out / "log.json").write_text(json.dumps(record) + "\n")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--start", type=Path, default=MODELS / "fer_student.npz", help="weights to go on from")
    parser.add_argument("--teacher", type=Path, default=MODELS / "fer_teacher.npz", help="logits of FER2013's images")
    parser.add_argument("--opinions", type=Path, help="what tools/crossfit.py says of the photographs")
    parser.add_argument("--blend", type=float, default=0.4, help="part of these opinions in the photographs' targets")
    parser.add_argument("--size", choices=list(SIZES), default="large")
    parser.add_argument("--epochs", type=float, default=3.0, help="of FER2013")
    parser.add_argument("--batch", type=int, default=148)
    parser.add_argument("--photo-share", type=float, default=0.135, help="of each batch")
    parser.add_argument("--hard", type=float, default=0.15, help="share of the labels in what FER2013 teaches")
    parser.add_argument("--temperature", type=float, default=1.5, help="at which the teachers are heard")
    parser.add_argument(
        "--keep", type=float, default=0.0, help="share of the start's own reading of each picture in FER2013's targets"
    )
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--decay", type=float, default=5e-4, help="weight decay")
    parser.add_argument("--ema", type=float, default=0.99, help="decay per step of the averaged weights")
    parser.add_argument("--strength", type=float, default=0.5, help="scales jitter, light, glasses and noise")
    parser.add_argument("--mixup", type=float, default=0.2)
    parser.add_argument("--late", type=float, default=0.3, help="last part, on whole images with less of all that")
    parser.add_argument("--hold-out", type=int, default=1000, help="images of FER2013 kept for the temperature")
    parser.add_argument("--hold-people", type=float, default=0.08, help="share of the photographed people kept")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: one for each core")
    parser.add_argument("--seed", type=int, default=1)
    return run_tool("adapt", adapt, parser.parse_args())


if __name__ == "__main__":
    raise SystemExit(main())
