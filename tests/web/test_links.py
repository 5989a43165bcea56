"""Named links to the page: each with a separate token, stored as a hash, and revoked at once."""

from __future__ import annotations

import http.client
import json
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from musicond.app.web import links_endpoint
from musicond.errors import ListError
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import Worker
from musicond.web.access import COOKIE
from musicond.web.links import MAX_LINKS, MAX_NAME, PageLinks
from tests.web.browser import go
from tests.web.conftest import HAPPY, Server, make_server
from tests.web.full_server import FullServer, full_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["full_server"]

OWN = "the-token-of-the-device"
ADDRESS = "http://den.local:8080/"
DAY = date(2026, 5, 1)


def make_links(folder: Path, address: str | None = ADDRESS) -> PageLinks:
    return PageLinks(JsonFile(folder / "page-links.json"), address, lambda: DAY)


def add(links: PageLinks, name: str = "Ann", **more: object) -> dict[str, Any]:
    return links.run_action("add", {"name": name, **more})


def listed(links: PageLinks) -> list[Any]:
    return list(links.run_action("list", {})["links"])


def test_a_link_is_stored_so_that_the_file_opens_nothing(tmp_path: Path) -> None:
    links = make_links(tmp_path)
    made = add(links, " Ann\u202e ")
    token = str(made["url"]).removeprefix(f"{ADDRESS}?token=")
    assert len(token) >= 20
    assert {len(row) for row in made["qr"]} == {len(made["qr"])}
    file = tmp_path / "page-links.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in file.read_text()
    shown = [{"id": made["id"], "name": "Ann\ufffd", "added_on": "2026-05-01"}]
    assert listed(links) == listed(make_links(tmp_path)) == shown
    assert add(links, origin="http://192.0.2.7:8080")["url"].startswith("http://192.0.2.7:8080/?token=")


@pytest.mark.parametrize(
    "arguments", [{}, {"name": " "}, {"name": "x" * (MAX_NAME + 1)}, {"name": "Ann", "origin": "javascript:alert(1)//"}]
)
def test_what_makes_no_link_is_refused(tmp_path: Path, arguments: dict[str, object]) -> None:
    links = make_links(tmp_path)
    with pytest.raises(ListError, match="give"):
        links.run_action("add", arguments)
    assert listed(links) == []


def test_there_are_not_too_many_links_and_none_for_a_page_that_nobody_else_can_open(tmp_path: Path) -> None:
    links = make_links(tmp_path)
    for number in range(MAX_LINKS):
        add(links, str(number))
    with pytest.raises(ListError, match="remove one first"):
        add(links)
    alone = make_links(tmp_path / "alone", None)
    assert alone.run_action("list", {}) == {"open": False, "links": []}
    with pytest.raises(ListError, match="page-link --lan"):
        add(alone)


def test_after_damage_the_file_lets_nobody_in_and_is_kept(tmp_path: Path) -> None:
    add(make_links(tmp_path))
    file = tmp_path / "page-links.json"
    file.write_text(file.read_text().replace("Ann", "Eve"))
    assert listed(make_links(tmp_path)) == []
    assert (tmp_path / "page-links.damaged").exists()


@pytest.mark.parametrize("action", ["remove", "add"])
def test_a_full_disk_takes_a_link_back_all_the_same_and_makes_none(tmp_path: Path, action: str) -> None:
    links = make_links(tmp_path / "state")
    (tmp_path / "state").mkdir()
    made, removed = add(links), list[str]()
    links.removed = removed.append
    (tmp_path / "state").rename(tmp_path / "gone")
    with pytest.raises(OSError, match="state"):
        links.run_action(action, {"id": made["id"], "name": "Ben"})
    names = [link["name"] for link in listed(links)]
    assert (names, removed) == (([], [made["id"]]) if action == "remove" else (["Ann"], []))


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Server]:
    """A page with its own token and named links."""
    server, jobs, links = make_server(tmp_path), Worker(), make_links(tmp_path)
    server.token, server.links = SecretStr(OWN), links
    server.endpoints = {"links": links_endpoint(links, jobs)}
    server.output = server.again("127.0.0.1:0")
    jobs.start()
    server.output.start()
    server.output.accept(HAPPY)
    yield server
    server.output.stop()
    jobs.stop()


@contextmanager
def connected(server: Server, method: str, path: str, body: object, **headers: str) -> Iterator[Any]:
    """Send a request; yield its response."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def run(server: Server, action: str, token: str = OWN, **arguments: object) -> tuple[int, dict[str, Any]]:
    path = f"/api/v1/links/{action}"
    with connected(server, "POST", path, arguments, Authorization=f"Bearer {token}") as response:
        return response.status, json.loads(response.read())


def status_of(server: Server, path: str = "/api/v1/state", **headers: str) -> int:
    with connected(server, "GET", path, None, **headers) as response:
        return int(response.status)


def cookie_from(server: Server, token: str, **headers: str) -> str | None:
    """Open the page by a link; return the cookie that it sets."""
    with connected(server, "GET", f"/?token={token}", None, **headers) as response:
        assert response.status == 303
        cookie = response.headers["Set-Cookie"]
    return str(cookie).partition(";")[0] if cookie else None


def new_token(server: Server, name: str) -> tuple[str, str]:
    made = run(server, "add", name=name)[1]
    return str(made["id"]), str(made["url"]).partition("token=")[2]


def test_the_owner_who_opens_the_link_of_a_guest_stays_the_owner(closed: Server) -> None:
    _, token = new_token(closed, "Ann")
    own = cookie_from(closed, OWN)
    assert own is not None
    assert cookie_from(closed, token, Cookie=own) is None
    assert cookie_from(closed, token) not in (None, own)


def test_taking_a_link_back_ends_its_open_streams_at_once_and_no_other(closed: Server) -> None:
    (ann, token), (_, other) = new_token(closed, "Ann"), new_token(closed, "Ben")
    cookie = cookie_from(closed, token)
    assert cookie is not None
    assert cookie.startswith(f"{COOKIE}=")
    path, bearer = "/api/v1/events", f"Bearer {other}"
    with (
        connected(closed, "GET", path, None, Cookie=cookie) as stream,
        connected(closed, "GET", path, None, Authorization=bearer) as kept,
    ):
        status, left = run(closed, "remove", id=ann)
        assert (status, [link["name"] for link in left["links"]]) == (200, ["Ben"])
        with pytest.raises((ConnectionError, http.client.IncompleteRead)):
            stream.read()
        assert kept.readline() == b"retry: 2000\n"
    assert status_of(closed, Cookie=cookie) == status_of(closed, f"/?token={token}") == 401
    assert status_of(closed, Authorization=bearer) == 200
    assert run(closed, "remove", id=ann)[0] == 400


def test_a_named_link_opens_the_page_but_lets_nobody_else_in(closed: Server) -> None:
    _, token = new_token(closed, "Ann")
    for action in ("list", "add", "remove"):
        assert run(closed, action, token, name="Eve")[0] == 403
    cookie = str(cookie_from(closed, token))
    assert status_of(closed, Cookie=cookie) == 200
    assert cookie_from(closed, "wrong", Cookie=cookie) is None, "an old link leaves the cookie as it is"
    owner = cookie_from(closed, OWN, Cookie=cookie)
    assert owner not in (None, cookie), "the device's own link replaces the cookie of a named one"


@pytest.mark.browser
def test_a_person_makes_a_link_on_the_page_and_takes_it_back(full_server: FullServer, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 664}, locale="en-GB", color_scheme="dark")
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(f"{full_server.output.address}/#now")
    page.wait_for_selector("#hero[data-kind=happy]")
    go(page, "device")
    page.fill("#link-name", "Ann <b>'s phone")
    page.click("#link-form button")
    page.locator('#link-list b:text-is("Ann <b>\'s phone")').wait_for()
    address = page.inner_text("#link-url")
    assert address.startswith("http://den.local:8080/?token="), "127.0.0.1 is of no use to another phone"
    rows = int(page.get_attribute("#link-qr", "viewBox").split()[-1])
    light, dark = page.evaluate(
        "[getComputedStyle(document.getElementById('link-qr')).backgroundColor,"
        " getComputedStyle(document.querySelector('#link-qr path')).fill]"
    )
    assert (light, dark, rows >= 33) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)", True), "a reader wants dark on light"
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take back the link of Ann").click()
    page.wait_for_selector("#link-list li", state="detached")
    assert page.is_hidden("#link-new")
    assert listed(full_server.links) == []
    context.close()
