#!/usr/bin/env python3
"""Train larger teachers, and the student on what they say of every picture that it sees: minutes on a GPU.

    python3 tools/distil.py --data fer2013.zip --out build/distil --minutes 9.5 --start models/fer_student.npz

Needs torch, and nothing of Keras. On a GPU where there is one; a CPU would take days. Teachers and student see the same
jittered and mixed pictures, and the student learns what the teachers think of just these (Beyer et al. 2022, *Knowledge
distillation: A good teacher is patient and consistent*). Writes student.npz, teacher.npz (the teachers' logits
of the training images and their mirror images, averaged, as tools/teach.py does), log.json, curve.png and state.pt
into --out, teacher-N.pt into --work: the same command goes on from there. tools/quantize.py turns student.npz into
models/fer_int8.tflite, and tools/train.py --start goes on from it.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.nn import functional as tf
from tqdm import tqdm

from tools.augment import Phase, targets
from tools.curve import plot
from tools.fer2013 import DataError, Split, clean, hold_out, load
from tools.sizes import SIZES
from tools.torch_augment import mixed, model_input, vary
from tools.torch_network import TEACHER, Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes inputs, logits and targets."""
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
EMA = 0.998
"""Decay per step of the averaged weights."""
WARM_UP = 0.03
FINISH = 0.8
"""Part of a training after which pictures are whole; for the student, jittered and mixed less, too."""
MEASURE_EVERY = 10
VARIED = 8
"""Batches that are jittered at a time: launching so many small kernels takes longer than running them."""
TEACHERS_SHARE = 0.48
"""Part of the time that goes to the teachers."""


class Pictures:
    """A split on the device: grey levels (n, 1, 48, 48), what is learnt (n, 7), labels (n,)."""

    def __init__(self, data: Split, smoothing: float) -> None:
        self.grey = torch.from_numpy(data.images[:, None]).to(DEVICE)
        self.labels = torch.from_numpy(data.labels).to(DEVICE)
        self.learnt = torch.from_numpy(targets(data.labels, smoothing)).to(DEVICE)

    def __len__(self) -> int:
        return len(self.labels)


def logits(network: Network, grey: torch.Tensor, *, mirrored: bool = False) -> torch.Tensor:
    """Return (n, 7) of grey levels (n, 1, 48, 48); `mirrored`: averaged with those of the mirror images."""
    network.eval()
    found = []
    with torch.no_grad(), torch.autocast(DEVICE.type, torch.bfloat16):
        for part in grey.split(1024):
            x = model_input(part.float()).contiguous(memory_format=torch.channels_last)
            found.append((network(x) + network(x.flip(3))) / 2 if mirrored else network(x))
    return torch.cat(found).float()


def accuracy(network: Network, data: Pictures) -> float:
    """Share of pictures whose most probable class is the label."""
    return float((logits(network, data.grey).argmax(1) == data.labels).float().mean()) if len(data) else 0.0


def opinion(
    teachers: list[Network], temperature: float, *, mirrored: bool = False
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what tells the teachers' mean probabilities (n, 7) of inputs, and of their mirror images if asked."""

    def of(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            seen = [x, x.flip(3)] if mirrored else [x]
            said = [tf.softmax(each(view).float() / temperature, dim=1) for each in teachers for view in seen]
            return torch.stack(said).mean(0)

    return of


class Passes:
    """Passes forward and back of a network, which leave gradients.

    On a GPU they are recorded once for each size of input, and replayed: launching their kernels one by one
    takes twice as long as running them.
    """

    def __init__(self, network: Network, loss_of: Loss) -> None:
        self._network, self._loss_of = network, loss_of
        self._recorded: tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor, torch.Tensor] | None = None

    def run(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Take inputs (n, 1, side, side) and targets (n, 7); return the loss."""
        if DEVICE.type != "cuda":
            return self._pass(x, y)
        if self._recorded is None or self._recorded[1].shape != x.shape:
            self._recorded = None
            self._recorded = self._record(x.contiguous(memory_format=torch.channels_last).clone(), y.clone())
        graph, held_x, held_y, loss = self._recorded
        held_x.copy_(x)
        held_y.copy_(y)
        graph.replay()
        return loss

    def _pass(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        for parameter in self._network.parameters():
            parameter.grad = None
        with torch.autocast(DEVICE.type, torch.bfloat16, cache_enabled=False):
            loss = self._loss_of(x, self._network(x), y)
        loss.backward()
        return loss.detach()

    def _record(
        self, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor, torch.Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                self._pass(x, y)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        for parameter in self._network.parameters():
            parameter.grad = None
        with torch.cuda.graph(graph):
            loss = self._pass(x, y)
        return graph, x, y, loss


class Course:
    """One training: network, averaged network, optimiser, and how far it has come."""

    def __init__(self, args: argparse.Namespace, network: Network, decay: float, minutes: float, seed: int) -> None:
        self.args, self.network, self.budget_s = args, network, 60 * minutes
        self.spent_s, self.steps = 0.0, 0
        self.average = copy.deepcopy(network).eval()
        plain = [p for p in network.parameters() if p.ndim < 2]
        heavy = [p for p in network.parameters() if p.ndim >= 2]
        self.optimizer = torch.optim.SGD(
            [{"params": heavy, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}],
            lr=0.1,
            momentum=0.9,
            nesterov=True,
        )
        self._moving = [
            [each for each in of.state_dict().values() if each.is_floating_point()] for of in (self.average, network)
        ]
        self.rng = np.random.default_rng(seed)
        self.epochs: list[dict[str, float]] = []

    def rate(self, progress: float, peak: float) -> float:
        """Return a linear warm-up, then half a cosine down to 0.1 % of `peak` (Loshchilov & Hutter 2017)."""
        if progress < WARM_UP:
            return peak * (0.1 + 0.9 * progress / WARM_UP)
        done = min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
        return peak * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * done)))

    def run(
        self,
        data: Pictures,
        judged: dict[str, Pictures],
        peak: float,
        phases: tuple[Phase, Phase],
        loss_of: Loss,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        """Train until the time is over, one epoch at the least."""
        began, passes = time.monotonic() - self.spent_s, Passes(self.network, loss_of)
        bar = tqdm(total=100, unit="%", mininterval=5, initial=round(100 * self.spent_s / self.budget_s))
        while not self.epochs or self.spent_s < self.budget_s:
            self.network.train()
            losses, steps = torch.zeros((), device=DEVICE), 0
            for chosen in torch.randperm(len(data), device=DEVICE).split(self.args.batch * VARIED):
                progress = min(1.0, (time.monotonic() - began) / self.budget_s)
                for group in self.optimizer.param_groups:
                    group["lr"] = self.rate(progress, peak)
                phase = phases[progress >= FINISH]
                inputs = model_input(vary(data.grey[chosen].float(), phase.strength)).split(self.args.batch)
                for x, y in zip(inputs, data.learnt[chosen].split(self.args.batch), strict=True):
                    if len(y) == self.args.batch or not steps:
                        losses += self.step(passes, *mixed(x, y, phase, self.rng))
                        steps += 1
            mean = float(losses) / steps
            self.spent_s = time.monotonic() - began
            self.note(mean, judged)
            bar.update(min(100, round(100 * self.spent_s / self.budget_s)) - bar.n)
            saved()
        bar.close()

    def step(self, passes: Passes, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Train one batch and move the average; return the loss."""
        loss = passes.run(x, y)
        self.optimizer.step()
        self.steps += 1
        # A mean of few steps at first: what the network began as is soon forgotten.
        with torch.no_grad():
            torch._foreach_lerp_(*self._moving, 1 - min(EMA, self.steps / (self.steps + 10)))
        return loss

    def note(self, loss: float, judged: dict[str, Pictures]) -> None:
        """Add an epoch to the log, measured now and then and at the end."""
        entry = {"epoch": len(self.epochs) + 1, "loss": round(loss, 4), "spent_s": round(self.spent_s, 1)}
        if len(self.epochs) % MEASURE_EVERY == 0 or self.spent_s >= self.budget_s:
            entry |= {f"{name}_accuracy": round(accuracy(self.average, data), 4) for name, data in judged.items()}
            print(json.dumps(entry), flush=True)
        self.epochs.append(entry)

    def keep(self, path: Path) -> None:
        """Write all that `resume` takes."""
        state = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimizer")}
        torch.save(
            {**state, **{name: getattr(self, name) for name in ("epochs", "spent_s", "budget_s", "steps")}},
            path.with_suffix(".new"),
        )
        path.with_suffix(".new").replace(path)

    def resume(self, path: Path) -> None:
        """Go on from what `keep` wrote, if it did."""
        if path.exists():
            found = torch.load(path, map_location=DEVICE, weights_only=True)
            for name in ("network", "average", "optimizer"):
                getattr(self, name).load_state_dict(found[name])
            for name in ("epochs", "spent_s", "budget_s", "steps"):
                setattr(self, name, found[name])
            print(f"resuming after epoch {len(self.epochs)}")


def teach(args: argparse.Namespace, data: Pictures, judged: dict[str, Pictures]) -> list[dict[str, Any]]:
    """Train the teachers that --work does not hold yet; return their logs, each with its `weights`."""
    made = []
    for number in range(args.teachers):
        path = args.work / f"teacher-{number}.pt"
        if not path.exists():
            torch.manual_seed(args.seed + number)
            network = Network(args.teacher_shape, dropout=0.3, squeeze=number % 2 == 1).to(DEVICE)
            network = network.to(memory_format=torch.channels_last)
            course = Course(args, network, 5e-4, args.minutes * TEACHERS_SHARE / args.teachers, args.seed + number)
            phases = Phase(args.crop, args.strength, args.mixup), Phase(strength=args.strength, mixup=args.mixup)
            course.run(data, judged, args.teacher_rate, phases, lambda _, out, y: tf.cross_entropy(out.float(), y))
            torch.save({"weights": course.average.state_dict(), "epochs": course.epochs}, path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
        found = torch.load(path, map_location=DEVICE, weights_only=True)
        print(f"teacher {number}: {found['epochs'][-1]}", flush=True)
        made.append(found)
    return made


def networks(args: argparse.Namespace, made: list[dict[str, Any]]) -> list[Network]:
    """Return the teachers themselves."""
    found = []
    for number, each in enumerate(made):
        network = Network(args.teacher_shape, squeeze=number % 2 == 1).to(DEVICE)
        network.load_state_dict(each["weights"])
        found.append(network.to(memory_format=torch.channels_last).eval())
    return found


def read_students(args: argparse.Namespace) -> list[Network]:
    """Return the students of --learn-from."""
    return [started(args, path).to(memory_format=torch.channels_last).eval() for path in args.learn_from]


def started(args: argparse.Namespace, path: Path | None) -> Network:
    """Return a student, with the weights of a .npz if there is one."""
    network = Network(SIZES[args.size], dropout=args.dropout)
    if path:
        with np.load(path) as found:
            network.set_weights([found[key] for key in sorted(found.files) if key.startswith("w")])
    return network.to(DEVICE)


def learn(args: argparse.Namespace, teachers: list[Network], data: Pictures, judged: dict[str, Pictures]) -> Course:
    """Train the student on what the teachers say."""
    torch.manual_seed(args.seed + 100)
    network = started(args, args.start).to(memory_format=torch.channels_last)
    course = Course(args, network, args.decay, left(args), args.seed + 100)
    course.resume(args.out / "state.pt")
    heat = args.temperature
    says = opinion(teachers, heat, mirrored=bool(args.learn_from))

    def loss_of(x: torch.Tensor, out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        soft = heat * tf.cross_entropy(out.float() / heat, says(x))
        return (1 - args.hard) * soft + args.hard * tf.cross_entropy(out.float(), y)

    kept = time.monotonic()

    def saved() -> None:
        nonlocal kept
        if time.monotonic() - kept > 20:
            kept = time.monotonic()
            course.keep(args.out / "state.pt")
            write_student(args, course)

    phases = (
        Phase(args.crop, args.strength, args.student_mixup),
        Phase(strength=0.7 * args.strength, mixup=args.student_mixup / 4),
    )
    course.run(data, judged, args.rate, phases, loss_of, saved)
    return course


def left(args: argparse.Namespace) -> float:
    """Minutes that are left of --minutes for the student, a moment at the least."""
    return max(0.01, float(args.minutes) - (time.monotonic() - args.began) / 60)


def write_student(args: argparse.Namespace, course: Course) -> None:
    """Write student.npz as tools/quantize.py takes it."""
    weights: dict[str, NDArray[np.float32]] = {f"w{n:03}": each for n, each in enumerate(course.average.weights())}
    np.savez(args.out / "student.npz", **weights)


def distil(args: argparse.Namespace) -> None:
    """Do it all."""
    test = load(args.data, "test")
    everything = load(args.data, "train")
    train, dropped = clean(everything, test)
    train, held_out = hold_out(train, args.hold_out)
    print(f"{len(train.labels)} images to train on, {len(held_out.labels)} held out; dropped: {dropped}", flush=True)
    data = Pictures(train, args.smoothing)
    judged = {"test": Pictures(test, 0.0), "held_out": Pictures(held_out, 0.0)}
    for folder in (args.out, args.work):
        folder.mkdir(parents=True, exist_ok=True)
    made = [] if args.learn_from else teach(args, data, judged)
    teachers = read_students(args) if args.learn_from else networks(args, made)
    team = sum(tf.softmax(logits(each, judged["test"].grey), dim=1) for each in teachers)
    together = float((team.argmax(1) == judged["test"].labels).float().mean())
    print(f"teachers together: {together:.4f}", flush=True)
    grey = torch.from_numpy(everything.images[:, None]).to(DEVICE)
    said = torch.stack([logits(each, grey, mirrored=True) for each in teachers]).mean(0)
    np.savez_compressed(args.out / "teacher.npz", logits=said.half().cpu().numpy())
    course = learn(args, teachers, data, judged)
    write_student(args, course)
    settings = {k: str(v) for k, v in vars(args).items() if k not in {"data", "out", "work", "began"}}
    record = {
        "settings": settings,
        "dropped": dropped,
        "images": len(data),
        "teachers": [each["epochs"] for each in made],
        "teachers_together": round(together, 4),
        "epochs": course.epochs,
    }
    (args.out / "log.json").write_text(json.dumps(record) + "\n")
    plot(course.epochs, args.out / "curve.png")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--work", type=Path, help="folder for the teachers, 57 MB each; else --out")
    parser.add_argument("--minutes", type=float, default=60.0, help="for everything")
    parser.add_argument("--size", choices=list(SIZES), default="large")
    parser.add_argument("--start", type=Path, help="student to go on from: a .npz of this or of tools/quantize.py")
    parser.add_argument("--teachers", type=int, default=3)
    parser.add_argument(
        "--learn-from", type=Path, nargs="+", help="students (.npz) to learn from, with mirror images, in their stead"
    )
    parser.add_argument("--teacher-rate", type=float, default=0.1, help="peak learning rate of the teachers")
    parser.add_argument("--rate", type=float, default=0.1, help="peak learning rate of the student")
    parser.add_argument("--decay", type=float, default=2e-4, help="weight decay of the student")
    parser.add_argument("--dropout", type=float, default=0.1, help="of the student's features")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--smoothing", type=float, default=0.05, help="label smoothing")
    parser.add_argument("--mixup", type=float, default=0.2, help="alpha of the shares of mixed images; 0: none")
    parser.add_argument("--student-mixup", type=float, default=0.5, help="the same for the student")
    parser.add_argument("--strength", type=float, default=0.65, help="scales turn, scale and shift of the jitter")
    parser.add_argument("--crop", type=int, default=40, help="pixels cut out of the images until near the end")
    parser.add_argument("--temperature", type=float, default=1.5, help="at which the student hears the teachers")
    parser.add_argument("--hard", type=float, default=0.15, help="share of the labels in what the student learns")
    parser.add_argument("--hold-out", type=int, default=1000, help="training images kept for the temperature")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.work = args.work or args.out
    args.began, args.teacher_shape = time.monotonic(), TEACHER
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    try:
        distil(args)
    except (DataError, OSError, ValueError) as fault:
        print(f"distil: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from there", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
