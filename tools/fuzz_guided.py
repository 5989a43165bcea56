#!/usr/bin/env python3
"""Pass malformed files to each reader, guided by code coverage, and report errors that it must not raise.

    script/fuzz [FORMAT ...] [--seconds 1800] [--folder FOLDER]

atheris (libFuzzer) changes inputs, and keeps those that reach new code of musicond, mutagen, spotipy or the YAML reader
in a corpus, FOLDER/corpus/FORMAT. It is kept between runs; the first one begins with the seeds of tools/fuzz.py. The
formats and readers are those of tools/fuzz.py. OpenCV, FFmpeg and TFLite are not watched: there only chance leads. An
input that went wrong is kept as FOLDER/FORMAT-crash-HASH, or -timeout-, -oom-; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.fuzz import FOLDER, FORMATS, MOST_S, TOKENS
from tools.fuzz_files import MEMORY

WATCHED = ("musicond", "mutagen", "spotipy", "yaml")
"""Packages whose branches guide the inputs."""
MOST_BYTES = 65536
"""Of an input."""
MOST_MIB = 4096
"""Memory of a child process."""
MOST_FAILURES = 3
"""Of a format in a run, as the same one is found again and again."""
STATISTICS = re.compile(r"^stat::number_of_executed_units: +(\d+)", re.MULTILINE)
PROGRESS = re.compile(r"\bcov: (\d+) ft: \d+ corp: (\d+)")


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one child process."""

    inputs: int
    edges: int
    """Branches of the watched packages that were reached."""
    kept: int
    """Inputs of the corpus that are needed to reach them."""


def parse_figures(output: str) -> Figures:
    """Return the figures from the output of libFuzzer."""
    inputs, progress = STATISTICS.search(output), PROGRESS.findall(output)
    edges, kept = progress[-1] if progress else (0, 0)
    return Figures(int(inputs[1]) if inputs else 0, int(edges), int(kept))


def write_seeds(name: str, folder: Path) -> None:
    """Write the seeds of a format into its corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in FORMATS[name].seeds():
        (folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)


def write_dictionary(path: Path) -> None:
    """Write the texts that readers treat in a special way, for libFuzzer."""
    lines = ('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in TOKENS)
    path.write_text("".join(lines), "ascii")


def run_child(name: str, arguments: list[str]) -> None:
    """Read inputs in this process until libFuzzer ends it."""
    atheris = importlib.import_module("atheris")
    for module in [module for module in sys.modules if module.split(".")[0] in (*WATCHED, "tools")]:
        del sys.modules[module]  # they are loaded again, watched
    with atheris.instrument_imports(include=list(WATCHED)):
        fuzz = importlib.import_module("tools.fuzz")
    form = fuzz.FORMATS[name]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:

        def test(content: bytes) -> None:
            if trace := fuzz.try_input(form, content, Path(folder)):
                raise AssertionError(trace)

        atheris.Setup([name, *arguments], test)
        atheris.Fuzz()


def run_once(name: str, seconds: float, folder: Path) -> tuple[Figures, str]:
    """Let a child process read inputs; return its figures, and the end of its output where it failed."""
    corpus, log = folder / "corpus" / name, folder / f"{name}.log"
    write_seeds(name, corpus)
    write_dictionary(folder / "tokens")
    options = {
        "max_total_time": int(seconds),
        "max_len": MOST_BYTES,
        "timeout": 2 * MOST_S,
        "rss_limit_mb": MOST_MIB,
        "artifact_prefix": f"{folder}/{name}-",
        "dict": folder / "tokens",
        "print_final_stats": 1,
        "reduce_inputs": 0,
    }
    arguments = [*(f"-{key}={value}" for key, value in options.items()), str(corpus)]
    environment = os.environ | {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "OFF"}
    with log.open("wb") as file:
        child = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, __file__, name, "--child", *arguments],
            stdout=file,
            stderr=file,
            check=False,
            env=environment,
        )
    output = log.read_text("utf-8", "replace")
    return parse_figures(output), output[-4000:] if child.returncode else ""


def run_format(name: str, seconds: float, folder: Path) -> int:
    """Read inputs of a format for some seconds; return the number of those that went wrong."""
    begun, failures, inputs, edges, kept = time.monotonic(), 0, 0, 0, 0
    while (left := seconds - (time.monotonic() - begun)) >= 1 and failures < MOST_FAILURES:
        figures, failure = run_once(name, left, folder)
        inputs, edges, kept = inputs + figures.inputs, max(edges, figures.edges), max(kept, figures.kept)
        if failure:
            failures += 1
            print(failure)
    spent = time.monotonic() - begun
    print(f"{name}: {inputs} inputs in {spent:.0f} s, {edges} edges, corpus of {kept}, {failures} failures", flush=True)
    return failures


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"default: all of {', '.join(FORMATS)}")
    parser.add_argument("--seconds", type=float, default=1800, help="for each format (1800)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the corpus and failures (build/fuzz)")
    parser.add_argument("--child", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := set(args.formats) - set(FORMATS):
        parser.error(f"no format {', '.join(sorted(unknown))}; give some of {', '.join(FORMATS)}")
    if args.child is not None:
        run_child(args.formats[0], args.child)
        return 0
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return 1 if sum([run_format(name, args.seconds, folder) for name in args.formats or FORMATS]) else 0


if __name__ == "__main__":
    sys.exit(main())
