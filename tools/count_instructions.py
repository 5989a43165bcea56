#!/usr/bin/env python3
"""Count the instructions that the vision pipeline executes for a second of a clip, and estimate its cost on boards.

    .venv/bin/python tools/count_instructions.py [--seconds N] [CLIP]

The clip is played twice under valgrind's callgrind, at the daemon's own rates: without the pipeline, then with it. The
difference is the pipeline's: how busy the machine is does not matter. valgrind (apt install valgrind) has AVX2.

The estimates of the boards are no measurements. What is not in the TFLite runtime is counted twice, as NEON is half as
wide as AVX2, and divided by 7-Zip's score of one core. A reading takes what docs/hardware.md estimates by its MACs.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from itertools import takewhile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from musicond.app.pipeline import frame_rate, open_recording
from musicond.commands.replay import Costs, fresh_pipeline, play
from musicond.config.schema import Config
from musicond.vision.interpreter import RUNTIMES
from tools.measure_savings import run

COST = re.compile(r"^\s*([\d,]+) \(.*?\)\s+(.*)$", re.MULTILINE)
TOTAL = "PROGRAM TOTALS"
RUNTIME = re.compile("|".join(name.partition(".")[0] for name in RUNTIMES))
BOARDS = {
    "Raspberry Pi Zero 2 W": (3030, 3030, 19),
    "Raspberry Pi 4": (5940, 5940, 6.4),
    "Raspberry Pi 5": (11880, 17820, 3),
}
"""For each board 7-Zip's least and greatest score of its four cores in million instructions a second, and the
milliseconds of a reading. The first two: sbc-bench (Results.md); the Pi 5 as two to three times the Pi 4.
"""
CORES, WIDER = 4, 2
SECONDS = 59.0
"""The whole demo."""


def watch(clip: str, seconds: float, *, pipeline: bool) -> None:
    """Play a clip, with or without the pipeline."""
    config = Config()
    frames = takewhile(lambda frame: frame[0] < seconds, open_recording(clip).frames())
    with fresh_pipeline(config) as stages:
        played = play(stages, frames, frame_rate(config), Costs()) if pipeline else frames
        for _ in played:
            pass


def count(*arguments: str) -> dict[str, int]:
    """Return the instructions of this program with these arguments: all, and those in the TFLite runtime."""
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/callgrind.out"
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={file}"]
        subprocess.run([*valgrind, sys.executable, __file__, *arguments], check=True)  # noqa: S603 - ours
        annotate = ["callgrind_annotate", "--threshold=100", "--auto=no", file]
        text = subprocess.run(annotate, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours
    costs = [(int(cost.replace(",", "")), name) for cost, name in COST.findall(text)]
    return {
        "all": next(cost for cost, name in costs if TOTAL in name),
        "reading": sum(cost for cost, name in costs if RUNTIME.search(name)),
    }


def estimates(rest: float, readings: float) -> list[str]:
    """Return a row for each board: shares of a core for `rest` million instructions and `readings` a second."""
    rows = []
    for board, (slow, fast, reading_ms) in BOARDS.items():
        most, least = (100 * WIDER * rest * CORES / score for score in (slow, fast))
        read = readings * reading_ms / 10
        rows.append(f"| {board} | {span(least, most)} | {read:.1f} % | {span(least + read, most + read)} |")
    return rows


def span(least: float, most: float) -> str:
    """Return two shares of a core in percent, or one if they are equal."""
    return f"{most:.0f} %" if least == most else f"{least:.0f} to {most:.0f} %"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", default="demo", metavar="CLIP")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="N", help="the first N seconds of the clip")
    parser.add_argument("--child", choices=("without", "with"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        watch(args.clip, args.seconds, pipeline=args.child == "with")
        return 0
    options = [args.clip, "--seconds", str(args.seconds), "--child"]
    without, with_pipeline = count(*options, "without"), count(*options, "with")
    millions = {kind: (with_pipeline[kind] - without[kind]) / args.seconds / 1e6 for kind in without}
    calls, seconds, _ = run([args.clip], args.seconds)
    rest, readings = millions["all"] - millions["reading"], calls["invoke"] / seconds
    figures = {
        "million_instructions": millions["all"],
        "of_readings": millions["reading"],
        "of_all_else": rest,
        "readings": readings,
    }
    print(json.dumps({"per_s": {name: round(value, 2) for name, value in figures.items()}}))
    print("\n".join(estimates(figures["of_all_else"], readings)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
