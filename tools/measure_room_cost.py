#!/usr/bin/env python3
"""Measure what a person present costs, and the same room while it is empty and still, in two sizes of the picture.

    .venv/bin/python tools/measure_room_cost.py [--data SHARED] [--people N]

Real faces are composited into drawn rooms (tools/rooms.py), 2 m from a Camera Module 2. For each person the room is
empty first; 20 seconds later its cost is counted for a minute. Then the person comes, and is counted for 20 seconds.
Both sizes alternate, so their ratio holds on a busy machine. `noticed_s`: from the person's first picture that the
camera could have taken until the first frame with a confirmed face; it includes the wait for the next frame.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from tqdm import tqdm

from musicond.app.pipeline import frame_rate
from musicond.commands.replay import fresh_pipeline
from musicond.config.schema import Config
from musicond.core.models import Frame
from tools.rooms import CAMERAS, LIGHTS, Person, RoomWithPerson, load_people

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = ((640, 480), (1280, 960))
DISTANCE_M = 2.0
SETTLE_S, EMPTY_S, PRESENT_S = 20.0, 60.0, 20.0
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def watch(person: Person, size: tuple[int, int], seed: int) -> tuple[float, float, float]:
    """Return the processor milliseconds per second, empty and with the person, and the seconds until a face is seen."""
    camera = replace(CAMERAS[2], size=size)
    room = RoomWithPerson(person, camera, DISTANCE_M, 0, LIGHTS["ordinary"], seed)
    comes_at = SETTLE_S + EMPTY_S + seed % 7 / 17  # somewhere between two frames
    config, at, noticed = Config(), 0.0, np.inf
    rate, spent = frame_rate(config), dict.fromkeys(("settle", "empty", "present"), 0.0)
    with fresh_pipeline(config) as pipeline:
        while at < comes_at + PRESENT_S:
            phase = "settle" if at < SETTLE_S else "empty" if at < comes_at else "present"
            picture = room.frame(at)[0] if phase == "present" else room.empty()
            started = time.process_time()
            outcome = pipeline.step(Frame(picture, at, NOON + timedelta(seconds=at)))
            spent[phase] += time.process_time() - started
            if phase == "present" and outcome.faces.confirmed:
                noticed = min(noticed, at - comes_at)
            at += rate.interval_s(outcome)
    return 1000 * spent["empty"] / (comes_at - SETTLE_S), 1000 * spent["present"] / PRESENT_S, noticed


def summary(rows: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    """Return the means of the costs, their ratio, and the median and the longest time until a face is seen."""
    empty, present, noticed = np.array(rows).T
    return {
        "empty_ms_per_s": round(float(empty.mean()), 2),
        "present_ms_per_s": round(float(present.mean()), 2),
        "empty_share": round(float(empty.mean() / present.mean()), 3),
        "noticed_median_s": round(float(np.median(noticed)), 2),
        "noticed_longest_s": round(float(noticed.max()), 2),
    }


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MUSICOND_TEST_DATA"), help="folder of the faces")
    parser.add_argument("--people", type=int, default=12)
    args = parser.parse_args()
    if args.data is None:
        parser.error("give --data or set MUSICOND_TEST_DATA")
    rows: dict[tuple[int, int], list[tuple[float, float, float]]] = {size: [] for size in SIZES}
    for seed, person in enumerate(tqdm(load_people(args.data, args.people, 1), "people", leave=False, disable=None)):
        for size in SIZES:
            rows[size].append(watch(person, size, seed))
    figures: dict[str, object] = {f"{width}x{height}": summary(rows[width, height]) for width, height in SIZES}
    small, large = (np.mean([present for _, present, _ in rows[size]]) for size in SIZES)
    print(json.dumps({**figures, "large_to_small": round(float(large / small), 3)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
