"""The live picture and the stream of the state: they reconnect, and the page shows why they are refused."""

from __future__ import annotations

import http.client
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from musicond.core.models import Mood
from musicond.web.preview import MAX_VIEWERS, Preview
from musicond.web.streams import MAX_STREAMS
from tests.web.browser import go, opened, page, text
from tests.web.conftest import HAPPY, Server, make_server
from tests.web.frames import frame, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["page"]

pytestmark = pytest.mark.browser

TOKEN = "a-token-of-24-characters"


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Server]:
    """Return a daemon whose live picture is on."""
    server = make_server(tmp_path)
    server.preview = Preview()
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    server.output.accept(HAPPY)
    yield server
    server.output.stop()


@pytest.fixture
def live(shown: Server, chromium: Any) -> Iterator[Any]:
    with opened(chromium, shown.output.address) as tab:
        yield tab


def width(page: Any) -> int:
    return int(page.evaluate("document.getElementById('picture').naturalWidth"))


def test_the_live_picture_comes_back_with_the_daemon(shown: Server, live: Any) -> None:
    preview = shown.preview
    assert preview is not None
    live.click("#live-show")
    wait_for(lambda: preview.viewers == 1)
    preview.show(frame(), HAPPY)
    shown.output.accept(replace(HAPPY, seq=2))
    wait_for(lambda: width(live) == 320)
    listen = f"127.0.0.1:{shown.port}"
    shown.output.stop()
    live.wait_for_selector("#offline:not([hidden])")
    assert live.is_hidden("#picture"), "a picture that stands still would look alive"
    wait_for(lambda: preview.viewers == 0)
    shown.output = shown.again(listen)
    shown.output.start()
    shown.output.accept(replace(HAPPY, seq=3))
    live.wait_for_selector("#offline", state="hidden")
    wait_for(lambda: preview.viewers == 1)
    preview.show(frame(width=160), replace(HAPPY, seq=4))
    shown.output.accept(replace(HAPPY, seq=4))
    wait_for(lambda: width(live) == 160)


def test_a_viewer_too_many_is_told_why(shown: Server, live: Any) -> None:
    preview = shown.preview
    assert preview is not None
    for _ in range(MAX_VIEWERS):
        assert preview.add_viewer()
    live.click("#live-show")
    live.wait_for_selector(f"#error:has-text('{MAX_VIEWERS} look already; close one and try again')")
    assert text(live, "#live-show") == "Show"
    live.click("#error-close")
    preview.remove_viewer()
    live.click("#live-show")
    wait_for(lambda: preview.viewers == MAX_VIEWERS)
    assert text(live, "#live-show") == "Hide"


@pytest.mark.parametrize("view", ["now", "start", "about"])
def test_that_the_live_picture_is_on_is_said_where_privacy_is_promised(live: Any, view: str) -> None:
    live.click(f"nav a[href='#{view}'], footer a[href='#{view}']")
    live.wait_for_selector(f"#view-{view}:not([hidden])")
    live.wait_for_selector("#live-notice:has-text('whoever can open this page can see this room')")
    box = live.locator("#live-notice").bounding_box()
    assert box["y"] + box["height"] < 250, "at the top"


def test_no_live_picture_no_notice(page: Any) -> None:
    for view in ("now", "about"):
        go(page, view)
        assert page.is_hidden("#live-notice")
    never = text(page, "#view-about .never")
    assert "send one anywhere but to this page, and there only if you switch the live picture on" in never
    assert "unless you switch the live picture on" in text(page, "#view-about")


def test_a_page_too_many_is_told_why_and_comes_in_later(server: Server, page: Any) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_STREAMS - 1):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            stack.enter_context(closing(connection))
            connection.request("GET", "/api/v1/events")
            assert connection.getresponse().status == 200
        late = page.context.new_page()
        late.goto(f"{server.output.address}/#now")
        late.wait_for_selector("#offline:has-text('Too many pages are open already')")
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD))
    late.wait_for_selector("#hero[data-mood=sad]", timeout=30_000)
    late.wait_for_selector("#offline", state="hidden")


def test_a_page_whose_link_is_void_says_how_to_get_a_new_one(tmp_path: Path, chromium: Any) -> None:
    server = make_server(tmp_path)
    server.token = SecretStr(TOKEN)
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    server.output.accept(HAPPY)
    context = chromium.new_context(locale="en")
    context.set_default_timeout(15_000)
    tab = context.new_page()
    tab.goto(f"{server.output.address}/?token={TOKEN}")
    tab.wait_for_selector("#link:has-text('Watching')")
    listen = f"127.0.0.1:{server.port}"
    server.output.stop()
    tab.wait_for_selector("#offline:has-text('is tried again')")
    server.token = SecretStr(TOKEN[::-1])
    server.output = server.again(listen)
    server.output.start()
    tab.wait_for_selector("#offline:has-text('musicond page-link')", timeout=30_000)
    context.close()
    server.output.stop()
