from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from musicond.capture.picamera import PiCamera
from musicond.errors import SourceLost
from tests.capture.fake_picamera2 import Board, module


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    fake = Board()
    monkeypatch.setitem(sys.modules, "picamera2", module(fake))
    return fake


def test_the_y_plane_is_cropped_to_the_configured_size(board: Board) -> None:
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
    assert board.wanted["controls"] == {"FrameRate": 8.0}
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
    camera = PiCamera((700, 480), 8, rotation=90, mirror=True)
    camera.open()
    frame = camera.capture(2)
    assert frame.colour is not None
    picture = frame.colour()
    assert picture.shape == (*frame.grey.shape, 3)
    # With both chroma planes in their middle, blue, green and red follow the Y plane (BT.601, 16 to 235).
    wanted = np.clip((frame.grey.astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(picture.mean(axis=2) - wanted).max() < 3


def test_a_format_without_a_y_plane_is_refused_and_the_camera_closed(board: Board) -> None:
    board.adjusted_format = "RGB888"
    with pytest.raises(SourceLost, match="RGB888"):
        PiCamera((640, 480), 8).open()
    assert board.calls[-1] == "close"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (IndexError("list index out of range"), "no Pi camera found; check the ribbon cable"),
        (RuntimeError("No cameras available!"), "No cameras available"),
        (RuntimeError("Camera __init__ sequence did not complete."), "in use by another program"),
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


def test_a_stall_is_a_lost_source(board: Board) -> None:
    camera = PiCamera((640, 480), 8)
    with pytest.raises(SourceLost, match="not open"):
        camera.capture(2)
    camera.open()
    board.stalled = True
    with pytest.raises(SourceLost, match="stalled: no picture for 2 s"):
        camera.capture(2)


def test_without_picamera2_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(SourceLost, match="apt install python3-picamera2"):
        PiCamera((640, 480), 8).open()
