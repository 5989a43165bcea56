"""The library of a real mpd, sorted by mood in the default configuration: every mood has songs that it plays."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from musicond.app.library import build_maintenance
from musicond.app.pipeline import recommender_config
from musicond.config.schema import Config
from musicond.core.models import Emotion, Track
from musicond.core.outcome import RecommendationContext
from musicond.core.recommend.recommender import Recommender
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME
from musicond.library.sorted_library import place_song
from musicond.player.mpd import MpdBackend
from musicond.player.mpd_library import MpdLibrary
from tests.library.test_refresh import mp3
from tests.player.test_mpd import FakeMpd, Library

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

GENRES = ("Disco", "Heavy Metal", "Blues", "Techno", "Classical", "Grunge", "Dark Ambient", "Jazz", "Pop", "Punk")


@contextlib.contextmanager
def library_of(tmp_path: Path, songs: int, genres: Sequence[str]) -> Iterator[Library]:
    """Run mpd with so many songs of these genres, and four without one."""
    library = Library(tmp_path)
    for number in range(songs):
        folder = library.music / f"Album #{number % 20}" / "CD 1"
        folder.mkdir(parents=True, exist_ok=True)
        genre = genres[number % len(genres)]
        mp3(folder / f"{number} ä'\".mp3", title=f"Song {number}", artist=f"Artist {number % 7}", genre=genre)
    with library:
        person = library.client()
        end = time.monotonic() + 60
        while len(person.listall()) < songs or "updating_db" in person.status():
            assert time.monotonic() < end
            time.sleep(0.1)
        yield library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with library_of(tmp_path, 200, GENRES) as library:
        yield library


def test_every_mood_plays_songs_of_the_library(library: Library, tmp_path: Path) -> None:
    report = check_every_mood_plays(library, tmp_path)
    assert report["skipped"][0] == "library:mpd: 4 of 204 entries skipped", "the four songs without a genre"


def test_every_mood_plays_the_nearest_songs_of_a_library_of_one_genre(tmp_path: Path) -> None:
    with library_of(tmp_path, 8, ["Heavy Metal"]) as library:
        check_every_mood_plays(library, tmp_path)


def check_every_mood_plays(library: Library, tmp_path: Path) -> dict[str, Any]:
    """Check that a real mpd plays five songs for every mood; return the report of the refresh."""
    build_maintenance(Config(), tmp_path).tick()  # the first start is without a player
    config = Config.model_validate({"playback": {"backend": "mpd"}, "mpd": {"port": library.port}})
    maintenance = build_maintenance(config, tmp_path)
    maintenance.tick()
    report = maintenance.run_action("progress", {})["report"]
    assert isinstance(report, dict)
    assert report["faults"] == []
    assert not build_maintenance(config, tmp_path).is_due()
    backend = MpdBackend(config.mpd.host, config.mpd.port)
    person = library.client()
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    with SqliteCatalogue(tmp_path / FILE_NAME) as catalogue:
        recommender = Recommender(catalogue, 1, recommender_config(config))
        for number, emotion in enumerate(Emotion):
            recommendation = recommender.recommend(RecommendationContext(emotion, 1000.0 * number, noon))
            assert recommendation is not None
            assert recommendation.reason.endswith(". Sorted by genre.")
            tracks = recommendation.tracks
            started = backend.play(tracks)
            assert len(started.item_ids) == len(tracks) == 5, "mpd has all of them"
            status = backend.get_status()
            assert status.playing
            assert person.currentsong()["title"] == tracks[0].title
    backend.close()
    return report


def test_of_mopidy_only_the_local_library_is_read() -> None:
    local = "file: local:track:a%20b.mp3\nTitle: A\nArtist: Ann\nGenre: Disco\nGenre: Pop\n"
    with FakeMpd({"urlhandlers": "handler: local\nhandler: spotify\n", "lsinfo": local}) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        backend = MpdBackend("127.0.0.1", int(server.server_address[1]))
        [song] = MpdLibrary(backend, place_song).tracks()
        server.answers |= {"addid": "Id: 7\n", "lsinfo": ""}
        started = backend.play([Track(song.track_id, song.title, song.artist, "")])
        backend.close()
        server.shutdown()
    assert (song.title, song.artist, song.genre) == ("A", "Ann", "Disco")
    assert song.source == "genre; mpd"
    assert started.item_ids == ("7 local:track:a%20b.mp3",)
    assert [line for line in server.commands if line.startswith(("lsinfo", "addid"))] == [
        'lsinfo "Local media/Tracks"',
        'addid "local:track:a%20b.mp3"',
    ]


def test_a_library_out_of_reach_leaves_its_songs_as_they_were(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Config.model_validate({"playback": {"backend": "mpd"}, "mpd": {"port": port}})
    report = build_maintenance(config, tmp_path).refresh()
    assert report is not None
    [error] = report.errors
    assert "check that it runs" in error
    with SqliteCatalogue(tmp_path / FILE_NAME) as catalogue:
        assert catalogue.candidates(Emotion.HAPPY), "the starter is still there"
