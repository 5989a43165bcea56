#!/usr/bin/env python3
"""Write the scores of trained models for every training image; tools/train.py --teacher learns from them.

    .train-env/bin/python tools/teach.py build/*/averaged.keras --data fer2013.zip --out teacher.npz

The logits of each model on the image and on its mirror image are averaged over all of them, and kept as float16
(28709, 7) in the order of the images' names: about 400 kB. Whoever has them needs the teachers no longer.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from tools.training.fer2013 import DataError, load, model_input
from tools.training.network import load_student


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="averaged.keras of tools/train.py, or a fer_student.npz")
    parser.add_argument("--data", type=Path, required=True, help="FER2013: a zip or a folder in the Kaggle layout")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    args = parser.parse_args()
    try:
        train = load(args.data, "train")
        inputs = model_input(train.images)
        total = np.zeros((len(inputs), 7), np.float32)
        for path in args.models:
            model, _ = load_student(path)
            total += model.predict(inputs, batch_size=256)
            total += model.predict(np.ascontiguousarray(inputs[:, :, ::-1]), batch_size=256)
    except (DataError, ValueError, OSError) as fault:
        print(f"teach: {fault}", file=sys.stderr)
        return 2
    logits = total / (2 * len(args.models))
    np.savez_compressed(args.out, logits=logits.astype(np.float16))
    right = float(np.mean(logits.argmax(axis=1) == train.labels))
    print(f"{args.out}: {len(logits)} images; the teachers agree with {right:.1%} of the labels they were trained on")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
