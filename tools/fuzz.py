#!/usr/bin/env python3
"""Pass damaged and malformed files of each format to its reader, and report errors that the reader must not raise.

    script/fuzz --random [FORMAT ...] [--seconds 1800] [--seed N] [--restart]

A child process reads the files, so that a crash of a library is found, too; one that takes 20 s of processor time for
a file, or 200 s, counts as hanging. The number of inputs done is kept in build/fuzz/, so that a run can be stopped and
continued. Input N of a seed is always the same. Each that went wrong is kept there as FORMAT-SEED-N; the exit code is
1 then.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from typing import TYPE_CHECKING

from tqdm import tqdm

from tools.fuzz_files import FILES, MEMORY
from tools.fuzz_messages import MESSAGES

if TYPE_CHECKING:
    from tools.fuzz_files import Format

FOLDER = ROOT / "build" / "fuzz"
MOST_S = 20
"""Seconds of processor time for one input; ten times that by the clock, as the machine may be busy."""
HANGING = (-signal.SIGPROF, -signal.SIGALRM)
MOST_BYTES = 4 * 2**30
"""Memory of a child process."""
TOKENS = (
    b"\0", b"\r", b"\n", b"\r\n", b'"', b'""', b",", b";", b"\t", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x85",
    b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\x1b[31m", b"%00", b"%", b"#EXTINF:", b"http://[", b"file://", b"..",
    b"spotify:track:", b"{", b"}", b"[", b"]", b"null", b"NaN", b"1e999", b"-1", b"9" * 400, b"title", b"artist",
    b"track", b"sep=;\n", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"ID3", b"fLaC", b"OggS", b"RIFF",
    b"ftyp", b"moov",
)  # fmt: skip
"""Texts that readers treat in a special way."""


def damage(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return the content with up to eight changes: bits, cuts, copies, tokens, or a part of another file."""
    data = bytearray(content)
    for _ in range(rng.choice((0, 1, 1, 2, 4, 8))):
        place, length = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 40, 400))
        match rng.randrange(6):
            case 0 if place < len(data):
                data[place] = rng.randrange(256)
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = rng.choice(TOKENS)
            case 3:
                data[place:place] = data[: rng.randrange(len(data) + 1)][-length:]
            case 4:
                other = rng.choice(others)
                start = rng.randrange(len(other) + 1)
                data[place : place + length] = other[start : start + length]
            case _:
                data[place : place + 4] = rng.choice(
                    (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", rng.randbytes(4))
                )
    if rng.randrange(20) == 0:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def make_input(form: Format, name: str, seed: int, number: int) -> bytes:
    """Return input `number` of a seed, always the same."""
    rng, seeds = random.Random(f"{name} {seed} {number}"), form.seeds()
    return damage(rng.choice(seeds), seeds, rng)


def try_input(form: Format, content: bytes, folder: Path) -> str:
    """Read an input; return the traceback of an error that the reader must not raise, else an empty text."""
    path = folder / f"input{form.suffix}"
    path.write_bytes(content)
    try:
        form.read(path)
    except form.allowed:
        return ""
    except Exception:  # what is looked for
        return traceback.format_exc()
    return ""


FORMATS = FILES | MESSAGES


@dataclass(frozen=True, slots=True)
class Run:
    """A run on one format."""

    name: str
    seed: int
    seconds: float
    batch: int
    """Inputs of one child process."""
    folder: Path
    """File of the progress and of the inputs that failed."""

    @property
    def progress(self) -> Path:
        """The file that keeps the number of inputs."""
        return self.folder / f"{self.name}-{self.seed}.json"


def run_child(name: str, seed: int, first: int, count: int) -> None:
    """Read inputs in this process; print the number before each, and a line of JSON for each that went wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    form = FORMATS[name]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for number in range(first, first + count):
            print(number, flush=True)
            signal.setitimer(signal.ITIMER_PROF, MOST_S)
            signal.alarm(10 * MOST_S)
            trace = try_input(form, make_input(form, name, seed, number), Path(folder))
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if trace:
                print(json.dumps([number, trace]), flush=True)


def run_batch(run: Run, first: int) -> tuple[int, dict[int, str]]:
    """Read a batch of inputs in a child process; return the number of the next one, and what went wrong."""
    options = ("--seed", str(run.seed), "--batch", str(run.batch), "--child", str(first))
    environment = os.environ | {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "OFF"}
    child = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, __file__, run.name, *options], capture_output=True, text=True, check=False, env=environment
    )
    lines = child.stdout.splitlines()
    failures = {int(number): str(trace) for number, trace in (json.loads(line) for line in lines if line[0] == "[")}
    last = max((int(line) for line in lines if line[0] != "["), default=first)
    if child.returncode:
        how = "hangs" if child.returncode in HANGING else f"ended with {child.returncode}"
        failures[last] = f"the reader {how}\n{child.stderr[-4000:]}"
    return last + 1, failures


def run_format(run: Run) -> int:
    """Read inputs of a format for some seconds; return the number of those that went wrong."""
    state = {"inputs": 0, "seconds": 0.0, "failures": 0}
    if run.progress.exists():
        state = json.loads(run.progress.read_text())
    with tqdm(desc=run.name, unit=" inputs", initial=int(state["inputs"]), disable=None) as bar:
        while state["seconds"] < run.seconds:
            begun = time.monotonic()
            following, failures = run_batch(run, int(state["inputs"]))
            for number, trace in failures.items():
                path = run.folder / f"{run.name}-{run.seed}-{number}"
                path.write_bytes(make_input(FORMATS[run.name], run.name, run.seed, number))
                tqdm.write(f"{path}\n{trace}")
            bar.update(following - int(state["inputs"]))
            state = {
                "inputs": following,
                "seconds": state["seconds"] + time.monotonic() - begun,
                "failures": state["failures"] + len(failures),
            }
            run.progress.write_text(json.dumps(state))
    inputs, seconds, count = state["inputs"], state["seconds"], state["failures"]
    print(f"{run.name}: {inputs} inputs in {seconds:.0f} s, {count} failures (seed {run.seed})")
    return int(count)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"default: all of {', '.join(FORMATS)}")
    parser.add_argument("--seconds", type=float, default=1800, help="for each format, earlier runs included (1800)")
    parser.add_argument("--seed", type=int, default=24, help="of the inputs (24)")
    parser.add_argument("--restart", action="store_true", help="begin with input 0 again")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the progress and failures (build/fuzz)")
    parser.add_argument("--batch", type=int, default=500, help="inputs of one child process (500)")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := set(args.formats) - set(FORMATS):
        parser.error(f"no format {', '.join(sorted(unknown))}; give some of {', '.join(FORMATS)}")
    if args.child is not None:
        run_child(args.formats[0], args.seed, args.child, args.batch)
        return 0
    args.folder.mkdir(parents=True, exist_ok=True)
    runs = [Run(name, args.seed, args.seconds, args.batch, args.folder) for name in args.formats or FORMATS]
    for run in runs if args.restart else ():
        run.progress.unlink(missing_ok=True)
    return 1 if sum([run_format(run) for run in runs]) else 0


if __name__ == "__main__":
    sys.exit(main())
