#!/usr/bin/env python3
"""Measure what fifty open pages cost the watch loop: its step time with them and without, in turns, in one run.

    .venv/bin/python tools/measure_page.py [--seconds S] [--rounds N]

The real pipeline steps the demo in one thread while the real page serves in another. The readers are a process of their
own; half of them read all, half take nothing. Prints the medians, their ratio, the memory, and the megabytes that an
open page receives in an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.app.pipeline import build_pipeline, build_vision
from musicond.capture.demo import DemoClip
from musicond.config.paths import models_dir
from musicond.config.schema import Config
from musicond.core.models import Frame
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import MEMORY
from musicond.runtime.health import memory_mib
from musicond.web.server import WebOutput
from musicond.web.streams import MAX_STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from musicond.core.pipeline import Pipeline

RATE = 15.0
"""Steps per second: nearly twice the default."""


def main() -> int:
    """Measure and print; return 1 where the pages cost more than a tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a phase (default: 8)")
    parser.add_argument("--rounds", type=int, default=4, help="quiet and busy phases (default: 4)")
    parser.add_argument("--read", type=int, metavar="PORT", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        read(args.read)
        return 0
    result = measure(args.seconds, args.rounds)
    print(json.dumps(result))
    return 0 if result["ratio"] <= 1.1 else 1


def measure(seconds: float, rounds: int) -> dict[str, float]:
    """Return the median milliseconds of a step in quiet and in busy phases, their ratio, and MiB before and after."""
    quiet: list[float] = []
    busy: list[float] = []
    received: list[float] = []
    with tempfile.TemporaryDirectory() as folder, SqliteCatalogue(MEMORY) as catalogue:
        pipeline = build_pipeline(Config(), *build_vision(Config()), catalogue, seed=1)
        page = WebOutput("127.0.0.1:0", Path(folder) / "control.sock", None, lambda _: Future(), health)
        page.start()
        clip = DemoClip(models_dir())
        try:
            steps(pipeline, page, clip, 2.0)  # warm
            before = memory_mib()
            for _ in range(rounds):
                quiet += steps(pipeline, page, clip, seconds)
                with readers(page, received):
                    busy += steps(pipeline, page, clip, seconds)
            after = memory_mib()
        finally:
            page.stop()
    return {
        "quiet_ms": round(median(quiet), 3),
        "busy_ms": round(median(busy), 3),
        "ratio": round(median(busy) / median(quiet), 3),
        "streams": MAX_STREAMS,
        "memory_before_mib": round(before, 1),
        "memory_after_mib": round(after, 1),
        "mb_per_hour": round(median(received), 2),
    }


def health() -> dict[str, object]:
    """Return figures that change as those of the daemon do."""
    return {
        "camera": "demo",
        "trouble": None,
        "frames_per_s": round(time.monotonic() % 1, 1),
        "temperature_c": round(50 + time.monotonic() % 1, 1),
        "memory_mib": round(memory_mib(), 1),
        "uptime_s": round(time.monotonic()),
        "outputs": {"page": f"http://127.0.0.1:8080, {MAX_STREAMS} open"},
    }


def steps(pipeline: Pipeline, page: WebOutput, clip: DemoClip, seconds: float) -> list[float]:
    """Step the demo's first face for `seconds`; return the milliseconds of each step and its `accept`."""
    durations = []
    for number in range(round(seconds * RATE)):
        grey = clip.frame_at(2.0 + number % 30 / 15)
        due = time.monotonic() + 1 / RATE
        frame = Frame(grey, time.monotonic(), datetime.now().astimezone())
        began = time.perf_counter()
        page.accept(pipeline.step(frame))
        durations.append(1000 * (time.perf_counter() - began))
        time.sleep(max(0.0, due - time.monotonic()))
    return durations


@contextlib.contextmanager
def readers(page: WebOutput, received: list[float]) -> Iterator[None]:
    """Run MAX_STREAMS readers in another process, from when all are connected; add what one receives in MB an hour."""
    port = page.address.rpartition(":")[2]
    command = [sys.executable, __file__, "--read", port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - ourselves
        try:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == b"all are there\n"
            deadline = time.monotonic() + 10
            while not page.status().endswith(f", {MAX_STREAMS} open"):
                assert time.monotonic() < deadline, page.status()
                time.sleep(0.01)
            yield
            process.stdin.close()
            received.append(float(process.stdout.readline()))
        finally:
            process.kill()


def read(port: int) -> None:
    """Open the streams and read every second one of them until the input ends; print what one receives in MB an hour.

    The first bytes, which hold the whole state, do not count.
    """
    selector = selectors.DefaultSelector()
    unread, first, count = [], set(), 0
    for number in range(MAX_STREAMS):
        connection = socket.socket()
        if number % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)  # full after a few events
            unread.append(connection)
        else:
            selector.register(connection, selectors.EVENT_READ)
            first.add(connection)
        connection.connect(("127.0.0.1", port))
        connection.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    reading = len(first)
    print("all are there", flush=True)
    started = time.monotonic()
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                hours = (time.monotonic() - started) / 3600
                print(count / reading / hours / 1e6, flush=True)
                return
            connection = key.fileobj  # type: ignore[assignment]  # what was registered above
            size = len(connection.recv(65536))
            if connection in first:
                first.discard(connection)
            else:
                count += size


if __name__ == "__main__":
    sys.exit(main())
