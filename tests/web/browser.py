"""What the tests in a real browser share: the page opened on a phone, and short words for what is done with it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.outcome import Playback, PlayState
from tests.web.conftest import HAPPY, SONGS, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

SILENT = Playback("mpd", device="kitchen", volume=30, volume_max=80)
PLAYING = replace(SILENT, state=PlayState.PLAYING, ours=True, track=SONGS[0])


@contextmanager
def opened(chromium: Any, address: str, locale: str = "en-GB") -> Iterator[Any]:
    """Open the page on a phone; at the end nothing may have gone wrong in it, nor any request elsewhere."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale=locale)
    context.set_default_timeout(15_000)
    found = context.new_page()
    requested: list[str] = []
    said: list[str] = []
    faults: list[str] = []
    found.on("request", lambda request: requested.append(request.url))
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("console", lambda message: said.append(message.text))
    found.goto(f"{address}/#now")
    found.wait_for_selector("#hero[data-kind=happy]")
    yield found
    context.close()
    assert requested
    assert [url for url in requested if not url.startswith(address + "/")] == []
    assert [line for line in said if "Content Security Policy" in line] == []
    assert faults == []


@pytest.fixture
def page(server: Server, chromium: Any) -> Iterator[Any]:
    """Return the page of a daemon that sees a happy face."""
    server.output.accept(HAPPY)
    with opened(chromium, server.output.address) as found:
        yield found


def text(page: Any, selector: str) -> str:
    return str(page.inner_text(selector))


def go(page: Any, view: str) -> None:
    page.click(f"nav a[href='#{view}']")
    page.wait_for_selector(f"#view-{view}:not([hidden])")


def click(server: Server, page: Any, selector: str) -> None:
    """Click, and wait until a command has come and is answered."""
    server.arrived.clear()
    page.click(selector)
    assert server.arrived.wait(10)
    page.wait_for_selector("#controls[aria-busy=false]")
