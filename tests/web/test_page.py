from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.messages import (
    Controls,
    Emotion,
    Mood,
    Next,
    Pause,
    Policy,
    Rate,
    Recommendation,
    Resume,
    SetPolicy,
    SetPrivacy,
    Track,
    Verdict,
    Watching,
    WrongMood,
)
from tests.web.conftest import HAPPY, NOON, Rig, without_face

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.browser


@pytest.fixture
def page(rig: Rig, chromium: Any) -> Iterator[Any]:
    """Open the page; at the end nothing may have gone wrong in it, nor any request elsewhere."""
    rig.output.accept(HAPPY)
    address = rig.output.address
    context = chromium.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    found = context.new_page()
    requested: list[str] = []
    said: list[str] = []
    faults: list[str] = []
    found.on("request", lambda request: requested.append(request.url))
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("console", lambda message: said.append(message.text))
    found.goto(address)
    found.wait_for_selector("#hero[data-kind=happy]")
    yield found
    context.close()
    assert requested
    assert [url for url in requested if not url.startswith(address + "/")] == []
    assert [line for line in said if "Content Security Policy" in line] == []
    assert faults == []


def text(page: Any, selector: str) -> str:
    return str(page.inner_text(selector))


def test_the_page_shows_mood_scores_music_and_health(page: Any) -> None:
    assert text(page, "#word") == "Happy"
    assert text(page, "#detail") == "80 % confident"
    assert "since" in text(page, "#since")
    assert text(page, "#link") == "Watching"
    assert page.get_attribute("#face", "href") == "#face-happy"
    assert text(page, "#value-happy") == "80 %"
    assert text(page, "#value-angry") == "1 %"
    widths = "[...document.querySelectorAll('.bar span')].map((bar) => bar.getBoundingClientRect().width)"
    bars = page.evaluate(widths)
    assert bars[0] > 10 * bars[1] > 0
    assert text(page, "#reason") == "bright and quick, to match a happy room"
    assert "Sunny Side" in text(page, "#tracks")
    health = text(page, "#health")
    for part in ("demo", "8.0 per second", "51 °C", "connected to mqtt.example:1883", "1 h 6 min", "0.1.0"):
        assert part in health
    assert "never stored" in text(page, "footer")


def test_the_page_follows_what_happens(rig: Rig, page: Any) -> None:
    rig.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, scores=(0, 0, 0, 0.1, 0, 0.9, 0)))
    page.wait_for_selector("#hero[data-mood=sad]")
    assert text(page, "#announce") == "Mood: Sad"
    assert text(page, "#value-sad") == "90 %"
    rig.output.accept(replace(HAPPY, seq=3, mood=Mood.UNSURE))
    page.wait_for_selector("#hero[data-kind=unsure]")
    assert "no expression stands out" in text(page, "#detail")


@pytest.mark.parametrize(
    ("watching", "controls", "word", "says"),
    [
        (Watching.PRIVATE, Controls(private=True), "Private", "Switch Privacy off"),
        (Watching.PAUSED, Controls(paused=True), "Paused", "when you resume"),
        (Watching.PAUSED, Controls(paused=True, paused_until=NOON), "Paused", "It goes on at"),
        (Watching.DARK, Controls(), "Too dark", "Switch a lamp on"),
        (Watching.NO_CAMERA, Controls(), "No camera", "The cable is loose; push it in"),
    ],
)
def test_why_nothing_is_read_is_said_with_what_to_do(
    rig: Rig, page: Any, watching: Watching, controls: Controls, word: str, says: str
) -> None:
    rig.health["trouble"] = "the cable is loose; push it in"
    rig.output.accept(without_face(watching, controls=controls))
    page.wait_for_selector(f"#hero[data-kind={watching}]")
    assert text(page, "#word") == word
    assert says in text(page, "#detail")
    assert text(page, "#since") == ""
    assert text(page, "#value-happy") == "\u2013"


def test_titles_are_text_and_only_https_becomes_a_link(rig: Rig, page: Any) -> None:
    page.wait_for_selector("#tracks a")
    links = page.locator("#tracks a")
    assert links.count() == 1
    assert links.get_attribute("href") == "https://open.example/track/1"
    assert links.get_attribute("rel") == "noopener noreferrer"
    assert "Up <b>&amp;</b> Away" in text(page, "#tracks")
    nasty = Track(
        "t:9", "<img src=x onerror=window.caught=1>", "<script>window.caught=1</script>", "https://x.example/"
    )
    shown = Recommendation(Mood.HAPPY, (nasty,), "<b>because</b>", NOON)
    rig.output.accept(replace(HAPPY, seq=2, recommendation=shown))
    page.wait_for_selector("#reason:text-is('<b>because</b>')")
    assert nasty.title in text(page, "#tracks")
    assert nasty.artist in text(page, "#tracks")
    assert text(page, "#reason") == "<b>because</b>"
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert page.evaluate("window.caught") is None


def click(rig: Rig, page: Any, selector: str) -> None:
    rig.arrived.clear()
    page.click(selector)
    assert rig.arrived.wait(10)
    page.wait_for_selector("#controls[aria-busy=false]")


def test_the_switches_reach_the_inbox(rig: Rig, page: Any) -> None:
    click(rig, page, "#privacy")
    rig.output.accept(without_face(Watching.PRIVATE, controls=Controls(private=True)))
    page.wait_for_selector("#privacy[aria-checked=true]")
    click(rig, page, "#privacy")
    page.select_option("#minutes", "15")
    click(rig, page, "#pause")
    rig.output.accept(without_face(Watching.PAUSED, controls=Controls(paused=True)))
    page.wait_for_selector("#pause:text-is('Resume')")
    click(rig, page, "#pause")
    assert rig.commands == [SetPrivacy(on=True), SetPrivacy(on=False), Pause(15.0), Resume()]


def test_a_refused_switch_says_why(rig: Rig, page: Any) -> None:
    rig.answer = OSError(28, "No space left on device")
    page.click("#privacy")
    page.wait_for_selector("#control-error:not([hidden])")
    assert "No space left on device" in text(page, "#control-error")


def test_a_lost_connection_is_shown_and_mended(rig: Rig, page: Any) -> None:
    listen = f"127.0.0.1:{rig.port}"
    rig.output.stop()
    page.wait_for_selector("#offline:not([hidden])")
    assert text(page, "#link") == "Not connected"
    assert page.is_disabled("#privacy")
    again = rig.again(listen)
    again.start()
    try:
        again.accept(replace(HAPPY, mood=Mood.SURPRISE))
        page.wait_for_selector("#hero[data-mood=surprise]")
        page.wait_for_selector("#offline", state="hidden")
        assert text(page, "#link") == "Watching"
        assert page.is_enabled("#privacy")
    finally:
        again.stop()


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (1280, 800)])
def test_nothing_overflows_and_all_can_be_reached(page: Any, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    over = "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth)"
    assert page.evaluate(f"{over}.map((e) => e.id || e.className || e.tagName)") == []
    names = page.evaluate(
        "[...document.querySelectorAll('button, select')].every((e) => e.getBoundingClientRect().height >= 44)"
    )
    assert names
    assert page.get_by_role("switch", name="Privacy").count() == 1
    assert page.get_by_role("button", name="Pause").count() == 1
    assert page.get_by_label("Pause for").count() == 1


def test_songs_are_rated_others_asked_for_and_the_mood_corrected(page: Any, rig: Rig) -> None:
    page.click("button[aria-label='Like Sunny Side']")
    page.locator("#announce:text-is('Liked: Sunny Side')").wait_for(state="attached")
    page.click("button[aria-label='Dislike Odd']")
    page.locator("#announce:text-is('Disliked: Odd')").wait_for(state="attached")
    page.wait_for_selector("#controls[aria-busy=false]")
    actions: list[Callable[[], Any]] = [
        lambda: page.select_option("#policy", "lift"),
        lambda: page.select_option("#wrong", "sad"),
        lambda: page.click("#next"),
    ]
    for action in actions:
        with page.expect_response("**/api/v1/*"):
            action()
        page.wait_for_selector("#controls[aria-busy=false]")
    assert rig.commands == [
        Rate(Verdict.LIKE, "t:1"),
        Rate(Verdict.DISLIKE, "t:3"),
        SetPolicy(Policy.LIFT),
        WrongMood(Emotion.SAD),
        Next(),
    ]
    rig.output.accept(replace(HAPPY, seq=2, controls=Controls(policy=Policy.STEADY)))
    page.evaluate("document.activeElement.blur()")
    rig.output.accept(replace(HAPPY, seq=3, controls=Controls(policy=Policy.STEADY)))
    page.locator("#policy option[value=steady]:checked").wait_for(state="attached")
