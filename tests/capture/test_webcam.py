"""Webcams: which nodes are cameras, and what bad, stale and missing frames do."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import cv2
import numpy as np
import pytest

from musicond.capture import checked, v4l2
from musicond.capture.checked import CheckedSource
from musicond.capture.v4l2 import Webcam
from musicond.capture.video_nodes import DEVICE_CAPS, LAYOUT, cameras, parse
from musicond.errors import BadFrame, SourceLost
from tests.capture import fake_v4l2
from tests.capture.fake_v4l2 import Driver, jpeg, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

NODE = Path("/dev/null")
"""A node that exists and may be opened; the driver behind it is replaced."""


def webcam(frames: Callable[[], Iterator[Any]], **options: Any) -> tuple[CheckedSource, Driver]:
    driver = Driver(frames, mjpeg=options.pop("mjpeg", True))
    camera = CheckedSource(Webcam(str(NODE), (640, 480), 8, driver=cast("Any", driver), **options))
    camera.open()
    return camera, driver


def counts(camera: CheckedSource) -> tuple[int, int, int]:
    status = camera.get_status()
    return status.bad_frames, status.stale_frames, status.missing_frames


def endless(*frames: Any) -> Callable[[], Iterator[Any]]:
    """Return a source of good frames with these after the first two, which are for opening and the first capture."""
    return lambda: itertools.chain([jpeg(), jpeg()], frames, (jpeg() for _ in itertools.count()))


@pytest.mark.parametrize("mjpeg", [True, False])
def test_a_webcam_gives_grey_pictures_and_colours_on_demand(mjpeg: bool) -> None:
    camera, driver = webcam(endless(), mjpeg=mjpeg)
    frame = camera.capture(1)
    assert frame.grey.shape == (480, 640)
    assert frame.grey.dtype == np.uint8
    assert frame.colour is not None
    assert frame.colour().shape == (480, 640, 3)
    assert (driver.set_values.get(cv2.CAP_PROP_CONVERT_RGB) == 0) is mjpeg
    camera.close()
    assert driver.opened == [str(NODE), "released"]


def test_near_shows_the_middle_twice_as_large() -> None:
    middle = np.full((960, 1280, 3), 40, np.uint8)
    middle[240:720, 320:960] = 200
    camera, driver = webcam(lambda: itertools.repeat(cv2.imencode(".jpg", middle)[1].tobytes()), view="near")
    grey = camera.capture(1).grey
    assert (driver.set_values[cv2.CAP_PROP_FRAME_WIDTH], driver.set_values[cv2.CAP_PROP_FRAME_HEIGHT]) == (1280, 960)
    assert grey.shape == (480, 640)
    assert grey[20:-20, 20:-20].min() > 180


@pytest.mark.parametrize(
    "broken",
    [b"no picture", jpeg()[:4000], bytes(5000), jpeg((320, 240)), cv2.error("imdecode failed")],
    ids=["text", "cut", "zeros", "another size", "cv2.error"],
)
def test_one_broken_picture_does_not_close_the_camera(broken: Any) -> None:
    camera, driver = webcam(endless(broken))
    camera.capture(3)
    frame = camera.capture(3)
    assert frame.grey.shape == (480, 640)
    assert 85 < frame.grey.mean() < 115
    assert counts(camera) == (1, 0, 0)
    assert driver.opened == [str(NODE)]


def test_a_camera_that_gives_only_broken_pictures_is_lost_in_time() -> None:
    camera, _ = webcam(lambda: itertools.chain([jpeg()], itertools.repeat(b"broken")))
    started = time.monotonic()
    with pytest.raises(SourceLost, match="gives broken pictures; check its cable"):
        camera.capture(0.3)
    assert 0.3 <= time.monotonic() - started < 0.9
    assert counts(camera)[0] > 3


def test_a_frame_that_does_not_come_is_missing_and_a_silent_camera_is_lost() -> None:
    camera, _ = webcam(endless(None, None))
    camera.capture(1)
    camera.capture(1)
    assert counts(camera) == (0, 0, 2)
    silent, _ = webcam(lambda: itertools.chain([jpeg()], itertools.repeat(None)))
    with pytest.raises(SourceLost, match="gives no pictures"):
        silent.capture(0.2)
    assert counts(silent)[2] > 2


def test_pictures_of_another_size_are_taken_after_the_camera_was_opened_again() -> None:
    frames = iter([jpeg(), jpeg(), *([jpeg((320, 240))] * 200)])
    camera, _ = webcam(lambda: frames)
    camera.capture(1)
    with pytest.raises(SourceLost, match="another size, 320 x 240"):
        camera.capture(0.2)
    camera.close()
    camera.open()
    assert camera.capture(1).grey.shape == (240, 320)


class SimulatedClock:
    """Stands in for the module `time`, so that the budgets of a camera are tested as they are."""

    def __init__(self, *modules: ModuleType) -> None:
        self.now = 1000.0
        self._modules, self._patch = modules, pytest.MonkeyPatch()

    def __enter__(self) -> Self:
        for module in self._modules:
            self._patch.setattr(module, "time", self)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_camera_that_repeats_its_last_picture_hangs_after_ten_seconds() -> None:
    same = jpeg()
    with SimulatedClock(checked, v4l2, fake_v4l2) as clock:
        camera, driver = webcam(lambda: itertools.chain([jpeg(), jpeg()], itertools.repeat(same)))
        camera.capture(1)
        started = clock.now
        for _ in range(49):
            clock.now += 0.2
            camera.capture(1)
        assert 9.8 < clock.now - started < 10.2
        clock.now += 0.2
        with pytest.raises(SourceLost, match="hangs: the same picture for 10 s; unplug it"):
            camera.capture(1)
        assert counts(camera) == (0, 49, 0)
        assert driver.opened == [str(NODE)]


def test_a_camera_that_repeats_a_picture_for_nine_seconds_is_no_camera_that_hangs() -> None:
    same, rest = jpeg(), [jpeg() for _ in range(3)]
    with SimulatedClock(checked, v4l2, fake_v4l2) as clock:
        camera, _ = webcam(lambda: itertools.chain([jpeg()], *([*[same] * 45, another] for another in rest)))
        for _ in range(3 * 46):
            clock.now += 0.19
            camera.capture(1)
        assert counts(camera) == (0, 3 * 44, 0)


def test_a_closed_lid_is_no_camera_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "STALE_S", 0.05)
    black = cv2.imencode(".jpg", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
    camera, _ = webcam(lambda: itertools.repeat(black))
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        assert camera.capture(1).grey.max() < 3


def test_a_picture_in_an_unknown_format_is_bad() -> None:
    driver = Driver(lambda: iter([jpeg(), jpeg()]))
    camera = Webcam(str(NODE), (640, 480), 8, driver=cast("Any", driver))
    camera.open()
    driver.retrieve = lambda: (True, picture()[:, :, 0])  # type: ignore[method-assign]
    with pytest.raises(BadFrame, match="unknown format"):
        camera.capture(1)


def capability(driver: str, card: str, own: int) -> bytes:
    return LAYOUT.pack(driver.encode(), card.encode(), b"bus", 0x60000, own | DEVICE_CAPS, own)


@pytest.mark.parametrize(
    ("driver", "card", "own", "camera"),
    [
        ("uvcvideo", "HD Pro Webcam C920", 0x0420_0001, True),
        ("uvcvideo", "HD Pro Webcam C920", 0x04A0_0000, False),  # its metadata
        ("bm2835 mmal", "mmal service 16.1", 0x0520_0005, True),
        ("bcm2835-codec", "bcm2835-codec-decode", 0x0420_4000, False),
        ("bcm2835-codec", "bcm2835-codec-isp", 0x0420_8000, False),
        ("bcm2835-isp", "bcm2835-isp", 0x0420_0001, False),
        ("bcm2835-isp", "bcm2835-isp", 0x0420_0002, False),
        ("unicam", "unicam", 0x2520_0001, False),
        ("rp1-cfe", "rp1-cfe", 0x2420_0001, False),
        ("rpi-hevc-dec", "rpi-hevc-dec", 0x0420_4000, False),
        ("v4l2 loopback", "OBS Virtual Camera", 0x0520_0001, True),
    ],
)
def test_cameras_are_told_by_their_capabilities(driver: str, card: str, own: int, camera: bool) -> None:
    node = parse(capability(driver, card, own))
    assert (node.driver, node.card, node.is_camera) == (driver, card, camera)


def test_files_that_are_no_devices_are_no_cameras(tmp_path: Path) -> None:
    for name in ("video0", "video10", "video2"):
        (tmp_path / name).write_bytes(b"")
    assert cameras(tmp_path) == []
    (tmp_path / "video7").symlink_to("/nowhere")
    assert cameras(tmp_path) == [tmp_path / "video7"], "what can't be opened is said when it is tried"


def test_a_webcam_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceLost, match="does not exist"):
        Webcam(str(tmp_path / "video9"), (640, 480), 8).open()
    with pytest.raises(SourceLost, match="plug one in"):
        Webcam(None, (640, 480), 8, find=list).open()
    with pytest.raises(SourceLost, match="not open"):
        Webcam(None, (640, 480), 8).capture(1)


@pytest.mark.filterwarnings("ignore")
def test_what_is_no_camera_is_said_for_each_device(tmp_path: Path) -> None:
    nodes = [tmp_path / name for name in ("video0", "video2")]
    for node in nodes:
        node.write_bytes(b"")
    with pytest.raises(SourceLost) as caught:
        Webcam(None, (640, 480), 8, find=lambda: nodes).open()
    text = str(caught.value)
    assert text.index("video0") < text.index("video2")
    assert "in use by another program, or no camera" in text


def test_twelve_silent_devices_share_a_deadline_of_eight_seconds(tmp_path: Path) -> None:
    nodes = [tmp_path / f"video{number}" for number in range(12)]
    for node in nodes:
        node.write_bytes(b"")
    driver = Driver(lambda: itertools.repeat(None))
    driver.timeout_s = float(os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"])
    camera = Webcam(None, (640, 480), 8, find=lambda: nodes, driver=cast("Any", driver))
    with SimulatedClock(v4l2, fake_v4l2) as clock:
        started = clock.now
        with pytest.raises(SourceLost, match=r"video9 and those after it were not tried; name one in camera.source"):
            camera.open()
        assert clock.now - started == 9, "the budget, and the last device that was tried within it"
    assert driver.opened == [entry for node in nodes[:9] for entry in (str(node), "released")]
