#!/usr/bin/env python3
r"""Train larger teachers, and the student on their scores for every picture that it sees: minutes on a GPU.

    python3 tools/distil.py --data fer2013.zip --out build/distil --minutes 9.5 --equivariant

Needs torch, and nothing of Keras. Teachers and student see the same jittered and mixed pictures, and the student learns
what the teachers think of just these and, without --no-mirrored, their mirror images (Beyer et al. 2022, *Knowledge
distillation: A good teacher is patient and consistent*). On a CPU such teachers would take days; there a student can
learn from others and from what tools/tune.py made. Their opinion is written down once in --work, and used again:

    python3 tools/distil.py --data fer2013.zip --out build/one --work build/views --equivariant --views 10 \
      --learn-from models/fer_student.npz build/mobile/tuned.pt --batch 128 --decay 5e-4 --hard 0.1 --minutes 143

Writes student.npz, teacher.npz (the teachers' logits of the training images, averaged, as tools/teach.py does),
log.json, curve.png and state.pt into --out, teacher-N.pt and view-N.npz into --work: the same command goes on from
there. tools/quantize.py turns student.npz into models/fer_int8.tflite, or the average of several, and tools/train.py
--start goes on from it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
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
from tools.training.augment import Phase
from tools.training.course import Course, logits, run_tool, sgd
from tools.training.curve import plot
from tools.training.face_networks import read_tuned
from tools.training.fer2013 import LABELS, DataError, load
from tools.training.sizes import SIZES, read_weights
from tools.training.torch_network import TEACHER, Network
from tools.training.views import DEVICE, Live, Pictures, Views, keep, read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

TEACHERS_SHARE = 0.48
"""Share of the time for the training of the teachers."""
MOMENT = 0.01
"""Minutes that a student trains at the least."""


def opinion(
    teachers: Sequence[nn.Module], temperature: float, *, mirrored: bool
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the function that gives the teachers' mean probabilities (n, 7), optionally with the mirror images."""

    def of(x: torch.Tensor) -> torch.Tensor:
        views = (x, x.flip(3)) if mirrored else (x,)
        with torch.no_grad(), torch.autocast(DEVICE.type, torch.bfloat16, cache_enabled=False):
            opinions = [
                tf.softmax(teacher(view).float() / temperature, dim=1) for teacher in teachers for view in views
            ]
            return torch.stack(opinions).mean(0)

    return of


def together(teachers: Sequence[nn.Module], data: Pictures) -> float:
    """Return the share of pictures whose label is the most probable class in the teachers' mean."""
    probabilities = sum(tf.softmax(logits(teacher, data.grey), dim=1) for teacher in teachers)
    return round(float((probabilities.argmax(1) == data.labels).float().mean()), 4) if len(data) else 0.0


def teach(args: argparse.Namespace, data: Pictures, judged: dict[str, Pictures]) -> list[dict[str, Any]]:
    """Train the teachers that are not in --work yet; return the state of each, with its `weights`."""
    states = []
    for number in range(args.teachers):
        path = args.work / f"teacher-{number}.pt"
        if not path.exists():
            torch.manual_seed(args.seed + number)
            network = Network(args.teacher_shape, dropout=0.3, squeeze=number % 2 == 1).to(DEVICE)
            network = network.to(memory_format=torch.channels_last)
            course = Course(network, args.minutes * TEACHERS_SHARE / args.teachers, sgd(network, 5e-4))
            phases = Phase(args.crop, args.strength, args.mixup), Phase(strength=args.strength, mixup=args.mixup)
            source = Live(data, phases, args.batch, args.seed + number)
            course.run(source, judged, args.teacher_rate, lambda _, out, y: tf.cross_entropy(out.float(), y))
            with replacing(path) as new:
                torch.save({"weights": course.average.state_dict(), "epochs": course.epochs}, new)
        state = torch.load(path, map_location=DEVICE, weights_only=True)
        print(f"teacher {number}: {state['epochs'][-1]}", flush=True)
        states.append(state)
    return states


def networks(args: argparse.Namespace, states: list[dict[str, Any]]) -> list[Network]:
    """Return the networks of the teachers' states."""
    teachers = []
    for number, state in enumerate(states):
        network = Network(args.teacher_shape, squeeze=number % 2 == 1).to(DEVICE)
        network.load_state_dict(state["weights"])
        teachers.append(network.to(memory_format=torch.channels_last).eval())
    return teachers


def read_teachers(args: argparse.Namespace) -> list[nn.Module]:
    """Return the students and the tuned networks of --learn-from."""
    teachers = [
        read_tuned(path).to(DEVICE) if path.suffix == ".pt" else started(args, path) for path in args.learn_from
    ]
    return [teacher.to(memory_format=torch.channels_last).eval() for teacher in teachers]


def started(args: argparse.Namespace, path: Path | None, *, equivariant: bool = False) -> Network:
    """Return a student, with the weights of a .npz if there is one."""
    network = Network(SIZES[args.size], dropout=args.dropout, equivariant=equivariant)
    if path:
        weights = read_weights(path)
        try:
            network.set_weights(weights)
        except (RuntimeError, StopIteration):
            msg = f"{path}: not the weights of a {args.size} network; give another file or --size"
            raise DataError(msg) from None
        pairs = zip(network.weights(), weights, strict=True)
        if not all(np.allclose(ours, theirs, rtol=0.01, atol=0.01) for ours, theirs in pairs):
            msg = f"{path}: not the weights of an equivariant network; leave --start or --equivariant out"
            raise DataError(msg)
    return network.to(DEVICE)


def learn(
    args: argparse.Namespace, teachers: Sequence[nn.Module], data: Pictures, judged: dict[str, Pictures]
) -> Course:
    """Train the student on the teachers' probabilities."""
    source, says = source_of(args, teachers, data)
    torch.manual_seed(args.seed + 100)
    network = started(args, args.start, equivariant=args.equivariant).to(memory_format=torch.channels_last)
    course = Course(network, left(args), sgd(network, args.decay))
    options = settings(args)
    course.resume(args.out / "state.pt", options)
    heat = args.temperature

    def loss_of(x: torch.Tensor, out: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        targets = y[:, len(LABELS) :] if args.views else says(x)
        soft = heat * tf.cross_entropy(out.float() / heat, targets)
        return (1 - args.hard) * soft + args.hard * tf.cross_entropy(out.float(), y[:, : len(LABELS)])

    saved_at = time.monotonic()

    def saved() -> None:
        nonlocal saved_at
        if time.monotonic() - saved_at > 20:
            saved_at = time.monotonic()
            course.keep(args.out / "state.pt", options)
            write_student(args, course)

    course.run(source, judged, args.rate, loss_of, saved)
    course.keep(args.out / "state.pt", options)
    write_student(args, course)
    return course


def source_of(
    args: argparse.Namespace, teachers: Sequence[nn.Module], data: Pictures
) -> tuple[Live | Views, Callable[[torch.Tensor], torch.Tensor]]:
    """Return the student's pictures and the function of the teachers' probabilities; the views are written first."""
    says = opinion(teachers, args.temperature, mirrored=args.mirrored)
    phases = (
        Phase(args.crop, args.strength, args.student_mixup),
        Phase(strength=0.7 * args.strength, mixup=args.student_mixup / 4),
    )
    if not args.views:
        return Live(data, phases, args.batch, args.seed + 100), says
    names = ("temperature", "smoothing", "strength", "crop", "student_mixup", "hold_out", "batch", "mirrored")
    options = {name: getattr(args, name) for name in names}
    options["teachers"] = [digest(path) for path in args.learn_from or sorted(args.work.glob("teacher-*.pt"))]
    views = Views(args.work, args.views, args.batch, args.seed, options | {"images": len(data)})
    views.write(data, phases, says)
    if left(args) <= MOMENT:
        msg = (
            f"the views took all of --minutes {args.minutes:g}; they are kept in {args.work}: the same command goes on"
        )
        raise DataError(msg)
    return views, says


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left(args: argparse.Namespace) -> float:
    """Minutes that are left of --minutes for the student, a moment at the least."""
    return max(MOMENT, float(args.minutes) - (time.monotonic() - args.began) / 60)


def write_student(args: argparse.Namespace, course: Course) -> None:
    """Write student.npz as tools/quantize.py takes it."""
    weights: dict[str, NDArray[np.float32]] = {f"w{n:03}": values for n, values in enumerate(course.average.weights())}
    keep(args.out / "student.npz", **weights)


def distil(args: argparse.Namespace) -> None:
    """Train the teachers and the student, and write them to --out."""
    data, judged, dropped = read(args.data, args.hold_out, args.smoothing)
    for folder in (args.out, args.work):
        folder.mkdir(parents=True, exist_ok=True)
    states = [] if args.learn_from else teach(args, data, judged)
    teachers = read_teachers(args) if args.learn_from else networks(args, states)
    team = {name: together(teachers, of) for name, of in judged.items()}
    print(f"teachers together: {team}", flush=True)
    course = learn(args, teachers, data, judged)
    record = {
        "settings": settings(args),
        "dropped": dropped,
        "images": len(data),
        "teachers": [teacher["epochs"] for teacher in states],
        "teachers_together": team,
        "epochs": course.epochs,
    }
    (args.out / "log.json").write_text(json.dumps(record) + "\n")
    plot(course.epochs, args.out / "curve.png")
    if not (args.out / "teacher.npz").exists():
        grey = torch.from_numpy(load(args.data, "train").images[:, None]).to(DEVICE)
        opinions = torch.stack([logits(teacher, grey, mirrored=args.mirrored) for teacher in teachers]).mean(0)
        keep(args.out / "teacher.npz", logits=opinions.half().cpu().numpy())


def settings(args: argparse.Namespace) -> dict[str, str]:
    """Return the options that this training was made with."""
    unused = {"data", "out", "work", "began", "threads"}
    unused |= {"teachers", "teacher_rate", "teacher_shape", "mixup"} if args.learn_from else {"learn_from"}
    options = {key: value for key, value in vars(args).items() if key not in unused}
    return {key: " ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in options.items()}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--work", type=Path, help="folder for the teachers, 57 MB each, and views; else --out")
    parser.add_argument("--minutes", type=float, default=60.0, help="for everything")
    parser.add_argument("--size", choices=list(SIZES), default="large")
    parser.add_argument("--start", type=Path, help="student to go on from: a .npz of this or of tools/quantize.py")
    parser.add_argument(
        "--equivariant",
        action="store_true",
        help="the student's kernels come in pairs, the one the other's mirror image: half as many are learnt",
    )
    parser.add_argument("--teachers", type=int, default=3)
    parser.add_argument(
        "--learn-from", type=Path, nargs="+", help="learn from these instead: students (.npz), tuned.pt"
    )
    parser.add_argument(
        "--views",
        type=int,
        default=0,
        help="so many epochs' pictures, and a third as many for the end, are judged once, kept (40 to 60 MB each, on "
        "the disk and in memory) and used again; 0: each epoch makes its own",
    )
    parser.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the teachers look at the mirror images too, at twice the time",
    )
    parser.add_argument("--threads", type=int, default=0, help="of torch on a processor; 0: one for each core")
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
    return run_tool("distil", distil, args)


if __name__ == "__main__":
    raise SystemExit(main())
