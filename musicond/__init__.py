"""musicond: reads the mood of the room from a camera and recommends music for it."""

import os

__version__ = "0.1.0"

# OpenCV and FFmpeg read these when they are loaded. Our own messages report their errors.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
