"""Helpers of the tests in a real browser: the page opened on a phone, and short functions to use it."""

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
def opened(chromium: Any, address: str, locale: str = "en-GB", script: str = "") -> Iterator[Any]:
    """Open the page on a phone, where `script` runs first; check at the end that it had no error and sent no request elsewhere."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale=locale)
    context.set_default_timeout(15_000)
    tab = context.new_page()
    requested: list[str] = []
    messages: list[str] = []
    errors: list[str] = []
    tab.on("request", lambda request: requested.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: messages.append(message.text))
    tab.add_init_script(script)
    tab.goto(f"{address}/#now")
    tab.wait_for_selector("#hero[data-kind=happy]")
    yield tab
    context.close()
    assert requested
    assert [url for url in requested if not url.removeprefix("blob:").startswith(address + "/")] == []
    assert [line for line in messages if "Content Security Policy" in line] == []
    assert errors == []


@pytest.fixture
def page(server: Server, chromium: Any) -> Iterator[Any]:
    """The page of a daemon that reads a happy face."""
    server.output.accept(HAPPY)
    with opened(chromium, server.output.address) as tab:
        yield tab


def text(page: Any, selector: str) -> str:
    return str(page.inner_text(selector))


def go(page: Any, view: str) -> None:
    page.click(f"nav a[href='#{view}']")
    page.wait_for_selector(f"#view-{view}:not([hidden])")


def click(server: Server, page: Any, selector: str) -> None:
    """Click, and wait until a command has arrived and is answered."""
    server.arrived.clear()
    page.click(selector)
    assert server.arrived.wait(10)
    page.wait_for_selector("#controls[aria-busy=false]")


def open_player(page: Any) -> None:
    """Open the part of the bar that holds the volume, the speaker and autoplay."""
    page.click("#bar-more")
    page.wait_for_selector("#bar.open")
