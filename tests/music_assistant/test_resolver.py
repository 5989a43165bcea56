"""How songs are looked for at a server: what is remembered, what is not, and what does not wait for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from musicond.core.commands import Play, Stop
from musicond.core.models import Track
from musicond.errors import PlaybackError
from musicond.library.audio_files import read_duration_s
from musicond.music_assistant.client import MusicAssistantClient
from musicond.music_assistant.resolver import BUDGET_S, EMPTY_S, SongResolver
from musicond.player.events import PlaybackRules
from musicond.player.player import Player
from tests.music_assistant.conftest import SONGS, TOKEN
from tests.music_assistant.double import Fault
from tests.music_assistant.server_queue import track
from tests.player.test_mpd import Room, wait_until
from tests.player.test_mpd import song as write_tone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from musicond.library.song_uris import SongUriTable
    from musicond.music_assistant.backend import MusicAssistantBackend
    from tests.music_assistant.double import MusicAssistantDouble

BY_NAME = tuple(Track(f"song:{song.title}", song.title, song.artist, "") for song in SONGS)


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resolver(server: MusicAssistantDouble, uris: SongUriTable, clock: Clock) -> Iterator[SongResolver]:
    client = MusicAssistantClient(server.url, lambda: TOKEN)
    yield SongResolver(client, uris, clock)
    client.close()


def test_a_search_that_comes_back_empty_says_nothing_of_a_week(
    server: MusicAssistantDouble, resolver: SongResolver, uris: SongUriTable, clock: Clock
) -> None:
    library, server.library = server.library, []  # a service that is out of reach finds nothing
    resolved = resolver.resolve(BY_NAME)
    assert (resolved.uris, resolved.absent, resolved.postponed) == ({}, False, True)
    missing = "double with filesystem_local spotify"
    assert uris.get(missing, [track.track_id for track in BY_NAME]) == {}
    asked = server.count("music/search")
    assert resolver.resolve(BY_NAME).uris == {}
    assert server.count("music/search") == asked, "not at each start"
    server.library, clock.now = library, EMPTY_S + 1
    assert len(resolver.resolve(BY_NAME).uris) == len(BY_NAME)


def test_a_search_that_finds_other_songs_is_certain(server: MusicAssistantDouble, resolver: SongResolver) -> None:
    server.library = [item for item in server.library if item["item_id"] != "f2"]
    resolved = resolver.resolve(BY_NAME)
    assert (len(resolved.uris), resolved.absent, resolved.postponed) == (2, True, False)


def test_a_song_whose_search_fails_keeps_no_other_from_playing(
    server: MusicAssistantDouble, backend: MusicAssistantBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server.faults.append(Fault("music/item_by_name", times=1))
    server.faults.append(Fault("music/search", times=1))
    assert len(backend.play(BY_NAME).item_ids) == 2
    assert "has not found all songs yet" in caplog.text
    assert "in a week" not in caplog.text
    assert len(backend.play(BY_NAME).item_ids) == 3, "it is looked for again"
    server.faults.append(Fault("music/search"))
    with pytest.raises(PlaybackError, match="its log explains"):
        backend.play((Track("song:unknown", "Nowhere Man", "The Beatles", ""),))


def test_a_slow_server_ends_the_search_also_where_nothing_was_found(
    server: MusicAssistantDouble, resolver: SongResolver, clock: Clock
) -> None:
    server.library = []

    def takes_long() -> bool:
        clock.now += BUDGET_S + 1
        return True

    with pytest.raises(PlaybackError, match="too slowly"):
        resolver.resolve(BY_NAME, takes_long)
    assert server.count("music/search") == 1


def test_a_stop_does_not_wait_for_the_search(server: MusicAssistantDouble, backend: MusicAssistantBackend) -> None:
    for command in ("music/item_by_name", "music/search"):
        server.faults.append(Fault(command, "slow"))
    many = tuple(Track(f"song:{number}", f"Unknown {number}", "Nobody", "") for number in range(10))
    room = Room(Player(backend, PlaybackRules()))
    room.player.start()
    room.player.request(Play(), many)
    assert wait_until(lambda: server.count("music/item_by_name") == 1)
    room.player.request(Stop())
    polls = server.count("player_queues/get_active_queue")
    assert wait_until(lambda: server.count("player_queues/get_active_queue") > polls)
    assert server.count("music/item_by_name") + server.count("music/search") <= 3
    assert server.count("player_queues/play_media") == 0
    assert room.player.get_playback().trouble is None
    room.player.stop()


def test_a_recording_of_another_length_is_another_one_than_the_file(
    server: MusicAssistantDouble, uris: SongUriTable, tmp_path: Path
) -> None:
    path = tmp_path / "Nina Simone - Feeling Good.wav"
    write_tone(path, 200.0, seconds=30)
    file = Track(path.as_uri(), "Feeling Good", "Nina Simone", "")
    client = MusicAssistantClient(server.url, lambda: TOKEN)
    resolver = SongResolver(client, uris, get_duration=read_duration_s)
    server.library = [track("spotify", f"s{seconds}", file.title, file.artist, seconds) for seconds in (200, 45, 33)]
    assert resolver.resolve([file]).uris == {file.track_id: "spotify://track/s33"}
    assert read_duration_s(file.track_id) == pytest.approx(30)
    path.write_bytes(b"no audio")
    assert read_duration_s(file.track_id) is None
    assert read_duration_s((tmp_path / "gone.wav").as_uri()) is None
    client.close()
