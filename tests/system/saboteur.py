"""`musicond` with a thread that ends the others, or makes their storage raise what nobody expects, when a test asks.

The test writes into the folder SABOTAGE: a file `end` with the name of the thread to end, which becomes `ending` once
the thread has the exception; or a file `raise`, during which each fsync of the thread named in it raises RuntimeError. If the folder has JPEGs, a webcam gives them in turns; a
file `camera` with a kind of BAD and a number makes it give so many bad ones, and `device` exists while it is open. BUG
plants a bug.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

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
                order.rename(FOLDER / "ending")
                thread.join(90)


class FakeVideo:
    """Stands in for cv2.VideoCapture."""

    def __init__(self, *_: object) -> None:
        self._pictures = [path.read_bytes() for path in sorted(FOLDER.glob("*.jpg"))]
        self._number, self._bad = 0, ""
        (FOLDER / "device").touch()

    def set(self, *_: object) -> bool:
        """Take any value."""
        return True

    def get(self, key: int) -> float:
        """Return that it gives JPEGs."""
        return cv2.VideoWriter.fourcc(*"MJPG") if key == cv2.CAP_PROP_FOURCC else 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Return that it is open."""
        return True

    def grab(self) -> bool:
        """Take the next picture, or a bad one if that was ordered; return whether one came."""
        time.sleep(0.02)
        order, self._bad = FOLDER / "camera", ""
        with contextlib.suppress(FileNotFoundError, ValueError):
            kind, count = order.read_text("ascii").split()
            self._bad = kind
            if int(count) > 1:
                order.write_text(f"{kind} {int(count) - 1}", "ascii")
            else:
                order.unlink()
        self._number += self._bad != "same"
        return self._bad != "nothing"

    def retrieve(self) -> tuple[bool, Any]:
        """Return the picture as one row of JPEG."""
        if self._bad == "error":
            raise cv2.error("select() failed")
        picture = self._pictures[self._number % len(self._pictures)]
        if self._bad == "size":
            picture = cv2.imencode(".jpg", np.zeros((48, 64), np.uint8))[1].tobytes()
        content = {"cut": picture[: len(picture) // 2], "garbage": b"no picture"}.get(self._bad, picture)
        return True, np.frombuffer(content, np.uint8)[None, :].copy()

    def release(self) -> None:
        """Close it."""
        (FOLDER / "device").unlink(missing_ok=True)


def plant(bug: str) -> None:
    """Plant a bug that the random faults must find."""
    from musicond.capture.v4l2 import Webcam  # noqa: PLC0415 - after the stand-in for the webcam
    from musicond.library.catalogue import SqliteCatalogue  # noqa: PLC0415 - after the stand-in for the webcam
    from musicond.mqtt.output import MqttOutput  # noqa: PLC0415 - after the stand-in for the webcam
    from musicond.runtime.json_file import JsonFile  # noqa: PLC0415 - after the stand-in for the webcam

    rate, save = SqliteCatalogue.rate, JsonFile.save

    def rate_twice(self: SqliteCatalogue, *args: Any) -> None:
        rate(self, *args)
        rate(self, *args)

    def forget(self: JsonFile, data: Any, **more: Any) -> None:
        if self.path.name != "settings.json":
            save(self, data, **more)

    match bug:
        case "the camera stays open":
            Webcam.close = lambda _: None  # type: ignore[method-assign,assignment]
        case "privacy is not stored":
            JsonFile.save = forget  # type: ignore[method-assign]
        case "a like counts twice":
            SqliteCatalogue.rate = rate_twice  # type: ignore[assignment]
        case "a message ends the connection":
            MqttOutput.on_message = lambda *_: sys.exit()  # type: ignore[method-assign]


def fsync(fd: Any) -> None:
    """Sync a file, unless this thread is to fail."""
    order = FOLDER / "raise"
    if order.exists() and order.read_text("ascii") == threading.current_thread().name:
        raise RuntimeError("an odd error of a test")
    FSYNC(fd)


if __name__ == "__main__":
    os.fsync = fsync
    threading.Thread(target=end_threads, daemon=True).start()
    if any(FOLDER.glob("*.jpg")):
        cv2.VideoCapture = FakeVideo  # type: ignore[misc,assignment]
    plant(os.environ.get("BUG", ""))
    from musicond.cli import main

    sys.exit(main())
