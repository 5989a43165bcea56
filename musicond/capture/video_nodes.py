"""The video devices in /dev that are cameras, by their drivers' capabilities (VIDIOC_QUERYCAP)."""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

DEVICES = Path("/dev")
QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP of linux/videodev2.h: _IOR('V', 0, struct v4l2_capability)."""
LAYOUT = struct.Struct("16s32s32sIII12x")
"""struct v4l2_capability: driver, card, bus, version, capabilities of all nodes, those of this node."""
VIDEO_CAPTURE, VIDEO_M2M, IO_MC, DEVICE_CAPS = 0x1, 0x8000, 0x2000_0000, 0x8000_0000
"""V4L2_CAP_*: gives pictures; converts pictures; needs a media controller; the node has capabilities of its own."""
PI_DRIVERS = {"unicam", "rp1-cfe", "bcm2835-isp", "pispbe"}
"""Drivers of the Pi's own camera port and its image processor: their nodes give raw data, and only to libcamera."""


@dataclass(frozen=True, slots=True)
class VideoNode:
    """A device node and what its driver says."""

    driver: str
    card: str
    capabilities: int

    @property
    def is_camera(self) -> bool:
        """Whether a program can read pictures of a camera from it."""
        gives = self.capabilities & VIDEO_CAPTURE and not self.capabilities & (VIDEO_M2M | IO_MC)
        return bool(gives) and self.driver not in PI_DRIVERS


def parse(content: bytes) -> VideoNode:
    """Return the content of a struct v4l2_capability."""
    driver, card, _, _, every, own = LAYOUT.unpack(content)
    driver, card = (text.partition(b"\0")[0].decode("utf-8", "replace") for text in (driver, card))
    return VideoNode(driver, card, own if every & DEVICE_CAPS else every)


def query(node: Path) -> VideoNode | None:
    """Return what the driver of a node says; None if it is no video device. Raises OSError if it can't be opened."""
    descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        content = bytearray(LAYOUT.size)
        fcntl.ioctl(descriptor, QUERYCAP, content)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return parse(bytes(content))


def cameras(folder: Path = DEVICES) -> list[Path]:
    """Return the nodes that are cameras, or may be: those that can't be opened are among them."""
    found = []
    for node in sorted(folder.glob("video*"), key=_number):
        try:
            description = query(node)
        except OSError:
            found.append(node)
        else:
            if description is not None and description.is_camera:
                found.append(node)
    return found


def _number(node: Path) -> tuple[int, str]:
    digits = node.name.removeprefix("video")
    return (int(digits) if digits.isdigit() else 1000, node.name)
