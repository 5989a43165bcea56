"""The order of songs on the page, also after a reload and in lists longer than the part shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Emotion
from musicond.library.editor import CatalogueEditor
from tests.web.browser import go, opened, text
from tests.web.frames import wait_for
from tests.web.full_server import FullServer, full_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["full_server"]

pytestmark = pytest.mark.browser


@pytest.fixture
def page(full_server: FullServer, chromium: Any) -> Iterator[Any]:
    with opened(chromium, full_server.output.address) as tab:
        go(tab, "music")
        tab.locator("#songs li").nth(9).wait_for()
        yield tab


def titles(full_server: FullServer) -> list[str]:
    with CatalogueEditor(full_server.folder / "catalogue.sqlite") as lists:
        return [entry.title for entry in lists.entries(Emotion.HAPPY)]


def button(page: Any, line: int, name: str) -> Any:
    return page.locator("#songs li").nth(line).get_by_role("button", name=re.compile(rf" {name}$"))


def test_a_song_moves_after_the_list_was_loaded_anew(full_server: FullServer, page: Any) -> None:
    before = titles(full_server)
    go(page, "now")
    with page.expect_response("**/catalogue/list"):
        go(page, "music")
    button(page, 2, "up").click()
    wait_for(lambda: titles(full_server)[:3] == [before[0], before[2], before[1]])
    page.locator(f"#songs li:nth-child(2) b:text-is({before[2]!r})").wait_for()
    button(page, 1, "up").click()
    wait_for(lambda: titles(full_server)[:3] == [before[2], before[0], before[1]])


def test_a_song_that_another_page_removed_does_not_move(full_server: FullServer, page: Any) -> None:
    first = titles(full_server)[0]
    with page.expect_response("**/catalogue/list"):
        go(page, "now")
        go(page, "music")
    with CatalogueEditor(full_server.folder / "catalogue.sqlite") as lists:
        gone = lists.entries(Emotion.HAPPY)[0].track_id
    full_server.maintenance.run_action("remove", {"id": gone, "emotion": "happy"})
    button(page, 0, "down").click()
    page.locator("#count:text-is('24 songs.')").wait_for()
    assert first not in titles(full_server)
    assert first not in page.locator("#songs b").all_inner_texts()


def test_the_last_song_in_sight_moves_down_among_the_others(full_server: FullServer, page: Any) -> None:
    before = titles(full_server)
    assert page.locator("#songs li").count() == 10
    button(page, 9, "down").click()
    page.locator(f"#songs li:nth-child(11) b:text-is({before[9]!r})").wait_for()
    assert titles(full_server)[9:11] == [before[10], before[9]]
    assert page.is_hidden("#more")
    wait_for(lambda: page.evaluate("document.activeElement.title") == f"Move {before[9]} down")


def test_it_is_said_to_which_mood_songs_and_lists_are_added(page: Any) -> None:
    assert text(page, "#song_add-title") == "Add a song: Happy"
    assert text(page, "#sources-title") == "Where they come from: Happy"
    page.click("#moods [data-mood=sad]")
    page.wait_for_selector("#song_add-title:text-is('Add a song: Sad')")
    assert text(page, "#sources-title") == "Where they come from: Sad"
