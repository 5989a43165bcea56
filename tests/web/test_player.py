"""The bar of the player, the mood chosen by hand, and the dialogs, in a real browser."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.commands import Calibrate, Next, Previous, SetManualMood, SetPrivacy, SetSpeaker, Stop
from musicond.core.models import Cover, Emotion, Mood, Track
from musicond.core.outcome import CalibrationProgress, PlayState
from musicond.core.settings import Settings
from musicond.web.api import ActionEndpoint
from musicond.web.covers import CoverCache
from tests.web.browser import PLAYING, SILENT, click, go, open_player, opened, text
from tests.web.conftest import HAPPY, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.browser

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)
"""A PNG of one pixel."""
HOSTILE = Track("t:9", "<img src=x onerror=window.caught=1>", "<script>window.caught=1</script>", "javascript:caught=1")


def cover_of(track: Track) -> Future[Cover | None]:
    future: Future[Cover | None] = Future()
    future.set_result(Cover(PIXEL, "image/png") if track.track_id == "t:1" else None)
    return future


def speakers(_: str, __: Mapping[str, object]) -> Future[Mapping[str, object]]:
    future: Future[Mapping[str, object]] = Future()
    names = ("kitchen", "<b>Den</b>")
    future.set_result({"speakers": [{"name": name, "selected": name == "kitchen"} for name in names], "reason": None})
    return future


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    endpoints = {"playback": ActionEndpoint(speakers)}
    server = Server(tmp_path / "run" / "control.sock", endpoints=endpoints, covers=CoverCache(cover_of))
    server.output.start()
    yield server
    server.output.stop()


@pytest.fixture
def page(server: Server, chromium: Any) -> Iterator[Any]:
    playback = replace(PLAYING, elapsed_s=61.0, elapsed_at=datetime.now(UTC), duration_s=200.0)
    server.output.accept(replace(HAPPY, playback=playback))
    with opened(chromium, server.output.address) as tab:
        tab.wait_for_selector("#bar:not([hidden])")
        yield tab


def test_the_bar_shows_what_plays_on_every_view(server: Server, page: Any) -> None:
    assert (text(page, "#playing-title"), text(page, "#playing-artist")) == ("Sunny Side", "The Bright")
    page.wait_for_selector("#cover:not([hidden])")
    assert page.title() == "▶ Sunny Side – The Bright"  # noqa: RUF001 - the dash between title and artist
    assert page.get_attribute("#tracks li:first-child", "aria-current") == "true"
    assert page.get_attribute("#elapsed", "aria-valuetext").startswith("1:0")
    go(page, "about")
    assert page.is_visible("#bar")
    page.set_viewport_size({"width": 1000, "height": 700})
    click(server, page, "#previous")
    click(server, page, "#next")
    click(server, page, "#play")
    assert server.commands == [Previous(), Next(), Stop()]
    server.output.accept(replace(HAPPY, seq=2, playback=replace(SILENT, device=None)))
    page.wait_for_selector("#next[aria-disabled=true]")
    page.locator("#next").dispatch_event("click")
    page.wait_for_selector("#toast-text:text-is('Nothing is playing')")
    assert page.title() == "About – musicond"  # noqa: RUF001 - likewise
    assert len(server.commands) == 3


def test_hostile_names_are_text_everywhere(server: Server, page: Any) -> None:
    playback = replace(PLAYING, track=HOSTILE, device="<img src=x onerror=window.caught=1>", trouble="<b>no</b>")
    server.health["name"] = "<img src=x onerror=window.caught=1>"
    server.output.accept(replace(HAPPY, seq=2, playback=playback))
    page.wait_for_selector("#playing-title:has-text('<img')")
    open_player(page)
    page.wait_for_selector("#speaker option:text-is('<b>Den</b>')", state="attached")
    page.wait_for_selector("#player-trouble-raw:text-is('<b>no</b>')", state="attached")
    assert page.evaluate("document.querySelectorAll('body img').length") == 2, "the cover and the live picture"
    assert page.evaluate("window.caught") is None


def test_another_speaker_is_chosen_and_the_ceiling_is_shown(server: Server, page: Any) -> None:
    open_player(page)
    assert text(page, "#volume-ceiling") == "At most 80 %, as set up"
    page.wait_for_selector("#speaker option:nth-child(3)", state="attached")
    assert page.input_value("#speaker") == "kitchen", "it is the one in use"
    labels = page.locator("#speaker option").all_text_contents()
    assert labels == ["as set up", "kitchen", "<b>Den</b>"]
    for label, name in (("<b>Den</b>", "<b>Den</b>"), ("as set up", None)):
        server.arrived.clear()
        page.select_option("#speaker", label=label)
        assert server.arrived.wait(10)
        assert server.commands.pop() == SetSpeaker(name)
        page.wait_for_selector("#controls[aria-busy=false]", state="attached")  # until then another is refused


def test_keys_control_it_until_they_are_switched_off(server: Server, page: Any) -> None:
    server.arrived.clear()
    for key, command in (("n", Next()), ("p", Previous()), ("k", Stop()), ("v", SetPrivacy(on=True))):
        server.arrived.clear()
        page.keyboard.press(key)
        assert server.arrived.wait(10)
        page.wait_for_selector("#controls[aria-busy=false]")
        assert server.commands.pop() == command
    page.keyboard.press("2")
    page.wait_for_selector("#view-music:not([hidden])")
    page.click("#search")
    page.keyboard.press("n")
    assert page.input_value("#search") == "n"
    page.locator("#search").blur()
    page.keyboard.press("?")
    page.wait_for_selector("#keyboard[open]")
    page.uncheck("#keys-on")
    page.click("#keyboard [data-close]")
    page.keyboard.press("1")
    page.keyboard.press("n")
    assert page.is_visible("#view-music")
    assert server.commands == []


def test_a_mood_is_chosen_by_hand_and_given_back_to_the_camera(server: Server, page: Any) -> None:
    page.click("#choose")
    page.click("#choosing-lengths [data-minutes='15']")
    click(server, page, "#choosing-faces [data-mood=sad]")
    assert server.commands == [SetManualMood(Emotion.SAD, 15.0)]
    end = datetime.now(UTC) + timedelta(minutes=15)
    chosen = Settings(manual_mood=Emotion.SAD, manual_until=end)
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, confidence=1.0, settings=chosen))
    page.wait_for_selector("#detail:text-is('Chosen by you')")
    assert "15 min left" in text(page, "#since")
    assert text(page, "#faces") == ""
    assert text(page, "#reading") == "What the camera reads meanwhile"
    assert page.get_attribute("#wrong", "aria-disabled") == "true"
    click(server, page, "#mood-back")
    assert server.commands[1:] == [SetManualMood(None)]
    server.output.accept(replace(HAPPY, seq=3))
    page.wait_for_selector("#mood-back", state="hidden")
    assert text(page, "#detail") == "80 % confident"


def calibrate(server: Server, page: Any, button: str) -> None:
    """Start a calibration in its dialog, and wait until the daemon has begun it."""
    server.arrived.clear()
    page.click(button)
    page.wait_for_selector("#calibrating-count:text-is('3')")
    assert server.arrived.wait(15)
    page.wait_for_selector("#calibrating-count:text-is('10')")


def test_the_calibration_counts_down_and_says_how_it_ended(server: Server, page: Any) -> None:
    go(page, "device")
    page.click("#calibrate")
    calibrate(server, page, "#calibrating-go")
    server.output.accept(replace(HAPPY, seq=2, calibration=CalibrationProgress(0.4)))
    page.wait_for_selector("#calibrating-count:text-is('6')")
    server.output.accept(replace(HAPPY, seq=3, calibration=CalibrationProgress(0.5, "no face")))
    page.wait_for_selector("#calibrating-text:has-text('That did not work')")
    for number in (2, 3):  # the end of the third is the same as that of the second
        calibrate(server, page, "#calibrating-go")
        server.output.accept(replace(HAPPY, seq=2 * number, calibration=CalibrationProgress(0.0, number=number)))
        server.output.accept(replace(HAPPY, seq=2 * number + 1, calibration=CalibrationProgress(1.0, number=number)))
        page.wait_for_selector("#calibrating-text:has-text('Done')")
        page.click("#calibrating [data-close]")
        page.click("#calibrate")
    assert server.commands == [Calibrate()] * 3


def test_a_trouble_of_the_player_is_in_sight(server: Server, page: Any) -> None:
    trouble = replace(SILENT, state=PlayState.UNAVAILABLE, trouble="mpd is gone; start it")
    server.output.accept(replace(HAPPY, seq=2, playback=trouble))
    page.wait_for_selector("#player-trouble-text:has-text('Is mpd on')")
    assert page.text_content("#player-trouble-raw") == "mpd is gone; start it"
    assert page.get_attribute("#play", "aria-disabled") is None, "only a command failed, the next may work"
    height = page.evaluate("document.getElementById('bar').offsetHeight")
    assert page.evaluate("parseFloat(getComputedStyle(document.body).getPropertyValue('--bar-height'))") == height


def test_the_last_hour_is_drawn_and_only_the_page_remembers_it(server: Server, page: Any) -> None:
    assert page.is_hidden("#trend")
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD))
    page.wait_for_selector("#trend:not([hidden])")
    assert page.locator("#trend line").count() == 2
    assert text(page, "#trend-title").startswith("Since "), "an hour is not over yet"
    assert page.get_attribute("#trend svg", "aria-label") == "Moods of the last hour: Happy, Sad"
    page.reload()
    page.wait_for_selector("#hero[data-mood=sad]")
    assert page.is_hidden("#trend")


def test_a_mood_that_reached_into_the_last_hour_is_drawn(server: Server, chromium: Any) -> None:
    server.output.accept(HAPPY)
    with opened(chromium, server.output.address) as page:
        page.clock.install()
        page.reload()
        page.wait_for_selector("#hero[data-mood=happy]")
        for number, mood in enumerate((Mood.SAD, Mood.ANGRY, Mood.FEAR), start=2):
            page.clock.set_system_time(datetime.now(UTC) + timedelta(minutes=40 * (number - 1)))
            server.output.accept(replace(HAPPY, seq=number, mood=mood))
            page.wait_for_selector(f"#hero[data-mood={mood}]")
        assert page.get_attribute("#trend svg", "aria-label") == "Moods of the last hour: Sad, Angry, Afraid"
        assert text(page, "#trend-title") == "The last hour"


RECORD_ACTIONS = """
window.actions = {};
const set = MediaSession.prototype.setActionHandler;
MediaSession.prototype.setActionHandler = function (name, act) { window.actions[name] = act; set.call(this, name, act); };
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { window.sound = this; return play.call(this); };
"""
"""Lets the test press what a lock screen shows, and see the sound, which is not in the document."""
SHOWN = "JSON.stringify([navigator.mediaSession.playbackState, navigator.mediaSession.metadata?.title ?? null])"


def wait_for(page: Any, what: str) -> None:
    """Wait until an expression holds; the page's policy forbids `wait_for_function`."""
    deadline = time.monotonic() + 15
    while not page.evaluate(what):
        assert time.monotonic() < deadline, f"{what}: {page.evaluate(SHOWN)}"
        page.wait_for_timeout(50)


def test_the_lock_screen_follows_the_player_once_it_is_switched_on(server: Server, chromium: Any) -> None:
    server.output.accept(replace(HAPPY, playback=PLAYING))
    with opened(chromium, server.output.address, script=RECORD_ACTIONS) as page:
        page.wait_for_selector("#bar:not([hidden])")
        page.click("#playing-title")
        assert page.evaluate(SHOWN) == '["none",null]', "off by default: no sound"
        assert page.evaluate("window.sound") is None
        open_player(page)
        page.click("#media")
        wait_for(page, f'{SHOWN} === \'["playing","Sunny Side"]\'')
        wait_for(page, "window.sound.currentTime > 0 && window.sound.loop && window.sound.duration > 5")
        assert page.evaluate("navigator.mediaSession.metadata.artwork[0].src").endswith("/api/v1/cover?track=t%3A1")
        for action, command in (("pause", Stop()), ("nexttrack", Next()), ("previoustrack", Previous())):
            server.arrived.clear()
            page.evaluate(f"window.actions.{action}()")
            assert server.arrived.wait(10)
            assert server.commands.pop() == command
        page.wait_for_selector("#controls[aria-busy=false]", state="attached")
        server.hold = True
        for action, command in (("nexttrack", Next()), ("pause", Stop())):  # pause does not wait for the next track
            server.arrived.clear()
            page.evaluate(f"void window.actions.{action}()")
            assert server.arrived.wait(10)
            assert server.commands.pop() == command
        page.evaluate("window.sound.pause()")  # as a call does
        server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, playback=PLAYING))
        page.wait_for_selector("#hero[data-mood=sad]")
        assert page.evaluate("window.sound.paused"), "the call is not disturbed"
        page.click("#playing-title")
        wait_for(page, "!window.sound.paused")
        page.evaluate("""Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"))""")
        server.output.accept(replace(HAPPY, seq=3, playback=replace(PLAYING, state=PlayState.PAUSED)))
        wait_for(page, f'{SHOWN} === \'["paused","Sunny Side"]\'')
        wait_for(page, "window.sound.paused")
        page.click("#media")
        wait_for(page, f"{SHOWN} === '[\"none\",null]'")
        assert page.evaluate("Object.values(window.actions).every((act) => act === null)")
