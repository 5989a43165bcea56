"""Lists at Spotify read by a real refresh: the search as a fallback, rate limits, and lists that are out of reach."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from musicond.core.models import Emotion
from musicond.core.schedule import Schedule
from musicond.library.editor import CatalogueEditor
from musicond.library.maintenance import LibraryMaintenance
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import Worker
from musicond.spotify.playlists import SpotifyList
from tests.spotify.api_objects import track_object
from tests.spotify.fake_server import Fault
from tests.spotify.fake_spotify import FakeSpotify, playlist_entries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from musicond.library.refresh import RefreshReport
    from musicond.spotify.client import SpotifyClient

RAIN, SEARCH = "spotify:Rainy days", "spotify:search:rainy piano"
REST = {"error": {"status": 429, "message": "API rate limit exceeded"}}


class LibraryFixture:
    """A catalogue in a folder; its sad songs come from the given lists."""

    def __init__(self, folder: Path, client: SpotifyClient, *names: str) -> None:
        self.folder, self.client, self.names = folder, client, names
        self.should_stop: Callable[[], bool] = lambda: False

    def maintenance(self) -> LibraryMaintenance:
        return LibraryMaintenance(
            self.folder / "catalogue.sqlite",
            {Emotion.SAD: self.names},
            Schedule.parse("never"),
            JsonFile(self.folder / "refresh.json"),
            builders={"spotify": lambda name, _: SpotifyList(name, self.client)},
            should_stop=self.should_stop,
        )

    def refresh(self) -> RefreshReport:
        report = self.maintenance().refresh()
        assert report is not None
        return report

    def songs(self, origin: str) -> set[str]:
        with CatalogueEditor(self.folder / "catalogue.sqlite") as lists:
            entries = lists.entries(Emotion.SAD)
            return {entry.title for entry in entries if entry.origin == origin and entry.state != "gone"}


@pytest.fixture
def rainy(fake_spotify: FakeSpotify) -> FakeSpotify:
    fake_spotify.playlists["2" * 22] = ("Rainy Days", playlist_entries("Rain", "Fog"))
    fake_spotify.search_results = [track_object("Found")]
    return fake_spotify


def searches(fake_spotify: FakeSpotify) -> int:
    return fake_spotify.count("GET", "search")


def test_a_search_stands_in_while_no_list_of_the_mood_is_there(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path
) -> None:
    library = LibraryFixture(tmp_path, client, "starter", SEARCH, RAIN)
    library.refresh()
    assert (library.songs(RAIN), library.songs(SEARCH), searches(rainy)) == ({"Rain", "Fog"}, set(), 0)
    with rainy.lock:
        rainy.playlists.clear()
    report = library.refresh()
    assert "none of your playlists" in report.errors[0]
    assert library.songs(SEARCH) == {"Found"}
    assert library.songs(RAIN) == {"Rain", "Fog"}, "nothing is lost"
    assert len(library.songs("starter")) == 25
    assert rainy.last_request("GET", "search").query["limit"] == "10"
    with rainy.lock:
        rainy.playlists["3" * 22] = ("Rainy days", playlist_entries("Grey"))
    library.refresh()
    assert (library.songs(RAIN), library.songs(SEARCH)) == ({"Grey"}, set())


def test_an_empty_or_foreign_list_is_searched_for_too(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path
) -> None:
    rainy.playlists["2" * 22] = ("Rainy days", [])
    foreign = f"spotify:playlist:{'9' * 22}"
    library = LibraryFixture(tmp_path, client, RAIN, foreign, SEARCH)
    report = library.refresh()
    assert ["no songs in it" in report.errors[0], "forbids" in report.errors[1]] == [True, True]
    assert library.songs(SEARCH) == {"Found"}
    with rainy.lock:
        rainy.playlists["9" * 22] = ("Mine now", playlist_entries("Mine"))
    library.refresh()
    assert (library.songs(foreign), library.songs(SEARCH)) == ({"Mine"}, set())


def test_a_search_alone_or_beside_own_lists_is_read(rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path) -> None:
    library = LibraryFixture(tmp_path, client, "starter", SEARCH)
    library.refresh()
    assert library.songs(SEARCH) == {"Found"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("me/playlists", 429, REST, {"Retry-After": "3600"}),
        Fault("playlists/", 503),
        Fault("playlists/", how="cut"),
        Fault("me/playlists", how="close"),
        Fault("me/playlists", 403, {"error": {"status": 403, "message": "Insufficient client scope"}}),
    ],
)
@pytest.mark.parametrize("stood_in", [False, True])
def test_a_list_that_could_merely_not_be_reached_is_not_replaced(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path, fault: Fault, *, stood_in: bool
) -> None:
    own = rainy.playlists.copy()
    library = LibraryFixture(tmp_path, client, RAIN, SEARCH)
    if stood_in:
        rainy.playlists.clear()
    library.refresh()
    before = library.songs(RAIN), library.songs(SEARCH), searches(rainy)
    assert before == ((set(), {"Found"}, 1) if stood_in else ({"Rain", "Fog"}, set(), 0))
    rainy.playlists |= own
    with rainy.lock:
        rainy.faults.append(fault)
    assert len(library.refresh().errors) == 1
    assert (library.songs(RAIN), library.songs(SEARCH), searches(rainy)) == before


def test_a_refresh_that_was_cut_off_knows_what_it_has_found(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path
) -> None:
    library = LibraryFixture(tmp_path, client, RAIN, SEARCH)
    steps = iter([False, False, True])
    rainy.playlists["2" * 22] = ("Rainy days", [])
    library.should_stop = lambda: searches(rainy) > 0
    assert library.maintenance().refresh() is None, "cut off in the search"
    library.should_stop = lambda: False
    library.refresh()
    assert library.songs(SEARCH) == {"Found"}
    rainy.playlists["2" * 22] = ("Rainy days", playlist_entries("Rain", "Fog", "Grey"))
    library.should_stop = lambda: next(steps)
    assert library.maintenance().refresh() is None, "cut off in the list"
    library.should_stop = lambda: False
    library.refresh()
    assert (library.songs(RAIN), library.songs(SEARCH)) == ({"Rain", "Fog", "Grey"}, set())


def test_a_rest_of_an_hour_holds_nothing_else_up(rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("title,artist\nMine,Me\n")
    library = LibraryFixture(tmp_path, client, RAIN, "spotify:liked", str(table))
    library.refresh()
    table.write_text("title,artist\nNewer,Me\n")
    rainy.faults.append(Fault("me/playlists", 429, REST, {"Retry-After": "3600"}))
    maintenance = library.maintenance()
    worker = Worker([maintenance.tick])
    count = len(rainy.requests)
    worker.start()
    try:
        started = time.monotonic()
        worker.submit(lambda: maintenance.run_action("refresh", {})).result(10)
        worker.submit(maintenance.tick).result(10)
        assert worker.submit(lambda: maintenance.run_action("list", {})).result(10)["entries"]
        assert time.monotonic() - started < 5
    finally:
        worker.stop()
    assert library.songs(str(table)) == {"Newer"}
    assert library.songs(RAIN) == {"Rain", "Fog"}
    assert [request.status for request in rainy.requests[count:]] == [429], (
        "the second list at Spotify does not even ask"
    )
    assert not maintenance.is_due(), "not before the hour is over"


def test_after_the_rest_the_lists_are_read_again_by_themselves(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path
) -> None:
    library = LibraryFixture(tmp_path, client, RAIN)
    rainy.faults.append(Fault("me/playlists", 429, REST, {"Retry-After": "1"}, times=1))
    maintenance = library.maintenance()
    worker = Worker([maintenance.tick], period_s=0.1)  # the first refresh reads lists that were never read
    worker.start()
    try:
        assert rainy.wait_until(lambda: rainy.count("GET", f"playlists/{'2' * 22}/items") == 1, 15)
    finally:
        worker.stop()
    assert [request.status for request in rainy.requests if request.path == "me/playlists"] == [429, 200]
