#!/usr/bin/env python3
"""Run the real daemon at its highest rate for half an hour or more, and check that its memory stays constant.

    .venv/bin/python tools/soak.py [--minutes M] [--picture FILE.svg] [--json]

The daemon reads the demo as a clip at 30 frames per second, while a page is open and commands come from the control
socket. Once a second its resident memory, open files and threads are read from /proc. The first fifth of the time is
for warming up. Of the rest it prints for each figure the medians of the first and the last third, and the greatest.
Returns 1 where something grows: more than 4 MiB, 4 files or 2 threads between the two medians.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2
from tqdm import tqdm

from musicond.capture.demo import DemoClip
from musicond.config.paths import models_dir
from musicond.web.client import ControlClient
from tools.chart import Axis, draw_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RATE = 30
"""Frames per second, the highest of camera.rate."""
WARM_UP = 0.2
"""Share of the time that is not judged."""
GROWTH = {"memory_mib": 4.0, "files": 4.0, "threads": 2.0}
"""The most that each figure may grow."""
COMMANDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("pause", {"minutes": 1}),
    ("resume", {}),
    ("policy", {"policy": "lift"}),
    ("policy", {"policy": None}),
)
MOST_POINTS = 80
"""Of a line of the picture."""
START_S = 60.0
SETTLE_S = 3.0
"""Seconds without a command before the rate is read."""
PAGE = re.compile(r"the page is \S+:(\d+)")


@dataclass(frozen=True)
class Sample:
    """One sample of the daemon's /proc entries."""

    at_s: float
    memory_mib: float
    files: int
    threads: int


def main() -> int:
    """Run the daemon and judge its samples."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the run (default: 30)")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the figures over time")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    samples, frames = soak(60 * args.minutes)
    if args.picture:
        draw(samples, args.picture)
    summary = judge(samples) | {"minutes": args.minutes, "frames_per_s": frames}
    print(json.dumps(summary) if args.json else "\n".join(f"{name}: {value}" for name, value in summary.items()))
    return 0 if summary["flat"] else 1


def soak(seconds: float, every_s: float = 1.0, clip_frames: int = 885) -> tuple[list[Sample], float]:
    """Return the samples of a run, and the frames per second that the daemon read at its end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_clip(folder / "demo.avi", clip_frames)
        client = ControlClient(folder / "run" / "control.sock")
        samples = []
        with daemon(folder) as (process, port), page(port):
            began = time.monotonic()
            with commands(client), tqdm(total=round(seconds), unit=" s", leave=False, disable=None) as progress:
                while (at := time.monotonic() - began) < seconds:
                    samples.append(sample(process.pid, at))
                    progress.update(round(at) - progress.n)
                    time.sleep(every_s)
            client.send("resume")
            time.sleep(SETTLE_S)
            health = client.state()["health"]
        return samples, float(health["frames_per_s"])


def make_clip(path: Path, frames: int) -> None:
    """Write the demo as a clip of RATE frames per second."""
    clip = DemoClip(models_dir())
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), float(RATE), (640, 480))
    for number in range(frames):
        writer.write(cv2.cvtColor(clip.frame_at(number / clip.fps), cv2.COLOR_GRAY2BGR))
    writer.release()


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the daemon on the clip; yield its process and the port of its page."""
    (folder / "state").mkdir()
    (folder / "run").mkdir()
    config = folder / "musicon.yaml"
    config.write_text(
        f"camera: {{source: 'file:{folder / 'demo.avi'}', rate: {RATE}, idle_rate: {RATE}}}\n"
        f"web: {{listen: '127.0.0.1:0'}}\nhistory: {{enabled: true}}\nstate_dir: {folder / 'state'}\n"
    )
    command = [sys.executable, "-m", "musicond", "run", "--config", str(config)]
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(folder / "run"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 - ours
        try:
            yield process, wait_for_port(process)
        finally:
            process.terminate()


def wait_for_port(process: subprocess.Popen[str]) -> int:
    """Return the port of the page once it is ready; the rest of the log is read and dropped."""
    assert process.stderr is not None
    deadline = time.monotonic() + START_S
    lines = []
    for line in process.stderr:
        lines.append(line)
        if match := PAGE.search(line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return int(match[1])
        if time.monotonic() > deadline:
            break
    raise SystemExit("the daemon did not start:\n" + "".join(lines))


@contextlib.contextmanager
def page(port: int) -> Iterator[None]:
    """Read the stream of the state as an open page does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/api/v1/events")
    response = connection.getresponse()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while response.readline():
                pass

    threading.Thread(target=read, daemon=True).start()
    try:
        yield
    finally:
        connection.close()


@contextlib.contextmanager
def commands(client: ControlClient, every_s: float = 2.0) -> Iterator[None]:
    """Send COMMANDS again and again."""
    end = threading.Event()

    def send() -> None:
        number = 0
        while not end.wait(every_s):
            command, body = COMMANDS[number % len(COMMANDS)]
            client.send(command, **body)
            number += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def sample(pid: int, at_s: float) -> Sample:
    """Return the figures of a process from /proc."""
    proc = Path("/proc") / str(pid)
    pages = int((proc / "statm").read_text().split()[1])
    return Sample(
        at_s,
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        len(list((proc / "fd").iterdir())),
        len(list((proc / "task").iterdir())),
    )


def judge(samples: Sequence[Sample]) -> dict[str, object]:
    """Return for each figure its medians in the first and the last third, and its greatest value; and `flat`."""
    rest = [item for item in samples if item.at_s >= WARM_UP * samples[-1].at_s]
    third = max(1, len(rest) // 3)
    summary: dict[str, object] = {"flat": True}
    for name, most in GROWTH.items():
        before, after = (median(getattr(item, name) for item in part) for part in (rest[:third], rest[-third:]))
        summary[name] = [round(before, 1), round(after, 1), round(max(getattr(item, name) for item in rest), 1)]
        if after - before > most:
            summary["flat"] = False
    return summary


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draw each figure over the minutes into the PNG at `path`."""
    minutes, lines, shown = samples[-1].at_s / 60, {}, samples[:: max(1, len(samples) // MOST_POINTS)]
    for name in GROWTH:
        values = [float(getattr(item, name)) for item in samples]
        label = f"{name}: {min(values):.0f} to {max(values):.0f}"
        lines[label] = [(item.at_s / 60, float(getattr(item, name))) for item in shown]
    top = max(value for points in lines.values() for _, value in points)
    across = Axis("minutes", [minutes * quarter / 4 for quarter in range(5)])
    draw_lines(path, "The daemon over time", across, Axis("MiB, or number", scale(top)), lines)


def scale(top: float) -> list[float]:
    """Return ticks from 0 to a multiple of 20 that is not below a value."""
    return [20 * ceil(top / 20) * fifth / 5 for fifth in range(6)]


if __name__ == "__main__":
    sys.exit(main())
