"""The set-up of the device on the page, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.browser import go, opened, text
from tests.web.conftest import HAPPY
from tests.web.full_server import FullServer, full_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["full_server"]

pytestmark = pytest.mark.browser


@pytest.fixture
def page(full_server: FullServer, chromium: Any) -> Iterator[Any]:
    with opened(chromium, full_server.output.address) as tab:
        open_setup(tab)
        yield tab


def open_setup(page: Any) -> None:
    go(page, "device")
    page.wait_for_selector("#setup:not([hidden])")


def values(full_server: FullServer) -> dict[str, Any]:
    return full_server.overrides.read()


def test_the_device_is_named_and_its_hours_are_set(full_server: FullServer, page: Any) -> None:
    assert (page.input_value("#set-name"), page.input_value("#set-view")) == ("musicond", "wide")
    assert page.is_hidden("#setup-reset")
    page.fill("#set-quiet-from", "22:00")
    page.fill("#set-quiet-to", "07:00")
    page.click("#device-form [type=submit]")
    page.wait_for_selector("#toast-text:text-is('Saved.')")
    assert values(full_server) == {"music.quiet_hours": "22:00-07:00"}
    page.fill("#set-name", "Küche")
    page.select_option("#set-view", "near")
    page.select_option("#set-rotation", "180")
    page.check("#set-history")
    with page.expect_navigation():
        page.click("#device-form [type=submit]")
    page.wait_for_selector("#setup-reset:not([hidden])")
    assert (page.input_value("#set-name"), page.is_checked("#set-history")) == ("Küche", True)
    assert page.input_value("#set-quiet-from") == "22:00"
    kept = {"device.name": "Küche", "camera.view": "near", "camera.rotation": 180, "history.enabled": True}
    kept["music.quiet_hours"] = "22:00-07:00"
    assert values(full_server) == kept
    assert full_server.asked == ["reload", "restart"]
    page.once("dialog", lambda dialog: dialog.accept())
    with page.expect_navigation():
        page.click("#setup-reset")
    page.wait_for_selector("#setup:not([hidden])")
    assert page.input_value("#set-name") == "musicond"
    assert values(full_server) == {}


def test_a_broker_is_tested_before_it_is_kept_and_its_password_never_comes_back(
    full_server: FullServer, page: Any
) -> None:
    page.fill("#set-host", "mqtt.example")
    page.fill("#set-user", "me")
    page.fill("#set-password", "hush")
    page.click("#broker-test")
    page.wait_for_selector("#broker-result:has-text('be reached, or refuses')")
    assert page.text_content("#broker-result-raw") == "mqtt.example: Not authorized"
    [(mqtt, password)] = full_server.brokers
    assert (mqtt.host, mqtt.username, password) == ("mqtt.example", "me", "hush")
    assert values(full_server) == {}
    with page.expect_navigation():
        page.click("#broker-form [type=submit]")
    page.wait_for_selector("#setup:not([hidden])")
    assert (page.input_value("#set-host"), page.input_value("#set-password")) == ("mqtt.example", "")
    assert page.get_attribute("#set-password", "placeholder") == "kept; type to change it"
    assert "hush" not in page.content()


def test_what_does_not_fit_is_said_and_what_was_typed_stays(full_server: FullServer, page: Any) -> None:
    page.select_option("#set-player", "spotify")
    page.click("#player-form [type=submit]")
    assert page.evaluate("document.getElementById('set-client').matches(':invalid')")
    assert page.input_value("#set-player") == "spotify"
    go(page, "now")
    open_setup(page)
    assert page.input_value("#set-player") == "spotify", "what was not saved yet is not lost"
    assert values(full_server) == {}
    assert "http://127.0.0.1:8888/callback" in text(page, "#set-client-hint")
    page.fill("#set-client", "0123456789abcdef0123456789abcdef")
    with page.expect_navigation():
        page.click("#player-form [type=submit]")
    page.wait_for_selector("#setup:not([hidden])")
    assert values(full_server)["playback.backend"] == "spotify"


def test_half_of_the_quiet_hours_is_not_said_to_be_saved(full_server: FullServer, page: Any) -> None:
    page.fill("#set-quiet-from", "22:00")
    page.click("#device-form [type=submit]")
    assert page.evaluate("document.activeElement.id") == "set-quiet-to"
    assert page.evaluate("document.activeElement.validity.valueMissing")
    assert text(page, "#toast-text") == ""
    page.fill("#set-quiet-from", "")
    page.click("#device-form [type=submit]")
    page.wait_for_selector("#toast-text:text-is('Saved.')")
    assert values(full_server) == {}


def test_a_broker_without_an_address_is_not_tested(full_server: FullServer, page: Any) -> None:
    page.click("#broker-test", force=True)
    page.wait_for_selector("#toast-text:text-is('Enter the address of the broker first')")
    page.fill("#set-host", "mqtt.example")
    assert page.get_attribute("#broker-test", "aria-disabled") is None
    assert full_server.brokers == []


@pytest.mark.parametrize(
    ("locale", "words"), [("en-GB", "This is no address of a broker"), ("de-DE", "Das ist keine Adresse eines Brokers")]
)
def test_what_is_refused_is_explained_in_words(full_server: FullServer, chromium: Any, locale: str, words: str) -> None:
    with opened(chromium, full_server.output.address, locale) as page:
        open_setup(page)
        page.fill("#set-host", "no host at all")
        page.click("#broker-form [type=submit]")
        page.wait_for_selector(f"#error-text:has-text('{words}')")
        assert str(page.text_content("#error-raw")).startswith("mqtt.host: ")
    assert values(full_server) == {}


def test_why_no_server_of_music_assistant_is_found_is_said(
    full_server: FullServer, page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    page.select_option("#set-player", "music-assistant")
    page.locator("#ma-status", has_text="search your network").wait_for()
    program = tmp_path / "avahi-browse"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    page.select_option("#set-player", "none")
    page.select_option("#set-player", "music-assistant")
    page.locator("#ma-status", has_text="No server of Music Assistant was found").wait_for()


def test_the_language_is_set_for_all_browsers_and_switched_in_one(full_server: FullServer, page: Any) -> None:
    assert page.input_value("#set-language") == "auto"
    page.select_option("#set-language", "de")
    with page.expect_navigation():
        page.click("#device-form [type=submit]")
    assert values(full_server) == {"web.language": "de"}
    full_server.server.health["language"] = "de"  # what the daemon shows once it has started again
    full_server.output.accept(replace(HAPPY, seq=2))
    page.wait_for_selector("#device-form label:text-is('Name dieses Geräts')")
    page.click("#language")
    page.wait_for_selector("#device-form label:text-is('Name of this device')")
    page.reload()
    page.wait_for_selector("#device-form label:text-is('Name of this device')")
    page.evaluate("localStorage.removeItem('language')")
    page.reload()
    page.wait_for_selector("#device-form label:text-is('Name dieses Geräts')")


def test_a_browser_in_a_private_window_does_not_load_the_page_again_and_again(
    full_server: FullServer, chromium: Any
) -> None:
    full_server.server.health["language"] = "de"
    context = chromium.new_context(locale="en-GB")
    context.add_init_script("Storage.prototype.setItem = () => { throw new Error('private'); }")
    tab = context.new_page()
    loads: list[str] = []
    tab.on("load", lambda frame: loads.append(frame.url))
    tab.goto(f"{full_server.output.address}/#now")
    tab.wait_for_selector("#hero[data-kind=happy]")
    full_server.output.accept(replace(HAPPY, seq=2))
    tab.wait_for_timeout(1000)
    context.close()
    assert len(loads) == 1
