"""`musicond replay`: recorded clips through the same pipeline, as JSON lines; nothing is sent or written."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from musicond.app.build import build_pipeline, build_vision, open_recording
from musicond.commands.options import add_config, load_config
from musicond.core.models import Frame, scores_by_emotion
from musicond.core.pipeline import FrameRate
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import MEMORY

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from musicond.config.schema import Config
    from musicond.core.models import Box, EmotionEstimate, Faces
    from musicond.core.outcome import Outcome
    from musicond.core.pipeline import Pipeline
    from musicond.core.ports import EmotionClassifier, FaceDetector

HELP = "put recorded clips through the pipeline and print what it finds as JSON lines"
SEED = 1
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The fixed wall clock at each clip's start."""
EARLY_S = 1e-6
"""A frame's time may fall short of its due time by this: both are sums of fractions."""


@dataclass
class Costs:
    """Processor time (user and system, all threads) in seconds, and counts."""

    start: float = 0.0
    decode: float = 0.0
    pipeline: float = 0.0
    detect: float = 0.0
    classify: float = 0.0
    frames: int = 0
    analysed: int = 0
    steps: list[float] = field(default_factory=list)
    """Processor milliseconds of each step that read a face."""

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the processor time of the block to the part of that name."""
        started = time.process_time()
        try:
            yield
        finally:
            setattr(self, part, getattr(self, part) + time.process_time() - started)

    def summary(self) -> dict[str, object]:
        """Return the last line of a replay; times per frame are means over the analysed ones."""
        each = 1000 / max(1, self.analysed)
        return {
            "type": "summary",
            "frames": self.frames,
            "analysed": self.analysed,
            "cpu_ms_per_frame": round(self.pipeline * each, 3),
            "decode_ms": round(self.decode * 1000 / max(1, self.frames), 3),
            "detect_ms": round(self.detect * each, 3),
            "classify_ms": round(self.classify * each, 3),
            "cpu_s": {part: round(getattr(self, part), 3) for part in ("start", "decode", "pipeline")},
        }


class TimedDetector:
    """Passes on to the real finder and counts its processor time."""

    def __init__(self, finder: FaceDetector, costs: Costs) -> None:
        self._finder, self._costs = finder, costs

    def detect(self, frame: Frame) -> Faces:
        """Find, timed."""
        with self._costs.timed("detect"):
            return self._finder.detect(frame)

    def reset(self) -> None:
        """Forget."""
        self._finder.reset()


class TimedClassifier:
    """Passes on to the real reader and counts its processor time."""

    def __init__(self, reader: EmotionClassifier, costs: Costs) -> None:
        self._reader, self._costs = reader, costs

    def classify(self, frame: Frame, faces: Faces) -> EmotionEstimate | None:
        """Read, timed."""
        with self._costs.timed("classify"):
            return self._reader.classify(frame, faces)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser)
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="a clip, a folder of images, or demo")
    parser.add_argument(
        "--speed", choices=("max", "1"), default="max", help="as fast as it goes (default), or real time"
    )
    parser.add_argument("--frames", action="store_true", help="analyse every frame and print a line for each")
    parser.add_argument("--no-tracking", action="store_true", help="scan the whole picture in every frame")


def run(args: argparse.Namespace) -> int:
    """Print the lines of each clip, and the summary."""
    costs = Costs(start=time.process_time())
    config = load_config(args).config
    recordings = [(Path(clip).name, open_recording(clip)) for clip in args.clips]
    for name, clip in recordings:
        pace = None if args.frames else FrameRate(config.camera.rate, config.camera.idle_rate)
        with fresh_pipeline(config, costs, tracking=not args.no_tracking, gate=not args.frames) as pipeline:
            for at, outcome in play(pipeline, clip.frames(), pace, costs, real_time=args.speed == "1"):
                for line in lines(name, at, outcome, every=args.frames):
                    print(json.dumps(line, ensure_ascii=False), flush=args.speed == "1")
    # All that is neither start-up nor decoding, the printing too.
    costs.pipeline = time.process_time() - costs.start - costs.decode
    print(json.dumps(costs.summary()))
    return 0


@contextmanager
def fresh_pipeline(config: Config, costs: Costs, *, tracking: bool = True, gate: bool = True) -> Iterator[Pipeline]:
    """Yield a pipeline that remembers nothing, with a starter catalogue in memory; raise ModelError."""
    with ExitStack() as stack:
        with costs.timed("start"):
            finder, reader = build_vision(config, tracking=tracking, gate=gate)
            catalogue = stack.enter_context(SqliteCatalogue.open(MEMORY))
            eyes = TimedDetector(finder, costs), TimedClassifier(reader, costs)
            pipeline = build_pipeline(config, *eyes, catalogue, seed=SEED)
        yield pipeline


def play(
    pipeline: Pipeline,
    frames: Iterator[tuple[float, NDArray[np.uint8]]],
    pace: FrameRate | None,
    costs: Costs,
    *,
    real_time: bool = False,
) -> Iterator[tuple[float, Outcome]]:
    """Step the frames that are due by `pace` (None: all) and yield (seconds from the start, outcome)."""
    due, last, began = 0.0, None, time.monotonic()
    while True:
        with costs.timed("decode"):
            found = next(frames, None)
        if found is None:
            return
        at, grey = found
        costs.frames += 1
        if at < due - EARLY_S:
            continue
        if real_time:
            time.sleep(max(0.0, began + at - time.monotonic()))
        before = costs.pipeline
        with costs.timed("pipeline"):
            last = pipeline.step(Frame(grey, at, NOON + timedelta(seconds=at)))
        if last.raw_scores is not None:
            costs.analysed += 1
            costs.steps.append((costs.pipeline - before) * 1000)
        if pace is not None:
            due = max(due + pace.interval_s(last), at)
        yield at, last


def lines(clip: str, at: float, outcome: Outcome, *, every: bool) -> Iterator[dict[str, object]]:
    """Yield what one outcome has to tell: its frame, if asked for, then a new mood and a new recommendation."""
    t = round(at, 3)
    if every:
        yield {
            "type": "frame",
            "clip": clip,
            "t": t,
            "faces": [_box(box) for box in outcome.faces.confirmed],
            "coasted": [_box(box) for box in outcome.faces.coasted],
            "scores": scores_by_emotion(outcome.raw_scores, 4),
            "mood": outcome.mood,
            "watching": outcome.watching,
        }
    if outcome.change:
        change = outcome.change
        yield {
            "type": "mood",
            "clip": clip,
            "t": t,
            "before": change.before,
            "after": change.after,
            "confidence": round(change.confidence, 4),
        }
    if outcome.recommended and outcome.recommendation:
        found = outcome.recommendation
        tracks = [{"title": track.title, "artist": track.artist, "link": track.link} for track in found.tracks]
        yield {
            "type": "recommendation",
            "clip": clip,
            "t": t,
            "mood": found.mood,
            "tracks": tracks,
            "reason": found.reason,
        }


def _box(box: Box) -> list[int]:
    return [box.x, box.y, box.w, box.h]
