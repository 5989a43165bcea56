"""`musicond replay`: put recorded clips through the daemon's pipeline and print its outcomes as JSON lines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musicond.app.pipeline import build_pipeline, build_vision, frame_rate, open_recording
from musicond.commands import terminal
from musicond.commands.options import add_config
from musicond.config.loader import load
from musicond.config.schema import Config
from musicond.core.frame_rate import FrameRate
from musicond.core.models import Frame, scores_by_emotion
from musicond.core.outcome import Outcome
from musicond.core.pipeline import Pipeline
from musicond.core.ports import EmotionClassifier, FaceDetector
from musicond.errors import counted
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import MEMORY

DESCRIPTION = "put recorded clips through the pipeline and print what it finds as JSON lines"
SEED = 1
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The wall time at each clip's start."""
EARLY_S = 1e-6
"""Tolerance of the time at which a frame is due: both times are sums of fractions."""


@dataclass
class Costs:
    """Processor time of a replay and counts."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Processor seconds (user and system, all threads) of `start`, `decode`, `pipeline`, `detect`, `classify`."""
    frames: int = 0
    steps: list[float] = field(default_factory=list)
    """Processor milliseconds of each step that classified a face."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the processor time of the block, or of the decorated function, to a part."""
        started = time.process_time()
        try:
            yield
        finally:
            self.seconds[part] += time.process_time() - started

    def summary(self) -> dict[str, object]:
        """Return the last line of a replay; times per frame are means over the analysed frames."""
        per_frame = 1000 / max(1, len(self.steps))
        return {
            "type": "summary",
            "frames": self.frames,
            "analysed": len(self.steps),
            "cpu_ms_per_frame": round(self.seconds["pipeline"] * per_frame, 3),
            "decode_ms": round(self.seconds["decode"] * 1000 / max(1, self.frames), 3),
            "detect_ms": round(self.seconds["detect"] * per_frame, 3),
            "classify_ms": round(self.seconds["classify"] * per_frame, 3),
            "cpu_s": {part: round(self.seconds[part], 3) for part in ("start", "decode", "pipeline")},
        }


class TimedDetector:
    """A face detector that counts its processor time."""

    def __init__(self, detector: FaceDetector, costs: Costs) -> None:
        self.detect = costs.timed("detect")(detector.detect)
        self.reset = detector.reset


class TimedClassifier:
    """An emotion classifier that counts its processor time."""

    def __init__(self, classifier: EmotionClassifier, costs: Costs) -> None:
        self.classify = costs.timed("classify")(classifier.classify)
        self.reset = classifier.reset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="a clip, a folder of images, or demo")
    parser.add_argument(
        "--speed", choices=("max", "1"), default="max", help="as fast as it goes (default), or real time"
    )
    parser.add_argument("--frames", action="store_true", help="analyse every frame and print a line for each")
    parser.add_argument("--human", action="store_true", help="print sentences with times instead of JSON lines")
    parser.add_argument("--no-tracking", action="store_true", help="scan the whole picture in every frame")


def run(args: argparse.Namespace) -> None:
    """Print the lines of each clip, then the summary; raise ConfigError, ModelError or SourceLost."""
    costs = Costs()
    costs.seconds["start"] = time.process_time()
    config = load(args.config).config
    show = sentence if args.human else to_json
    recordings = [(Path(clip).name, open_recording(clip)) for clip in args.clips]
    for name, clip in recordings:
        rate = None if args.frames else frame_rate(config)
        with fresh_pipeline(config, costs, tracking=not args.no_tracking, gate=not args.frames) as pipeline:
            outcomes = play(pipeline, clip.frames(), rate, costs, real_time=args.speed == "1")
            # A bar beside the lines would break them.
            shown = outcomes if sys.stdout.isatty() else terminal.track(outcomes, f"{name}, frames")
            for at, outcome in shown:
                for line in lines(name, at, outcome, every=args.frames):
                    print(show(line), flush=args.speed == "1")
    # Everything but start-up and decoding, so with printing.
    costs.seconds["pipeline"] = time.process_time() - costs.seconds["start"] - costs.seconds["decode"]
    print(show(costs.summary()))


def to_json(line: Mapping[str, object]) -> str:
    """Return a line as JSON."""
    return json.dumps(line, ensure_ascii=False)


def sentence(line: Mapping[str, Any]) -> str:
    """Return a line as a sentence for people."""
    match line["type"]:
        case "frame":
            faces = counted(len(line["faces"]) + len(line["coasted"]), "face")
            text = f"{faces}, mood {line['mood']}" if line["watching"] == "yes" else line["watching"]
        case "mood":
            text = f"mood {line['after']} ({terminal.percent(line['confidence'])}), before {line['before']}"
        case "recommendation":
            songs = "; ".join(f"{track['title']} – {track['artist']}" for track in line["tracks"])  # noqa: RUF001 - the usual dash
            text = f"recommended for {line['mood']}: {songs}. {line['reason']}"
        case _:
            cost = f"{line['cpu_ms_per_frame']} ms of processor time for each analysed frame"
            return f"{counted(line['frames'], 'frame')}, {line['analysed']} analysed; {cost}"
    return terminal.one_line(f"{line['clip']} {line['t']:8.2f} s  {text}")


@contextmanager
def fresh_pipeline(
    config: Config, costs: Costs | None = None, *, tracking: bool = True, gate: bool = True
) -> Iterator[Pipeline]:
    """Yield a new pipeline with the starter catalogue in memory; raise ModelError. `costs` gets its processor time."""
    with costs.timed("start") if costs else nullcontext():
        vision: tuple[FaceDetector, EmotionClassifier] = build_vision(config, tracking=tracking, gate=gate)
        catalogue = SqliteCatalogue(MEMORY)
        if costs:
            vision = TimedDetector(vision[0], costs), TimedClassifier(vision[1], costs)
        pipeline = build_pipeline(config, *vision, catalogue, seed=SEED)
    with catalogue:
        yield pipeline


def play(
    pipeline: Pipeline,
    frames: Iterator[tuple[float, NDArray[np.uint8]]],
    rate: FrameRate | None,
    costs: Costs,
    *,
    real_time: bool = False,
) -> Iterator[tuple[float, Outcome]]:
    """Put the frames that are due at `rate` (None: all) through a pipeline; yield (seconds from the start, outcome)."""
    due, started_at = 0.0, time.monotonic()
    while True:
        with costs.timed("decode"):
            frame = next(frames, None)
        if frame is None:
            return
        at, grey = frame
        costs.frames += 1
        if at < due - EARLY_S:
            continue
        if real_time:
            time.sleep(max(0.0, started_at + at - time.monotonic()))
        before = costs.seconds["pipeline"]
        with costs.timed("pipeline"):
            outcome = pipeline.step(Frame(grey, at, NOON + timedelta(seconds=at)))
        if outcome.raw_scores is not None:
            costs.steps.append((costs.seconds["pipeline"] - before) * 1000)
        if rate is not None:
            due = max(due + rate.interval_s(outcome), at)
        yield at, outcome


def lines(clip: str, at: float, outcome: Outcome, *, every: bool) -> Iterator[dict[str, object]]:
    """Yield the lines of one outcome: with `every` its frame, then a new mood and a new recommendation."""
    place = {"clip": clip, "t": round(at, 3)}
    if every:
        yield {
            "type": "frame",
            **place,
            "faces": [box.rectangle for box in outcome.faces.confirmed],
            "coasted": [box.rectangle for box in outcome.faces.coasted],
            "scores": scores_by_emotion(outcome.raw_scores, 4),
            "mood": outcome.mood,
            "watching": outcome.watching,
        }
    if change := outcome.change:
        confidence = round(change.confidence, 4)
        yield {"type": "mood", **place, "before": change.before, "after": change.after, "confidence": confidence}
    if outcome.recommended and (new := outcome.recommendation):
        tracks = [{"title": track.title, "artist": track.artist, "link": track.link} for track in new.tracks]
        yield {"type": "recommendation", **place, "mood": new.mood, "tracks": tracks, "reason": new.reason}
