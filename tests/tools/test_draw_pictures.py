"""The diagrams of the documents are those that tools/draw_pictures.py draws, and show the daemon's own rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape

from tools.draw_pictures import DARK, DIAGRAMS, FOLDER, LIGHT, PICTURES, TEXT, main, mood
from tools.picture_texts import GERMAN, UNCHANGED

if TYPE_CHECKING:
    from pathlib import Path


def test_the_committed_pictures_are_up_to_date(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    for name in PICTURES:
        assert (tmp_path / f"{name}.svg").read_text() == (FOLDER / f"{name}.svg").read_text(), "run the tool again"


def test_a_short_smile_changes_no_mood_and_a_long_one_does() -> None:
    bands = [part for part in mood().parts if part.startswith("<text") and 'y="326"' in part]
    assert [part.partition(">")[2].removesuffix("</text>") for part in bands] == ["nobody", "neutral", "happy", "mood"]


def test_every_text_has_its_german_one() -> None:
    """Commands, keys and numbers are the same in both languages."""
    drawings = [draw() for draw in DIAGRAMS.values()]
    parts = [part for drawing in drawings for part in drawing.parts if 'class="code"' not in part]
    texts = {unescape(text) for part in parts for text in TEXT.findall(part) if re.search("[A-Za-z]{2}", text)}
    texts = {text for text in texts if not re.fullmatch(r"mood\.enter: \S+", text)}
    assert texts | {drawing.title for drawing in drawings} == {*GERMAN, *UNCHANGED}


def test_texts_are_readable_in_light_and_dark() -> None:
    for colours in (LIGHT, DARK):
        for background in ("paper", "card"):
            assert min(contrast(colours[name], colours[background]) for name in ("text", "soft", "code")) >= 4.5


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
