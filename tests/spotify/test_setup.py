"""From a fresh install to music by taps on a phone only: no file, no shell."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.mqtt.conftest import broker, free_port  # noqa: F401 - a fixture is found by its name
from tests.spotify.fake_spotify import CLIENT_ID
from tests.spotify.spotify_daemon import LAUNCH, with_lists
from tests.spotify.test_page import sign_in
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.mqtt.conftest import Broker
    from tests.spotify.fake_spotify import FakeSpotify

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class FreshDaemon(Daemon):
    """A daemon without any configuration but its folders and its port."""

    def __init__(self, folder: Path, fake_spotify: FakeSpotify) -> None:
        self.page_port = free_port()
        super().__init__(folder, "--source", "demo", web=f"listen: '127.0.0.1:{self.page_port}'")
        self.launch = LAUNCH.format(fake_spotify.address)

    def program(self) -> list[str]:
        return [*super().program()[:1], "-c", self.launch]


@pytest.fixture
def fake_spotify() -> Iterator[FakeSpotify]:
    with with_lists() as server:
        yield server


@pytest.fixture
def guarded_broker(broker: Broker, tmp_path: Path) -> Broker:  # noqa: F811 - the fixture
    """A broker with a user and a password."""
    broker.stop()
    passwords = tmp_path / "passwords"
    program = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    subprocess.run([program, "-c", "-b", str(passwords), "me", "right"], check=True, capture_output=True)
    broker.config = broker.config.replace("allow_anonymous true", f"allow_anonymous false\npassword_file {passwords}")
    return broker.start()


def save(phone: Any, form: str) -> None:
    """Save a form, and wait for the page of the daemon that has started again."""
    with phone.expect_navigation():
        phone.tap(f"#{form} [type=submit]")
    phone.wait_for_selector("#setup:not([hidden])")


def test_from_a_fresh_install_to_music_by_taps_only(
    tmp_path: Path, fake_spotify: FakeSpotify, guarded_broker: Broker, chromium: Any
) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 664}, has_touch=True, is_mobile=True, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(60_000)
    context.route(
        "https://accounts.spotify.com/**",
        lambda route: route.fulfill(status=302, headers={"Location": fake_spotify.authorize(route.request.url)}),
    )
    fake_spotify.add_device("Kitchen")
    with FreshDaemon(tmp_path, fake_spotify) as daemon:
        daemon.ready()
        phone = context.new_page()
        phone.goto(f"http://127.0.0.1:{daemon.page_port}/")
        phone.locator("#steps li", has_text="Smart home").get_by_role("link", name="Set up").tap()
        phone.fill("#set-name", "Den")
        save(phone, "device-form")
        phone.wait_for_selector("#name:text-is('Den')")
        for name, value in (("host", "127.0.0.1"), ("port", str(guarded_broker.port)), ("user", "me")):
            phone.fill(f"#set-{name}", value)
        phone.fill("#set-password", "wrong")
        phone.tap("#broker-test")
        phone.wait_for_selector("#broker-result-raw:has-text('ot authori')", state="attached")
        phone.fill("#set-password", "right")
        phone.tap("#broker-test")
        phone.wait_for_selector("#broker-result:has-text('accepts the connection')")
        save(phone, "broker-form")
        phone.wait_for_selector(f"#health dd:text-is('connected to 127.0.0.1:{guarded_broker.port}')")
        phone.select_option("#set-player", "spotify")
        phone.fill("#set-client", CLIENT_ID)
        save(phone, "player-form")
        sign_in(phone)
        phone.tap("#bar-more")
        phone.wait_for_selector("#speaker option:text-is('Kitchen')", state="attached")
        phone.select_option("#speaker", label="Kitchen")
        phone.tap("#bar-more")
        phone.tap("nav a[href='#now']")
        phone.wait_for_selector("#play:not([aria-disabled=true])")
        phone.tap("#play")
        phone.wait_for_selector("#play[data-does=stop]")
        assert fake_spotify.player.playing
        phone.tap("#choose")
        phone.tap("#choosing-faces [data-mood=sad]")
        phone.wait_for_selector("#detail:text-is('Chosen by you')")
        phone.tap("#mood-back")
        phone.wait_for_selector("#mood-back", state="hidden")
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0
    context.close()
