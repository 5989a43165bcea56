"""musicond for script/chaos: threads with their names in /proc, a fake Spotify, and a planted bug where one is asked for."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from musicond.cli import main as run_musicond
from musicond.spotify import auth
from tests.chaos.plants import PLANTS


def name_threads() -> None:
    """Give each thread its own name in /proc/PID/task/TID/comm, as Python does from 3.14 on."""
    run = threading.Thread.run

    def named(self: threading.Thread) -> None:
        with suppress(OSError):
            Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(self.name[:15], "utf-8")
        run(self)

    threading.Thread.run = named  # type: ignore[method-assign] # a test build


def main() -> int:
    """Start musicond."""
    name_threads()
    if spotify := os.environ.get("CHAOS_SPOTIFY"):
        auth.API, auth.ACCOUNTS = f"{spotify}/v1/", spotify
    if plant := os.environ.get("CHAOS_PLANT"):
        PLANTS[plant].apply()
    return run_musicond(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
