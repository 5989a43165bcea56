from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from musicond.capture.picamera import PiCamera, model_name
from musicond.errors import BadFrame, NoFrame, SourceLost
from tests.capture.fake_picamera2 import Board, module


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    fake = Board()
    monkeypatch.setitem(sys.modules, "picamera2", module(fake))
    return fake


def test_the_y_plane_is_cropped_to_the_configured_size(board: Board) -> None:
    board.sensor_resolution = (2800, 1920)
    camera = PiCamera((700, 480), 8)
    camera.open()
    before = time.monotonic()
    frame = camera.capture(2)
    assert frame.grey.shape == (480, 700)
    assert (frame.grey == np.arange(700, dtype=np.uint8)).all(), "copied before the buffer went back"
    assert before <= frame.captured_at <= time.monotonic()
    assert frame.wall_time.tzinfo is not None
    camera.close()
    camera.close()
    assert board.calls == ["open", "start", "stop", "close"]
    assert board.wanted["main"] == {"size": (700, 480), "format": "YUV420"}
    assert board.wanted["controls"] == {"FrameDurationLimits": (33_000, 33_000)}
    assert (board.wanted["raw"], board.wanted["sensor"]) == (None, {"output_size": (1400, 960)})
    assert (board.wanted["queue"], board.wanted["buffer_count"]) == (False, 4)


def test_what_libcamera_adjusts_is_followed(board: Board) -> None:
    board.adjusted_format, board.adjusted_size = "NV12", (640, 400)
    camera = PiCamera((650, 400), 8, rotation=90, mirror=True)
    camera.open()
    grey = camera.capture(2).grey
    assert grey.shape == (640, 400)
    assert (grey[0] == 0).all()
    assert (grey[100] == 100).all()


@pytest.mark.parametrize("kind", ["YUV420", "NV12"])
def test_the_colours_are_made_when_asked_for_and_lie_as_the_grey_picture(board: Board, kind: str) -> None:
    board.adjusted_format, board.chroma = kind, 128
    board.sensor_resolution = (2800, 1920)
    camera = PiCamera((700, 480), 8, rotation=90, mirror=True)
    camera.open()
    frame = camera.capture(2)
    assert frame.colour is not None
    picture = frame.colour()
    assert picture.shape == (*frame.grey.shape, 3)
    # With both chroma planes in their middle, blue, green and red follow the Y plane (BT.601, 16 to 235).
    wanted = np.clip((frame.grey.astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(picture.mean(axis=2) - wanted).max() < 3


def test_a_webcam_that_libcamera_lists_is_no_pi_camera(board: Board) -> None:
    board.csi = False
    with pytest.raises(SourceLost, match="no Pi camera found"):
        PiCamera((640, 480), 8).open()
    assert board.calls[-1] == "close"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("imx708_wide_noir", "Camera Module 3 Wide NoIR"),
        ("imx708", "Camera Module 3"),
        ("ov64a40", "Pi camera ov64a40"),
        ("", "Pi camera"),
    ],
)
def test_the_name_of_a_camera_comes_from_its_sensor(model: str, name: str) -> None:
    assert model_name(model) == name


def test_a_format_without_a_y_plane_is_refused_and_the_camera_closed(board: Board) -> None:
    board.adjusted_format = "RGB888"
    with pytest.raises(SourceLost, match="RGB888"):
        PiCamera((640, 480), 8).open()
    assert board.calls[-1] == "close"


def unopened(cause: Exception | None = None) -> Exception:
    """Return picamera2's error when it can't open a camera."""
    error = RuntimeError("Camera __init__ sequence did not complete.")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (IndexError("list index out of range"), "no Pi camera found; check the ribbon cable"),
        (RuntimeError("No cameras available!"), "no Pi camera found"),
        (RuntimeError('No camera number 0 found - use "rpicam-hello --list-cameras"'), "no Pi camera found; check"),
        (unopened(), "in use by another program"),
        (unopened(RuntimeError("Failed to acquire camera: Device or resource busy")), "in use by another program"),
        (unopened(RuntimeError("Failed to initialize camera")), r"failed \(Failed to initialize camera\)"),
        (RuntimeError("Failed to acquire camera: Device or resource busy"), "in use by another program"),
    ],
)
def test_no_camera_says_what_to_do(board: Board, fault: Exception, words: str) -> None:
    board.no_camera = fault
    with pytest.raises(SourceLost, match=words) as caught:
        PiCamera((640, 480), 8).open()
    assert "\n" not in str(caught.value)


def test_a_camera_that_does_not_start_is_closed_again(board: Board) -> None:
    board.start_error = RuntimeError("Failed to start camera")
    board.close_error = RuntimeError("and it does not stop either")
    with pytest.raises(SourceLost, match="Failed to start"):
        PiCamera((640, 480), 8).open()
    assert board.calls == ["open", "stop", "close"]


def test_a_stall_is_a_missing_frame_and_takes_one_request_alone(board: Board) -> None:
    camera = PiCamera((640, 480), 8)
    with pytest.raises(SourceLost, match="not open"):
        camera.capture(2)
    camera.open()
    board.stalled = True
    for _ in range(3):
        with pytest.raises(NoFrame, match="stalled: no picture came"):
            camera.capture(2)
    board.stalled = False
    assert camera.capture(2).grey.shape == (480, 640)
    assert len(board.jobs) == 1, "an abandoned request would keep its buffer"
    board.stalled = True
    with pytest.raises(NoFrame):
        camera.capture(2)
    camera.close()
    assert board.calls[-3:] == ["cancel", "stop", "close"]


def test_a_buffer_of_an_unexpected_form_is_a_bad_frame_and_goes_back(board: Board) -> None:
    camera = PiCamera((640, 480), 8)
    camera.open()
    board.broken = True
    with pytest.raises(BadFrame, match="broken pictures"):
        camera.capture(2)
    assert board.jobs[0].request is not None
    assert board.jobs[0].request.released


def test_without_picamera2_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(SourceLost, match="apt install --no-install-recommends python3-picamera2"):
        PiCamera((640, 480), 8).open()
