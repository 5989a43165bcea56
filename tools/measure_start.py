#!/usr/bin/env python3
"""Measure the start of the daemon and its memory, beside a bare process with the same modules.

    .venv/bin/python tools/measure_start.py [--runs N] [--imports]

The bare process imports what the daemon imports, loads the model and runs the face detector once. Prints as JSON the
seconds from exec to READY=1 and of the bare imports, their ratio, and the resident memory of both in MiB, a few
seconds after the start: medians of the runs. With `--imports` also the modules whose import takes longest.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
START_S = 120.0
SETTLE_S = 4.0
"""Seconds after READY at which the memory is read."""
SIZE = (1280, 960)
"""Width and height of the picture."""
DAEMON = [sys.executable, "-m", "musicond", "run", "--config"]
IMPORTS = "import musicond.cli, musicond.commands.run\n"
BARE = f"""
{IMPORTS}
import numpy as np, time
from datetime import datetime
from musicond.app.pipeline import build_vision
from musicond.config.schema import Config
from musicond.core.models import Frame
from musicond.runtime.health import memory_mib
detector, classifier = build_vision(Config())
picture = np.random.default_rng(1).integers(0, 255, ({SIZE[1]}, {SIZE[0]}), dtype=np.uint8)
detector.detect(Frame(picture, 0.0, datetime.now().astimezone()))
print(memory_mib())
"""
IMPORT_TIME = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each process, in turns (default: 3)")
    parser.add_argument("--imports", action="store_true", help="print the slowest imports too")
    args = parser.parse_args()
    print(json.dumps(measure(args.runs)))
    if args.imports:
        for milliseconds, module in slowest_imports():
            print(f"{milliseconds:6.0f} ms  {module}")
    return 0


def measure(runs: int = 3, settle_s: float = SETTLE_S) -> dict[str, float]:
    """Return the medians of the runs."""
    daemons = []
    imports = []
    for _ in range(runs):
        imports.append(import_s())
        daemons.append(start_daemon(settle_s))
    ready_s, bare_s = median(seconds for seconds, _ in daemons), median(imports)
    used_mib, bare_mib = median(mib for _, mib in daemons), bare_memory_mib()
    return {
        "ready_s": round(ready_s, 2),
        "import_s": round(bare_s, 2),
        "ratio": round(ready_s / bare_s, 2),
        "memory_mib": round(used_mib, 1),
        "bare_memory_mib": round(bare_mib, 1),
        "above_mib": round(used_mib - bare_mib, 1),
    }


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process that finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


def import_s() -> float:
    """Return the seconds of a process that only imports."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], env=environment(), check=True)  # noqa: S603 - ours
    return time.monotonic() - began


def bare_memory_mib() -> float:
    """Return the resident memory of the bare process."""
    command = [sys.executable, "-c", BARE]
    return float(subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout)  # noqa: S603 - ours


def start_daemon(settle_s: float) -> tuple[float, float]:
    """Return the seconds from exec to READY=1, and the resident memory `settle_s` later in MiB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir()
        config = folder / "musicon.yaml"
        (folder / "pictures").mkdir()
        cv2.imwrite(str(folder / "pictures" / "1.png"), np.random.default_rng(1).integers(0, 255, SIZE[::-1], np.uint8))
        config.write_text(
            f"camera: {{source: 'file:{folder / 'pictures'}'}}\nweb: {{listen: '127.0.0.1:0'}}\n"
            f"state_dir: {folder / 'state'}\n",
            "utf-8",
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(folder / "notify"))
            notify.settimeout(START_S)
            variables = environment(NOTIFY_SOCKET=str(folder / "notify"), RUNTIME_DIRECTORY=str(folder / "run"))
            began = time.monotonic()
            with subprocess.Popen([*DAEMON, str(config)], env=variables, stderr=subprocess.DEVNULL) as process:  # noqa: S603 - ours
                try:
                    while b"READY=1" not in notify.recv(4096):
                        pass
                    ready_s = time.monotonic() - began
                    time.sleep(settle_s)
                    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                finally:
                    process.terminate()
        return ready_s, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def slowest_imports(count: int = 15) -> list[tuple[float, str]]:
    """Return the milliseconds, with those of what they import, and the names of the slowest packages."""
    command = [sys.executable, "-X", "importtime", "-c", IMPORTS]
    text = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stderr  # noqa: S603 - ours
    times = [(int(match[2]) / 1000, match[4]) for match in IMPORT_TIME.finditer(text)]
    return sorted((item for item in times if not item[1].startswith("musicond")), reverse=True)[:count]


if __name__ == "__main__":
    sys.exit(main())
