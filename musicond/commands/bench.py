"""`musicond bench`: measure the pipeline's cost on this machine with a clip."""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles

from musicond.app.pipeline import open_recording
from musicond.commands import terminal
from musicond.commands.options import add_config
from musicond.commands.replay import Costs, fresh_pipeline, play
from musicond.commands.stage_costs import draw_stages, measure_stages, print_stages
from musicond.config.loader import load
from musicond.runtime.health import memory_mib, temperature_c

DESCRIPTION = "measure the pipeline on a clip: milliseconds by stage and frame, memory, temperature"

MACHINE = {
    "clip": "clip: {}",
    "machine": "processor: {}",
    "processors": "processors: {}",
    "python": "Python: {}",
    "memory_mib": "memory: {} MiB",
    "temperature_c": "temperature: {} °C",
}
"""The text of each figure of the machine."""
FIGURES = {
    "frames": ("all", "frames"),
    "analysed": ("analysed", "frames"),
    "median_ms": ("median", "ms"),
    "p95_ms": ("p95", "ms"),
    "detect_ms": ("detect", "ms"),
    "classify_ms": ("classify", "ms"),
    "decode_ms": ("decode", "ms"),
}
"""The name and the unit of each column."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("clip", metavar="CLIP", help="a clip, a folder of images, or demo")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the costs by stage")


def run(args: argparse.Namespace) -> None:
    """Run the clip through the pipeline, and print the costs by stage and by frame.

    First it runs at the daemon's own rates, for the stages. Then every frame is analysed, with and without tracking:
    milliseconds are processor time, and the median and p95 are those of the frames whose face was classified.
    """
    config = load(args.config).config
    clip = open_recording(args.clip)
    costs_by_stage = measure_stages(config, clip)
    if args.picture:
        draw_stages(costs_by_stage, args.picture)
    results: dict[str, dict[str, object]] = {}
    for name, tracking in (("tracking", True), ("full scans", False)):
        costs = Costs()
        with fresh_pipeline(config, costs, tracking=tracking, gate=False) as pipeline:
            outcomes = play(pipeline, clip.frames(), None, costs)
            for _ in terminal.track(outcomes, f"{name}, frames"):
                pass
        steps, summary = costs.steps or [0.0], costs.summary()
        results[name] = {
            "frames": summary["frames"],
            "analysed": summary["analysed"],
            "median_ms": round(median(steps), 2),
            "p95_ms": round(quantiles(steps, n=20)[-1] if len(steps) > 1 else steps[0], 2),
            "detect_ms": summary["detect_ms"],
            "classify_ms": summary["classify_ms"],
            "decode_ms": summary["decode_ms"],
        }
    machine = {
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "memory_mib": round(memory_mib(), 1),
        "temperature_c": temperature_c(),
        "clip": args.clip,
    }
    if args.json:
        print(json.dumps({**machine, **results, "at_own_rates": asdict(costs_by_stage)}, indent=1))
        return
    for key, text in MACHINE.items():
        if machine[key] is not None:
            print(text.format(machine[key]))
    print()
    print_stages(costs_by_stage)
    print()
    columns = ["", *(f"{name} ({unit})" for name, unit in FIGURES.values())]
    terminal.print_table(columns, [[name, *map(figures.get, FIGURES)] for name, figures in results.items()])
