"""The pictures of tracks: asked for once, cached within bounds, refused where another track plays."""

from __future__ import annotations

import http.client
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from musicond.core.models import Cover, Track
from musicond.core.outcome import Playback, PlayState
from musicond.errors import PlaybackError
from musicond.web.covers import MAX_BYTES, CoverCache
from tests.web.conftest import HAPPY, SONGS, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.web.conftest import Server


class Player:
    """A player that is asked for pictures."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Cover | Exception | None = Cover(b"\x89PNG\r\n\x1a\n", "image/png")

    def load(self, track: Track) -> Future[Cover | None]:
        self.asked.append(track.track_id)
        future: Future[Cover | None] = Future()
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        else:
            future.set_result(self.answer)
        return future


@pytest.fixture
def player() -> Player:
    return Player()


@pytest.fixture
def pictured(tmp_path: Path, player: Player) -> Iterator[Server]:
    server = make_server(tmp_path, covers=CoverCache(player.load))
    server.output.start()
    yield server
    server.output.stop()


def play(server: Server, track: Track) -> None:
    server.output.accept(replace(HAPPY, playback=Playback("mpd", PlayState.PLAYING, ours=True, track=track)))


def get(server: Server, track_id: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", f"/api/v1/cover?track={quote(track_id)}")
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        connection.close()


def test_a_picture_is_asked_for_once(pictured: Server, player: Player) -> None:
    play(pictured, SONGS[0])
    for _ in range(2):
        assert get(pictured, "t:1") == (200, "image/png", b"\x89PNG\r\n\x1a\n")
    assert player.asked == ["t:1"]


def test_only_the_track_that_plays_has_one(pictured: Server, player: Player) -> None:
    assert get(pictured, "t:1")[0] == 404
    play(pictured, SONGS[0])
    assert get(pictured, "t:2")[0] == 404
    assert player.asked == []
    player.answer = None
    assert get(pictured, "t:1")[0] == 204
    assert get(pictured, "t:1")[0] == 204
    assert player.asked == ["t:1"], "that there is none is remembered too"


def test_an_error_of_the_player_is_tried_again(pictured: Server, player: Player) -> None:
    play(pictured, SONGS[0])
    player.answer = PlaybackError("mpd is gone")
    assert get(pictured, "t:1")[0] == 502
    player.answer = Cover(b"GIF89a", "image/gif")
    assert get(pictured, "t:1")[0] == 200


def test_the_cache_has_a_limit(pictured: Server, player: Player) -> None:
    player.answer = Cover(bytes(MAX_BYTES // 2), "image/jpeg")
    for name in ("a", "b", "c", "a"):
        play(pictured, replace(SONGS[0], track_id=name))
        assert get(pictured, name)[0] == 200
    assert player.asked == ["a", "b", "c", "a"]
