"""The check of the documents passes here, and reports a planted fault of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.check_docs import GLOSSARY, ROOT, TWIN, anchors, check_words, forbidden, main, sentences

if TYPE_CHECKING:
    from pathlib import Path

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


def test_code_tables_and_links_are_no_words_of_a_sentence() -> None:
    text = "One `a b c` [two three](x.md).\n\n```\nmany words\n```\n\n    indented code\n\n| a table |\n- Four. Five!\n"
    assert list(sentences(text)) == ["One code two three.", "Four.", "Five!"]
    assert anchors("## Who may open it?\n") == {"who-may-open-it"}


SEEN = (
    "config/musicon.yaml",
    "musicond/web/static/index.html",
    "musicond/web/static/texts-en.js",
    "tests/golden/outputs.txt",
    *(
        f"tests/golden/interfaces/{name}"
        for name in ("configuration.schema.json", "discovery.json", "help.txt", "mqtt.schema.json", "openapi.json")
    ),
)
"""What people see on the page, over MQTT and the API, on the command line and in the configuration."""


@pytest.mark.parametrize("file", SEEN)
def test_what_people_see_keeps_to_the_glossary(file: str) -> None:
    assert list(check_words(file, (ROOT / file).read_text("utf-8"), forbidden())) == []


def test_the_names_of_the_glossary_are_in_use() -> None:
    text = " ".join((ROOT / file).read_text("utf-8") for file in SEEN).casefold()
    names = {name.strip() for name, _ in TWIN.findall(GLOSSARY.read_text("utf-8"))} - {"Name", "---"}
    assert len(names) > 25
    assert sorted(name for name in names if name not in text) == []
