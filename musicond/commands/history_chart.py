"""Pictures of the history: bars for a terminal, and an SVG with a bar for each day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from musicond.history import Days

COLOURS = {
    "happy": "#e8b200", "surprise": "#e07b00", "neutral": "#7a8b99", "sad": "#3b6fb6", "fear": "#7b4fa6",
    "angry": "#c43c3c", "disgust": "#5b8c3a", "unsure": "#c8ccd0",
}  # fmt: skip
MOODS = tuple(COLOURS)
WIDTH = 60
"""Characters of the longest bar."""
HEIGHT, SLOT, LEFT, TOP = 220, 14, 56, 30


def bars(days: Days) -> Iterator[str]:
    """Yield a line for each day: its minutes, and a bar of the moods' first letters; a legend comes first."""
    most = max((sum(moods.values()) for moods in days.values()), default=0.0)
    if most <= 0:
        return
    yield "  ".join(f"{_letter(mood)} {mood}" for mood in MOODS) + f"    one letter: {most / WIDTH:.1f} min"
    for day, moods in days.items():
        bar = "".join(_letter(mood) * round(moods.get(mood, 0.0) * WIDTH / most) for mood in MOODS)
        yield f"{day} {sum(moods.values()):7.0f} min  {bar}"


def _letter(mood: str) -> str:
    return "S" if mood == "surprise" else mood[0]


def svg(days: Days) -> str:
    """Return a picture with a bar for each day from the first to the last, moods stacked, minutes at the left."""
    span = _span(days)
    width = LEFT + SLOT * max(len(span), 40) + 20
    most = max([60.0, *(sum(moods.values()) for moods in days.values())])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + 90}" font-family="sans-serif">',
        "<title>Minutes of each mood, by day</title>",
        "<style>text { font-size: 11px; fill: #555 } .head { font-size: 13px; fill: #222 }</style>",
        f'<rect width="{width}" height="{HEIGHT + 90}" fill="#fff"/>',
        f'<text x="{LEFT}" y="16" class="head">Minutes of each mood, by day</text>',
    ]
    for share in (0, 0.5, 1):
        y = TOP + HEIGHT * (1 - share)
        parts.append(f'<line x1="{LEFT}" y1="{y:g}" x2="{width - 20}" y2="{y:g}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{most * share:.0f}</text>')
    for number, day in enumerate(span):
        x, y = LEFT + SLOT * number + 1, float(TOP + HEIGHT)
        for mood in MOODS:
            tall = HEIGHT * days.get(day, {}).get(mood, 0.0) / most
            if tall > 0:
                y -= tall
                parts.append(
                    f'<rect x="{x}" y="{y:.1f}" width="{SLOT - 2}" height="{tall:.1f}" fill="{COLOURS[mood]}">'
                    f"<title>{day} {mood}: {days[day][mood]:.0f} min</title></rect>"
                )
        if number % 7 == 0:
            parts.append(f'<text x="{x}" y="{TOP + HEIGHT + 16}">{day[5:]}</text>')
    for number, (mood, colour) in enumerate(COLOURS.items()):
        x = LEFT + 70 * number
        parts.append(f'<rect x="{x}" y="{TOP + HEIGHT + 34}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="{TOP + HEIGHT + 43}">{mood}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _span(days: Days) -> list[str]:
    if not days:
        return []
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
