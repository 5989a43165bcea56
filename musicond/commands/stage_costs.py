"""The costs of `musicond bench` by stage, and the same Haar calls and invokes as a bare loop beside them."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median, quantiles

import cv2
import numpy as np
from numpy.typing import NDArray

from musicond.app.pipeline import frame_rate
from musicond.capture.recorded import Recording
from musicond.commands import terminal
from musicond.commands.replay import EARLY_S, NOON, Costs, fresh_pipeline, play
from musicond.config.schema import Config
from musicond.core.models import Frame
from musicond.runtime.stages import StageTimes, Times, measured
from musicond.web.responses import state_json, to_json

STAGES = ("capture", "scale", "gates", "detect", "track", "classify", "mood", "outputs")
COLUMNS = {
    "cpu_ms_per_s": "processor (ms/s)",
    "share": "share (%)",
    "cpu_median_ms": "median (ms)",
    "cpu_p95_ms": "p95 (ms)",
    "wall_median_ms": "wall, median (ms)",
    "wall_p95_ms": "wall, p95 (ms)",
}
ROUNDS = 3
"""Repetitions of the whole and of the bare loop, by turns; of each the median counts."""
WIDTH, ROW, LEFT, RIGHT = 760, 34, 150, 80
"""Measures of the picture in pixels: its width, the height of a row, and the margins."""


@dataclass(frozen=True)
class StageCosts:
    """The costs of a clip at the daemon's own rates; all but the capture, which is that of a recording."""

    seconds: float
    frames_per_s: float
    cpu_ms_per_s: float
    bare_cpu_ms_per_s: float
    times_bare: float | None
    """Processor time as a multiple of that of the bare loop."""
    peak_memory_mib: float
    stages: dict[str, dict[str, float]]


def measure_stages(config: Config, clip: Recording) -> StageCosts:
    """Run a clip at the daemon's own rates; return the figures of the whole, and those of each stage.

    The whole and the bare loop are measured by turns and without the stages. Both read the same frames of the clip
    between their calls, so that the processor's caches are as cold for one as for the other.
    """
    with measured() as times:
        read_at = _run(config, clip, times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    calls = {at: times.calls[start:end] for at, start, end in zip(read_at, [0, *times.ends], times.ends, strict=False)}
    rounds = [(_whole_s(config, clip, len(read_at)), _bare_s(clip, calls)) for _ in range(ROUNDS)]
    whole, bare = (median(spent) for spent in zip(*rounds, strict=True))
    analysed, seconds = times.frames[: len(read_at)], max(*read_at, EARLY_S)
    own = sum(cpu for frame in analysed for name, (cpu, _) in frame.items() if name != "capture")
    return StageCosts(
        seconds=round(seconds, 1),
        frames_per_s=round(len(analysed) / seconds, 2),
        cpu_ms_per_s=round(1000 * whole / seconds, 2),
        bare_cpu_ms_per_s=round(1000 * bare / seconds, 2),
        times_bare=round(whole / bare, 3) if bare else None,
        peak_memory_mib=round(peak, 1),
        stages={name: _row(analysed, name, own, seconds) for name in STAGES},
    )


def _run(config: Config, clip: Recording, times: StageTimes) -> list[float]:
    """Let the pipeline watch the clip, or the part of it whose calls are kept; return the times of the frames read."""
    rate, frames, due, read_at = frame_rate(config), clip.frames(), 0.0, list[float]()
    with fresh_pipeline(config) as pipeline, terminal.progress("stages, frames") as advance:
        while not times.is_full:
            with times.measure("capture"):
                frame = next(frames, None)
            if frame is None:
                break
            at, grey = frame
            advance(1)
            if at < due - EARLY_S:
                continue
            with times.measure("mood"):
                outcome = pipeline.step(Frame(grey, at, NOON + timedelta(seconds=at)))
            with times.measure("outputs"):
                to_json(state_json(outcome, {}))
            times.end_frame()
            read_at.append(at)
            due = max(due + rate.interval_s(outcome), at)
    return read_at


def _whole_s(config: Config, clip: Recording, count: int) -> float:
    """Return the processor seconds of the pipeline and of the state's JSON, for the first `count` frames read."""
    costs, frames = Costs(), terminal.track(clip.frames(), "whole, frames")
    with fresh_pipeline(config) as pipeline:
        for _, outcome in islice(play(pipeline, frames, frame_rate(config), costs), count):
            with costs.timed("outputs"):
                to_json(state_json(outcome, {}))
    return costs.seconds["pipeline"] + costs.seconds["outputs"]


def _bare_s(clip: Recording, calls: Mapping[float, Sequence[Callable[[], object]]]) -> float:
    """Return the processor seconds of these calls, each of which follows the frame of its time."""
    spent, last = 0.0, max(calls)
    for at, _ in terminal.track(clip.frames(), "bare loop, frames"):
        started = time.process_time()
        for call in calls.get(at, ()):
            call()
        spent += time.process_time() - started
        if at >= last:
            break
    return spent


def _row(frames: list[dict[str, Times]], name: str, own: float, seconds: float) -> dict[str, float]:
    """Return the figures of a stage; median and p95 are those of the frames in which it ran."""
    spent = [frame[name] for frame in frames if name in frame] or [(0.0, 0.0)]
    total = sum(cpu for cpu, _ in spent)
    row = {"cpu_ms_per_s": round(1000 * total / seconds, 2), "share": round(100 * total / max(own, 1e-9), 1)}
    for which, kind in enumerate(("cpu", "wall")):
        values = [1000 * times[which] for times in spent]
        row[f"{kind}_median_ms"] = round(median(values), 3)
        row[f"{kind}_p95_ms"] = round(quantiles(values, n=20)[-1] if len(values) > 1 else values[0], 3)
    return row


def print_stages(costs: StageCosts) -> None:
    """Print the stages as a table, then the whole beside the bare loop."""
    terminal.print_table(
        ["stage", *COLUMNS.values()], [[name, *map(row.get, COLUMNS)] for name, row in costs.stages.items()]
    )
    print()
    print(f"all but capture: {costs.cpu_ms_per_s} ms of processor time a second")
    print(f"the same Haar calls and invokes in a bare loop: {costs.bare_cpu_ms_per_s} ms a second")
    print(f"all as a multiple of the bare loop: {costs.times_bare}")
    print(f"frames a second: {costs.frames_per_s}")
    print(f"peak memory: {costs.peak_memory_mib} MiB")


def draw_stages(costs: StageCosts, path: Path) -> None:
    """Draw the processor time of each stage, of the whole and of the bare loop as bars, as a PNG."""
    bars = {name: row["cpu_ms_per_s"] for name, row in costs.stages.items()}
    bars |= {"all but capture": costs.cpu_ms_per_s, "bare loop": costs.bare_cpu_ms_per_s}
    picture = np.full((ROW * (len(bars) + 1) + 16, WIDTH, 3), 255, np.uint8)
    _write(picture, "Milliseconds of processor time a second, by stage", (16, 26))
    longest = max(bars.values(), default=0.0) or 1.0
    for number, (name, value) in enumerate(bars.items(), 1):
        top = ROW * number + 8
        right = LEFT + round((WIDTH - LEFT - RIGHT) * value / longest)
        colour = (170, 110, 40) if name in costs.stages else (110, 110, 110)
        cv2.rectangle(picture, (LEFT, top + 6), (right, top + ROW - 6), colour, -1)
        _write(picture, name, (16, top + 22))
        _write(picture, f"{value:.2f}", (right + 8, top + 22))
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path}: this picture can't be written")


def _write(picture: NDArray[np.uint8], text: str, at: tuple[int, int]) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
