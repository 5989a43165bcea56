"""Every text of the page stands in both languages, in one place; and German is shown everywhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from musicond.core.models import Emotion, Mood
from musicond.core.outcome import Account, AutoplayBlock, BlockReason, Explanation, Novelty, Recommendation, Strategy
from musicond.web import static_files
from tests.web.browser import SILENT
from tests.web.conftest import HAPPY, NOON, SONGS, Server
from tests.web.full_server import FullServer, full_server

__all__ = ["full_server"]

STATIC = Path(static_files.__file__).with_name("static")


@pytest.mark.browser
def test_german_is_shown_everywhere_and_can_be_switched(server: Server, chromium: Any) -> None:
    server.output.accept(HAPPY)
    context = chromium.new_context(locale="de-AT")
    context.set_default_timeout(10_000)
    tab = context.new_page()
    tab.goto(f"{server.output.address}/#now")
    tab.wait_for_selector("#word:text-is('Fröhlich')")
    assert tab.get_attribute("html", "lang") == "de"
    assert tab.locator("nav").inner_text().split() == ["Jetzt", "Musik", "Verlauf", "Gerät", "Über"]
    tab.click("#language")
    tab.wait_for_selector("#word:text-is('Happy')")
    tab.reload()
    tab.wait_for_selector("#word:text-is('Happy')")
    context.close()


@pytest.mark.browser
def test_german_words_the_reason_and_what_holds_the_music(server: Server, chromium: Any) -> None:
    why = Explanation(Strategy.LIFT, Novelty.LIKED, liked=2, first=1, last=5, quiet=True)
    shown = Recommendation(Mood.SAD, SONGS, "Sad, to be lifted", NOON, why)
    held = replace(SILENT, autoplay=True, autoplay_block=AutoplayBlock(BlockReason.QUIET, "07:00"))
    server.output.accept(replace(HAPPY, recommendation=shown, playback=held))
    context = chromium.new_context(locale="de-DE")
    context.set_default_timeout(10_000)
    tab = context.new_page()
    tab.goto(f"{server.output.address}/#now")
    words = (
        "Traurig, zum Aufhellen: Lied 1 bis 5 auf dem Weg, 2 davon gefielen schon. Ruhezeit: aus der ruhigeren Hälfte."
    )
    tab.wait_for_selector(f"#reason:text-is('{words}')")
    tab.click("#bar-more")
    tab.wait_for_selector("#player-holding:text-is('Ruhezeit bis 07:00')")
    mixed = replace(shown, explanation=Explanation(Strategy.MIX, Novelty.NEW, other=Emotion.HAPPY))
    server.output.accept(replace(HAPPY, seq=2, recommendation=mixed))
    tab.wait_for_selector("#reason:text-is('Traurig mit etwas Fröhlich: 3 Lieder, noch nicht angeboten.')")
    tab.click("#language")
    tab.wait_for_selector("#reason:text-is('Sad, to be lifted')")
    context.close()


@pytest.mark.browser
def test_german_words_what_else_the_daemon_says(full_server: FullServer, chromium: Any) -> None:
    account = Account(signed_in=False)
    full_server.output.accept(
        replace(HAPPY, seq=2, playback=replace(SILENT, backend="music-assistant", account=account))
    )
    context = chromium.new_context(locale="de-DE")
    context.set_default_timeout(10_000)
    tab = context.new_page()
    tab.goto(f"{full_server.output.address}/#device")
    tab.wait_for_selector("#play[title^='Niemand ist bei Music Assistant angemeldet']")
    tab.locator("#health dd:text-is('verbunden mit mqtt.example:1883')").wait_for()
    tab.click("nav a[href='#music']")
    tab.locator("#sources li").wait_for()
    tab.fill("#source-name", "Regen")
    tab.click("#source-form button")
    tab.locator("#progress:text-matches('^Gelesen: .* Einige Listen')").wait_for()
    assert "no songs in it" in str(tab.text_content("#progress-raw"))
    refusal = {"status": 503, "content_type": "application/json", "body": '{"error": "50 pages are open already"}'}
    tab.route("**/api/v1/events", lambda route: route.fulfill(**refusal))
    full_server.output.stop()
    tab.wait_for_selector("#offline:text-matches('^Gerade ist zu viel los')")
    context.close()


def test_every_reason_of_the_daemon_has_german_words() -> None:
    wanted = {f"hold_{reason}" for reason in BlockReason} | {f"why_{key}" for key in (*Strategy, *Novelty, "quiet")}
    assert wanted == {key for key in texts() if key.startswith(("why_", "hold_")) and not key.startswith("why_not")}


def test_no_text_ends_in_a_file_or_asks_to_edit_one() -> None:
    named = [key for key, both in texts().items() if any(re.search(r"\.(md|yaml)\b", text) for text in both)]
    assert named == ["history_off"]


def texts() -> dict[str, list[str]]:
    raw = (STATIC / "texts.js").read_text("utf-8").partition("TEXTS = ")[2].strip().removesuffix(";")
    both: dict[str, list[str]] = json.loads(re.sub(r"^(\w+):", r'"\1": ', raw, flags=re.MULTILINE))
    return both


def test_every_text_stands_in_both_languages_and_nowhere_else() -> None:
    pairs = texts()
    for key, both in pairs.items():
        assert len(both) == len(set(both)) <= 2, f"{key}: a text that is the same in both languages stands once"
        ours = both[0] != ""
        assert ours or key.startswith(("why_", "hold_", "player_", "plain_", "failed_")), (
            f"{key}: only what the daemon says itself has no English text"
        )
        assert all(text.strip() for text in both[not ours :]), key
        if ours:
            assert sorted(re.findall(r"\{\w+\}", both[0])) == sorted(re.findall(r"\{\w+\}", both[-1])), key
    html = (STATIC / "index.html").read_text("utf-8")
    named = set(re.findall(r"data-t(?:-label|-alt|-placeholder)?=\"?(\w+)", html))
    assert named <= set(pairs)
    body = re.sub(
        r"<noscript>.*?</noscript>|<!--.*?-->|<title>.*?</title>|<text [^>]*>http[^<]*", "", html, flags=re.DOTALL
    )
    words = [word.strip() for word in re.findall(r">([^<]+)<", body)]
    assert [word for word in words if word and word not in ("&nbsp;", "musicond")] == []
    for script in STATIC.glob("*.js"):
        if script.name == "texts.js":
            continue
        code = script.read_text("utf-8")
        used = re.findall(r"\bt\(\"(\w+)\"", code)
        assert set(used) <= set(pairs), script.name
        assert re.findall(r"\"[A-Z][a-z]+ [a-z]+[^\"]*\"", code) == [], f"{script.name} holds a text"
