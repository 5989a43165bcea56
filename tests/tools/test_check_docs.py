"""The check of the documents passes here, and reports a planted fault of each kind."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tools.check_docs import GERMAN, GLOSSARY, ROOT, TWIN, anchors, check_words, forbidden, main, sentences

if TYPE_CHECKING:
    from pathlib import Path

ENGLISH, _, IN_GERMAN = GLOSSARY.read_text("utf-8").partition(GERMAN)
SEEN_IN_GERMAN = (
    "musicond/web/static/texts-de.js",
    "musicond/web/notices/de.json",
    "docs/de/page.md",
    "docs/de/faq.md",
)
LONG = f"This sentence {'goes on and on ' * 7}until its end."


def test_the_documents_are_without_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (LONG, "words in one sentence, at most 28"),
        (f"- {LONG}", "words in one sentence, at most 28"),
        (f"| a | Short. {LONG} |", "words in one sentence, at most 28"),
        (" ".join(["word"] * 28), "on average, at most 14"),
        ("Open the web UI.", "say 'page' instead of 'web UI'"),
        ("| a | the Web UI |", "say 'page' instead of 'web UI'"),
        ("See [this](none.md).", "the link none.md leads nowhere"),
        ("See [this](#none).", "has no heading for #none"),
        ("Run `musicond dance`.", "there is no command musicond dance"),
        ("Run\n\n    sudo musicond dance now\n", "there is no command musicond dance"),
        ("Run `musicond status --jsn`.", "unrecognized arguments: --jsn"),
        ("Run\n\n    musicond mood\n", "the following arguments are required: MOOD"),
        ("Run\n\n    musicond history show|dance\n", "history dance"),
        ("Run `script/dance`.", "there is no script/dance"),
    ],
)
def test_a_planted_fault_is_reported(text: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "planted.md"
    document.write_text(f"# Heading\n\n{text}\n", "utf-8")
    assert main([str(document)]) == 1
    assert fault in capsys.readouterr().out


def test_a_web_address_that_leads_nowhere_is_reported_online(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "planted.md"
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        document.write_text(f"See [this]({address}/planted.md).\n", "utf-8")
        assert main(["--online", str(document)]) == 0, capsys.readouterr().out
        document.write_text(f"See [this]({address}/none) and [that](http://127.0.0.1:1/).\n", "utf-8")
        assert main([str(document)]) == 0
        assert main(["--online", str(document)]) == 1
        server.shutdown()
    found = capsys.readouterr().out
    assert "/none leads nowhere: 404" in found
    assert "http://127.0.0.1:1/ does not answer" in found


def test_code_tables_and_links_are_no_words_of_a_sentence() -> None:
    text = "One `a b c` [two three](x.md).\n\n```\nmany words\n```\n\n    indented code\n\n| a table |\n- Four. Five!\n"
    assert list(sentences(text)) == ["One code two three.", "Four.", "Five!"]
    assert anchors("## Who may open it?\n") == {"who-may-open-it"}


SEEN = (
    "config/musicon.yaml",
    "musicond/web/static/index.html",
    "musicond/web/static/texts-en.js",
    "musicond/web/notices/en.json",
    *(
        f"tests/golden/{name}.txt"
        for name in (
            "outputs",
            "outputs-of-files",
            "outputs-of-a-household",
            "outputs-of-refusals",
            "outputs-of-spotify",
        )
    ),
    *(
        f"tests/golden/interfaces/{name}"
        for name in ("configuration.schema.json", "discovery.json", "help.txt", "mqtt.schema.json", "openapi.json")
    ),
)
"""What people see on the page, over MQTT and the API, on the command line and in the configuration."""


@pytest.mark.parametrize("file", SEEN)
def test_what_people_see_keeps_to_the_glossary(file: str) -> None:
    assert list(check_words(file, (ROOT / file).read_text("utf-8"), forbidden())) == []


def test_the_page_calls_a_pause_a_pause() -> None:
    assert forbidden()["snooze"] == "pause"
    assert list(check_words("page", 'pause:"Snooze",', forbidden())) == [
        "page: say 'pause' instead of 'snooze' (docs/glossary.md)"
    ]


@pytest.mark.parametrize("file", SEEN_IN_GERMAN)
def test_the_german_texts_keep_to_the_glossary(file: str) -> None:
    words = forbidden(german=True)
    assert words["Auszeit"] == "Pause"
    assert list(check_words(file, (ROOT / file).read_text("utf-8"), words)) == []


def test_the_german_names_of_the_glossary_are_in_use() -> None:
    text = " ".join((ROOT / file).read_text("utf-8") for file in SEEN_IN_GERMAN).casefold()
    names = {name.strip() for _, name, _ in TWIN.findall(IN_GERMAN)} - {"German", "---"}
    assert len(names) > 10
    assert sorted(name for name in names if name.casefold() not in text) == []


def test_the_names_of_the_glossary_are_in_use() -> None:
    text = " ".join((ROOT / file).read_text("utf-8") for file in SEEN).casefold()
    names = {name.strip() for name, *_ in TWIN.findall(ENGLISH)} - {"Name", "---"}
    assert len(names) > 25
    assert sorted(name for name in names if name not in text) == []
