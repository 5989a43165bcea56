"""What the page may have done with the catalogue, and how often it has the doctor look."""

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
    check_page_action("reorder", {"ids": []})


def test_the_doctor_looks_once_for_all_who_ask_within_a_moment() -> None:
    looks: Iterator[int] = iter(range(9))
    doctor = CachedChecks(lambda: [{"name": str(next(looks))}])
    assert doctor.to_json() == doctor.to_json() == {"checks": [{"name": "0"}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("catalogue/add", {"rows": [{**SONG, "link": "javascript:alert(1)"}]}),
        ("catalogue/add", {}),
        ("catalogue/source", {"emotion": "sad"}),
    ],
)
def test_what_the_page_must_not_have_done_is_an_error_and_does_nothing(
    full_server: FullServer, path: str, body: dict[str, object]
) -> None:
    before = full_server.librarian.run_action("list", {}), full_server.librarian.run_action("sources", {})
    status, found = post(full_server.server, f"/api/v1/{path}", body)
    assert status == 400
    assert found["error"]
    assert (full_server.librarian.run_action("list", {}), full_server.librarian.run_action("sources", {})) == before
