#!/usr/bin/env python3
"""Measure a recommendation from many songs, beside one pass of the vision pipeline, on this machine.

    .venv/bin/python tools/measure_choice.py [--songs 50000] [--json]

Processor milliseconds, medians. A pass is a frame of the demo whose face is searched and read in full.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from musicond.app.pipeline import open_recording
from musicond.commands.replay import Costs, fresh_pipeline, play
from musicond.config.schema import Config
from musicond.core.models import Emotion, Policy, Song, Verdict
from musicond.core.outcome import RecommendationContext
from musicond.core.recommend.recommender import Recommender, RecommenderConfig
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHOICES = 60
RATED = 500
"""Songs with statistics; the cost grows with them."""


def fill(path: Path, songs: int) -> None:
    """Create a catalogue with so many songs in the list of one emotion."""
    songs_of_list = (
        (
            Emotion.SAD,
            Song(f"Song {n}", f"Artist {n % 9000}", f"x:{n}", valence=n % 101 / 100, energy=n % 67 / 66),
            (0, 0, 0),
        )
        for n in range(songs)
    )
    with CatalogueEditor(path) as lists:
        lists.add(songs_of_list)


def choices(path: Path, policy: Policy) -> tuple[float, float]:
    """Return processor milliseconds of the first recommendation, which reads the list, and the median of the others."""
    with SqliteCatalogue(path) as catalogue:
        recommender = Recommender(catalogue, 1, RecommenderConfig(policy=policy, cool_down_s=0))
        for key in catalogue.candidates(Emotion.SAD).keys[:RATED].tolist():
            catalogue.mark_offered(Emotion.SAD, [key], 1)
        catalogue.rate([Emotion.SAD], int(catalogue.candidates(Emotion.SAD).keys[0]), Verdict.LIKE)
    costs: list[float] = []
    with SqliteCatalogue(path) as catalogue:
        recommender = Recommender(catalogue, 1, RecommenderConfig(policy=policy, cool_down_s=0))
        for number in range(CHOICES):
            started = time.process_time()
            recommender.recommend_other(RecommendationContext(Emotion.SAD, float(number), NOON))
            costs.append(1000 * (time.process_time() - started))
    return costs[0], median(costs[1:])


def vision() -> float:
    """Return the median processor milliseconds of a pass."""
    costs, clip = Costs(), open_recording("demo")
    with fresh_pipeline(Config(), costs, tracking=False, gate=False) as pipeline:
        for _ in play(pipeline, clip.frames(), None, costs):
            pass
    return median(costs.steps)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=50_000)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    figures: dict[str, float] = {"songs": args.songs, "vision_ms": round(vision(), 2)}
    for policy in Policy:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE_NAME
            fill(path, args.songs)
            first, later = choices(path, policy)
        figures[f"{policy}_first_ms"], figures[f"{policy}_ms"] = round(first, 2), round(later, 2)
    if args.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
