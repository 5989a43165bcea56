"""Draws what tools/simulate_month.py has simulated: four panels in one SVG."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import fmean
from typing import TYPE_CHECKING

from musicond.core.models import Emotion, Policy, Verdict
from musicond.core.recommend.affect import CALM, EMOTION_AFFECT, LIFT_SONGS, lift_path, track_affect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.simulate_month import Household, Month

WIDTH, HEIGHT = 960, 640
BOX_W, BOX_H = 400, 220
CORNERS = ((60, 50), (540, 50), (60, 370), (540, 370))
COLOURS = {"liked": "#2f7d4f", "nothing said": "#7a8b99", "disliked": "#b5403a"}


def draw(home: Household, month: Month, days: int) -> str:
    """Return the picture."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        "<style>text { font-size: 12px; fill: #444 } .head { font-size: 14px; fill: #111 }",
        ".axis { stroke: #bbb } .bar { fill: #7a8b99 }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *_shares(home, month, days),
        *_plane(home, month),
        *_bytes(month, days),
        *_gaps(month),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(number: int, title: str, below: str) -> Iterator[str]:
    left, top = CORNERS[number]
    yield f'<text class="head" x="{left}" y="{top - 14}">{title}</text>'
    yield f'<path class="axis" fill="none" d="M{left} {top}v{BOX_H}h{BOX_W}"/>'
    yield f'<text x="{left + BOX_W}" y="{top + BOX_H + 30}" text-anchor="end">{below}</text>'


def _shares(home: Household, month: Month, days: int) -> Iterator[str]:
    """Draw how often liked and disliked songs come, beside those of which nothing was said; 1 is even."""
    yield from _panel(0, "How often a song comes, by what was said of it so far", "days")
    said: dict[tuple[Emotion, str], int] = defaultdict(int)
    for (emotion, song, verdict), count in month.said.items():
        said[emotion, song] += count * {Verdict.LIKE: 1, Verdict.DISLIKE: -1, Verdict.SKIP: 0}[verdict]
    kinds = {name: Counter[int]() for name in COLOURS}
    sizes: Counter[str] = Counter()
    for entry in home.entries.values():
        balance = said[Emotion(entry.emotion), entry.track_id]
        sizes["liked" if balance > 0 else "disliked" if balance < 0 else "nothing said"] += 1
    totals: Counter[int] = Counter()
    for offer in month.offers:
        week = (offer.at - month.offers[0].at).days // 3
        for song in offer.songs:
            balance = said[offer.emotion, song]
            kinds["liked" if balance > 0 else "disliked" if balance < 0 else "nothing said"][week] += 1
            totals[week] += 1
    left, top = CORNERS[0]
    every = sum(sizes.values())
    for name, colour in COLOURS.items():
        points = []
        for week in sorted(totals):
            even = kinds[name][week] / totals[week] / max(1, sizes[name]) * every
            x = left + BOX_W * min(days, 3 * week + 1.5) / days
            points.append(f"{x:.1f},{top + BOX_H - min(3.0, even) * BOX_H / 3:.1f}")
        yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(points)}"/>'
        row = list(COLOURS).index(name)
        label = f"{name} ({sizes[name]} songs)"
        yield f'<text x="{left + 10}" y="{top + 14 + 16 * row}" style="fill: {colour}">{label}</text>'
    for value in (0, 1, 2, 3):
        yield f'<text x="{left - 8}" y="{top + BOX_H - value * BOX_H / 3 + 4:.0f}" text-anchor="end">{value}</text>'
    yield from _ticks(0, [0, days // 3, 2 * days // 3, days], days)


def _plane(home: Household, month: Month) -> Iterator[str]:
    """Draw the emotions' places, the ways of two lifts, and the songs of one lift of the month, in their order."""
    yield from _panel(1, "Lifting sad (with the songs of one lift) and angry", "unpleasant to pleasant")
    left, top = CORNERS[1]

    def at(place: tuple[float, float]) -> tuple[float, float]:
        return left + BOX_W * (place[0] + 1) / 2, top + BOX_H * (1 - (place[1] + 1) / 2)

    yield f'<text x="{left - 8}" y="{top + 8}" text-anchor="end">lively</text>'
    yield f'<text x="{left - 8}" y="{top + BOX_H}" text-anchor="end">calm</text>'
    for emotion, colour in ((Emotion.SAD, "#3b6fb6"), (Emotion.ANGRY, "#c43c3c")):
        way = [at(lift_path(emotion, songs)) for songs in range(LIFT_SONGS + 1)]
        yield (
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
            + " ".join(f"{x:.1f},{y:.1f}" for x, y in way)
            + '"/>'
        )
    for name, place in [*((emotion.value, place) for emotion, place in EMOTION_AFFECT.items()), ("calm", CALM)]:
        x, y = at(place)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#444"/>'
        yield f'<text x="{x + 7:.1f}" y="{y - 5:.1f}">{name}</text>'
    songs = next((o.songs for o in month.offers if o.policy is Policy.LIFT and o.emotion is Emotion.SAD), [])
    for number, song in enumerate(songs, start=1):
        entry = home.entries[song]
        x, y = at(track_affect(entry.valence, entry.energy, Emotion(entry.emotion)))
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="#fff" stroke="#3b6fb6"/>'
        yield f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{number}</text>'


def _bytes(month: Month, days: int) -> Iterator[str]:
    """Draw the bytes written on each day."""
    most = max(month.written.values()) / 1e6
    top_value = max(0.5, most * 1.1)
    yield from _panel(2, "Megabytes written (promised: below 5 a day)", "days")
    left, top = CORNERS[2]
    for day in range(days):
        tall = BOX_H * month.written[day] / 1e6 / top_value
        x = left + BOX_W * day / days
        yield _bar(x + 1, top, tall, BOX_W / days - 2)
    yield f'<text x="{left - 8}" y="{top + 8}" text-anchor="end">{top_value:.1f}</text>'
    yield f'<text x="{left - 8}" y="{top + BOX_H + 4}" text-anchor="end">0</text>'
    mean = fmean(month.written.values()) / 1e6
    yield f'<text x="{left + 10}" y="{top + 14}">mean {mean:.2f} MB a day, most {most:.2f} MB</text>'
    yield from _ticks(2, [0, days // 3, 2 * days // 3, days], days)


def _gaps(month: Month) -> Iterator[str]:
    """Draw after how many of a mood's recommendations a song came again, under match."""
    gaps: Counter[int] = Counter()
    last: dict[tuple[Emotion, str], int] = {}
    turns: Counter[Emotion] = Counter()
    for offer in month.offers:
        turns[offer.emotion] += 1
        for song in offer.songs if offer.policy is Policy.MATCH else ():
            key = offer.emotion, song
            if key in last:
                gaps[min(16, turns[offer.emotion] - last[key])] += 1
            last[key] = turns[offer.emotion]
    yield from _panel(3, "When a song comes again in its mood", "recommendations of that mood later (16: or more)")
    left, top = CORNERS[3]
    most = max(gaps.values(), default=1)
    for gap in range(1, 17):
        tall = BOX_H * gaps[gap] / most
        x = left + BOX_W * (gap - 1) / 16
        yield _bar(x + 2, top, tall, BOX_W / 16 - 4)
        yield f'<text x="{x + BOX_W / 32:.1f}" y="{top + BOX_H + 15}" text-anchor="middle">{gap}</text>'


def _bar(x: float, top: int, tall: float, wide: float) -> str:
    return f'<rect class="bar" x="{x:.1f}" y="{top + BOX_H - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'


def _ticks(number: int, values: list[int], most: int) -> Iterator[str]:
    left, top = CORNERS[number]
    for value in values:
        x = left + BOX_W * value / most
        yield f'<text x="{x:.1f}" y="{top + BOX_H + 15}" text-anchor="middle">{value}</text>'
