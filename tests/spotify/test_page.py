"""The page on a phone in a real browser, with the real daemon and the fake Spotify."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.spotify.fake_server import Fault
from tests.spotify.spotify_daemon import SpotifyDaemon, with_lists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.spotify.fake_spotify import FakeSpotify

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TALL = 844


@pytest.fixture
def fake_spotify() -> Iterator[FakeSpotify]:
    with with_lists() as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, fake_spotify: FakeSpotify) -> Iterator[SpotifyDaemon]:
    with SpotifyDaemon(tmp_path, fake_spotify, "device: Kitchen, volume_max: 70") as process:
        yield process.ready()


@pytest.fixture
def phone(daemon: SpotifyDaemon, fake_spotify: FakeSpotify, chromium: Any) -> Iterator[Any]:
    """A phone that has never seen the page; Spotify's own page agrees at once, and sends it on to 127.0.0.1."""
    context = chromium.new_context(
        viewport={"width": 390, "height": TALL}, has_touch=True, is_mobile=True, reduced_motion="reduce", locale="en-GB"
    )
    context.set_default_timeout(20_000)
    context.route(
        "https://accounts.spotify.com/**",
        lambda route: route.fulfill(status=302, headers={"Location": fake_spotify.authorize(route.request.url)}),
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []
    assert fake_spotify.violations == []


def open_page(daemon: SpotifyDaemon, phone: Any, view: str = "") -> None:
    phone.goto("about:blank")
    phone.goto(f"http://127.0.0.1:{daemon.port()}/{view}")


def ended_at(phone: Any) -> str:
    """Open Spotify as a user does; return the address on which the browser ends, which it can't reach."""
    with (
        phone.expect_popup() as popup,
        phone.context.expect_event("requestfailed", lambda request: "127.0.0.1" in request.url) as failed,
    ):
        phone.locator("#signin-open").tap()
    address = str(failed.value.url)
    popup.value.close()
    return address


def sign_in(phone: Any) -> None:
    phone.locator("#signin").tap()
    address = ended_at(phone)
    phone.fill("#signin-address", f" {address}\n")
    phone.locator("#signin-form button").tap()
    phone.locator("#spotify-text:has-text('Signed in as Ann')").wait_for()


def paste(phone: Any, address: str, answer: str) -> None:
    phone.fill("#signin-address", address)
    phone.locator("#signin-form button").tap()
    phone.locator(f"#error:has-text('{answer}')").wait_for()


def test_a_person_signs_in_and_a_dead_sign_in_is_asked_for_again(
    daemon: SpotifyDaemon, fake_spotify: FakeSpotify, phone: Any
) -> None:
    fake_spotify.add_device("Kitchen")
    open_page(daemon, phone)
    phone.locator("#steps li.warning:has-text('nobody is signed in')").get_by_role("link").tap()
    phone.locator("#spotify-text:text-is('Not signed in.')").wait_for()
    phone.locator("#signin").tap()
    phone.wait_for_selector("#signin-steps:not([hidden])")
    first = phone.get_attribute("#signin-open", "href")
    assert first.startswith("https://accounts.spotify.com/authorize?")
    paste(phone, "https://open.spotify.com/", "paste the whole address")
    paste(phone, fake_spotify.authorize(first).replace("state=", "state=x"), "belongs to another sign-in")
    paste(phone, fake_spotify.authorize(first, refuse=True), "it was not allowed there")
    sign_in(phone)
    phone.locator("#spotify-text:has-text('days')").wait_for()
    assert phone.is_hidden("#signin-steps")
    assert phone.is_hidden("#error")
    phone.locator("#speakers-show").tap()
    phone.locator("#speakers li:text-is('Kitchen (Speaker)')").wait_for()

    # The sign-in becomes invalid while the page is open: both views offer another one without a reload.
    daemon.wait_state(lambda state: state["recommendation"] is not None)
    fake_spotify.revoke_sign_ins()
    assert daemon.post("/api/v1/play", {})[0] == 502
    phone.locator("#spotify-trouble:has-text('sign in')").wait_for()
    phone.locator("#spotify-text:text-is('Not signed in.')").wait_for()
    phone.locator("nav a[href='#now']").tap()
    phone.locator("#player-trouble:has-text('sign in')").wait_for()
    phone.locator("#player-signin").tap()
    phone.wait_for_selector("#view-device:not([hidden])")
    sign_in(phone)
    phone.locator("nav a[href='#now']").tap()
    phone.wait_for_selector("#player-trouble", state="hidden")
    phone.wait_for_selector("#player-signin", state="hidden")
    phone.locator("nav a[href='#device']").tap()
    phone.locator("#signout").tap()
    phone.locator("#spotify-text:text-is('Not signed in.')").wait_for()


def test_from_the_opening_page_to_music_in_at_most_three_taps_and_every_button_reaches_the_player(
    daemon: SpotifyDaemon, fake_spotify: FakeSpotify, phone: Any
) -> None:
    kitchen = fake_spotify.add_device("Kitchen")
    daemon.sign_in(fake_spotify)
    daemon.wait_state(lambda state: state["recommendation"] is not None)
    open_page(daemon, phone)
    taps = 0
    for selector in ("a[href='#now'].main", "#play"):
        target = phone.locator(selector)
        target.wait_for()
        box = target.bounding_box()
        assert box["y"] + box["height"] <= TALL, "in sight, without scrolling"
        target.tap()
        taps += 1
    assert taps <= 3
    assert fake_spotify.wait_until(lambda: fake_spotify.player.playing)
    assert fake_spotify.last_request("PUT", "me/player/play").query == {"device_id": kitchen}
    phone.locator("#play[aria-label='Pause the music']").wait_for()
    phone.locator("#playing-where:text-is('On Kitchen')").wait_for()
    title = fake_spotify.last_request("PUT", "me/player/play").body["uris"][0]
    assert title.startswith("spotify:track:")

    phone.locator("#bar-more").tap()
    phone.focus("#volume")
    assert phone.get_attribute("#volume", "max") == "70"
    phone.keyboard.press("ArrowRight")
    assert fake_spotify.wait_until(lambda: fake_spotify.count("PUT", "me/player/volume") > 0)
    phone.locator("#volume-value:text-is('51 %')").wait_for()
    plays = fake_spotify.count("PUT", "me/player/play")
    phone.locator("#next").tap()
    assert fake_spotify.wait_until(lambda: fake_spotify.count("POST", "me/player/next") == 1)
    phone.locator("#previous").tap()
    assert fake_spotify.wait_until(lambda: fake_spotify.count("POST", "me/player/previous") == 1)
    phone.locator("#cover").wait_for()
    phone.wait_for_selector("#controls[aria-busy=false]")  # until then another command is refused
    phone.locator("#others").tap()
    assert fake_spotify.wait_until(lambda: fake_spotify.count("PUT", "me/player/play") > plays)
    phone.locator("#autoplay").tap()
    phone.locator("#autoplay[aria-checked=true]").wait_for()
    phone.locator("#autoplay").tap()
    phone.locator("#autoplay[aria-checked=false]").wait_for()
    phone.locator("#play[aria-label='Pause the music']").tap()
    assert fake_spotify.wait_until(lambda: not fake_spotify.player.playing)
    phone.locator("#play[aria-label=Play]").wait_for()
    plays = fake_spotify.count("PUT", "me/player/play")
    phone.locator("#tracks li:nth-child(2)").get_by_role("button", name="Play").tap()
    assert fake_spotify.wait_until(lambda: fake_spotify.count("PUT", "me/player/play") > plays)
    phone.locator("#play[aria-label='Pause the music']").wait_for()


def test_what_does_not_work_is_said_with_what_to_do(
    daemon: SpotifyDaemon, fake_spotify: FakeSpotify, phone: Any
) -> None:
    daemon.wait_state(lambda state: state["recommendation"] is not None)
    open_page(daemon, phone, "#now")
    phone.locator("#player-trouble:has-text('nobody is signed in')").wait_for()
    phone.locator("#play[aria-disabled=true]").tap(force=True)
    phone.locator("#toast-text:has-text('Nobody is signed in at Spotify')").wait_for()
    daemon.sign_in(fake_spotify)
    phone.wait_for_selector("#player-trouble", state="hidden")
    phone.locator("#play").tap()
    phone.locator("#player-trouble:has-text('Kitchen is not visible')").wait_for()
    assert phone.is_hidden("#player-signin")
    phone.locator("#error").wait_for()
    with fake_spotify.lock:
        fake_spotify.premium = False
    fake_spotify.add_device("Kitchen")
    again = phone.locator("#player-trouble:has-text('Premium')")
    end = time.monotonic() + 20
    while not again.is_visible():  # an order just after one that failed may be let pass
        assert time.monotonic() < end
        phone.locator("#play").tap()
        phone.wait_for_selector("#controls[aria-busy=false]")


def test_a_sign_in_that_spotify_is_slow_with_ends_on_the_page_by_itself(
    daemon: SpotifyDaemon, fake_spotify: FakeSpotify, phone: Any
) -> None:
    open_page(daemon, phone, "#device")
    with fake_spotify.lock:
        fake_spotify.faults.append(Fault("api/token", how="late"))
    phone.locator("#signin").tap()
    phone.fill("#signin-address", ended_at(phone))
    phone.locator("#signin-form button").tap()
    phone.locator("#spotify-trouble:has-text('takes its time')").wait_for()
    fake_spotify.released.set()
    phone.locator("#spotify-text:has-text('Signed in as Ann')").wait_for()
    phone.locator("#signin-result:text-is('Signed in.')").wait_for()


def read_well(daemon: SpotifyDaemon) -> bool:
    """Whether a refresh has ended without a fault and no other is going on."""
    progress = daemon.post("/api/v1/catalogue/progress", {})[1]
    return not progress["running"] and (progress["report"] or {}).get("faults") == []


def test_a_playlist_chosen_on_the_page_is_read_and_a_wrong_one_is_told(
    daemon: SpotifyDaemon, fake_spotify: FakeSpotify, phone: Any
) -> None:
    daemon.sign_in(fake_spotify)
    open_page(daemon, phone, "#music")
    phone.locator("#moods [data-mood=fear]").tap()
    phone.locator("#sources b:text-is('The list that comes with musicond')").wait_for()
    for name in ("No such list", "Sunny Days"):
        phone.fill("#source-name", name)
        phone.locator("#source-form button").tap()
        phone.locator(f"#sources b:text-is('spotify:{name}')").wait_for()
        phone.locator("#progress-raw:has-text('none of your playlists is called')").wait_for(state="attached")
    for title in ("Sunny", "Bright", "Gold"):
        phone.locator(f"#songs b:text-is('{title}')").wait_for()
    phone.get_by_role("button", name="Remove spotify:No such list").tap()
    deadline = time.monotonic() + 20
    while not read_well(daemon):
        assert time.monotonic() < deadline
    with fake_spotify.lock:
        fake_spotify.faults.append(
            Fault("me/playlists", 429, {"error": {"status": 429, "message": "x"}}, {"Retry-After": "3600"})
        )
    phone.locator("#refresh").tap()
    phone.locator("#progress-raw:has-text('tried again in 60 min')").wait_for(state="attached")
    phone.locator("#songs b:text-is('Gold')").wait_for()
