#!/usr/bin/env python3
"""Show the saving of each choice in vision: the calls a second on a clip with all choices, and with each one undone.

    .venv/bin/python tools/measure_savings.py [CLIP ...]

A coarse search takes about 15 ms on a PC, a fine detection 0.4 to 8 ms and an invoke 2.5 ms; their counts are the same
in each run, however busy the machine is. `later` is the most by which a mood is announced later than with all choices
undone.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from musicond.app.pipeline import frame_rate, open_recording
from musicond.commands.replay import Costs, fresh_pipeline, play
from musicond.config.schema import Config
from musicond.core import frame_rate as rates
from musicond.runtime.stages import measured
from musicond.vision import candidates, classifier, detector, tracker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

CHOICES: dict[str, tuple[tuple[ModuleType, str, float], ...]] = {
    "a steady mood is read at a lower rate": ((rates, "STEADY_RATE", 99.0), (rates, "CALM_RATE", 99.0)),
    "a still face at a still lower rate": ((rates, "CALM_RATE", rates.STEADY_RATE),),
    "a face with the same cells keeps its reading": ((classifier, "SAME_CELL", 0.0),),
    "a face that has moved a little is not measured again": ((tracker, "SHIFT", 0.0), (tracker, "GROWTH", 0.0)),
    "a face that shows the same is not detected again": ((tracker, "SAME_CELL", 0.0),),
    "no scan while nothing else has changed": (
        (detector, "HOLD_S", detector.SCAN_EVERY_S),
        (detector, "LONGEST_HOLD_S", detector.SCAN_EVERY_S),
    ),
    "a lost face is searched for in every second frame": ((detector, "LOST_EVERY_S", 0.0),),
    "a frame is read when a mood may change": ((rates, "LEAST_INTERVAL_S", 1e9),),
    "refused candidates are remembered": ((candidates, "REFUSED_S", 0.0), (detector, "TRIES_BESIDE", 99)),
}
"""The constants of each choice, and the values that undo it."""
KINDS = {"_haar_coarse": "coarse", "_haar_fine": "fine", "_invoke": "invoke"}


def run(clips: list[str], longest_s: float = math.inf) -> tuple[Counter[str], float, list[tuple[str, str, float]]]:
    """Return the counts of frames and calls, the seconds, and the moods with their clips and times.

    Of each clip, `longest_s` seconds are played.
    """
    counts: Counter[str] = Counter()
    moods, seconds = [], 0.0
    config = Config()
    for name in clips:
        at = 0.0
        with measured() as times, fresh_pipeline(config) as stages:
            frames = takewhile(lambda frame: frame[0] < longest_s, open_recording(name).frames())
            for at, outcome in play(stages, frames, frame_rate(config), Costs()):
                counts["frames"] += 1
                if outcome.change:
                    moods.append((name, str(outcome.change.after), at))
            counts.update(KINDS[call.func.__name__] for call in times.calls)  # type: ignore[attr-defined]
        seconds += at
    return counts, seconds, moods


@contextmanager
def undone(*choices: str) -> Iterator[None]:
    """Undo these choices within the block."""
    before: list[tuple[ModuleType, str, Any]] = []
    for choice in choices:
        for module, name, value in CHOICES[choice]:
            before.append((module, name, getattr(module, name)))
            setattr(module, name, value)
    yield
    for module, name, value in reversed(before):
        setattr(module, name, value)


def later_s(before: list[tuple[str, str, float]], now: list[tuple[str, str, float]]) -> float | None:
    """Return the most by which a mood comes later; None if other moods come, or in another order."""
    if [mood[:2] for mood in before] != [mood[:2] for mood in now]:
        return None
    return max(b[2] - a[2] for a, b in zip(before, now, strict=True))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", default=["demo"], metavar="CLIP")
    args = parser.parse_args()
    rows: dict[str, tuple[str, ...]] = {"all choices": (), "none of them": tuple(CHOICES)}
    rows |= {f"without: {choice}": (choice,) for choice in CHOICES}
    results = {}
    for name, choices in rows.items():
        with undone(*choices):
            results[name] = run(args.clips)
    print("| | frames/s | coarse searches/s | fine detections/s | invokes/s | later |\n|---|---|---|---|---|---|")
    earlier = results["none of them"][2]
    for name, (counts, seconds, moods) in results.items():
        later = later_s(earlier, moods)
        figures = " | ".join(f"{counts[kind] / seconds:.2f}" for kind in ("frames", *KINDS.values()))
        print(f"| {name} | {figures} | {'other moods' if later is None else f'{later:+.2f} s'} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
