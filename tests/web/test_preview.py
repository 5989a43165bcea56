"""The live picture: only if it is switched on and has viewers, and of the newest frame alone."""

from __future__ import annotations

import http.client
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from musicond.core.models import Box, Faces, Mood, Watching
from musicond.core.settings import Settings
from musicond.web import streams
from musicond.web.preview import MAX_VIEWERS, RATE, WIDTH, Preview, draw
from tests.web.conftest import HAPPY, Server, make_server, without_face
from tests.web.frames import frame, wait_for
from tests.web.test_api import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FACE = replace(HAPPY, faces=Faces(confirmed=(Box(100, 80, 90, 90),)))


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Server]:
    server = make_server(tmp_path)
    server.preview = Preview()
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    server.output.accept(HAPPY)
    yield server
    server.output.stop()


class Viewer:
    """Reads the parts of a motion JPEG."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        self.connection.request("GET", "/api/v1/preview")
        self.answer = self.connection.getresponse()

    def picture(self) -> NDArray[np.uint8]:
        content = b""
        while not content.endswith(b"--picture\r\n") or b"\xff\xd9" not in content:
            line = self.answer.readline()
            assert line, "the stream has ended"
            content += line
        start, end = content.index(b"\xff\xd8"), content.rindex(b"\xff\xd9") + 2
        return picture(content[start:end])

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def picture(jpeg: bytes) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def test_without_the_switch_there_is_none(server: Server) -> None:
    server.output.accept(HAPPY)
    status, content, _ = ask(server, "GET", "/api/v1/preview")
    assert (status, "web.preview: true" in content["error"]) == (404, True)
    assert ask(server, "GET", "/api/v1/state")[1]["preview"] is False


def test_the_newest_frame_is_sent_and_never_cached(shown: Server) -> None:
    assert shown.preview is not None
    assert ask(shown, "GET", "/api/v1/state")[1]["preview"] is True
    viewer = Viewer(shown)
    wait_for(lambda: shown.preview is not None and shown.preview.viewers == 1)
    assert viewer.answer.headers["Cache-Control"] == "no-store"
    shown.preview.show(frame(), HAPPY)
    shown.output.accept(replace(HAPPY, seq=2))
    assert viewer.picture().shape == (240, 320, 3)
    shown.output.accept(without_face(Watching.PRIVATE, settings=Settings(private=True)))
    assert viewer.answer.read() is not None, "it ends"
    viewer.close()
    wait_for(lambda: shown.preview is not None and shown.preview.viewers == 0)


@pytest.mark.parametrize("watching", [Watching.PRIVATE, Watching.PAUSED, Watching.NO_CAMERA])
def test_nothing_is_shown_while_nothing_is_looked_at(shown: Server, watching: Watching) -> None:
    shown.output.accept(without_face(watching))
    assert ask(shown, "GET", "/api/v1/preview")[0] == 409


def test_a_picture_that_was_being_made_when_privacy_came_is_not_shown() -> None:
    preview = Preview()
    assert preview.add_viewer()
    coloured = frame(coloured=True)

    def colour() -> NDArray[np.uint8]:
        preview.clear()
        return np.zeros((240, 320, 3), np.uint8)

    preview.show(replace(coloured, colour=colour), HAPPY)
    assert preview.jpeg(0) is None


def test_a_viewer_that_goes_is_noticed_and_too_many_are_refused(shown: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CLIENT_CHECK_S", 0.05)
    preview = shown.preview
    assert preview is not None
    viewers = [Viewer(shown) for _ in range(MAX_VIEWERS)]
    wait_for(lambda: preview.viewers == MAX_VIEWERS)
    status, _, headers = ask(shown, "GET", "/api/v1/preview")
    assert (status, headers["Retry-After"]) == (503, "10")
    for viewer in viewers:
        viewer.close()
    wait_for(lambda: preview.viewers == 0)


def test_the_rate_is_capped(shown: Server) -> None:
    preview = shown.preview
    assert preview is not None
    viewer = Viewer(shown)
    wait_for(lambda: preview.viewers == 1)
    started, seq = time.monotonic(), 1
    for _ in range(4):
        seq += 1
        preview.show(frame(), replace(HAPPY, seq=seq))
        shown.output.accept(replace(HAPPY, seq=seq))
        viewer.picture()
    assert time.monotonic() - started >= 3 / RATE
    viewer.close()


def test_nobody_looks_so_nothing_is_kept_or_drawn() -> None:
    preview, calls = Preview(), [0]
    preview.show(frame(coloured=True, calls=calls), HAPPY)
    assert preview.jpeg(-1) is None
    assert calls == [0]


def test_only_the_newest_frame_is_kept_and_none_when_private_or_alone() -> None:
    preview = Preview()
    assert preview.add_viewer()
    first, second, third = frame(), frame(), frame()
    references = [weakref.ref(shown.grey) for shown in (first, second, third)]
    preview.show(first, HAPPY)
    del first
    preview.show(second, replace(HAPPY, seq=2))
    del second
    assert references[0]() is None
    assert references[1]() is not None
    preview.clear()
    assert references[1]() is None
    preview.show(third, replace(HAPPY, seq=3))
    del third
    preview.remove_viewer()
    assert references[2]() is None


def test_a_frame_is_drawn_once_for_a_viewer() -> None:
    preview = Preview()
    preview.add_viewer()
    preview.show(frame(), HAPPY)
    encoded = preview.jpeg(-1)
    assert encoded is not None
    assert preview.jpeg(encoded[0]) is None
    again = preview.jpeg(-1)
    assert again is not None
    assert again[1] is encoded[1], "a second viewer is sent the same bytes"
    preview.remove_viewer()
    preview.add_viewer()
    assert preview.jpeg(-1) is None, "nothing is kept once nobody looks"


def test_faces_are_framed_and_labelled_in_colour_where_there_is_some() -> None:
    plain = picture(draw(frame(), without_face(Watching.YES)))
    assert (plain.max(axis=2) - plain.min(axis=2)).max() < 8, "grey"
    framed = picture(draw(frame(), FACE))
    assert int(framed[125, 100, 1]) > int(framed[125, 100, 2]) + 40, "a green frame"
    assert framed[60:79, 100:190].mean() < plain[60:79, 100:190].mean(), "a dark label"
    red = picture(draw(frame(coloured=True), FACE))
    assert int(red[10, 10, 2]) > 150 > int(red[10, 10, 0]) + 60
    coasted = picture(draw(frame(), replace(FACE, faces=Faces(coasted=(Box(100, 2, 90, 90),)), mood=Mood.UNSURE)))
    assert coasted[2:22, 104:150].mean() < 80, "the label stays within the picture"


def test_a_wide_picture_is_shrunk() -> None:
    assert picture(draw(frame(width=1280), FACE)).shape[1] == WIDTH


def test_a_mood_that_is_about_to_change_is_labelled_without_a_share() -> None:
    labels = {share: draw(frame(), replace(FACE, confidence=share)) for share in (0.0, 0.05, 0.1, 0.8)}
    assert labels[0.0] == labels[0.05]
    assert len(set(labels.values())) == 3
