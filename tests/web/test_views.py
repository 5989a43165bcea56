"""The views of the page in a real browser, with a real catalogue and history; and the live picture."""

from __future__ import annotations

import importlib
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from musicond.core.models import Emotion, Watching
from musicond.core.settings import Settings
from musicond.library.editor import CatalogueEditor
from tests.commands.test_machine_checks import faulty_machine
from tests.web.browser import PLAYING, go, open_player, opened, text
from tests.web.conftest import HAPPY, NOON, without_face
from tests.web.frames import frame, wait_for
from tests.web.full_server import FullServer, full_server
from tests.web.test_texts import texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from musicond.core.outcome import Outcome

__all__ = ["full_server"]

pytestmark = pytest.mark.browser

VIEWS = ("start", "now", "music", "history", "device", "about")


@pytest.fixture
def page(full_server: FullServer, chromium: Any) -> Iterator[Any]:
    with opened(chromium, full_server.output.address) as tab:
        yield tab


def titles(full_server: FullServer) -> list[str]:
    with CatalogueEditor(full_server.folder / "catalogue.sqlite") as lists:
        return [entry.title for entry in lists.entries(Emotion.HAPPY)]


def songs(page: Any) -> list[str]:
    return [str(title) for title in page.locator("#songs b").all_inner_texts()]


def test_songs_are_added_searched_removed_and_brought_back(full_server: FullServer, page: Any) -> None:
    before = titles(full_server)
    go(page, "music")
    page.wait_for_selector("#moods [data-mood=happy][aria-pressed=true]")
    page.locator("#songs b").nth(9).wait_for()
    assert songs(page) == before
    assert text(page, "#count") == "25 songs."
    page.locator("#songs li").nth(1).get_by_role("button", name="Remove").click()
    page.wait_for_selector("#undo-line:not([hidden])")
    page.locator("#count:text-is('24 songs.')").wait_for()
    assert before[1] not in titles(full_server)
    page.click("#undo")
    page.locator("#count:text-is('25 songs.')").wait_for()
    assert sorted(titles(full_server)) == sorted(before)
    page.fill("#song-title", "Mine")
    page.fill("#song-artist", "Me")
    page.fill("#song-link", "https://open.spotify.com/intl-de/track/4uLU6hMCjMI75M1A2tKUQC?si=x")
    page.click("#song-form button")
    page.locator("#count:text-is('26 songs.')").wait_for()
    page.fill("#search", "MINE")
    page.locator("#count:text-is('1 song.')").wait_for()
    page.locator("#songs li:last-child b:text-is('Mine')").wait_for()
    page.fill("#search", "no such song")
    page.locator("#count:text-is('Nothing found.')").wait_for()
    with CatalogueEditor(full_server.folder / "catalogue.sqlite") as lists:
        entry = lists.entries(Emotion.HAPPY)[-1]
    assert (entry.track_id, entry.origin) == ("spotify:track:4uLU6hMCjMI75M1A2tKUQC", "own")


def test_each_mood_has_its_list_and_its_sources(full_server: FullServer, page: Any) -> None:
    go(page, "music")
    page.click("#moods [data-mood=sad]")
    page.wait_for_selector("#moods [data-mood=sad][aria-pressed=true]")
    page.locator("#sources b:text-is('The list that comes with musicond')").wait_for()
    page.fill("#source-name", "Rainy days")
    page.click("#source-form button")
    page.locator("#sources li:nth-child(2) b:text-is('spotify:Rainy days')").wait_for()
    page.locator(
        "#progress:text-is('Read: 0 new, 0 no longer listed. Some lists could not be read, or not in full.')"
    ).wait_for()
    assert "no songs in it" in str(page.text_content("#progress-raw"))
    sources = full_server.maintenance.run_action("sources", {})
    assert sources["lists"][Emotion.SAD] == ("starter", "spotify:Rainy days")  # type: ignore[index]
    assert sources["lists"][Emotion.HAPPY] == ("starter",)  # type: ignore[index]
    page.click("#source-reset")
    page.wait_for_selector("#source-reset", state="hidden")
    assert full_server.maintenance.run_action("sources", {})["chosen"] == []
    page.click("#moods [data-mood=fear]")
    page.locator("#sources b:text-is('/srv/music, sorted by mood')").wait_for()


def test_the_history_is_a_chart_and_a_table_and_can_be_deleted(full_server: FullServer, page: Any) -> None:
    full_server.book.add({("2026-04-30", "happy"): 50.0, ("2026-05-01", "sad"): 12.0}, date(2026, 1, 1))
    full_server.server.health["outputs"] = {"history": "kept for 365 days"}
    full_server.output.accept(replace(HAPPY, seq=2))
    go(page, "history")
    page.locator("#chart svg[role=img]").wait_for()
    assert page.locator("#chart .part").count() == 2
    page.click("#history-details summary")
    assert page.locator("#history-table tbody tr").count() == 2
    assert "50" in text(page, "#history-table")
    page.click("#history-spans [data-span=hours]")
    page.locator("#history-text:has-text('Nobody was seen')").wait_for()
    for second in range(120):
        shown = replace(HAPPY, captured_at=second * 1.0, wall_time=NOON + timedelta(minutes=59, seconds=second))
        full_server.history.accept(shown)
    page.reload()
    page.locator("#history-text:has-text('on 1 May 2026, by hour')").wait_for()
    assert page.locator("#chart .part").count() == 2
    assert page.locator("#history-table tbody th").all_text_contents() == ["13:00", "12:00"]
    page.click("#history-spans [data-span=week]")
    assert page.locator("#chart .part").count() == 3
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#history-delete")
    page.wait_for_selector("#history-delete", state="hidden")
    assert full_server.book.days() == {}


def test_without_a_history_it_is_said_how_to_have_one(page: Any) -> None:
    go(page, "history")
    page.locator("#history-text:has-text('switched on in Device')").wait_for()


def test_the_device_shows_figures_checks_and_the_log(page: Any) -> None:
    go(page, "device")
    for part in ("demo", "8.0 per second", "51 °C", "92 MiB", "1 h 6 min", "0.1.0", "connected to mqtt.example:1883"):
        page.locator(f"#health dd:has-text('{part}')").first.wait_for()
    page.locator("#checks li.failed:has-text('correct mqtt.username')").wait_for()
    page.locator("#log:has-text('unplugged')").wait_for()
    assert page.locator("#log .bad").count() == 1


def test_each_fact_of_a_faulty_machine_is_shown_in_words_and_with_its_remedy(
    full_server: FullServer, page: Any, tmp_path: Path
) -> None:
    faults = faulty_machine(tmp_path / "machine")
    assert all(fault.state != "ok" and fault.remedy for fault in faults), faults
    full_server.checks = [asdict(fault) for fault in faults]
    go(page, "device")
    words = texts("en")
    for fault in faults:
        line = page.locator(f"#checks li.{fault.state}").filter(has_text=words[f"check_{fault.name}_bad"])
        line.filter(has_text=fault.remedy).wait_for()
    assert page.locator("#checks li").count() == len(faults)


def test_a_lost_broker_is_shown(full_server: FullServer, page: Any) -> None:
    go(page, "device")
    full_server.server.health["broker"] = {"address": "mqtt.example:1883", "connected": False}
    full_server.output.accept(replace(HAPPY, seq=2))
    page.locator("#health dd:has-text('not connected to mqtt.example')").wait_for()


REFUSAL = "the broker refuses messages (not authorized); let it write musicond/den/#"


@pytest.mark.parametrize(
    ("broker", "english", "german"),
    [
        ({"connected": True, "refusal": REFUSAL}, "does not allow everything", "Der Broker lässt nicht alles zu"),
        ({"connected": False, "problem": "bad password"}, "reached, or refuses", "nicht erreichbar oder lehnt ab"),
    ],
    ids=["refusal", "problem"],
)
def test_the_trouble_with_the_broker_is_shown_in_both_languages(
    full_server: FullServer, page: Any, broker: dict[str, object], english: str, german: str
) -> None:
    full_server.server.health["broker"] = {"address": "mqtt.example:1883", **broker}
    full_server.output.accept(replace(HAPPY, seq=2))
    for language, words in (("en", english), ("de", german)):
        page.evaluate(f"localStorage.setItem('language', '{language}')")
        page.reload()
        go(page, "device")
        page.locator(f"#health .bad dd:has-text('{words}')").wait_for()
        page.click("footer a[href='#start']")
        page.locator(f"#steps li.failed:has-text('{words}')").first.wait_for()


def test_the_welcome_ticks_off_the_next_steps(full_server: FullServer, page: Any) -> None:
    page.click("footer a[href='#start']")
    page.locator("#steps li.ok:has-text('It gives pictures')").wait_for()
    page.locator("#steps li.failed:has-text('correct mqtt.username')").wait_for()
    page.locator("#steps li.warning:has-text('nobody is signed in')").wait_for()
    assert "musicond spotify" not in text(page, "#steps"), "the page can do it: the command is behind Details"
    page.locator("#steps li.warning summary").click()
    assert "musicond spotify login" in text(page, "#steps")
    full_server.server.health["trouble"] = "no camera; plug one in"
    full_server.output.accept(without_face(Watching.NO_CAMERA))
    page.locator("#steps li.failed:has-text('plug one in')").wait_for()
    page.get_by_role("link", name="Sign in at Spotify").click()
    page.wait_for_selector("#view-device:not([hidden])")


def test_a_person_signs_in_at_spotify_by_pasting_an_address(full_server: FullServer, page: Any) -> None:
    go(page, "device")
    page.click("#signin")
    page.wait_for_selector("#signin-steps:not([hidden])")
    assert page.get_attribute("#signin-open", "href") == "https://accounts.example/authorize?state=x"
    assert page.get_attribute("#signin-open", "target") == "_blank"
    page.fill("#signin-address", "http://127.0.0.1:8888/callback?state=y")
    page.click("#signin-form button")
    page.locator("#error:has-text('another sign-in')").wait_for()
    page.fill("#signin-address", " http://127.0.0.1:8888/callback?code=abc&state=x ")
    page.click("#signin-form button")
    page.locator("#spotify-text:has-text('Signed in as Ann')").wait_for()
    assert full_server.account.redirects[-1] == "http://127.0.0.1:8888/callback?code=abc&state=x"
    page.click("#speakers-show")
    page.locator("#speakers li:text-is('Kitchen (Speaker, active)')").wait_for()
    page.click("#signout")
    page.locator("#spotify-text:text-is('Not signed in.')").wait_for()
    assert not full_server.account.signed_in


def test_the_live_picture_is_drawn_while_it_is_looked_at(full_server: FullServer, page: Any) -> None:
    preview = full_server.server.preview
    assert preview is not None
    assert "can see this room" in text(page, "#live-notice")
    assert preview.viewers == 0
    page.click("#live-show")
    wait_for(lambda: preview.viewers == 1)
    preview.show(frame(), HAPPY)
    full_server.output.accept(replace(HAPPY, seq=2))
    page.wait_for_selector("#picture:not([hidden])")
    shown = "document.getElementById('picture').naturalWidth"
    wait_for(lambda: page.evaluate(shown) == 320)
    preview.clear()
    full_server.output.accept(without_face(Watching.PRIVATE, settings=Settings(private=True)))
    page.wait_for_selector("#live-closed:not([hidden])")
    assert page.is_hidden("#picture")
    wait_for(lambda: preview.viewers == 0)
    full_server.output.accept(replace(HAPPY, seq=3))
    wait_for(lambda: preview.viewers == 1)
    go(page, "about")
    wait_for(lambda: preview.viewers == 0)


def unwatched() -> Iterator[tuple[str, Outcome]]:
    """Yield each state in which nobody is watched, beside the songs from before."""
    yield "private", without_face(Watching.PRIVATE, settings=Settings(private=True))
    yield "paused", without_face(Watching.PAUSED, settings=Settings(paused=True))
    yield "dark", without_face(Watching.DARK)
    yield "no_camera", without_face(Watching.NO_CAMERA)


@pytest.mark.parametrize(
    ("scheme", "locale", "width"),
    [("light", "en", 390), ("dark", "en", 1280), ("light", "de", 1280), ("dark", "de", 390)],
)
def test_axe_finds_no_fault(full_server: FullServer, chromium: Any, scheme: str, locale: str, width: int) -> None:
    full_server.book.add({("2026-04-30", "happy"): 50.0}, date(2026, 1, 1))
    full_server.account.signed_in = True
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING, notice="the disk is full; make room"))
    axe = importlib.import_module("axe_playwright_python.sync_playwright").Axe()
    context = chromium.new_context(
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
        locale=locale,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    violations: list[str] = []

    def check(shown: str) -> None:
        found = axe.run(page).response["violations"]
        violations.extend(f"{shown}: {each['id']}: {each['nodes'][0]['html'][:120]}" for each in found)

    for view in VIEWS:
        page.goto(f"{full_server.output.address}/#{view}")
        page.wait_for_selector(f"#view-{view}:not([hidden])")
        page.wait_for_load_state("networkidle") if view != "now" else page.wait_for_selector("#bar:not([hidden])")
        check(view)
    page.evaluate("location.hash = 'now'")
    for number, (kind, outcome) in enumerate(unwatched(), start=3):
        full_server.output.accept(replace(outcome, seq=number, playback=PLAYING))
        page.wait_for_selector(f"#hero[data-kind={kind}]")
        page.wait_for_selector("#songs-card.old #tracks b")
        check(kind)
    full_server.output.stop()
    page.wait_for_selector("body.stale #offline:not([hidden])")
    check("disconnected")
    context.close()
    assert not violations, "\n".join(violations)


def test_axe_finds_no_fault_in_what_a_tap_opens(full_server: FullServer, chromium: Any) -> None:
    full_server.book.add({("2026-04-30", "happy"): 50.0}, date(2026, 1, 1))
    axe = importlib.import_module("axe_playwright_python.sync_playwright").Axe()
    context = chromium.new_context(
        viewport={"width": 390, "height": 664},
        color_scheme="dark",
        reduced_motion="reduce",
        bypass_csp=True,
        locale="de",
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(f"{full_server.output.address}/#music")
    steps = (
        ("music", page.locator("#songs button").first.click, "#moving[open]"),
        ("device", lambda: page.fill("#link-name", "Ann") or page.click("#link-form button"), "#link-new"),
        ("device", lambda: page.select_option("#set-player", "music-assistant"), "#ma-form"),
        ("history", lambda: page.click("[data-span=hours]"), "[data-span=hours][aria-pressed=true]"),
    )
    violations = []
    for view, act, opened_by_it in steps:
        page.evaluate(f"location.hash = '{view}'")
        act()
        page.wait_for_selector(opened_by_it)
        found = axe.run(page).response["violations"]
        violations += [f"{opened_by_it}: {each['id']}: {each['nodes'][0]['html'][:120]}" for each in found]
        page.keyboard.press("Escape")
    context.close()
    assert not violations, "\n".join(violations)


def test_the_keyboard_reaches_everything(full_server: FullServer, page: Any) -> None:
    full_server.output.accept(replace(HAPPY, seq=2, playback=PLAYING))
    page.wait_for_selector("#bar:not([hidden])")
    open_player(page)
    reached: set[str] = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href') || ''"))
    for name in (
        "#now",
        "privacy",
        "pause",
        "#music",
        "#about",
        "play",
        "next",
        "volume",
        "autoplay",
        "others",
        "wrong",
    ):
        assert name in reached, name
    assert {"live-show", "language", "#start"} <= reached
