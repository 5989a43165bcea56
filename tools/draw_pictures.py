"""Draw the diagrams of the documents as SVG: python tools/draw_pictures.py [FOLDER].

The chart of a mood and that of a lift are computed by the daemon's own rules with its default values. The colours
follow the reader's choice of light or dark.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, unescape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from musicond.config.schema import Config
from musicond.core.models import EMOTIONS, Emotion, Mood
from musicond.core.mood.tracker import MoodState, Observation, update
from musicond.core.recommend.affect import CALM, EMOTION_AFFECT, LIFT_SONGS, lift_path
from tools.picture_texts import GERMAN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Point = tuple[float, float]

FOLDER = ROOT / "docs/pictures"
LIGHT = {
    "paper": "#f7f6f2", "card": "#ffffff", "edge": "#8a9099", "text": "#1d2228", "soft": "#4f5862", "grid": "#d9d9d3",
    "one": "#b06a00", "two": "#2f6db3", "code": "#14532d",
}  # fmt: skip
DARK = {
    "paper": "#15191d", "card": "#20262c", "edge": "#7b848e", "text": "#eef1f4", "soft": "#b4bcc5", "grid": "#343b43",
    "one": "#f0b03a", "two": "#7db4f0", "code": "#8fd6a8",
}  # fmt: skip
FONT = "Helvetica, Arial, sans-serif"
ARROW = (
    '<marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L10 5L0 10z" class="edge-fill"/></marker>'
)
FRAME_S, LENGTH_S = 0.125, 9.0
"""Of the example of a mood: eight frames a second, for nine seconds."""
TEXT = re.compile(r"(?<=>)[^<>]+(?=</text>$)")
"""The text of a part of a drawing."""
HAPPY_AT = ((1.5, 1.8), (3.0, 9.0))
"""Seconds from which to which the face of the example smiles: for a moment, then lasting."""
SMILE, REST = 0.85, 0.06
"""Score of `happy` with and without the smile."""


@dataclass
class Drawing:
    """An SVG of a size in pixels; y grows downwards."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, style: str = "text", anchor: str = "start", size: int = 13) -> None:
        """Write one line, with its base line at y."""
        family = ' font-family="monospace"' if style == "code" else ""
        weight = ' font-weight="bold"' if size > 13 else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" class="{style}" text-anchor="{anchor}" font-size="{size}"{family}{weight}>'
            f"{escape(text)}</text>"
        )

    def steps(self, steps: Sequence[tuple[str, Sequence[str]]], *, height: float) -> None:
        """Draw boxes side by side, each with a title and lines, and an arrow from one to the next."""
        middle = 34 + height / 2
        for number, (title, lines) in enumerate(steps):
            x = 16 + 180 * number
            self.box(x, 34, 156, height, title, lines)
            if number:
                self.line([(x - 22, middle), (x - 3, middle)], "edge", arrow=True)

    def box(self, x: float, y: float, width: float, height: float, title: str, lines: Sequence[str]) -> None:
        """Draw a box with a title and lines; a line that begins with "$" is a command or a key."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="10" class="card" stroke-width="1.5"/>'
        )
        self.text(x + 12, y + 24, title, size=15)
        for number, line in enumerate(lines):
            self.text(x + 12, y + 48 + 19 * number, line.removeprefix("$ "), "code" if line[:1] == "$" else "soft")

    def line(
        self, points: Sequence[Point], style: str, width: float = 2, *, arrow: bool = False, dash: str = ""
    ) -> None:
        """Draw a line through points, with an arrow at its end where asked."""
        path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        more = (' marker-end="url(#arrow)"' if arrow else "") + (f' stroke-dasharray="{dash}"' if dash else "")
        self.parts.append(f'<path d="{path}" class="{style}" fill="none" stroke-width="{width:g}"{more}/>')

    def dot(self, x: float, y: float, style: str, radius: float = 5) -> None:
        """Draw a dot."""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{style}"/>')

    def svg(self) -> str:
        """Return the picture."""
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" role="img">',
            f"<title>{escape(self.title)}</title>",
            f"<style>\n{_style(LIGHT)}\n@media (prefers-color-scheme: dark) {{\n{_style(DARK)}\n}}\n</style>",
            ARROW,
            f'<rect width="{self.width}" height="{self.height}" class="paper"/>',
        ]
        return "\n".join([*head, *self.parts, "</svg>", ""])


def _style(colours: dict[str, str]) -> str:
    fills = [f".{name} {{ fill: {colours[name]} }}" for name in ("paper", "text", "soft", "code")]
    strokes = [f".{name} {{ stroke: {colours[name]} }}" for name in ("edge", "grid", "one", "two")]
    dots = [f".{name}-fill {{ fill: {colours[name]} }}" for name in ("edge", "one", "two")]
    return "\n".join([*fills, *strokes, *dots, f".card {{ fill: {colours['card']}; stroke: {colours['edge']} }}"])


def install() -> Drawing:
    """Return the steps from the package to the open camera."""
    drawing = Drawing(920, 180, "From the package to the open camera")
    steps = (
        ("1. A PC", ["$ script/deb", "makes packages.", "Publish or copy them."]),
        ("2. The Pi", ["$ sudo apt install", "$ musicond", "Camera: closed."]),
        ("3. Your phone", ["$ sudo musicond", "$ page-link --lan", "Scan the QR code."]),
        ("4. The people", ["$ sudo musicond", "$ notice card.pdf", "Tell everybody."]),
        ("5. The camera", ["$ sudo musicond", "$ privacy off", "Camera: open."]),
    )
    drawing.steps(steps, height=120)
    return drawing


def home_assistant() -> Drawing:
    """Return the way of moods and commands between musicond and Home Assistant."""
    drawing = Drawing(920, 230, "musicond and Home Assistant use the same MQTT broker")
    drawing.box(
        16, 50, 210, 130, "musicond", ["$ mqtt:", "$ \u00a0 host: 192.168.1.10", "It reads the expression.", ""]
    )
    drawing.box(376, 50, 168, 130, "MQTT broker", ["such as mosquitto", "", "passes messages on."])
    drawing.box(
        694,
        50,
        210,
        130,
        "Home Assistant",
        ["$ sensor.musicond_mood", "$ switch.musicond_privacy", "It finds the device."],
    )
    for start, end in ((226, 376), (544, 694)):
        drawing.line([(start + 4, 95), (end - 4, 95)], "edge", arrow=True)
        drawing.line([(end - 4, 140), (start + 4, 140)], "edge", arrow=True)
        drawing.text((start + end) / 2, 86, "mood, songs", "soft", "middle")
        drawing.text((start + end) / 2, 160, "play, like, privacy", "soft", "middle")
    drawing.text(
        460, 212, "No picture is sent. Your automations use the entities, such as a lamp for a mood.", "soft", "middle"
    )
    return drawing


def spotify() -> Drawing:
    """Return the steps of a sign-in at Spotify with a phone."""
    drawing = Drawing(920, 200, "Sign in at Spotify without a screen on the Pi")
    steps = (
        ("1. The Pi", ["$ sudo musicond", "$ spotify login", "prints a link and a", "QR code."]),
        ("2. Your phone", ["Open the link.", "Agree at Spotify.", "", ""]),
        ("3. Your phone", ["The page cannot be", "shown. That is right:", "only its address", "counts."]),
        ("4. Your phone", ["Copy the whole", "address:", "$ 127.0.0.1:8888", "$ /callback?code=…"]),
        ("5. The Pi", ["Paste it into the", "terminal, or on", "musicond's page.", "Done."]),
    )
    drawing.steps(steps, height=132)
    return drawing


def mood() -> Drawing:
    """Return how a smile becomes a mood: its score, the smoothed score, the threshold and the dwell."""
    config = Config().mood
    seconds, raw, states = _example()
    drawing = Drawing(920, 380, "A smile for a moment changes nothing; one that lasts becomes the mood")

    def place(second: float, score: float) -> Point:
        return 70 + second / LENGTH_S * 820, 280 - score * 220

    for score in (0.0, 0.5, 1.0):
        drawing.line([place(0, score), place(LENGTH_S, score)], "grid", 1)
        drawing.text(60, place(0, score)[1] + 4, f"{score:.0%}".replace("%", " %"), "soft", "end")
    drawing.line([place(0, config.enter), place(LENGTH_S, config.enter)], "edge", 1.5, dash="6 4")
    drawing.text(place(LENGTH_S, 0)[0], place(0, config.enter)[1] - 6, f"mood.enter: {config.enter:g}", "soft", "end")
    drawing.line([place(*point) for point in zip(seconds, raw, strict=True)], "one", 1.5, dash="2 3")
    happy = EMOTIONS.index(Emotion.HAPPY)
    smooth = [state.scores[happy] if state.scores else 0.0 for state in states]
    drawing.line([place(*point) for point in zip(seconds, smooth, strict=True)], "one", 3)
    drawing.text(80, 24, "Score of happy in each frame (dotted), and smoothed (solid)", size=14)
    start = 0.0
    for before, after in pairwise([*zip(seconds, states, strict=True), (LENGTH_S, MoodState())]):
        if before[1].mood != after[1].mood:
            _band(drawing, place(start, 0)[0], place(after[0], 0)[0], str(before[1].mood))
            start = after[0]
    reached = next(second for second, state in zip(seconds, states, strict=True) if state.target is Mood.HAPPY)
    announced = next(second for second, state in zip(seconds, states, strict=True) if state.mood is Mood.HAPPY)
    y = place(0, config.enter)[1] + 20
    drawing.line([(place(reached, 0)[0], y), (place(announced, 0)[0], y)], "two", 4)
    drawing.text(
        place(announced, 0)[0] + 8, y + 5, f"mood.dwell_s: {config.dwell_s:g} s in the lead and above it", "soft"
    )
    drawing.text(66, 326, "mood", "soft", "end")
    for second in range(int(LENGTH_S) + 1):
        drawing.text(place(second, 0)[0], 366, f"{second} s", "soft", "middle")
    return drawing


def _band(drawing: Drawing, left: float, right: float, mood: str) -> None:
    drawing.parts.append(
        f'<rect x="{left:.1f}" y="306" width="{right - left:.1f}" height="30" rx="6" class="card" stroke-width="1.5"/>'
    )
    drawing.text((left + right) / 2, 326, mood, "text", "middle")


def _example() -> tuple[list[float], list[float], list[MoodState]]:
    """Return the seconds of the frames, the score of happy in each, and the tracker's state after it."""
    config, state = Config().mood.tracker, MoodState()
    seconds = [number * FRAME_S for number in range(int(LENGTH_S / FRAME_S))]
    raw, states = [], []
    for second in seconds:
        score = SMILE if any(start <= second < end for start, end in HAPPY_AT) else REST
        others = {Emotion.HAPPY: score, Emotion.NEUTRAL: (1 - score) * 0.9}
        rest = (1 - sum(others.values())) / (len(EMOTIONS) - len(others))
        scores = tuple(others.get(emotion, rest) for emotion in EMOTIONS)
        state = update(state, config, Observation(second, present=True, scores=scores))
        raw.append(score)
        states.append(state)
    return seconds, raw, states


BESIDE = {"fear": (8, "end"), "angry": (-8, "start")}
"""Shift and anchor of the names of two moods that are close to each other."""


def lift() -> Drawing:
    """Return the places of the moods, and those of the songs of a lift out of sad."""
    drawing = Drawing(720, 560, "A lift leads from sad over calm to happy, song by song")

    def place(valence: float, arousal: float) -> Point:
        return 360 + valence * 320, 270 - arousal * 230

    drawing.line([place(-1, 0), place(1, 0)], "grid", 1)
    drawing.line([place(0, -1), place(0, 1)], "grid", 1)
    drawing.text(place(-1, 0)[0], place(0, 0)[1] + 18, "unpleasant", "soft")
    drawing.text(place(1, 0)[0], place(0, 0)[1] + 18, "pleasant", "soft", "end")
    drawing.text(place(0, 0)[0] + 8, place(0, 1)[1] + 12, "excited", "soft")
    drawing.text(place(0, 0)[0] + 8, place(0, -1)[1], "calm", "soft")
    path = [place(*lift_path(Emotion.SAD, song)) for song in range(LIFT_SONGS + 1)]
    drawing.line(path, "one", 2)
    for point in path:
        drawing.dot(*point, "one-fill", 4)
    for name, affect in (*EMOTION_AFFECT.items(), ("relaxed", CALM)):
        x, y = place(*affect)
        drawing.dot(x, y, "edge-fill" if name == "relaxed" else "two-fill", 7)
        shift, anchor = BESIDE.get(str(name), (0, "middle"))
        drawing.text(x + shift, y + 24 if name == "relaxed" else y - 12, str(name), "text", anchor)
    drawing.text(
        40,
        545,
        f"Each small dot is a song: {LIFT_SONGS} from sad to happy. The next song is the one that suits its dot.",
        "soft",
    )
    return drawing


PLAYERS: dict[str, dict[str, tuple[str, str, Sequence[str], str, Sequence[str]]]] = {
    "music-assistant": {
        "en": (
            "HTTP",
            "Music Assistant",
            ("finds the songs at your", "music services"),
            "Speakers",
            ("all that it knows",),
        ),
        "de": (
            "HTTP",
            "Music Assistant",
            ("findet die Lieder bei", "deinen Diensten"),
            "Lautsprecher",
            ("alle, die es kennt",),
        ),
    },
    "spotify": {
        "en": ("Web API", "Spotify", ("your app and your", "Premium account"), "Speakers", ("with Spotify Connect",)),
        "de": ("Web API", "Spotify", ("deine App und dein", "Premium-Konto"), "Lautsprecher", ("mit Spotify Connect",)),
    },
    "mpd": {
        "en": (":6600", "mpd", ("your files,", "web radio"), "Sound card", ("of the machine", "with mpd")),
        "de": (":6600", "mpd", ("deine Dateien,", "Webradio"), "Soundkarte", ("des Geräts", "mit mpd")),
    },
    "mopidy": {
        "en": (
            ":6600",
            "Mopidy",
            ("your files, and services", "by its extensions"),
            "Sound card",
            ("of the machine", "with Mopidy"),
        ),
        "de": (
            ":6600",
            "Mopidy",
            ("deine Dateien, und Dienste", "durch Erweiterungen"),
            "Soundkarte",
            ("des Geräts", "mit Mopidy"),
        ),
    },
    "blueprint": {
        "en": (
            "MQTT",
            "Home Assistant",
            ("a blueprint starts", "what was recommended"),
            "media_player",
            ("any that it has",),
        ),
        "de": (
            "MQTT",
            "Home Assistant",
            ("ein Blueprint startet,", "was empfohlen wird"),
            "media_player",
            ("jeder, den es hat",),
        ),
    },
}
"""Of each player and language: what musicond speaks, the player and what it has, and where it is heard."""
NAMES_SONGS = {"en": ("names five songs", "for the mood"), "de": ("nennt fünf Lieder", "zur Stimmung")}


def player(name: str, language: str) -> Drawing:
    """Return the diagram of the songs from musicond through a player to a speaker."""
    speaks, title, has, heard, where = PLAYERS[name][language]
    drawing = Drawing(760, 130, f"musicond, {title}, {heard}")
    for x, head, lines in ((16, "musicond", NAMES_SONGS[language]), (282, title, has), (548, heard, where)):
        drawing.box(x, 20, 196, 90, head, lines)
    for x in (212, 478):
        drawing.line([(x + 4, 65), (x + 67, 65)], "edge", arrow=True)
    drawing.text(246, 56, speaks, "soft", "middle")
    return drawing


def in_german(draw: Callable[[], Drawing]) -> Drawing:
    """Return a diagram with its texts in German."""

    def translated(text: str) -> str:
        return escape(GERMAN.get(unescape(text), unescape(text)))

    drawing = draw()
    parts = [TEXT.sub(lambda found: translated(found.group()), part) for part in drawing.parts]
    return Drawing(drawing.width, drawing.height, GERMAN[drawing.title], parts)


DIAGRAMS: dict[str, Callable[[], Drawing]] = {
    "install": install, "home-assistant": home_assistant, "spotify": spotify, "mood": mood, "lift": lift,
}  # fmt: skip
PICTURES: dict[str, Callable[[], Drawing]] = DIAGRAMS | {
    f"{name}-de": partial(in_german, draw) for name, draw in DIAGRAMS.items()
} | {
    f"player-{name}{'' if language == 'en' else f'-{language}'}": partial(player, name, language)
    for name, languages in PLAYERS.items()
    for language in languages
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder = parser.parse_args(argv).folder
    for name, draw in PICTURES.items():
        (folder / f"{name}.svg").write_text(draw().svg(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
