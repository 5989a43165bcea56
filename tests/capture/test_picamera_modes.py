"""The real picamera2 0.3.38 chooses the mode of each sensor from its recorded list, for our configuration."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from musicond.capture.picamera import PiCamera
from tests.capture.fake_libcamera import Board, load_picamera2

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore:setDaemon", "ignore:unclosed")  # picamera2's

SENSORS = {
    "imx219": ("Camera Module 2", (1640, 1232), (640, 480)),
    "imx708": ("Camera Module 3", (2304, 1296), (640, 360)),
    "imx477": ("HQ Camera", (2028, 1520), (640, 480)),
    "imx477_2025": ("HQ Camera", (2028, 1520), (640, 480)),
    "ov5647": ("Camera Module 1", (1296, 972), (640, 480)),
    "imx500": ("AI Camera", (2028, 1520), (640, 480)),
    "imx296": ("Global Shutter Camera", (1456, 1088), (640, 480)),
}
"""For each recorded list the name, the mode, and the size of the picture within 640 x 480."""


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield load_picamera2(monkeypatch)
        for name in [name for name in sys.modules if name.partition(".")[0] == "picamera2"]:
            del sys.modules[name]


@contextmanager
def opened(
    *, start: bool = True, size: tuple[int, int] = (640, 480), rate: float = 8, **options: Any
) -> Iterator[PiCamera]:
    camera = PiCamera(size, rate, **options)
    (camera.open if start else camera.configure)()
    try:
        yield camera
    finally:
        camera.close()


@pytest.mark.parametrize("sensor", SENSORS)
def test_the_whole_width_is_seen(board: Board, sensor: str) -> None:
    name, mode, within_vga = SENSORS[sensor]
    for size in ((640, 480), (1280, 960)):
        below = board.plug(sensor)
        with opened(start=False, size=size) as camera:
            assert below.mode is not None
            assert (camera.name, below.mode.size.to_tuple()) == (name, mode)
            assert camera.width_seen is not None
            assert camera.width_seen >= 0.99
            assert below.limits("ScalerCrop").default.height >= 0.99 * below.array.height, "and the whole height"
            assert camera._actual_size == tuple(length * size[0] // 640 for length in within_vga)
            assert below.configured == 1, "reading sensor_modes would configure it once a mode"


@pytest.mark.parametrize(("sensor", "share"), [("imx219", 0.39), ("imx708", 0.5)])
def test_what_picamera2_chooses_without_our_configuration_is_a_keyhole(board: Board, sensor: str, share: float) -> None:
    below = board.plug(sensor)
    library = import_module("picamera2").Picamera2()
    library.configure(library.create_video_configuration(main={"size": (640, 480), "format": "YUV420"}))
    assert below.limits("ScalerCrop").default.width / below.array.width == pytest.approx(share, abs=0.005)
    library.close()


@pytest.mark.parametrize("sensor", ["imx219", "imx708"])
@pytest.mark.parametrize("several", [False, True])
def test_near_is_the_middle_half(board: Board, sensor: str, several: bool) -> None:
    below = board.plug(sensor)
    below.has_scaler_crops = several
    with opened(view="near") as camera:
        assert camera.width_seen == pytest.approx(0.5, abs=0.005)
    crop = below.started_with["ScalerCrops"][0] if several else below.started_with["ScalerCrop"]
    assert crop.width / below.array.width == pytest.approx(0.5, abs=0.005)
    assert crop.x + crop.width / 2 == pytest.approx(below.array.width / 2, abs=2)
    assert crop.y + crop.height / 2 == pytest.approx(below.array.height / 2, abs=2)
    assert camera.width_seen is None, "unknown once it is closed"


@pytest.mark.parametrize(
    ("rate", "exposure_max_ms", "duration_us"), [(8, 33, 33_000), (8, 500, 125_000), (30, 100, 33_333)]
)
def test_no_exposure_is_longer_than_the_limit(
    board: Board, rate: float, exposure_max_ms: float, duration_us: int
) -> None:
    below = board.plug("imx219")
    with opened(rate=rate, exposure_max_ms=exposure_max_ms):
        assert below.started_with["FrameDurationLimits"] == (duration_us, duration_us)
        assert "AfMode" not in below.started_with


def test_a_lens_with_autofocus_focuses_all_the_time(board: Board) -> None:
    below = board.plug("imx708")
    with opened():
        assert below.started_with["AfMode"] == 2
