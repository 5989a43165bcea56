"""Every text of the page stands in both languages, in one place; and German is shown everywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from musicond.commands import checks
from musicond.core.models import Emotion, Mood, Placement
from musicond.core.outcome import Account, AutoplayBlock, BlockReason, Explanation, Novelty, Recommendation, Strategy
from musicond.web import static_files
from musicond.web.static_files import PAGE_LANGUAGES, read_page_texts
from tests.web.browser import SILENT
from tests.web.conftest import HAPPY, NOON, SONGS, Server
from tests.web.full_server import FullServer, full_server

__all__ = ["full_server"]

STATIC = Path(static_files.__file__).with_name("static")
FROM_DAEMON = ("why_", "hold_")
"""Beginnings of the keys for which the daemon has English sentences for people; no trouble or refusal is among them."""


@pytest.mark.browser
def test_german_is_shown_everywhere_and_can_be_switched(server: Server, chromium: Any) -> None:
    server.output.accept(HAPPY)
    context = chromium.new_context(locale="de-AT")
    context.set_default_timeout(10_000)
    tab = context.new_page()
    requested: list[str] = []
    tab.on("request", lambda request: requested.append(request.url.rpartition("/")[2]))
    tab.goto(f"{server.output.address}/#now")
    tab.wait_for_selector("#word:text-is('Fröhlich')")
    assert [name for name in requested if name.startswith("texts-")] == ["texts-de.js"]
    assert tab.get_attribute("html", "lang") == "de"
    assert tab.locator("nav").inner_text().split() == ["Jetzt", "Musik", "Verlauf", "Gerät", "Über"]
    tab.click("#language")
    tab.wait_for_selector("#word:text-is('Happy')")
    tab.reload()
    tab.wait_for_selector("#word:text-is('Happy')")
    context.close()


SERVE = """
import pathlib, sys
from tests.web.conftest import HAPPY, make_server
server = make_server(pathlib.Path(sys.argv[1]))
server.output.start()
server.output.accept(HAPPY)
print(server.output.address, flush=True)
sys.stdin.read()
"""


@pytest.mark.browser
def test_a_copied_file_of_texts_is_a_language(tmp_path: Path, chromium: Any) -> None:
    shutil.copytree(STATIC.parents[1], tmp_path / "musicond", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "musicond/web/static/texts-fr.js"
    file.write_text((STATIC / "texts-en.js").read_text("utf-8").replace("Happy", "Content"))
    python = [sys.executable, "-c", SERVE, str(tmp_path / "state")]
    path = f"{tmp_path}{os.pathsep}{Path(__file__).resolve().parents[2]}"
    with subprocess.Popen(
        python, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, stdin=PIPE, stdout=PIPE, text=True
    ) as daemon:
        assert daemon.stdin is not None
        assert daemon.stdout is not None
        context = chromium.new_context(locale="fr-CH")
        tab = context.new_page()
        tab.goto(f"{daemon.stdout.readline().strip()}/#now")
        tab.wait_for_selector("#word:text-is('Content')")
        names = tab.locator("#set-language option").all_text_contents()
        assert names == ["as in the browser", "Deutsch", "English", "Français"]
        context.close()
        daemon.stdin.close()


@pytest.mark.browser
def test_german_words_the_reason_and_what_holds_the_music(server: Server, chromium: Any) -> None:
    why = Explanation(
        Strategy.LIFT, Novelty.LIKED, liked=2, first=1, last=5, quiet=True, placed=(Placement.GENRE, Placement.SOUND)
    )
    shown = Recommendation(Mood.SAD, SONGS, "Sad, to be lifted", NOON, why)
    held = replace(SILENT, autoplay=True, autoplay_block=AutoplayBlock(BlockReason.QUIET, "07:00"))
    server.output.accept(replace(HAPPY, recommendation=shown, playback=held))
    context = chromium.new_context(locale="de-DE")
    context.set_default_timeout(10_000)
    tab = context.new_page()
    tab.goto(f"{server.output.address}/#now")
    words = (
        "Traurig, zum Aufhellen: Lied 1-5 auf dem Weg, 2 davon gefielen schon. Ruhezeit: aus der ruhigeren Hälfte. "
        "Eingeordnet nach: Genre, Klang (Valenz unbekannt)."
    )
    tab.wait_for_selector(f"#reason:text-is('{words}')")
    tab.click("#bar-more")
    tab.wait_for_selector("#player-holding:text-is('Ruhezeit bis 07:00')")
    one = Explanation(Strategy.MATCH, Novelty.LIKED, liked=1)
    server.output.accept(replace(HAPPY, seq=3, recommendation=replace(shown, tracks=SONGS[:1], explanation=one)))
    tab.wait_for_selector("#reason:text-is('Traurig: 1 Lied, 1 davon gefiel schon.')")
    mixed = replace(shown, explanation=Explanation(Strategy.MIX, Novelty.NEW, other=Emotion.HAPPY))
    server.output.accept(replace(HAPPY, seq=4, recommendation=mixed))
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
    tab.wait_for_selector("#offline:text-matches('^Es sind schon zu viele Seiten offen')")
    context.close()


def test_every_reason_of_the_daemon_has_german_words() -> None:
    reasons = (*Strategy, *Novelty, "quiet", "placed", *Placement)
    wanted = {f"hold_{reason}" for reason in BlockReason} | {f"why_{key}" for key in reasons}
    assert wanted == {key for key in texts("de") if key.startswith(("why_", "hold_")) and not key.startswith("why_not")}


def test_every_check_of_the_doctor_has_words() -> None:
    source = "".join(file.read_text("utf-8") for file in Path(checks.__file__).parent.glob("*.py"))
    names = {*re.findall(r'@check\("(\w+)"', source), *re.findall(r'Check\("(\w+)"', source)}
    assert {"player", "model", "clock"} <= names
    keys = texts("en").keys()
    unknown = {name for name in names if f"check_{name}" not in keys}
    assert unknown == {"TFLite", "libraries", "model", "page"}, "the page does not show these"
    assert {name for name in names - unknown if f"check_{name}_bad" not in keys} == set()


def test_no_text_ends_in_a_file_or_asks_to_edit_one() -> None:
    for language in PAGE_LANGUAGES:
        named = [key for key, text in texts(language).items() if re.search(r"\.(md|yaml)\b", text)]
        assert named == []


def texts(language: str) -> dict[str, str]:
    """Return the texts of a language by key."""
    found = read_page_texts(language)
    lines = (STATIC / f"texts-{language}.js").read_text("utf-8").splitlines()
    assert len(found) == sum(re.match(r"\w+:\"", line) is not None for line in lines), "no key twice"
    return found


def test_every_language_has_the_same_keys() -> None:
    assert {"en", "de"} <= set(PAGE_LANGUAGES)
    for tag in PAGE_LANGUAGES:
        own = texts(tag)
        assert own.keys() == texts("en").keys()
        for key, text in texts("en").items():
            assert own[key].strip() or (tag == "en" and key.startswith(FROM_DAEMON)), f"{tag}, {key}"
            names = re.findall(r"\{\w+\}", text)
            assert not text or sorted(names) == sorted(re.findall(r"\{\w+\}", own[key])), f"{tag}, {key}"


def test_every_text_is_in_the_files_of_texts_and_nowhere_else() -> None:
    english = texts("en")
    for key, text in english.items():
        assert text.strip() or key.startswith(FROM_DAEMON), key
    html = (STATIC / "index.html").read_text("utf-8")
    named = set(re.findall(r"data-t(?:-label|-alt|-placeholder)?=\"?(\w+)", html))
    assert named <= set(english)
    body = re.sub(
        r"<noscript>.*?</noscript>|<!--.*?-->|<title>.*?</title>|<text [^>]*>http[^<]*", "", html, flags=re.DOTALL
    )
    words = [word.strip() for word in re.findall(r">([^<]+)<", body)]
    assert [word for word in words if word and word not in ("&nbsp;", "musicond")] == []
    for script in STATIC.glob("*.js"):
        if script.name.startswith("texts-"):
            continue
        code = script.read_text("utf-8")
        used = re.findall(r"\bt\(\"(\w+)\"", code)
        assert set(used) <= set(english), script.name
        assert re.findall(r"\"[A-Z][a-z]+ [a-z]+[^\"]*\"", code) == [], f"{script.name} holds a text"
