"""The songs of a mood on the page: read again on each visit, and removed here or on another page."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Emotion, Song
from musicond.errors import SkippedEntries
from musicond.library.editor import CatalogueEditor
from tests.web.browser import go, opened, text
from tests.web.frames import wait_for
from tests.web.full_server import FullServer, full_server, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["full_server"]

pytestmark = pytest.mark.browser


@pytest.fixture
def page(full_server: FullServer, chromium: Any) -> Iterator[Any]:
    with opened(chromium, full_server.output.address) as tab:
        go(tab, "music")
        tab.locator("#songs li").nth(9).wait_for()
        yield tab


class SlowLibrary:
    """A library that is read slowly after 40 songs, until it is released."""

    uri = None

    def __init__(self) -> None:
        self.released = threading.Event()
        self.skipped = SkippedEntries()

    def tracks(self) -> Iterator[Song]:
        for number in range(1000):
            if number > 40 and self.released.wait(0.05):
                return
            yield Song(f"Song {number}", "Ann", valence=0.9, energy=0.75, source="genre; mpd")


def test_a_sort_that_began_by_itself_is_shown_with_the_number_of_its_songs(tmp_path: Path, chromium: Any) -> None:
    library = SlowLibrary()
    with running(FullServer(tmp_path, library)) as server, opened(chromium, server.output.address) as tab:
        try:
            go(tab, "music")
            tab.locator("#progress:text-matches('mpd.*songs so far')").wait_for()
        finally:
            library.released.set()
        tab.locator("#progress:text-matches('^Read: ')").wait_for()


def titles(full_server: FullServer) -> list[str]:
    with CatalogueEditor(full_server.folder / "catalogue.sqlite") as lists:
        return [entry.title for entry in lists.entries(Emotion.HAPPY)]


def remove_elsewhere(full_server: FullServer, title: str) -> None:
    """Remove a song of the happy list as another page would."""
    with CatalogueEditor(full_server.folder / "catalogue.sqlite") as lists:
        found = next(entry.track_id for entry in lists.entries(Emotion.HAPPY) if entry.title == title)
    full_server.maintenance.run_action("remove", {"id": found, "emotion": "happy"})


def test_a_song_is_moved_to_another_mood_and_back_and_no_refresh_undoes_it(full_server: FullServer, page: Any) -> None:
    before = titles(full_server)
    page.get_by_role("button", name=f"Move {before[1]} to another mood").click()
    page.wait_for_selector("#moving[open]")
    faces = page.locator("#moving-faces button:visible").all_inner_texts()
    assert sorted(faces) == ["Afraid", "Angry", "Disgusted", "Neutral", "Sad", "Surprised"], "all moods but its own"
    page.click("#moving-faces [data-mood=sad]")
    page.locator("#toast-text", has_text=f"Moved to Sad: {before[1]}").wait_for()
    page.locator("#count:text-is('24 songs.')").wait_for()
    page.click("#refresh")
    page.locator("#progress:text-matches('^Read:')").wait_for()
    assert titles(full_server) == [before[0], *before[2:]], "no refresh brings it back"
    page.click("#moods [data-mood=sad]")
    page.locator("#count:text-is('26 songs.')").wait_for()
    page.get_by_role("button", name=f"Move {before[1]} to another mood").click()
    page.click("#moving-faces [data-mood=happy]")
    page.locator("#toast-text", has_text="Moved to Happy").wait_for()
    page.click("#toast-undo")
    page.locator("#toast-text", has_text="Moved to Sad").wait_for()
    page.locator("#songs b", has_text=before[1]).wait_for()
    page.get_by_role("button", name=f"Move {before[1]} to another mood").click()
    page.click("#moving-faces [data-mood=happy]")
    page.click("#moods [data-mood=happy]")
    page.locator("#count:text-is('25 songs.')").wait_for()
    assert sorted(titles(full_server)) == sorted(before)


def test_the_list_is_read_again_on_each_visit(full_server: FullServer, page: Any) -> None:
    before = titles(full_server)
    assert page.locator("#songs b").all_inner_texts() == before
    go(page, "now")
    remove_elsewhere(full_server, before[0])
    go(page, "music")
    page.locator("#count:text-is('24 songs.')").wait_for()
    assert page.locator("#songs b").all_inner_texts() == before[1:]


def test_a_song_that_another_page_removed_stays_removed(full_server: FullServer, page: Any) -> None:
    before = titles(full_server)
    remove_elsewhere(full_server, before[0])
    page.locator("#songs li").first.get_by_role("button", name=f"Remove {before[0]}").click()
    page.locator("#count:text-is('24 songs.')").wait_for()
    assert titles(full_server) == before[1:]
    assert page.locator("#songs b").all_inner_texts() == before[1:]


def test_a_song_far_down_is_removed_alone_and_undo_gets_the_focus(full_server: FullServer, page: Any) -> None:
    before = titles(full_server)
    page.locator("#songs li").nth(20).get_by_role("button", name="Remove").click()
    page.locator("#count:text-is('24 songs.')").wait_for()
    assert titles(full_server) == before[:20] + before[21:]
    assert page.is_hidden("#more")
    wait_for(lambda: page.evaluate("document.activeElement.id") == "undo")


def test_it_is_said_to_which_mood_songs_and_lists_are_added(page: Any) -> None:
    assert text(page, "#song_add-title") == "Add a song: Happy"
    assert text(page, "#sources-title") == "Where they come from: Happy"
    page.click("#moods [data-mood=sad]")
    page.wait_for_selector("#song_add-title:text-is('Add a song: Sad')")
    assert text(page, "#sources-title") == "Where they come from: Sad"
