"""Makes the daemon of a booted system leak memory while the file LEAK exists; every Python of the system imports it."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

LEAK = Path("/run/rig-leak")
BYTES_A_SECOND = 5 * 2**20
"""Slow enough for a check once a second."""


def lose() -> None:
    """Allocate memory and keep it."""
    lost = []
    while True:
        if LEAK.exists():
            lost.append(b"x" * BYTES_A_SECOND)
        time.sleep(1)


if sys.orig_argv[1:3] == ["/usr/bin/musicond", "run"]:
    threading.Thread(target=lose, name="leak", daemon=True).start()
