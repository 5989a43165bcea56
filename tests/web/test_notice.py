"""The notice for the people in the room: without a token, mood and song, in two languages."""

from __future__ import annotations

import http.client
import importlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from musicond.core.commands import SetPrivacy
from musicond.core.models import Watching
from musicond.core.settings import Settings
from musicond.web.notice import LANGUAGES, TEXTS, Notice, choose_language, notice_page, text
from tests.web.browser import opened
from tests.web.conftest import HAPPY, Server, make_server, without_face

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fetch(server: Server, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_notice_needs_no_token_and_shows_neither_mood_nor_song(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.token = SecretStr("secret")
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    try:
        server.output.accept(HAPPY)
        for language, title in (
            ("en", "A camera reads expressions here"),
            ("de-AT,de;q=0.9", "Hier liest eine Kamera"),
        ):
            status, page = fetch(server, "/notice", **{"Accept-Language": language})
            assert status == 200
            assert title in page
            assert not [word for word in ("happy", "Sunny", "secret", "token=") if word in page]
        assert "may be open now" in fetch(server, "/notice")[1]
        assert fetch(server, "/style.css")[0] == 200
        assert fetch(server, "/")[0] == 401
        assert fetch(server, "/api/v1/state")[0] == 401
        server.output.accept(without_face(Watching.PRIVATE))
        assert "is closed now" in fetch(server, "/notice")[1]
    finally:
        server.output.stop()


def test_what_is_switched_on_is_named() -> None:
    plain, full = Notice(), Notice("<Den>", preview=True, history=True, smart_home=True)
    for language in LANGUAGES:
        assert len(list(full.lines(language))) == len(list(plain.lines(language))) + 2
        assert (text("stays", language) in plain.lines(language), text("stays", language) in full.lines(language)) == (
            True,
            False,
        )
        assert "&lt;Den&gt;" in notice_page(full, language, closed=True)


def test_every_language_has_its_own_text_for_every_key() -> None:
    assert len(LANGUAGES) > 1
    assert [sorted(texts) for texts in TEXTS.values()] == [sorted(TEXTS["en"])] * len(LANGUAGES)
    assert all(len({TEXTS[language][key] for language in LANGUAGES}) == len(LANGUAGES) for key in TEXTS["en"])


@pytest.mark.parametrize(("header", "language"), [("", "en"), ("fr, de;q=0.5", "de"), ("en-GB,de", "en"), ("fr", "en")])
def test_the_language_is_the_first_that_is_known(header: str, language: str) -> None:
    assert choose_language(header) == language


def test_consent_is_given_on_the_page_and_guests_get_their_button(server: Server, chromium: Any) -> None:
    server.output.accept(HAPPY)
    with opened(chromium, server.output.address) as page:
        settings = Settings(private=True, consent_pending=True)
        server.output.accept(without_face(Watching.PRIVATE, settings=settings))
        page.wait_for_selector("#consent:not([hidden])")
        page.click("#consent-give")
        wait_for(lambda: server.commands == [SetPrivacy(on=False)])
        server.output.accept(HAPPY)
        page.wait_for_selector("#consent", state="hidden")
        page.click("#pause")
        page.click("#guest")
        wait_for(lambda: server.commands[-1] == SetPrivacy(on=True, until_midnight=True))


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_axe_finds_no_fault_in_the_notice(server: Server, chromium: Any, locale: str) -> None:
    axe = importlib.import_module("axe_playwright_python.sync_playwright").Axe()
    context = chromium.new_context(locale=locale, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{server.output.address}/notice")
    assert page.locator("html").get_attribute("lang") == locale[:2]
    violations = axe.run(page).response["violations"]
    context.close()
    assert violations == []


def wait_for(true: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
