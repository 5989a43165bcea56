"""The checks on what the page adds to the catalogue, and how often the doctor's checks are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.app.web import CachedChecks
from musicond.errors import ListError
from musicond.library.actions import check_page_action
from tests.web.full_server import FullServer, full_server
from tests.web.test_api import post

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["full_server"]

SONG = {"emotion": "happy", "title": "A", "artist": "B"}


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "/etc/passwd", "data:text/html,x"])
def test_a_song_that_links_to_no_web_page_is_refused(link: str) -> None:
    with pytest.raises(ListError, match=r"song 2: .*https://"):
        check_page_action("add", {"rows": [SONG, {**SONG, "link": link}]})


@pytest.mark.parametrize("link", ["https://example.org/1", " HTTPS://example.org", "spotify:track:1", "", None])
def test_a_song_that_links_to_one_or_to_none_is_not(link: str | None) -> None:
    check_page_action("add", {"rows": [{**SONG, "link": link}]})


def test_the_checks_are_made_once_for_all_pages_within_a_moment() -> None:
    numbers: Iterator[int] = iter(range(9))
    checks = CachedChecks(lambda: [{"name": str(next(numbers))}])
    assert checks.to_json() == checks.to_json() == {"checks": [{"name": "0"}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("catalogue/add", {"rows": [{**SONG, "link": "javascript:alert(1)"}]}),
        ("catalogue/add", {}),
        ("catalogue/source", {"emotion": "sad"}),
    ],
)
def test_an_invalid_action_of_the_page_is_an_error_and_changes_nothing(
    full_server: FullServer, path: str, body: dict[str, object]
) -> None:
    before = full_server.maintenance.run_action("list", {}), full_server.maintenance.run_action("sources", {})
    status, content = post(full_server.server, f"/api/v1/{path}", body)
    assert status == 400
    assert content["error"]
    assert (full_server.maintenance.run_action("list", {}), full_server.maintenance.run_action("sources", {})) == before
