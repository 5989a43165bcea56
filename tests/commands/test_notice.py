"""`musicond notice`: the card, and `musicond guest`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest

from musicond.cli import main
from musicond.commands.notice import HEIGHT_MM, WIDTH_MM, Square, lay_out, to_svg
from musicond.config.schema import Config

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "token").write_text("secret")
    (tmp_path / "c.yaml").write_text("web: {listen: '192.0.2.7:8080', token_file: token}\n")


def drawn(squares: tuple[Square, ...], scale: int = 10) -> NDArray[np.uint8]:
    picture = np.full((int(HEIGHT_MM * scale), int(WIDTH_MM * scale)), 255, np.uint8)
    for item in squares:
        x, y, end_x, end_y = (
            round(scale * value) for value in (item.x, item.y, item.x + item.side, item.y + item.side)
        )
        picture[y:end_y, x:end_x] = 0
    return picture


EVERYTHING = Config.model_validate(
    {
        "device": {"name": "The living room's musicond, upstairs"},
        "mqtt": {"host": "broker.example"},
        "history": {"enabled": True},
        "web": {"preview": True},
    }
)


@pytest.mark.parametrize("config", [Config(), EVERYTHING], ids=["default", "everything"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_card_is_a6_and_its_code_leads_to_the_notice(language: str, config: Config) -> None:
    card = lay_out(config, language, "http://192.0.2.7:8080/notice")
    assert cv2.QRCodeDetector().detectAndDecode(drawn(card.squares))[0] == "http://192.0.2.7:8080/notice"
    top = min(item.y for item in card.squares)
    *body, _, _ = card.lines
    assert max(line.y for line in body) < top - 5, "the text ends above the code"
    root = ET.fromstring(to_svg(card))
    assert (root.get("width"), root.get("height")) == ("105mm", "148mm")


def test_a_card_in_pdf_has_sound_references(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notice", "--config", "c.yaml", "--language", "de", "card.pdf"]) == 0
    content = Path("card.pdf").read_bytes()
    assert content.startswith(b"%PDF-1.4\n")
    assert "Gesichtsausdrücke".encode("cp1252") in content
    assert b"secret" not in content
    for number, place in enumerate(map(int, re.findall(rb"(?m)^(\d{10}) 00000 n", content)), 1):
        assert content[place:].startswith(b"%d 0 obj" % number)
    start = int(re.findall(rb"startxref\n(\d+)", content)[0])
    assert content[start:].startswith(b"xref")
    assert "size A6" in capsys.readouterr().out


def test_a_page_that_no_phone_reaches_gets_no_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notice", "--config", "/dev/null"]) == 0
    shown = capsys.readouterr()
    assert "page-link --lan" in shown.err
    assert "<path" not in shown.out
    assert main(["notice", "--config", "c.yaml", "card.png"]) == 69
    assert main(["notice", "--config", "c.yaml", "none/card.svg"]) == 69


def test_guest_without_a_daemon_is_stored_with_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guest"]) == 0
    stored = json.loads(Path("state/settings.json").read_text())
    assert stored["private"] is True
    assert "T00:00:00" in stored["private_until"]
    assert main(["privacy"]) == 0
    assert "private until" in capsys.readouterr().out
    assert main(["privacy", "off"]) == 0
    assert "private_until" not in json.loads(Path("state/settings.json").read_text())
