"""From a fresh install to the first song of Music Assistant by at most six taps: no file, no shell."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING, Any

import pytest

from musicond.library.database import STARTER_FILE
from tests.mqtt.conftest import free_port
from tests.music_assistant.double import PASSWORD, USER
from tests.music_assistant.server_queue import track
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.music_assistant.double import MusicAssistantDouble

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MAX_TAPS = 6
with STARTER_FILE.open(encoding="utf-8") as file:
    SONGS = list(csv.DictReader(file))


def fake_avahi(folder: Path, server: MusicAssistantDouble) -> str:
    """Write an avahi-browse that finds the server, as there is no mDNS in a test; return the PATH with it."""
    port = server.url.rpartition(":")[2]
    program = folder / "avahi-browse"
    program.write_text(f"#!/bin/sh\necho '=;eth0;IPv4;Music;_mass._tcp;local;ma.local;127.0.0.1;{port};\"\"'\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


class Finger:
    """A finger on a phone that counts its taps; typing into the field with the focus is none."""

    def __init__(self, phone: Any) -> None:
        self.phone, self.taps = phone, 0

    def tap(self, target: Any) -> None:
        self.taps += 1
        target.tap()

    def type(self, selector: str, text: str) -> None:
        assert self.phone.evaluate("document.activeElement.id") == selector[1:], "the field has the focus"
        self.phone.keyboard.type(text)


def test_six_taps_from_a_fresh_install_to_the_first_song(
    tmp_path: Path, server: MusicAssistantDouble, chromium: Any
) -> None:
    (tmp_path / "bin").mkdir()
    env = {"PATH": fake_avahi(tmp_path / "bin", server)}
    context = chromium.new_context(
        viewport={"width": 390, "height": 664}, has_touch=True, is_mobile=True, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(60_000)
    server.library = [track("filesystem_local", row["track_id"], row["title"], row["artist"]) for row in SONGS]
    port = free_port()
    with Daemon(tmp_path, "--source", "demo", web=f"listen: '127.0.0.1:{port}'", env=env) as daemon:
        daemon.ready()
        phone = context.new_page()
        finger = Finger(phone)
        phone.goto(f"http://127.0.0.1:{port}/")
        step = phone.locator("#steps li", has_text=f"Found in your network: {server.url}")
        finger.tap(step.get_by_role("link", name="Set up"))
        phone.wait_for_selector("#ma-user:focus")
        assert phone.input_value("#ma-url") == server.url
        finger.type("#ma-user", USER)
        finger.tap(phone.locator("#ma-password"))
        finger.type("#ma-password", PASSWORD)
        with phone.expect_navigation():
            finger.tap(phone.locator("#ma-form [type=submit]"))
        phone.wait_for_selector("#set-speaker option:text-is('Kitchen')", state="attached")
        finger.taps += 1
        phone.select_option("#set-speaker", label="Kitchen")
        phone.wait_for_selector("#play:not([aria-disabled=true]):not(:disabled)")
        finger.tap(phone.locator("#play"))
        phone.wait_for_selector("#play[data-does=stop]")
        assert finger.taps <= MAX_TAPS
        assert server.names(), "songs are in the queue of the player"
        assert PASSWORD not in phone.content()
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0
    context.close()
    state = tmp_path / "state"
    assert (state / "music-assistant.json").stat().st_mode & 0o777 == 0o600
    assert all(PASSWORD.encode() not in file.read_bytes() for file in state.glob("*.json"))
