"""The notice for the people in the room, in English and German: a page without a token, and a card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

LANGUAGES = ("en", "de")
TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("A camera reads expressions here", "Hier liest eine Kamera Gesichtsausdrücke"),
    "watches": ("The device is called {name}.", "Das Gerät heißt {name}."),
    "infers": (
        "It looks for faces and estimates which of seven expressions they show. It recommends music for that.",
        "Es sucht Gesichter und schätzt, welchen von sieben Ausdrücken sie zeigen. Dazu empfiehlt es Musik.",
    ),
    "keeps": (
        "It recognises nobody. It stores no picture and sends none away.",
        "Es erkennt niemanden. Es speichert kein Bild und schickt keines weg.",
    ),
    "preview": (
        "Who has the link to its page can see the live picture.",
        "Wer den Link zu seiner Seite hat, kann das Bild live sehen.",
    ),
    "history": ("It counts the minutes of each mood, by day.", "Es zählt die Minuten jeder Stimmung, je Tag."),
    "smart_home": (
        "The smart home of this household gets the estimate.",
        "Das Smart Home dieses Haushalts bekommt die Schätzung.",
    ),
    "off": (
        "You don't want that? Say so, or press Privacy on its page: the camera closes at once.",
        "Nicht einverstanden? Sag es, oder drücke Privat auf seiner Seite: Die Kamera schließt sofort.",
    ),
    "closed": ("The camera is closed now.", "Die Kamera ist jetzt geschlossen."),
    "open": ("The camera may be open now.", "Die Kamera kann jetzt offen sein."),
    "scan": ("This notice on your phone:", "Dieser Hinweis auf dem Telefon:"),
}
"""In the order of LANGUAGES."""


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
        optional = ("preview", "history", "smart_home")
        for key in ("watches", "infers", "keeps", *(key for key in optional if getattr(self, key)), "off"):
            yield text(key, language).format(name=self.name)


def text(key: str, language: str) -> str:
    """Return a text in one of LANGUAGES."""
    return TEXTS[key][LANGUAGES.index(language)]


def choose_language(accepted: str) -> str:
    """Return the first of LANGUAGES in the header Accept-Language, English without one; weights are not read."""
    wanted = (part.strip()[:2].lower() for part in accepted.split(","))
    return next((language for language in wanted if language in LANGUAGES), LANGUAGES[0])


def notice_page(notice: Notice, language: str, *, closed: bool) -> str:
    """Return the page as HTML."""
    title = escape(text("title", language))
    lines = (text("closed" if closed else "open", language), *notice.lines(language))
    return (
        f"<!doctype html>\n<html lang={language}>\n<head>\n<meta charset=utf-8>\n"
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<link rel=icon href=icon.svg>\n<link rel=stylesheet href=style.css>\n</head>\n"
        f"<body>\n<main>\n<section class=card>\n<h1>{title}</h1>\n"
        + "".join(f"<p>{escape(line)}</p>\n" for line in lines)
        + "</section>\n</main>\n</body>\n</html>\n"
    )
