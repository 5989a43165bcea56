"""Changes that the real picamera2 needs to use libcamera's virtual pipeline, which serves pictures from a folder as a camera.

tests/rig/in-pi-camera-guest calls `adapt` at the end of picamera2's `__init__`, and `replace_needless` before. picamera2
is made for the pipelines of a Pi, and the virtual one (libcamera 0.4.0) lacks what they have:

- the property ColorFilterArrangement, which distinguishes a Pi camera from a webcam, and modes of a sensor;
- planes of a buffer in one piece: with picamera2's own allocator libcamera aborts, so libcamera's allocator is used;
- the bytes used in the planes of a frame, and its status: picamera2 drops such a frame, so the guest removes that line;
- a rate: it completes a request at once.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
from types import ModuleType
from typing import Any

SENSOR = (1280, 960)
"""Width and height of the sensor that is pretended."""
RATE = 10.0
"""Pictures per second."""
NEEDLESS = ("videodev2", "piexif", "simplejpeg", "pidng", "pidng.camdefs", "pidng.core", "prctl", "PIL", "pykms")
"""Packages that picamera2 imports for pictures and files that are not made here."""


class AnyName(type):
    """Has every attribute."""

    def __getattr__(cls, name: str) -> object:
        return None


class Needless(metaclass=AnyName):
    """Anything of a package that is not needed here."""

    def __init__(self, *_args: object) -> None: ...


def replace_needless() -> None:
    """Let the packages that are not needed be imported."""
    for name in NEEDLESS:
        package = ModuleType(name)
        package.__all__ = []  # type: ignore[attr-defined]
        package.__getattr__ = lambda attribute: type(attribute, (Needless,), {})  # type: ignore[method-assign]
        sys.modules[name] = package


class PlanesInOneFile:
    """Maps the planes of a buffer, which lie in one file of memory one after the other."""

    def __init__(self, _allocator: object, buffer: Any, _write: bool) -> None:
        self._buffer = buffer
        self._memory: mmap.mmap | None = None

    def __enter__(self) -> mmap.mmap:
        planes = self._buffer.planes
        length = max(plane.offset + plane.length for plane in planes)
        assert os.fstat(planes[0].fd).st_size >= length
        self._memory = mmap.mmap(planes[0].fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        return self._memory

    def __exit__(self, *_: object) -> None:
        if self._memory is not None:
            self._memory.close()


def adapt(picamera2: Any) -> None:
    """Change picamera2 in this process."""
    library = sys.modules["picamera2.picamera2"]
    allocators = sys.modules["picamera2.allocators"]
    camera_class: Any = picamera2.Picamera2
    initialise, handle = camera_class.__init__, library.CameraManager.handle_request

    def open_camera(self: Any, *args: object, **options: object) -> None:
        initialise(self, *args, **options)
        self.allocator = allocators.LibcameraAllocator(self.camera)
        self.allocator.sync = PlanesInOneFile

    def handle_request(self: Any, flushid: object = None) -> None:
        if flushid is None:
            time.sleep(1 / RATE)
        handle(self, flushid)

    camera_class.__init__ = open_camera
    camera_class._get_raw_modes = lambda _self: [{"format": "SBGGR10", "size": SENSOR}]
    camera_class.camera_properties = property(
        lambda self: {} if self.camera is None else {"ColorFilterArrangement": 0, **self.camera_properties_}
    )
    library.CameraManager.handle_request = handle_request
