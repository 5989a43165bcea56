"""musicond: reads the mood of the room from a camera and recommends music for it."""

import os

__version__ = "0.1.0"

# OpenCV and FFmpeg write to stderr on their own, and read this only when they are loaded:
# what a person needs to know stands in our own messages.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
