#!/usr/bin/env python3
"""Inject random faults into the real daemon on a recording; a new process checks it after each.

    script/chaos [--faults 500] [--seed N] [--steps FIRST-LAST] [--plants] [--restart] [--report FILE.json]

A step is damage (a full disk, a locked catalogue, a wrong clock, flipped bits ...), orders of a person during it, and
often a restart. tests/chaos/judge.py has the invariants. Step N of a seed is always the same kind of step; --steps runs
some of them alone. The number of steps done is kept in build/chaos/, so that a run can be stopped and continued. At
the first broken invariant the last steps are run again, in a world of their own: one, two, four ... until it breaks;
then these are printed. With --plants bugs are planted one after the other (tests/chaos/plants.py), and each has to be
found, in steps with something that shows it: a run whose plants are not all found is void.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tqdm import tqdm

from tests.chaos.faults import parts, plan, run_step
from tests.chaos.plants import PLANTS
from tests.chaos.world import NotStartedError, World
from tests.system.preload import NAMESPACE, build_preload, has_namespaces

FOLDER = ROOT / "build" / "chaos"
INSIDE = "MUSICOND_CHAOS_INSIDE"
"""Set in the process that may mount."""
MOST_STEPS, MOST_SHOWN = 200, 12
"""Steps within which those are that show a planted bug, and how many of them have to find it at most."""


class Run:
    """A run of one seed in `folder`, with the library that makes the machine faulty."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed, self.number = folder, seed, 0
        self.preload = build_preload(folder)
        self.kinds: Counter[str] = Counter()
        self.longest_gap_s = self.longest_privacy_s = 0.0

    def world(self, plant: str | None = None) -> World:
        """Return a new world."""
        self.number += 1
        folder = self.folder / f"world{self.number}"
        folder.mkdir()
        return World(folder, self.preload, random.Random(f"world {self.seed} {self.number}"), plant)

    def find(self, steps: list[int], plant: str | None = None, progress: tqdm | None = None) -> tuple[int, list]:
        """Run steps in a new world until something is broken; return the number of the last one and what is broken."""
        with self.world(plant) as world:
            for number in steps:
                try:
                    run_step(world, self.seed, number)
                except NotStartedError as exc:
                    world.broken.append(("f", f"the daemon did not start:\n{exc}"))
                self.kinds.update(parts(self.seed, number))
                if progress is not None:
                    progress.update()
                    self.store(number)
                self.longest_gap_s = max(self.longest_gap_s, world.longest_gap_s)
                self.longest_privacy_s = max(self.longest_privacy_s, world.longest_privacy_s)
                if world.broken:
                    return number, world.broken
        return steps[-1], []

    def store(self, number: int) -> None:
        """Keep how far the run is."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        figures = {"done": number, "kinds": self.kinds, **self.figures()}
        (FOLDER / f"{self.seed}.json").write_text(json.dumps(figures), "utf-8")

    def resume(self) -> int:
        """Return the first step that was not done yet, and take over the figures."""
        file = FOLDER / f"{self.seed}.json"
        if not file.exists():
            return 1
        figures = json.loads(file.read_text("utf-8"))
        self.kinds.update(figures["kinds"])
        self.longest_gap_s, self.longest_privacy_s = figures["longest_gap_s"], figures["longest_privacy_s"]
        return int(figures["done"]) + 1

    def figures(self) -> dict[str, float]:
        """Return the longest times."""
        return {"longest_gap_s": round(self.longest_gap_s, 1), "longest_privacy_s": round(self.longest_privacy_s, 2)}

    def shortest_tail(self, last: int, first: int) -> list[int]:
        """Return the fewest of the last steps that break an invariant alone; all from `first` on if none do."""
        length = 1
        while length <= last - first:
            steps = list(range(last - length + 1, last + 1))
            if self.find(steps)[1]:
                return steps
            length *= 2
        return list(range(first, last + 1))


def find_plants(run: Run, names: list[str]) -> dict[str, int | None]:
    """Return for each planted bug the number of steps until it was found by its invariant; None if it was not."""
    found: dict[str, int | None] = {}
    for name in tqdm(names, "plants", disable=None):
        plant = PLANTS[name]
        steps = [
            step for step in range(1, MOST_STEPS) if not plant.shown_by or {*parts(run.seed, step)} & {*plant.shown_by}
        ]
        last, broken = run.find(steps[:MOST_SHOWN], name)
        letters = {letter for letter, _ in broken}
        found[name] = 1 + steps.index(last) if plant.breaks in letters else None
        print(f"{name}: {found[name] or 'NOT FOUND'}; broken: {sorted(letters)}", file=sys.stderr, flush=True)
    return found


def main() -> int:
    """Run the steps; return 1 for a broken invariant, 2 for a bug that was not found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=29)
    parser.add_argument("--steps", metavar="FIRST-LAST", help="run these steps alone")
    parser.add_argument("--plants", nargs="*", metavar="NAME", help="find planted bugs: all, or these")
    parser.add_argument("--restart", action="store_true", help="begin again with the first step")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write the figures there")
    args = parser.parse_args()
    if unknown := [name for name in args.plants or () if name not in PLANTS]:
        parser.error(f"no such bug: {unknown[0]}; give one of {', '.join(PLANTS)}")
    if not has_namespaces():
        sys.exit("chaos: no mount namespaces here; run it as root, or allow user namespaces")
    if INSIDE not in os.environ:
        command = [*NAMESPACE, sys.executable, *sys.argv]
        return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode  # noqa: S603 - ourselves
    with tempfile.TemporaryDirectory(prefix="musicond-chaos-", ignore_cleanup_errors=True) as name:
        run = Run(Path(name), args.seed)
        if args.plants is not None:
            return report_plants(run, args.plants or list(PLANTS), args.report)
        return report_steps(run, args)


def report_plants(run: Run, names: list[str], report: Path | None) -> int:
    """Find planted bugs and print the steps that each took."""
    found = find_plants(run, names)
    print(json.dumps({"seed": run.seed, "plants": found}))
    if report:
        report.write_text(json.dumps({"seed": run.seed, "plants": found}, indent=1) + "\n", "utf-8")
    return 0 if None not in found.values() else 2


def report_steps(run: Run, args: argparse.Namespace) -> int:
    """Run the steps and print the figures, or the shortest tail that breaks an invariant."""
    if args.steps:
        first, _, last = args.steps.partition("-")
        steps = list(range(int(first), int(last or first) + 1))
    else:
        steps = list(range(1 if args.restart else run.resume(), args.faults + 1))
    if not steps:
        sys.exit(f"chaos: {args.faults} steps of seed {args.seed} are done; --restart begins again")
    began = time.monotonic()
    with tqdm(total=len(steps), desc="faults", disable=None) as progress:
        last, broken = run.find(steps, None, None if args.steps else progress)
    if broken:
        print("\n".join(f"({letter}) {text}" for letter, text in broken), file=sys.stderr)
        for number in run.shortest_tail(last, steps[0]):
            print(f"step {number}: {plan(run.seed, number)}", file=sys.stderr)
        print(f"again: script/chaos --seed {run.seed} --steps FIRST-LAST of these", file=sys.stderr)
        return 1
    figures = {"faults": last, "seed": run.seed, "minutes": round((time.monotonic() - began) / 60), **run.figures()}
    print(json.dumps(figures | {"kinds": dict(sorted(run.kinds.items()))}))
    if args.report:
        args.report.write_text(json.dumps(figures | {"kinds": run.kinds}, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
