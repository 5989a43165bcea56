"""`musicond` with a thread that ends the others, or makes their storage raise what nobody expects, when a test asks.

The test writes into the folder SABOTAGE: a file `end` with the name of the thread to end, or a file `raise`, during
which each fsync of the thread named in it raises RuntimeError.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("SABOTAGE", "/none"))
FSYNC = os.fsync


def end_threads() -> None:
    """End the threads that are named, one after the other."""
    while True:
        time.sleep(0.02)
        order = FOLDER / "end"
        if not order.exists():
            continue
        name = order.read_text("ascii")
        for thread in threading.enumerate():
            if thread.name == name and thread.ident is not None:
                ident, exception = ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, exception)
                thread.join(90)
                order.unlink()


def fsync(fd: Any) -> None:
    """Sync a file, unless this thread is to fail."""
    order = FOLDER / "raise"
    if order.exists() and order.read_text("ascii") == threading.current_thread().name:
        raise RuntimeError("an odd error of a test")
    FSYNC(fd)


if __name__ == "__main__":
    os.fsync = fsync
    threading.Thread(target=end_threads, daemon=True).start()
    from musicond.cli import main

    sys.exit(main())
