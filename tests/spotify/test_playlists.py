"""Lists at Spotify read by the real refresh: a search that stands in, a rest that is kept, and what is not replaced."""

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


class Shelf:
    """A catalogue in a folder whose sad songs come by the lists given."""

    def __init__(self, folder: Path, client: SpotifyClient, *names: str) -> None:
        self.folder, self.client, self.names = folder, client, names
        self.should_stop: Callable[[], bool] = lambda: False

    def librarian(self) -> LibraryMaintenance:
        return LibraryMaintenance(
            self.folder / "catalogue.sqlite",
            {Emotion.SAD: self.names},
            Schedule.parse("never"),
            JsonFile(self.folder / "refresh.json"),
            builders={"spotify": lambda name, _: SpotifyList(name, self.client)},
            should_stop=self.should_stop,
        )

    def refresh(self) -> RefreshReport:
        report = self.librarian().refresh()
        assert report is not None
        return report

    def songs(self, origin: str) -> set[str]:
        with CatalogueEditor.open(self.folder / "catalogue.sqlite") as lists:
            entries = lists.entries(Emotion.SAD)
            return {each.title for each in entries if each.origin == origin and each.state != "gone"}


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
    shelf = Shelf(tmp_path, client, "starter", SEARCH, RAIN)
    shelf.refresh()
    assert (shelf.songs(RAIN), shelf.songs(SEARCH), searches(rainy)) == ({"Rain", "Fog"}, set(), 0)
    with rainy.lock:
        rainy.playlists.clear()
    report = shelf.refresh()
    assert "none of your playlists" in report.errors[0]
    assert shelf.songs(SEARCH) == {"Found"}
    assert shelf.songs(RAIN) == {"Rain", "Fog"}, "nothing is lost"
    assert len(shelf.songs("starter")) == 25
    assert rainy.last_request("GET", "search").query["limit"] == "10"
    with rainy.lock:
        rainy.playlists["3" * 22] = ("Rainy days", playlist_entries("Grey"))
    shelf.refresh()
    assert (shelf.songs(RAIN), shelf.songs(SEARCH)) == ({"Grey"}, set())


def test_an_empty_or_foreign_list_is_searched_for_too(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path
) -> None:
    rainy.playlists["2" * 22] = ("Rainy days", [])
    foreign = f"spotify:playlist:{'9' * 22}"
    shelf = Shelf(tmp_path, client, RAIN, foreign, SEARCH)
    report = shelf.refresh()
    assert ["no songs in it" in report.errors[0], "forbids" in report.errors[1]] == [True, True]
    assert shelf.songs(SEARCH) == {"Found"}
    with rainy.lock:
        rainy.playlists["9" * 22] = ("Mine now", playlist_entries("Mine"))
    shelf.refresh()
    assert (shelf.songs(foreign), shelf.songs(SEARCH)) == ({"Mine"}, set())


def test_a_search_alone_or_beside_own_lists_is_read(rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, client, "starter", SEARCH)
    shelf.refresh()
    assert shelf.songs(SEARCH) == {"Found"}


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
    shelf = Shelf(tmp_path, client, RAIN, SEARCH)
    if stood_in:
        rainy.playlists.clear()
    shelf.refresh()
    before = shelf.songs(RAIN), shelf.songs(SEARCH), searches(rainy)
    assert before == ((set(), {"Found"}, 1) if stood_in else ({"Rain", "Fog"}, set(), 0))
    rainy.playlists |= own
    with rainy.lock:
        rainy.faults.append(fault)
    assert len(shelf.refresh().errors) == 1
    assert (shelf.songs(RAIN), shelf.songs(SEARCH), searches(rainy)) == before


def test_a_refresh_that_was_cut_off_knows_what_it_has_found(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path, client, RAIN, SEARCH)
    steps = iter([False, False, True])
    rainy.playlists["2" * 22] = ("Rainy days", [])
    shelf.should_stop = lambda: searches(rainy) > 0
    assert shelf.librarian().refresh() is None, "cut off in the search"
    shelf.should_stop = lambda: False
    shelf.refresh()
    assert shelf.songs(SEARCH) == {"Found"}
    rainy.playlists["2" * 22] = ("Rainy days", playlist_entries("Rain", "Fog", "Grey"))
    shelf.should_stop = lambda: next(steps)
    assert shelf.librarian().refresh() is None, "cut off in the list"
    shelf.should_stop = lambda: False
    shelf.refresh()
    assert (shelf.songs(RAIN), shelf.songs(SEARCH)) == ({"Rain", "Fog", "Grey"}, set())


def test_a_rest_of_an_hour_holds_nothing_else_up(rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("title,artist\nMine,Me\n")
    shelf = Shelf(tmp_path, client, RAIN, "spotify:liked", str(table))
    shelf.refresh()
    table.write_text("title,artist\nNewer,Me\n")
    rainy.faults.append(Fault("me/playlists", 429, REST, {"Retry-After": "3600"}))
    librarian = shelf.librarian()
    jobs = Worker([librarian.tick])
    asked = len(rainy.requests)
    jobs.start()
    try:
        started = time.monotonic()
        jobs.submit(lambda: librarian.run_action("refresh", {})).result(10)
        jobs.submit(librarian.tick).result(10)
        assert jobs.submit(lambda: librarian.run_action("list", {})).result(10)["entries"]
        assert time.monotonic() - started < 5
    finally:
        jobs.stop()
    assert shelf.songs(str(table)) == {"Newer"}
    assert shelf.songs(RAIN) == {"Rain", "Fog"}
    assert [each.status for each in rainy.requests[asked:]] == [429], "the second list at Spotify does not even ask"
    assert not librarian.is_due(), "not before the hour is over"


def test_after_the_rest_the_lists_are_read_again_by_themselves(
    rainy: FakeSpotify, client: SpotifyClient, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path, client, RAIN)
    rainy.faults.append(Fault("me/playlists", 429, REST, {"Retry-After": "1"}, times=1))
    librarian = shelf.librarian()
    jobs = Worker([librarian.tick], period_s=0.1)
    jobs.submit(lambda: librarian.run_action("refresh", {}))
    jobs.start()
    try:
        assert rainy.wait_until(lambda: rainy.count("GET", f"playlists/{'2' * 22}/items") == 1, 15)
    finally:
        jobs.stop()
    assert [each.status for each in rainy.requests if each.path == "me/playlists"] == [429, 200]
