"""musicond: reads the mood of the room from a camera and recommends music for it."""

from __future__ import annotations

import os
import signal
import sys

__version__ = "0.1.0"

# OpenCV and FFmpeg read these when they are loaded. Our own messages report their errors.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
# A small file may say that its picture is huge. The largest camera has 64 million pixels.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))


def block_reload(arguments: list[str]) -> None:
    """Keep SIGHUP waiting until the supervisor can reload, for `musicond run`; not from a terminal, which it closes."""
    if arguments[:1] == ["run"] and not (sys.stdin and sys.stdin.isatty()):
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
