#!/usr/bin/env python3
"""Compare the processor time of a frame with that of two other projects: fer, and the loop of Musicon.

    python3.11 -m venv PEERS
    PEERS/bin/pip install tensorflow-cpu requests pillow 'setuptools<80' opencv-python-headless==4.11.0.86 'numpy<2.2'
    PEERS/bin/pip install --no-deps fer==25.10.3
    .venv/bin/python tools/compare_cost.py --peers PEERS/bin/python [CLIP ...]

All get the same frames, 8 of each second of a clip, in processes of their own and by turns (tools/peers.py). Start and
decoding do not count. The time of a pass is divided by the frames in which a face was found and read. musicond runs
twice: every frame is analysed, and at its own rates, where frames are skipped. For the second one the time of a second
counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2
import numpy as np

from musicond.app.pipeline import frame_rate, open_recording
from musicond.commands.replay import Costs, fresh_pipeline, play
from musicond.config.schema import Config
from tools.peers import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FPS, LONGEST_S, ROUNDS = 8.0, 30.0, 2
"""Frames per second, seconds of each clip, and passes over them, of which the cheaper counts."""
PEERS = {"fer": "fer", "musicon": "Musicon's loop"}
OWN = {"every": "musicond, every frame", "rates": "musicond, own rates"}


def own_pass(frames: NDArray[np.uint8], *, own_rates: bool) -> int:
    """Read colour frames with musicond's pipeline; with `own_rates` some are skipped as in the daemon."""
    config = Config()
    greys = (
        (at / FPS, np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)) for at, frame in enumerate(frames)
    )
    with fresh_pipeline(config, gate=own_rates) as pipeline:
        outcomes = play(pipeline, greys, frame_rate(config) if own_rates else None, Costs())
        return sum(outcome.raw_scores is not None for _, outcome in outcomes)


def colour_frames(clip: str) -> Iterator[NDArray[np.uint8]]:
    """Yield FPS colour frames of each second of a clip."""
    number = 0
    for at, picture in open_recording(clip).frames():
        if at >= LONGEST_S:
            break
        if at >= number / FPS:
            number += 1
            yield picture if picture.ndim == 3 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)


def start(name: str, path: Path, peers: Path) -> subprocess.Popen[str]:
    """Start the process of a project, and wait until it is ready."""
    peer = [str(peers), str(ROOT / "tools" / "peers.py"), name, str(path)]
    command = peer if name in PEERS else [sys.executable, __file__, "--own", name, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"{name} does not start")
    return process


def one_pass(process: subprocess.Popen[str]) -> tuple[float, int]:
    """Return the processor seconds of a pass, and the frames in which it read a face."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    seconds, read = json.loads(process.stdout.readline())
    return float(seconds), int(read)


def compare(clip: str, peers: Path) -> Iterator[str]:
    """Yield a line for each project."""
    frames = np.array(list(colour_frames(clip)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.npy"
        np.save(path, frames)
        processes = {name: start(name, path, peers) for name in (*OWN, *PEERS)}
        rounds = [{name: one_pass(process) for name, process in processes.items()} for _ in range(ROUNDS)]
        for process in processes.values():
            process.communicate()
    results = {name: min(passes[name] for passes in rounds) for name in processes}
    times = {name: 1000 * seconds / max(1, read) for name, (seconds, read) in results.items()}
    for name, title in (OWN | PEERS).items():
        seconds, read = results[name]
        cost = (
            f"{1000 * seconds * FPS / len(frames):.2f} ms a second"
            if name == "rates"
            else f"{times[name]:.2f} ms a frame"
        )
        ratio = f", {times[name] / times['every']:.1f} times ours" if name in PEERS else ""
        yield f"{Path(clip).name}: {title}: {cost}, a face read in {read} of {len(frames)} frames{ratio}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", default=["demo"], metavar="CLIP")
    parser.add_argument("--peers", type=Path, help="the Python of the environment that has fer and TensorFlow")
    parser.add_argument("--own", choices=OWN, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.own:
        serve(partial(own_pass, own_rates=args.own == "rates"), args.clips[0])
        return 0
    if args.peers is None:
        parser.error("give --peers")
    for clip in args.clips:
        for line in compare(clip, args.peers):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
