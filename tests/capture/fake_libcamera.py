"""A stand-in for libcamera's Python bindings below the real picamera2: one camera with the modes of a recorded list.

`modes/*.txt` are lists as `rpicam-hello --list-cameras` prints them. What the camera answers follows libcamera's
documentation: `sensor_config` selects the mode, and ScalerCrop has as its maximum the crop of the mode, and as its
default the part of it that the picture shows, in pixels of the sensor. Buffers and pictures are not there.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

PICAMERA2 = Path(sys.prefix) / "picamera2"
"""Where script/bootstrap installs picamera2 itself, without what it depends on."""
LISTS = Path(__file__).with_name("modes")
NEEDLESS = ("videodev2", "piexif", "simplejpeg", "pidng", "pidng.camdefs", "pidng.core", "prctl", "PIL", "pykms")
"""Packages that picamera2 imports for pictures and files that are not made here."""
AUTOFOCUS = ("imx708",)
HEAD = re.compile(r"\d+ : (\w+) \[(\d+)x(\d+)")
MODE = re.compile(r"(?:'(\w+)' : )?(\d+)x(\d+) \[([\d.]+) fps - \((\d+), (\d+)\)/(\d+)x(\d+) crop\]")


@dataclass(frozen=True)
class Size:
    width: int
    height: int

    def to_tuple(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True)
class Rectangle:
    x: int
    y: int
    width: int
    height: int

    def to_tuple(self) -> tuple[int, int, int, int]:
        return self.x, self.y, self.width, self.height


@dataclass(frozen=True)
class Mode:
    pixel_format: str
    size: Size
    crop: Rectangle


class Transform:
    def __init__(self, other: Transform | None = None, hflip: int = 0, vflip: int = 0, transpose: int = 0) -> None:
        self.hflip, self.vflip, self.transpose = hflip, vflip, transpose
        if other:
            self.hflip, self.vflip, self.transpose = other.hflip, other.vflip, other.transpose

    __hash__ = object.__hash__

    def __str__(self) -> str:  # picamera2 makes it __repr__ too
        return f"{self.hflip}{self.vflip}{self.transpose}"


class ColorSpace:
    def __init__(self, primaries: str) -> None:
        self.primaries = self.transferFunction = self.ycbcrEncoding = self.range = primaries

    __hash__ = object.__hash__

    def __str__(self) -> str:
        return self.primaries

    @classmethod
    def named(cls, name: str) -> Any:
        return staticmethod(lambda: cls(name))


for _name in ("Sycc", "Smpte170m", "Rec709", "Raw"):
    setattr(ColorSpace, _name, ColorSpace.named(_name))

Orientation = Enum(
    "Orientation",
    "Rotate0 Rotate0Mirror Rotate90 Rotate90Mirror Rotate180 Rotate180Mirror Rotate270 Rotate270Mirror",
)
NoiseReductionModeEnum = IntEnum("NoiseReductionModeEnum", "Off Fast HighQuality Minimal")


class StreamRole(Enum):
    Raw = 0
    StillCapture = 1
    VideoRecording = 2
    Viewfinder = 3


class ControlType(Enum):
    Integer = 0
    Rectangle = 1
    Size = 2


@dataclass(frozen=True)
class ControlId:
    name: str
    type: ControlType = ControlType.Integer


@dataclass
class Stream:
    formats: Any = None
    pixel_format: str = "XBGR8888"
    size: Any = field(default_factory=lambda: Size(800, 600))
    stride: int = 0
    frame_size: int = 0
    color_space: Any = None
    buffer_count: int = 4

    @property
    def stream(self) -> Stream:
        return self

    __hash__ = object.__hash__


class CameraConfiguration:
    Status = Enum("Status", "Valid Adjusted Invalid")

    def __init__(self, streams: list[Stream]) -> None:
        self._streams = streams
        self.sensor_config: Any = None
        self.orientation: Any = None

    def at(self, index: int) -> Stream:
        return self._streams[index]

    def __iter__(self) -> Iterator[Stream]:
        return iter(self._streams)

    def validate(self) -> Any:
        for stream in self._streams:
            stream.stride = -(-stream.size.width // 64) * 64
            stream.frame_size = stream.stride * stream.size.height * 3 // 2
        return self.Status.Valid


class Camera:
    """The camera of a recorded list; `started_with` holds the controls that picamera2 started it with."""

    def __init__(self, sensor: str) -> None:
        text = (LISTS / f"{sensor}.txt").read_text()
        head = HEAD.search(text)
        assert head is not None
        self.model, self.id = head[1], "/base/soc/i2c0mux/i2c@1/" + head[1]
        self.array = Size(int(head[2]), int(head[3]))
        self.modes: list[Mode] = []
        kind = ""
        for match in MODE.finditer(text):
            kind = match[1] or kind
            width, height, x, y, w, h = (int(match[index]) for index in (2, 3, 5, 6, 7, 8))
            self.modes.append(Mode(kind, Size(width, height), Rectangle(x, y, w, h)))
        self.mode: Mode | None = None
        self.configured, self.has_scaler_crops = 0, False
        self.started_with: dict[str, Any] = {}
        self._crop = Rectangle(0, 0, self.array.width, self.array.height)

    @property
    def properties(self) -> dict[ControlId, Any]:
        values = {"Model": self.model, "ColorFilterArrangement": 0, "PixelArraySize": self.array}
        return {ControlId(name): value for name, value in values.items()}

    @property
    def controls(self) -> dict[ControlId, Any]:
        most = self.mode.crop if self.mode else self._crop
        limits = {
            ControlId("FrameDurationLimits"): (100, 1_000_000, 33_333),
            ControlId("NoiseReductionMode"): (0, 4, 0),
            ControlId("ScalerCrop", ControlType.Rectangle): (Rectangle(0, 0, 64, 64), most, self._crop),
        }
        if self.has_scaler_crops:  # since libcamera 0.4 on a Pi 5
            limits[ControlId("ScalerCrops", ControlType.Rectangle)] = limits[next(reversed(limits))]
        if self.model in AUTOFOCUS:
            limits[ControlId("AfMode")] = (0, 2, 0)
        return {control: SimpleNamespace(min=a, max=b, default=c) for control, (a, b, c) in limits.items()}

    def limits(self, name: str) -> Any:
        """Return the least, the greatest and the default value of a control."""
        return next(limits for control, limits in self.controls.items() if control.name == name)

    def generate_configuration(self, roles: list[StreamRole]) -> CameraConfiguration:
        kinds = list(dict.fromkeys(mode.pixel_format for mode in self.modes))
        sizes = {kind: [mode.size for mode in self.modes if mode.pixel_format == kind] for kind in kinds}
        formats = SimpleNamespace(pixel_formats=kinds, sizes=sizes.__getitem__)
        return CameraConfiguration([Stream(formats) for _ in roles])

    def configure(self, config: CameraConfiguration) -> int:
        self.configured += 1
        wanted = config.sensor_config
        assert wanted is not None
        [self.mode] = [
            mode
            for mode in self.modes
            if mode.size == wanted.output_size and f"{wanted.bit_depth}" in re.findall(r"\d+", mode.pixel_format)[0]
        ]
        self._crop = self._shown(self.mode, config.at(0).size)
        return 0

    def _shown(self, mode: Mode, size: Size) -> Rectangle:
        """Return the largest part of the mode's picture with the ratio of `size`, from its middle, on the sensor."""
        width = min(mode.size.width, mode.size.height * size.width / size.height)
        height = min(mode.size.height, mode.size.width * size.height / size.width)
        scale = mode.crop.width / mode.size.width
        left, top = (mode.size.width - width) / 2, (mode.size.height - height) / 2
        return Rectangle(
            mode.crop.x + round(left * scale),
            mode.crop.y + round(top * scale),
            round(width * scale),
            round(height * scale),
        )

    def start(self, controls: dict[Any, Any]) -> None:
        self.started_with = {control.name: value for control, value in controls.items()}

    def acquire(self) -> None: ...

    def release(self) -> None: ...

    def stop(self) -> None: ...

    def create_request(self, _cookie: int) -> Any:
        return SimpleNamespace(add_buffer=lambda _stream, _buffer: None)

    def queue_request(self, _request: Any) -> None: ...


class AnyName(type):
    def __getattr__(cls, name: str) -> object:
        return None


class Needless(metaclass=AnyName):
    """Anything of a package that is not needed here."""

    def __init__(self, *_args: object) -> None: ...


class Allocator:
    """Stands for the kernel's memory for pictures, of which none come."""

    def allocate(self, config: CameraConfiguration, _use_case: str) -> None:
        self._config = config

    def buffers(self, stream: Stream) -> list[object]:
        return [object()] * stream.buffer_count


class Board:
    """The machine below picamera2, with one camera."""

    def __init__(self) -> None:
        self.camera = Camera("imx219")
        self.event_fd = os.eventfd(0)

    @property
    def cameras(self) -> list[Camera]:
        return [self.camera]

    def get_ready_requests(self) -> list[object]:
        return []

    def plug(self, sensor: str) -> Camera:
        """Replace the camera by the one of a recorded list."""
        self.camera = Camera(sensor)
        return self.camera


def load_picamera2(monkeypatch: pytest.MonkeyPatch) -> Board:
    """Let `import picamera2` give the real package with a board below it."""
    assert PICAMERA2.exists(), f"{PICAMERA2} is missing; run script/bootstrap dev"
    board = Board()
    kinds = (Size, Rectangle, Transform, ColorSpace, StreamRole, ControlType, CameraConfiguration, Orientation)
    library = ModuleType("libcamera")
    library.__dict__.update({kind.__name__: kind for kind in kinds})
    library.__dict__.update(
        CameraManager=SimpleNamespace(singleton=lambda: board),
        SensorConfiguration=SimpleNamespace,
        PixelFormat=str,
        Camera=Camera,
        Request=SimpleNamespace(Status=Enum("Status", "Complete")),
        FrameBuffer=object,
        FrameBufferAllocator=object,
        _libcamera=library,
        controls=SimpleNamespace(
            draft=SimpleNamespace(NoiseReductionModeEnum=NoiseReductionModeEnum),
            ExposureTime=ControlId("ExposureTime"),
            AnalogueGain=ControlId("AnalogueGain"),
        ),
    )
    monkeypatch.setitem(sys.modules, "libcamera", library)
    for name in NEEDLESS:
        package = ModuleType(name)
        package.__all__ = []  # type: ignore[attr-defined]
        package.__getattr__ = lambda attribute: type(attribute, (Needless,), {})  # type: ignore[method-assign]
        monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.syspath_prepend(str(PICAMERA2))
    for name in [name for name in sys.modules if name.partition(".")[0] == "picamera2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(import_module("picamera2.picamera2"), "DmaAllocator", Allocator)
    return board
