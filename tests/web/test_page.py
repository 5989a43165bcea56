"""The page in a real browser: its content, its commands, and the recovery of its connection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from musicond.core.commands import (
    Next,
    OtherSongs,
    Pause,
    Play,
    Rate,
    Resume,
    SetAutoplay,
    SetPolicy,
    SetPrivacy,
    SetVolume,
    Stop,
    WrongMood,
)
from musicond.core.models import Emotion, Mood, Policy, Track, Verdict, Watching
from musicond.core.outcome import (
    AutoplayBlock,
    BlockReason,
    Explanation,
    Novelty,
    PlayState,
    Recommendation,
    Strategy,
)
from musicond.core.settings import Settings
from tests.web.browser import PLAYING, SILENT, click, go, open_player, page, text
from tests.web.conftest import HAPPY, NOON, SONGS, Server, without_face
from tests.web.test_texts import texts

__all__ = ["page"]

pytestmark = pytest.mark.browser


def test_the_view_now_shows_mood_scores_and_music(page: Any) -> None:
    assert text(page, "#word") == "Happy"
    assert text(page, "#detail") == "80 % confident"
    assert "since" in text(page, "#since")
    assert text(page, "#faces") == "1 face in view"
    assert text(page, "#link") == "Watching"
    assert page.get_attribute("#face", "href") == "#face-happy"
    assert text(page, "#value-happy") == "80 %"
    assert text(page, "#value-angry") == "1 %"
    widths = "[...document.querySelectorAll('.bar span')].map((bar) => bar.getBoundingClientRect().width)"
    bars = page.evaluate(widths)
    assert bars[0] > 10 * bars[1] > 0
    assert text(page, "#reason") == "bright and quick, to match a happy room"
    assert "Sunny Side" in text(page, "#tracks")
    assert "The Bright · Hits" in text(page, "#tracks")
    assert page.is_hidden("#bar")
    assert page.is_hidden("#live")


def test_the_way_of_a_lift_is_drawn_song_by_song(server: Server, page: Any) -> None:
    assert page.is_hidden("#way")
    why = Explanation(Strategy.LIFT, Novelty.NEW, first=6, last=8)
    places = {"t:1": (-0.5, -0.3), "t:3": (0.9, 0.8)}
    lifted = Recommendation(Mood.SAD, SONGS, "", NOON, why, affects=places)
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, recommendation=lifted, playback=PLAYING))
    plane = page.get_by_role("img", name="From Sad over calm to Happy: songs 6 to 8 of 15")
    plane.wait_for()
    names = plane.locator(".stop title").all_text_contents()
    assert sorted(names) == ["1. Sunny Side", "2. Up <b>&amp;</b> Away (sound not known)", "3. Odd"]
    assert names[-1] == "1. Sunny Side", "what plays is on top"
    points = {
        node.text_content()[0]: (
            float(node.locator("circle").get_attribute("cx")),
            float(node.locator("circle").get_attribute("cy")),
        )
        for node in plane.locator(".stop").all()
    }
    assert points["1"][0] < points["2"][0] < points["3"][0], "more pleasant is on the right"
    assert points["3"][1] < points["1"][1], "lively is above calm"
    server.output.accept(replace(HAPPY, seq=3))
    page.wait_for_selector("#way", state="hidden")


def test_the_page_follows_what_happens(server: Server, page: Any) -> None:
    server.output.accept(replace(HAPPY, seq=2, mood=Mood.SAD, scores=(0, 0, 0, 0.1, 0, 0.9, 0)))
    page.wait_for_selector("#hero[data-mood=sad]")
    assert text(page, "#announce") == "Mood: Sad"
    assert text(page, "#value-sad") == "90 %"
    server.output.accept(replace(HAPPY, seq=3, mood=Mood.UNSURE))
    page.wait_for_selector("#hero[data-kind=unsure]")
    assert "No expression stands out" in text(page, "#detail")


def test_the_demo_has_a_badge_and_says_what_it_is(server: Server, page: Any) -> None:
    assert page.is_hidden("#demo")
    server.output.accept(replace(HAPPY, seq=2, demo=True))
    page.wait_for_selector("#link.badge #link-text:text-is('Demo')")
    assert "nobody is watched" in text(page, "#demo")
    server.output.accept(replace(without_face(Watching.PRIVATE, settings=Settings(private=True)), seq=3, demo=True))
    page.wait_for_selector("#link-text:text-is('Private')")


@pytest.mark.parametrize(
    ("watching", "controls", "word", "says"),
    [
        (Watching.PRIVATE, Settings(private=True), "Private", "Switch privacy off"),
        (Watching.PAUSED, Settings(paused=True), "Paused", "when you resume"),
        (Watching.PAUSED, Settings(paused=True, paused_until=NOON), "Paused", "It goes on at"),
        (Watching.DARK, Settings(), "Too dark", "Switch a lamp on"),
        (Watching.NO_CAMERA, Settings(), "No camera", "The camera gives no picture"),
    ],
)
def test_why_nothing_is_read_is_said_with_what_to_do(
    server: Server, page: Any, watching: Watching, controls: Settings, word: str, says: str
) -> None:
    server.health["trouble"] = "the cable is loose; push it in"
    server.output.accept(without_face(watching, settings=controls))
    page.wait_for_selector(f"#hero[data-kind={watching}]")
    assert text(page, "#word") == word
    assert says in text(page, "#detail")
    assert text(page, "#since") == ""
    assert text(page, "#value-happy") == "\u2013"


def test_titles_are_text_and_only_https_becomes_a_link(server: Server, page: Any) -> None:
    links = page.locator("#tracks a")
    links.first.wait_for()
    assert links.count() == 1
    assert links.get_attribute("href") == "https://open.example/track/1"
    assert links.get_attribute("rel") == "noopener noreferrer"
    assert "Up <b>&amp;</b> Away" in text(page, "#tracks")
    nasty = Track(
        "t:9", "<img src=x onerror=window.caught=1>", "<script>window.caught=1</script>", "https://x.example/"
    )
    shown = Recommendation(Mood.HAPPY, (nasty,), "<b>because</b>", NOON)
    server.output.accept(replace(HAPPY, seq=2, recommendation=shown))
    page.wait_for_selector("#reason:text-is('<b>because</b>')")
    assert nasty.title in text(page, "#tracks")
    assert nasty.artist in text(page, "#tracks")
    assert page.evaluate("document.querySelectorAll('#tracks img, main script').length") == 0
    assert page.evaluate("window.caught") is None


def test_heat_and_low_voltage_are_shown_with_their_remedy(server: Server, page: Any) -> None:
    assert page.is_hidden("#notice")
    server.health |= {"rate_share": 0.6, "undervoltage": True, "throttled": True}
    server.output.accept(replace(HAPPY, seq=2, confidence=0.4))
    page.wait_for_selector("#notice:has-text('a fan')")
    assert "its own power supply" in text(page, "#notice")
    go(page, "device")
    assert "its own power supply" in text(page, "#health")


def test_the_reach_of_the_camera_is_shown_and_that_it_is_turned(server: Server, page: Any) -> None:
    server.health |= {"width_seen": 1.0, "reach_m": 4.9, "rotation_hint": None}
    server.output.accept(replace(HAPPY, seq=2, confidence=0.4))
    go(page, "device")
    page.wait_for_selector("#health:has-text('finds a face up to about 4.9 m away')")
    assert "upside down" not in text(page, "#health")
    server.health |= {"rotation_hint": 180}
    server.output.accept(replace(HAPPY, seq=3, confidence=0.5))
    page.wait_for_selector("#health:has-text('180°')")
    assert "upside down or on its side" in text(page, "#health")
    server.health |= {"rotation_hint": 0}
    server.output.accept(replace(HAPPY, seq=4, confidence=0.6))
    page.wait_for_selector("#health:has-text('0°')")


def test_the_light_of_the_camera_is_shown_and_said_to_be_missing(server: Server, page: Any) -> None:
    go(page, "device")
    words = {"none": "nothing on the device", "on": "lit", "failed": "stays closed"}
    for number, (state, shown) in enumerate(words.items()):
        server.health |= {"light": state, "outputs": {"button": "the button at pin 4 does not work; remove it"}}
        server.output.accept(replace(HAPPY, seq=2 + number, confidence=0.4 + number / 10))
        page.wait_for_selector(f"#health:has-text('{shown}')")
    assert "The button does not work" in text(page, "#health")


@pytest.mark.parametrize("view", ["now", "music", "about"])
def test_privacy_and_pause_are_at_hand_in_every_view(server: Server, page: Any, view: str) -> None:
    go(page, view)
    click(server, page, "#privacy")
    server.output.accept(without_face(Watching.PRIVATE, settings=Settings(private=True)))
    page.wait_for_selector("#privacy[aria-checked=true]")
    assert text(page, "#link") == "Private"
    click(server, page, "#privacy")
    page.click("#pause")
    click(server, page, "[data-minutes='15']")
    server.output.accept(without_face(Watching.PAUSED, settings=Settings(paused=True)))
    page.wait_for_selector("#pause-text:text-is('Resume')")
    click(server, page, "#pause")
    assert server.commands == [SetPrivacy(on=True), SetPrivacy(on=False), Pause(15.0), Resume()]


@pytest.mark.parametrize(
    ("choice", "command"),
    [("[data-until=tomorrow]", Pause(until_tomorrow=True)), ("[data-minutes='']", Pause(None))],
)
def test_a_pause_lasts_as_long_as_chosen(server: Server, page: Any, choice: str, command: Pause) -> None:
    page.click("#pause")
    click(server, page, choice)
    assert server.commands == [command]


def test_a_pause_can_be_thought_better_of(server: Server, page: Any) -> None:
    page.click("#pause")
    page.click("#pausing [data-close]")
    page.wait_for_selector("#pausing", state="hidden")
    page.click("#pause")
    page.keyboard.press("Escape")
    page.wait_for_selector("#pausing", state="hidden")
    assert server.commands == []


def test_a_refused_switch_says_why(server: Server, page: Any) -> None:
    server.answer = OSError(28, "No space left on device")
    page.click("#privacy")
    page.wait_for_selector("#error.shown")
    assert "No space left on device" in str(page.text_content("#error-raw"))
    server.answer = None
    page.click("#privacy")
    page.wait_for_selector("#error:not(.shown)", state="attached")


def test_a_lost_connection_is_shown_and_mended(server: Server, page: Any) -> None:
    listen = f"127.0.0.1:{server.port}"
    server.output.stop()
    page.wait_for_selector("#offline:not([hidden])")
    assert text(page, "#link") == "Not connected"
    assert page.is_disabled("#privacy")
    again = server.again(listen)
    again.start()
    try:
        again.accept(replace(HAPPY, mood=Mood.SURPRISE))
        page.wait_for_selector("#hero[data-mood=surprise]")
        page.wait_for_selector("#offline", state="hidden")
        assert text(page, "#link") == "Watching"
        assert page.is_enabled("#privacy")
    finally:
        again.stop()


def test_music_plays_after_at_most_three_taps(server: Server, chromium: Any) -> None:
    server.output.accept(replace(HAPPY, playback=SILENT))
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="en")
    context.set_default_timeout(10_000)
    phone = context.new_page()
    phone.goto(server.output.address)
    taps = 0
    for selector in ("a[href='#now'].main", "#play"):
        target = phone.locator(selector)
        target.wait_for()
        box = target.bounding_box()
        assert box["y"] + box["height"] <= 844, "in sight, without scrolling"
        target.tap()
        taps += 1
    assert server.arrived.wait(10)
    assert server.commands == [Play(None)]
    server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    phone.locator("#playing-title:text-is('Sunny Side')").wait_for()
    assert text(phone, "#playing-artist") == "The Bright"
    assert taps <= 3
    context.close()


def test_the_player_shows_what_plays_and_obeys(server: Server, page: Any) -> None:
    server.output.accept(replace(HAPPY, seq=2, playback=SILENT))
    page.wait_for_selector("#bar:not([hidden])")
    assert text(page, "#playing-title") == "Ready to play"
    assert text(page, "#volume-value") == "30 %"
    assert page.get_attribute("#volume", "max") == "80"
    click(server, page, "[aria-label='Play Odd']")
    server.output.accept(replace(HAPPY, seq=3, playback=PLAYING))
    page.wait_for_selector("#play[aria-label='Pause the music']")
    assert text(page, "#playing-where") == "On kitchen"
    click(server, page, "#play")
    click(server, page, "#next")
    click(server, page, "#others")
    open_player(page)
    click(server, page, "#autoplay")
    server.arrived.clear()
    page.focus("#volume")
    page.keyboard.press("ArrowRight")
    assert server.arrived.wait(10)
    assert server.commands == [Play("t:3"), Stop(), Next(), OtherSongs(), SetAutoplay(on=True), SetVolume(31.0)]


def test_the_player_tells_its_troubles_and_leaves_others_music_alone(server: Server, page: Any) -> None:
    troubled = replace(
        SILENT,
        state=PlayState.UNAVAILABLE,
        reachable=False,
        trouble="sign in again",
        autoplay_block=AutoplayBlock(BlockReason.QUIET, "07:00"),
    )
    server.output.accept(replace(HAPPY, seq=2, playback=troubled))
    page.wait_for_selector("#player-trouble-text:has-text('Is mpd on')")
    assert page.text_content("#player-trouble-raw") == "sign in again"
    reason = texts("en")["why_not_reachable"]
    unusable = page.locator("#play, #next, #previous, #volume, #speaker, #tracks [data-plays]")
    assert set(unusable.evaluate_all("(nodes) => nodes.map((node) => node.title)")) == {reason}
    page.locator("#tracks [data-plays]").first.click(force=True)
    page.wait_for_selector(f"#toast-text:text-is('{reason}')")
    open_player(page)
    page.locator("#volume").click(force=True)
    page.focus("#volume")
    for key in ("ArrowUp", "k", "n"):
        page.keyboard.press(key)
    assert page.input_value("#volume") == "30"
    page.focus("#play")
    page.keyboard.press("k")
    assert server.commands == []
    assert text(page, "#player-holding") == "Quiet hours until 07:00"
    server.output.accept(replace(HAPPY, seq=3, playback=replace(PLAYING, ours=False)))
    page.wait_for_selector("#playing-where:has-text('tarted by another person')")


def test_songs_are_rated_and_the_mood_corrected(page: Any, server: Server) -> None:
    page.click("[aria-label='I like Sunny Side']")
    page.wait_for_selector("#toast-text:text-is('Liked: Sunny Side')")
    page.click("#tracks li:nth-child(3) button:last-child")
    page.wait_for_selector("#toast-text:text-is('Not liked: Odd')")
    page.wait_for_selector("#controls[aria-busy=false]")
    page.click("#wrong")
    page.click("#correcting [data-mood=sad]")
    page.wait_for_selector("#toast-text:has-text('Thank you')")
    assert server.commands == [Rate(Verdict.LIKE, "t:1"), Rate(Verdict.DISLIKE, "t:3"), WrongMood(Emotion.SAD)]


def test_the_policy_is_chosen_in_the_view_music(page: Any, server: Server) -> None:
    go(page, "music")
    click(server, page, "#policies button:text-is('Lift it')")
    server.output.accept(replace(HAPPY, seq=2, settings=Settings(policy=Policy.LIFT)))
    page.wait_for_selector("#policies button[aria-pressed=true]:text-is('Lift it')")
    assert "over calm to happy" in text(page, "#policy-hint")
    click(server, page, "#policies button:text-is('As configured')")
    assert server.commands == [SetPolicy(Policy.LIFT), SetPolicy(None)]


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (1280, 800)])
@pytest.mark.parametrize("view", ["start", "now", "music", "history", "device", "about"])
def test_nothing_overflows_and_all_can_be_reached(
    server: Server, page: Any, width: int, height: int, view: str
) -> None:
    server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    page.set_viewport_size({"width": width, "height": height})
    page.click(f"nav a[href='#{view}'], footer a[href='#{view}']")
    page.wait_for_selector(f"#view-{view}:not([hidden])")
    over = "[...document.querySelectorAll('main *, header *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)"
    assert page.evaluate(f"{over}.map((e) => e.id || e.className || e.tagName)") == []
    beside = "document.getElementById('link-text').getBoundingClientRect().right"
    assert page.evaluate(f"{beside} <= document.getElementById('privacy').getBoundingClientRect().left")
    low = "[...document.querySelectorAll('button, select, input:not([type=range]), nav a')]"
    assert page.evaluate(f"{low}.filter((e) => e.offsetParent && e.offsetHeight < 44).map((e) => e.id)") == []


def test_the_welcome_comes_once(server: Server, page: Any) -> None:
    page.goto("about:blank")
    page.goto(server.output.address)
    page.wait_for_selector("#view-now:not([hidden])")
