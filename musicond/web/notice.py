"""The notice for the people in the room: a page without a token, and a card. Each file of notices/ is a language."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files

DEFAULT = "en"


def read_texts() -> dict[str, dict[str, str]]:
    """Return the texts of each language, the default first; the name of a file is the code of its language."""
    folder = files("musicond.web").joinpath("notices")
    texts = {file.name.removesuffix(".json"): json.loads(file.read_text("utf-8")) for file in folder.iterdir()}
    return {
        language: texts[language] for language in sorted(texts, key=lambda language: (language != DEFAULT, language))
    }


TEXTS: Mapping[str, Mapping[str, str]] = read_texts()
LANGUAGES = tuple(TEXTS)


@dataclass(frozen=True, slots=True)
class Notice:
    """The facts of an installation that the people in the room should know."""

    name: str = "musicond"
    preview: bool = False
    """Whether the live picture can be seen on the page."""
    history: bool = False
    """Whether the minutes of each mood are kept."""
    smart_home: bool = False
    """Whether the mood goes to an MQTT broker."""

    def lines(self, language: str) -> Iterator[str]:
        """Yield the sentences below the title."""
        picture = "preview" if self.preview else "stays"
        optional = ("history", "smart_home")
        for key in ("watches", "infers", "keeps", picture, *(key for key in optional if getattr(self, key)), "off"):
            yield text(key, language).format(name=self.name)


def text(key: str, language: str) -> str:
    """Return a text in one of LANGUAGES."""
    return TEXTS[language][key]


def choose_language(accepted: str, languages: Container[str] = LANGUAGES) -> str:
    """Return the first of `languages` in the header Accept-Language, else English; weights are not read."""
    wanted = (part.strip()[:2].lower() for part in accepted.split(","))
    return next((language for language in wanted if language in languages), DEFAULT)


def notice_page(notice: Notice, language: str, *, closed: bool) -> str:
    """Return the page as HTML."""
    title = escape(text("title", language))
    lines = (text("closed" if closed else "open", language), *notice.lines(language))
    return (
        f"<!doctype html>\n<html lang={language}>\n<head>\n<meta charset=utf-8>\n"
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<link rel=icon href=icon.svg>\n<link rel=stylesheet href=style.css>\n</head>\n"
        f"<body class=for-guests>\n<main>\n<section class=card>\n<h1>{title}</h1>\n"
        + "".join(f"<p>{escape(line)}</p>\n" for line in lines)
        + "</section>\n</main>\n</body>\n</html>\n"
    )
