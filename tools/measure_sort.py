#!/usr/bin/env python3
"""Measure what the sorting of a library costs the watch loop: its rate while songs are sorted and at rest, in one run.

    .venv/bin/python tools/measure_sort.py [--tagged N] [--sounds N] [--rounds N]

The real watch loop reads the demo at the default rate. Beside it, in the same process, the real worker sorts a folder
of new songs: most have tags, and the sound of the others is decoded. Four seconds of rest follow four of sorting, so
that other work of the machine slows down both. The loop's rate depends on what it sees, so each turn counts as the
seconds that the loop plans until the next one. Prints the planned seconds per second in each, 1 where the loop keeps
its rate, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
import wave
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mutagen.easyid3 import EasyID3

from musicond.app.library import build_maintenance
from musicond.app.pipeline import build_pipeline, build_source, build_vision, frame_rate
from musicond.config.schema import Config
from musicond.controller import Controller
from musicond.core.commands import Command, ConfigUpdate
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.library.sound import LISTENED_S, RATE
from musicond.runtime.inbox import Inbox
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import Worker
from musicond.watch_loop import WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from musicond.core.outcome import Outcome
    from musicond.library.maintenance import LibraryMaintenance

GENRES = ("Disco", "Heavy Metal", "Blues", "Techno", "Classical", "Grunge", "Dark Ambient", "Jazz", "Rock", "Other")
FRAME = b"\xff\xfb\x90\x64" + bytes(413)
"""An MPEG frame of silence."""
WARM_S = 5.0
PART_S = 4.0
"""Seconds of sorting, and of rest."""
LEAST_RATIO = 0.9
"""Of the rate while songs are sorted to the one at rest."""
LONGEST_S = 3600.0

Span = tuple[float, float]
"""Begin and end, in monotonic seconds."""

Turn = tuple[float, float]
"""Moment, in monotonic seconds, and the seconds planned until the next turn."""


def main() -> int:
    """Measure and print; return 1 where the sorting costs more than a tenth of the rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tagged", type=int, default=2000, help="songs with tags (default: 2000)")
    parser.add_argument("--sounds", type=int, default=20, help="songs without tags, which are decoded (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="rests and sorts (default: 3)")
    args = parser.parse_args()
    result = measure(args.tagged, args.sounds, args.rounds)
    print(json.dumps(result))
    return 0 if result["ratio"] >= LEAST_RATIO else 1


class Turns:
    """Lets the worker sort and rest by turns, and keeps the spans of both."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self.sorting: list[Span] = []
        self.resting: list[Span] = []
        self.begin()

    def begin(self) -> None:
        """Sort from now on."""
        self._begun = time.monotonic()

    def should_stop(self) -> bool:
        """Rest if it is time; return whether the worker has to end."""
        now = time.monotonic()
        if now - self._begun >= PART_S:
            self.sorting.append((self._begun, now))
            time.sleep(PART_S)
            self.begin()
            self.resting.append((now, self._begun))
        return self._should_stop()


def measure(tagged: int, sounds: int, rounds: int) -> dict[str, float]:
    """Return the share of its rate that the loop keeps at rest and while songs are sorted, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_songs(folder / "music", 1, 0)
        turns: list[Turn] = []
        with running(folder, turns) as (worker, maintenance, parts):
            write_songs(folder / "music", tagged, sounds)
            for number in range(rounds):
                for path in (folder / "music").iterdir():
                    os.utime(path, (number, number))  # so that it is read again
                parts.begin()
                sort(worker, maintenance)
    if not parts.resting:
        sys.exit(f"The songs were sorted within {PART_S:g} seconds; give more of them.")
    quiet, busy = kept(turns, parts.resting), kept(turns, parts.sorting)
    return {
        "tagged": tagged,
        "sounds": sounds,
        "sort_s": round(sum(end - begin for begin, end in parts.sorting) / rounds, 1),
        "quiet": round(quiet, 3),
        "sorting": round(busy, 3),
        "ratio": round(busy / quiet, 3),
    }


@contextmanager
def running(folder: Path, turns: list[Turn]) -> Iterator[tuple[Worker, LibraryMaintenance, Turns]]:
    """Run the watch loop and the worker as the daemon does; append each turn to `turns`."""
    camera = {"source": "demo", "idle_rate": Config().camera.rate}
    music = {"refresh": "never", "library": [str(folder / "music")]}
    config = Config.model_validate({"camera": camera, "music": music})
    periodic: list[Callable[[], None]] = []
    inbox, worker = Inbox[Command | ConfigUpdate](), Worker(periodic)
    with SqliteCatalogue(folder / FILE_NAME) as catalogue:
        pipeline = build_pipeline(config, *build_vision(config), catalogue, seed=1)
        controller = Controller(pipeline, frame_rate(config), JsonFile(folder / "settings.json"))
        build_maintenance(config, folder).refresh()  # else the sort would begin with the worker
        parts = Turns(worker.should_stop)
        maintenance = build_maintenance(config, folder, parts.should_stop)
        periodic.append(maintenance.tick)
        source = build_source(config)

        def count(_: Outcome) -> None:
            turns.append((time.monotonic(), controller.interval_s()))

        loop = WatchLoop(source, controller, inbox, count, lambda: None)
        thread = threading.Thread(target=loop.run, name="watch")
        thread.start()
        worker.start()
        try:
            time.sleep(WARM_S)
            yield worker, maintenance, parts
        finally:
            loop.stop()
            worker.stop()
            thread.join()


def sort(worker: Worker, maintenance: LibraryMaintenance) -> None:
    """Sort all new songs."""
    worker.submit(lambda: maintenance.run_action("refresh", {})).result(60)
    deadline = time.monotonic() + LONGEST_S
    while (progress := maintenance.run_action("progress", {}))["running"]:
        assert time.monotonic() < deadline, progress
        time.sleep(0.05)
    assert isinstance(report := progress["report"], dict)
    assert not report["faults"], report


def kept(turns: Sequence[Turn], spans: Sequence[Span]) -> float:
    """Return the planned seconds per second of the turns in all spans together."""
    planned = sum(plan for moment, plan in turns if any(begin <= moment < end for begin, end in spans))
    return planned / sum(end - begin for begin, end in spans)


def write_songs(folder: Path, tagged: int, sounds: int) -> None:
    """Write songs with tags, and others whose sound has to be decoded."""
    folder.mkdir(exist_ok=True)
    rng = random.Random(1)
    for number in range(tagged):
        path = folder / f"{number}.mp3"
        path.write_bytes(FRAME * 40)
        tags = EasyID3()
        tags["title"], tags["genre"] = f"Song {number}", rng.choice(GENRES)
        tags["bpm"] = str(rng.randrange(60, 180))
        tags.save(path)
    noise = np.random.default_rng(1).normal(0, 3000, LISTENED_S * RATE).astype("<i2").tobytes()
    for number in range(sounds):
        with wave.open(str(folder / f"sound {number}.wav"), "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(noise)


if __name__ == "__main__":
    sys.exit(main())
