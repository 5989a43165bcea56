"""The layout of the page: nothing shifts, and everything stays within its card, in both languages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Emotion, Mood, Track, Watching
from tests.conftest import FLAGS, launch
from tests.web.browser import PLAYING
from tests.web.conftest import HAPPY, Server, without_face
from tests.web.full_server import FullServer, full_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from musicond.core.outcome import Outcome

__all__ = ["full_server"]

pytestmark = pytest.mark.browser

MOST_SHIFT = 0.05
PAGES = (("en-US", 390, 664), ("en-US", 320, 568), ("de-DE", 390, 664), ("de-DE", 320, 568), ("de-DE", 820, 1180))
"""Languages and sizes; the times of day are longest in American English."""
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => list.getEntries().forEach(({ value, hadRecentInput, sources }) => {
	if (!hadRecentInput) shifts.push([value, sources.map(({ node }) => node?.id || node?.nodeName).join(" ")]);
})).observe({ type: "layout-shift", buffered: true });
"""
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
SONGS = tuple(Track(f"t:{number}", f"Song {number}", "Ann", "") for number in range(5))


def first_minutes() -> Iterator[tuple[str, Outcome]]:
    """Yield what follows a start, from an empty room to one mood after the other, each with the kind of its face."""
    assert HAPPY.recommendation is not None
    happy = replace(HAPPY, recommendation=replace(HAPPY.recommendation, tracks=SONGS))
    yield "nobody", without_face(Watching.YES, recommendation=None)
    yield "unsure", replace(happy, mood=Mood.UNSURE, recommendation=None)
    yield "happy", happy
    yield "happy", replace(happy, confidence=0.05)
    for emotion in Emotion:
        yield str(emotion), replace(happy, mood=Mood(emotion), confidence=0.37)
    yield "nobody", without_face(Watching.YES, recommendation=happy.recommendation)


def test_nothing_moves_when_songs_arrive_and_the_mood_changes(server: Server, chromium: Any) -> None:
    outcomes = [(kind, replace(outcome, seq=number)) for number, (kind, outcome) in enumerate(first_minutes(), 1)]
    tabs = {}
    for locale, width, height in PAGES:
        context = chromium.new_context(viewport={"width": width, "height": height}, locale=locale)
        context.add_init_script(SHIFTS)
        tab = tabs[locale, width] = context.new_page()
        tab.goto(f"{server.output.address}/#now")
        tab.wait_for_selector("body:not(.loading)")  # the daemon is starting and has seen nothing yet
    moved: dict[tuple[str, int], list[tuple[str, float, str]]] = {}
    for kind, outcome in outcomes:
        server.output.accept(outcome)
        for key, tab in tabs.items():
            tab.wait_for_selector(f"#hero[data-kind={kind}]")
            tab.evaluate(FRAMES)
            found = tab.evaluate("shifts.splice(0)")
            moved[key] = [*moved.get(key, []), *((kind, *shift) for shift in found)]
    for tab in tabs.values():
        tab.context.close()
    totals = {key: sum(shift for _, shift, _ in shifts) for key, shifts in moved.items()}
    assert max(totals.values()) < MOST_SHIFT, (totals, moved)


OUTSIDE = """
() => [...document.querySelectorAll(".view:not([hidden]) .card, #bar, header, footer, dialog[open]")].flatMap((box) => {
	const { left, right } = box.getBoundingClientRect();
	return [...box.querySelectorAll("button, select, input, a, p, dd, b")].filter((node) => {
		const own = node.getBoundingClientRect();
		return own.width > 1 && (own.left < left - 1 || own.right > right - 1 || (node.matches("button") && node.scrollWidth > node.clientWidth));
	}).map((node) => `${node.id || node.textContent} in ${box.id || box.textContent.slice(0, 20)}`);
})
"""

OVERLAPPING = """
() => {
	const boxes = [...document.querySelectorAll("#name, #link, #privacy, #pause, nav a span")].map((node) => node.getBoundingClientRect());
	return boxes.flatMap((one, number) => boxes.slice(number + 1).filter((other) => one.left < other.right - 1
		&& other.left < one.right - 1 && one.top < other.bottom - 1 && other.top < one.bottom - 1)).length
		+ boxes.filter(({ left, right }) => left < 0 || right > innerWidth).length;
}
"""


CUT = "(nodes) => nodes.filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.textContent)"


HIDDEN = """
() => {
	const node = document.activeElement, { left, right, top, bottom } = node.getBoundingClientRect();
	const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
	return node === document.body || hit === node || node.contains(hit) || node.closest("nav, .skip, label") ? "" : node.id || node.textContent;
}
"""


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_on_the_smallest_phone_each_setting_is_three_taps_away_and_the_focus_is_in_sight(
    full_server: FullServer, chromium: Any, locale: str
) -> None:
    """The view Device, the field, and its button; player and live picture are on."""
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale=locale, has_touch=True)
    context.set_default_timeout(15_000)
    tab = context.new_page()
    tab.goto(f"{full_server.output.address}/#now")
    tab.wait_for_selector("#bar:not([hidden])")
    tab.tap("nav a[href='#device']")
    tab.wait_for_selector("body:not(.loading) #checks b")
    for field in ("set-name", "set-host", "set-player", "link-name"):
        tab.tap(f"#{field}")
        tab.wait_for_function("(id) => document.activeElement.id === id", arg=field)
    tab.fill("#set-host", "den.local")
    for button in ("signin", "calibrate", "broker-test", "player-save", "check"):
        tab.tap(f"#{button}", trial=True)
    tab.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    hidden = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        hidden.append(tab.evaluate(HIDDEN))
    context.close()
    assert [name for name in hidden if name] == []


READY = {
    "start": "#steps li",
    "now": "#tracks li",
    "music": "#songs li",
    "history": "#history-text",
    "device": "#checks b",
    "about": ".card",
}
"""An element that each view has once it is complete."""


@pytest.fixture(scope="module")
def large_text(chromium: Any) -> Iterator[Any]:
    """Chromium with the largest font of its settings, with which the layout is that of a smaller screen."""
    browser = launch(chromium.browser_type, f"{FLAGS} blink-settings=defaultFontSize=32")
    yield browser
    browser.close()


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
@pytest.mark.parametrize(("width", "height"), [(390, 664), (320, 568)])
def test_with_text_of_twice_the_size_header_and_views_are_whole(
    full_server: FullServer, large_text: Any, locale: str, width: int, height: int
) -> None:
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    context = large_text.new_context(viewport={"width": width, "height": height}, locale=locale)
    context.set_default_timeout(15_000)
    tab = context.new_page()
    tab.goto(f"{full_server.output.address}/#start")
    wrong: dict[str, object] = {}
    for view, ready in READY.items():
        tab.evaluate(f"location.hash = '{view}'")
        tab.wait_for_selector(f"body:not(.loading) #view-{view} {ready}")
        found = (tab.evaluate(OVERLAPPING), tab.evaluate("document.documentElement.scrollWidth"), tab.evaluate(OUTSIDE))
        if found != (0, width, []):
            wrong[view] = found
    assert tab.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
    tab.evaluate("location.hash = 'now'")
    tab.click("#wrong")
    tab.wait_for_selector("#correcting[open]")
    cut = tab.locator("dialog[open] button").evaluate_all(CUT)
    context.close()
    assert (wrong, cut) == ({}, [])


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_every_control_stays_within_its_card_on_a_small_phone(
    full_server: FullServer, chromium: Any, locale: str
) -> None:
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    context = chromium.new_context(viewport={"width": 320, "height": 568}, locale=locale)
    tab = context.new_page()
    outside: dict[str, list[str]] = {}
    tab.goto(f"{full_server.output.address}/#start")
    for view, ready in READY.items():
        tab.evaluate(f"location.hash = '{view}'")
        tab.wait_for_selector(f"body:not(.loading) #view-{view} {ready}")
        outside[view] = tab.evaluate(OUTSIDE)
    context.close()
    found = {view: nodes for view, nodes in outside.items() if nodes}
    assert not found, found
