"""Cameras and recordings: what frames come from."""

import os

import cv2

# OpenCV and FFmpeg write to stderr on their own; what a person needs to know stands in our errors.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.setLogLevel(2)
