"""Regression tests of faults that people found on the page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Emotion, Mood, Song, Track, Watching
from musicond.core.settings import Settings
from musicond.library.editor import CatalogueEditor
from musicond.web.preview import Preview
from tests.web.browser import PLAYING, go, opened, page, text
from tests.web.conftest import HAPPY, Server, without_face
from tests.web.full_server import FullServer, full_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["full_server", "page"]

pytestmark = pytest.mark.browser

VIEWS = ("start", "now", "music", "history", "device", "about")
SHIFTS = (
    "window.shifts = 0; new PerformanceObserver((list) => { for (const shift of list.getEntries()) "
    "if (!shift.hadRecentInput) window.shifts += shift.value; }).observe({ type: 'layout-shift', buffered: true })"
)
LONG = Track("t:8", "A title " * 30, "An orchestra " * 20, "")


@pytest.fixture
def full_page(full_server: FullServer, chromium: Any) -> Iterator[Any]:
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    with opened(chromium, full_server.output.address) as tab:
        yield tab


def test_nothing_moves_while_a_view_is_loaded(full_server: FullServer, chromium: Any) -> None:
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    shifts = {}
    for size, views in (((390, 664), VIEWS), ((1280, 800), ("now", "device"))):
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="en")
        context.add_init_script(SHIFTS)
        for view in views:
            tab = context.new_page()
            tab.goto(f"{full_server.output.address}/#{view}")
            tab.wait_for_selector("body:not(.loading)")
            tab.wait_for_timeout(200)
            shifts[size, view] = tab.evaluate("window.shifts")
            tab.close()
        context.close()
    assert {key: shift for key, shift in shifts.items() if shift >= 0.05} == {}


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_no_view_is_wider_than_a_small_phone(full_server: FullServer, chromium: Any, locale: str) -> None:
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    with opened(chromium, full_server.output.address, locale) as tab:
        tab.set_viewport_size({"width": 320, "height": 568})
        widths = {}
        for view in VIEWS:
            tab.evaluate(f"location.hash = '{view}'")
            tab.wait_for_selector(f"#view-{view}:not([hidden])")
            widths[view] = tab.evaluate("document.documentElement.scrollWidth")
        assert set(widths.values()) == {320}, widths


def test_each_pause_says_of_what(full_page: Any) -> None:
    """The button of the header stops the watching and the music; that of the player only the music."""
    assert full_page.get_by_role("button", name="Pause all", exact=True).get_attribute("id") == "pause"
    assert full_page.get_by_role("button", name="Pause the music", exact=True).get_attribute("id") == "play"
    assert full_page.get_by_role("button", name="Pause", exact=True).count() == 0


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_the_header_is_one_line(server: Server, chromium: Any, locale: str) -> None:
    server.health["name"] = "A device with a rather long name"
    server.output.accept(HAPPY)
    boxes = (
        "['#name', '#nav', '#privacy', '#pause'].map((css) => { const box = "
        "document.querySelector(css).getBoundingClientRect(); return [box.top, box.bottom, box.right]; })"
    )
    with opened(chromium, server.output.address, locale) as tab:
        for size in ((820, 1180), (853, 600), (885, 700), (844, 390)):
            tab.set_viewport_size({"width": size[0], "height": size[1]})
            # The page is laid out for its new size within two frames.
            tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found = tab.evaluate(boxes)
            assert tab.evaluate("document.querySelector('header').offsetHeight") < 80, size
            assert max(top for top, _, _ in found) < min(bottom for _, bottom, _ in found), size
            assert all(right <= size[0] for _, _, right in found), size


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_the_name_is_whole_on_a_phone(server: Server, chromium: Any, locale: str) -> None:
    server.health["name"] = "Living room"
    server.output.accept(HAPPY)
    with opened(chromium, server.output.address, locale) as tab:
        tab.wait_for_selector("#name:text-is('Living room')")
        assert (
            tab.evaluate("(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('#name'))")
            == 0
        )


def test_the_order_of_the_keyboard_is_that_of_sight(page: Any) -> None:
    order = (
        "[...document.querySelectorAll('button, a, input')].filter((e) => e.offsetParent || e.closest('nav'))"
        ".map((e) => e.id || e.hash).filter((name) => ['#now', '#about', 'privacy', 'pause', 'others'].includes(name))"
    )
    assert page.evaluate(order) == ["privacy", "pause", "others", "#now", "#about"], "on a phone the views are below"
    page.set_viewport_size({"width": 1000, "height": 800})
    page.wait_for_selector("header nav")  # the layout follows the new width a moment later
    assert page.evaluate(order) == ["#now", "#about", "privacy", "pause", "others"]


def test_the_notice_of_the_live_picture_goes_with_the_picture(server: Server, chromium: Any) -> None:
    server.output.stop()
    server.preview = Preview()
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    server.output.accept(HAPPY)
    with opened(chromium, server.output.address) as tab:
        tab.wait_for_selector("#live-notice:not([hidden])")
        for number, watching in enumerate((Watching.PRIVATE, Watching.PAUSED, Watching.NO_CAMERA)):
            server.output.accept(replace(HAPPY, seq=2 * number + 2))
            tab.wait_for_selector("#live-notice:not([hidden])")
            server.output.accept(replace(without_face(watching), seq=2 * number + 3))
            tab.wait_for_selector("#live-notice", state="hidden")


def test_old_songs_are_not_shown_as_current(server: Server, page: Any) -> None:
    assert text(page, "#recommended") == "Recommended"
    server.output.accept(without_face(Watching.PRIVATE, settings=Settings(private=True)))
    page.wait_for_selector("#stale-songs:not([hidden])")
    assert text(page, "#recommended") == "Recommended before"
    assert page.is_hidden("#reason")
    assert page.get_attribute("#others", "aria-disabled") == "true"
    assert page.get_attribute("#others", "title") == "Private: the camera is closed"


def test_the_focus_stays_when_the_songs_change(server: Server, page: Any) -> None:
    focused = "[document.activeElement.dataset.verdict, document.activeElement.closest('li')?.dataset.id, document.activeElement.id]"
    assert HAPPY.recommendation is not None
    page.focus("#tracks li:nth-child(2) [data-verdict=like]")
    others = tuple(replace(track, track_id=f"o:{track.track_id}") for track in HAPPY.recommendation.tracks)
    changed = replace(HAPPY.recommendation, tracks=others)
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, recommendation=changed))
    page.wait_for_selector("#tracks [data-id='o:t:2']")
    assert page.evaluate(focused)[:2] == ["like", "o:t:2"]
    server.output.accept(replace(HAPPY, seq=3, recommendation=replace(changed, tracks=())))
    page.wait_for_selector("#tracks li", state="detached")
    assert page.evaluate(focused)[2] == "recommended"


def test_a_song_is_in_sight_and_long_names_are_cut(server: Server, page: Any) -> None:
    assert HAPPY.recommendation is not None
    shown = replace(HAPPY.recommendation, tracks=(LONG, *HAPPY.recommendation.tracks))
    page.set_viewport_size({"width": 390, "height": 664})
    server.output.accept(replace(HAPPY, seq=2, recommendation=shown, playback=replace(PLAYING, track=LONG)))
    page.wait_for_selector("#bar:not([hidden])")
    first = page.locator("#tracks li:first-child").bounding_box()
    assert first["y"] + first["height"] <= page.locator("#bar").bounding_box()["y"]
    page.set_viewport_size({"width": 320, "height": 568})
    lines = "[...document.querySelectorAll('#tracks b, #playing-title')].map((e) => e.offsetHeight / parseFloat(getComputedStyle(e).lineHeight))"
    assert max(page.evaluate(lines)) < 2.2
    assert page.locator("#bar").bounding_box()["height"] < 90


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_a_song_is_in_sight_beside_the_player_and_the_notice_of_the_live_picture(
    server: Server, chromium: Any, locale: str
) -> None:
    server.output.stop()
    server.preview = Preview()
    server.output = server.again("127.0.0.1:0")
    server.output.start()
    assert HAPPY.recommendation is not None
    shown = replace(HAPPY.recommendation, tracks=(LONG, *HAPPY.recommendation.tracks))
    server.output.accept(replace(HAPPY, recommendation=shown, playback=replace(PLAYING, track=LONG)))
    with opened(chromium, server.output.address, locale) as tab:
        tab.set_viewport_size({"width": 390, "height": 664})
        tab.wait_for_selector("#bar:not([hidden])")
        assert tab.is_visible("#live-notice")
        first = tab.locator("#tracks li:first-child").bounding_box()
        assert first["y"] + first["height"] <= tab.locator("#bar").bounding_box()["y"]


def test_a_larger_font_of_the_browser_enlarges_all(page: Any) -> None:
    page.evaluate("document.documentElement.style.fontSize = '24px'")
    sizes = page.evaluate(
        "['body', '.soft', 'h2', '#detail'].map((css) => parseFloat(getComputedStyle(document.querySelector(css)).fontSize))"
    )
    assert sizes[0] == 24
    assert min(sizes) >= 20


def test_the_current_view_is_seen_in_forced_colours(page: Any) -> None:
    page.emulate_media(forced_colors="active")
    outlines = page.evaluate("[...document.querySelectorAll('nav a')].map((e) => getComputedStyle(e).outlineStyle)")
    assert [outline != "none" for outline in outlines] == [True, False, False, False, False]


def test_the_picture_of_the_sign_in_is_whole(full_page: Any) -> None:
    go(full_page, "device")
    full_page.click("#signin")
    full_page.wait_for_selector("#signin-steps:not([hidden])")
    boxes = full_page.evaluate(
        "['svg.browser', 'svg.browser .address'].map((css) => document.querySelector(css).getBoundingClientRect().width)"
    )
    assert boxes[1] > 0.75 * boxes[0]


def test_without_spotify_nothing_is_asked_of_it(server: Server, chromium: Any) -> None:
    server.output.accept(HAPPY)
    context = chromium.new_context(locale="en")
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    for view in ("start", "device"):
        tab.goto(f"{server.output.address}/#{view}")
        tab.wait_for_selector("body:not(.loading)")
        tab.wait_for_timeout(200)
    context.close()
    assert [url for url in asked if "spotify" in url] == []


def test_a_long_list_comes_in_parts_and_can_be_searched(full_server: FullServer, full_page: Any) -> None:
    songs = [(Emotion.HAPPY, Song(f"Song {number}", "Ann"), (0, 0, 0)) for number in range(3900)]
    with CatalogueEditor(full_server.folder / "catalogue.sqlite") as lists:
        lists.add(songs)
    go(full_page, "music")
    full_page.locator("#count:text-is('3925 songs.')").wait_for()
    assert full_page.locator("#songs li").count() == 100
    assert full_page.locator("#songs li:first-child button").count() == 2, (
        "to move and to remove; an order has no effect"
    )
    full_page.click("#more")
    full_page.locator("#songs li").nth(199).wait_for()
    full_page.fill("#search", "song 3899")
    full_page.locator("#count:text-is('1 song.')").wait_for()
    assert full_page.locator("#songs b").all_inner_texts() == ["Song 3899"]
