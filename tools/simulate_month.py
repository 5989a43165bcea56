#!/usr/bin/env python3
"""Simulate a month of moods on the real catalogue and recommender, check every promise about the music, and draw it.

    script/simulate [--days 30] [--seed N] [--picture FILE.svg]

A household of a fixed seed is awake from 7 to 23 h; its mood changes every eight minutes or so. It loves some songs
and dislikes others, says so now and then, skips, and asks for other songs. Quiet hours begin at 22:00. The policy is
match, for the last third of the days lift and steady in turn. Nothing is random but by the seed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean, median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from typing import TYPE_CHECKING

import numpy as np

from musicond.app.library import wanted_lists
from musicond.config.schema import Config
from musicond.core.commands import Rate
from musicond.core.models import EMOTIONS, Emotion, Policy, Verdict
from musicond.core.outcome import Recommendation, RecommendationContext
from musicond.core.recommend.affect import CALM, EMOTION_AFFECT, LIFT_SONGS, LIFTED, lift_path, track_affect
from musicond.core.recommend.recommender import COUNT, Recommender, RecommenderConfig
from musicond.core.recommend.sampler import window
from musicond.core.schedule import Hours
from musicond.library.catalogue import SqliteCatalogue
from musicond.library.database import FILE_NAME, MEMORY
from musicond.library.editor import CatalogueEditor
from musicond.library.maintenance import LibraryMaintenance
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH, HEIGHT = 960, 640
BOX_W, BOX_H = 400, 220
CORNERS = ((60, 50), (540, 50), (60, 370), (540, 370))
COLOURS = {"liked": "#2f7d4f", "nothing said": "#7a8b99", "disliked": "#b5403a"}


def draw(home: Household, month: Month, days: int) -> str:
    """Return an SVG of four panels: shares of songs, the plane of affect, bytes written, and gaps."""
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
    """Draw how often liked, disliked and unrated songs are offered; 1 is the even share."""
    yield from _panel(0, "How often a song comes, by what was said of it so far", "days")
    shares: dict[tuple[Emotion, str], int] = defaultdict(int)
    for (emotion, song, verdict), count in month.said.items():
        shares[emotion, song] += count * {Verdict.LIKE: 1, Verdict.DISLIKE: -1, Verdict.SKIP: 0}[verdict]
    kinds = {name: Counter[int]() for name in COLOURS}
    sizes: Counter[str] = Counter()
    for entry in home.entries.values():
        balance = shares[Emotion(entry.emotion), entry.track_id]
        sizes["liked" if balance > 0 else "disliked" if balance < 0 else "nothing said"] += 1
    totals: Counter[int] = Counter()
    for offer in month.offers:
        week = (offer.at - month.offers[0].at).days // 3
        for song in offer.songs:
            balance = shares[offer.emotion, song]
            kinds["liked" if balance > 0 else "disliked" if balance < 0 else "nothing said"][week] += 1
            totals[week] += 1
    left, top = CORNERS[0]
    song_count = sum(sizes.values())
    for name, colour in COLOURS.items():
        points = []
        for week in sorted(totals):
            even = kinds[name][week] / totals[week] / max(1, sizes[name]) * song_count
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
    """Draw the affect of each emotion, the paths of two lifts, and the songs of one lift of the month in order."""
    yield from _panel(1, "Lifting sad (with the songs of one lift) and angry", "unpleasant to pleasant")
    left, top = CORNERS[1]

    def at(affect: tuple[float, float]) -> tuple[float, float]:
        return left + BOX_W * (affect[0] + 1) / 2, top + BOX_H * (1 - (affect[1] + 1) / 2)

    yield f'<text x="{left - 8}" y="{top + 8}" text-anchor="end">lively</text>'
    yield f'<text x="{left - 8}" y="{top + BOX_H}" text-anchor="end">calm</text>'
    for emotion, colour in ((Emotion.SAD, "#3b6fb6"), (Emotion.ANGRY, "#c43c3c")):
        path = [at(lift_path(emotion, songs)) for songs in range(LIFT_SONGS + 1)]
        yield (
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
            + " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
            + '"/>'
        )
    for name, affect in [*((emotion.value, affect) for emotion, affect in EMOTION_AFFECT.items()), ("calm", CALM)]:
        x, y = at(affect)
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
        height = BOX_H * month.written[day] / 1e6 / top_value
        x = left + BOX_W * day / days
        yield _bar(x + 1, top, height, BOX_W / days - 2)
    yield f'<text x="{left - 8}" y="{top + 8}" text-anchor="end">{top_value:.1f}</text>'
    yield f'<text x="{left - 8}" y="{top + BOX_H + 4}" text-anchor="end">0</text>'
    mean = fmean(month.written.values()) / 1e6
    yield f'<text x="{left + 10}" y="{top + 14}">mean {mean:.2f} MB a day, most {most:.2f} MB</text>'
    yield from _ticks(2, [0, days // 3, 2 * days // 3, days], days)


def _gaps(month: Month) -> Iterator[str]:
    """Draw after how many recommendations of a mood a song was offered again, under match."""
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
        height = BOX_H * gaps[gap] / most
        x = left + BOX_W * (gap - 1) / 16
        yield _bar(x + 2, top, height, BOX_W / 16 - 4)
        yield f'<text x="{x + BOX_W / 32:.1f}" y="{top + BOX_H + 15}" text-anchor="middle">{gap}</text>'


def _bar(x: float, top: int, height: float, width: float) -> str:
    return f'<rect class="bar" x="{x:.1f}" y="{top + BOX_H - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _ticks(number: int, values: list[int], most: int) -> Iterator[str]:
    left, top = CORNERS[number]
    for value in values:
        x = left + BOX_W * value / most
        yield f'<text x="{x:.1f}" y="{top + BOX_H + 15}" text-anchor="middle">{value}</text>'


START = datetime(2026, 6, 1, 7, tzinfo=UTC)
QUIET = Hours.parse("22:00-07:00")
MOODS = {"neutral": 0.40, "happy": 0.25, "sad": 0.12, "surprise": 0.08, "angry": 0.07, "fear": 0.05, "disgust": 0.03}
CHANGE_MIN = 8.0
"""Mean minutes between two changes of mood."""
CLOSE_SHARE = 0.2
"""Part of the readings in which a second emotion comes close."""
RATES, SKIPS, NEXTS = 0.15, 0.05, 0.03
"""Shares of the recommendations after which a song is rated or skipped, or other songs are requested."""
MOST_BYTES = 5e6


@dataclass
class Offer:
    """One recommendation made."""

    at: datetime
    emotion: Emotion
    policy: Policy
    songs: list[str]
    mixed: bool


@dataclass
class Month:
    """The events of a month."""

    offers: list[Offer] = field(default_factory=list)
    changes: int = 0
    repeated: int = 0
    """Moods that returned within the cool-down, with the same songs."""
    said: Counter[tuple[Emotion, str, Verdict]] = field(default_factory=Counter)
    written: Counter[int] = field(default_factory=Counter)
    """Bytes, by day."""
    broken: list[str] = field(default_factory=list)


def written() -> int:
    """Return the number of bytes that this process has written so far."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(fields["wchar"])


class Household:
    """A household that uses the recommender for a month."""

    def __init__(self, path: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.clock = 0.0
        self.catalogue = SqliteCatalogue(path, clock=lambda: self.clock)
        self.recommender = Recommender(self.catalogue, seed, RecommenderConfig(quiet_hours=QUIET))
        config = Config()
        store = JsonFile(path.with_name("refresh.json"))
        self.maintenance = LibraryMaintenance(path, wanted_lists(config), config.music.schedule, store, now=self.wall)
        with CatalogueEditor(path) as lists:
            self.entries = {entry.track_id: entry for entry in lists.entries()}
        self.taste = dict(zip(self.entries, self.rng.random(len(self.entries)).tolist(), strict=True))
        self.month = Month()
        self.shown: Recommendation | None = None

    def wall(self) -> datetime:
        """Return the simulated wall time."""
        return START + timedelta(seconds=self.clock)

    def live(self, days: int) -> Month:
        """Simulate so many days; return the events."""
        for day in range(days):
            self.clock = day * 86400.0
            before = written()
            self.maintenance.tick()
            while self.clock < day * 86400 + 16 * 3600:
                self.change(self.policy(day, days))
                self.clock += self.rng.exponential(CHANGE_MIN * 60)
                self.catalogue.flush_if_due()
            self.month.written[day] = written() - before
        before = written()
        self.catalogue.close()
        self.month.written[days - 1] += written() - before
        return self.month

    def policy(self, day: int, days: int) -> Policy:
        """Return the policy of a day."""
        if day < days * 2 / 3:
            return Policy.MATCH
        return (Policy.LIFT, Policy.STEADY)[day % 2]

    def change(self, policy: Policy) -> None:
        """Change the mood and take the recommendation for it."""
        emotion = Emotion(self.rng.choice(list(MOODS), p=list(MOODS.values())))
        top, close = 0.42 + 0.35 * self.rng.random(), self.rng.random() < CLOSE_SHARE
        second = EMOTIONS[(EMOTIONS.index(emotion) + 1 + int(self.rng.integers(6))) % 7]
        scores = [0.02] * 7
        scores[EMOTIONS.index(emotion)] = top
        scores[EMOTIONS.index(second)] = 0.9 * top if close else 0.3 * top
        context = RecommendationContext(emotion, self.clock, self.wall(), tuple(scores), policy)
        self.month.changes += 1
        new = self.recommender.recommend(context)
        if new is None or (self.shown and new.wall_time < context.wall_time):
            self.month.repeated += 1
            self.shown = new or self.shown
            return
        self.record(context, new, policy, mixed=close)
        if self.rng.random() < NEXTS:
            self.record(context, self.recommender.recommend_other(context), policy, mixed=close)
        self.react()

    def record(self, context: RecommendationContext, new: Recommendation, policy: Policy, *, mixed: bool) -> None:
        """Record a recommendation."""
        self.shown = new
        songs = [track.track_id for track in new.tracks]
        self.month.offers.append(Offer(context.wall_time, context.emotion, policy, songs, mixed))

    def react(self) -> None:
        """Rate a song of the current recommendation, or none."""
        shown = self.shown
        if shown is None:
            return
        song = shown.tracks[int(self.rng.integers(len(shown.tracks)))].track_id
        draw_rate, draw_skip = self.rng.random(2)
        verdict = None
        if draw_rate < RATES and self.taste[song] > 0.85:
            verdict = Verdict.LIKE
        elif draw_rate < RATES and self.taste[song] < 0.15:
            verdict = Verdict.DISLIKE
        elif draw_skip < SKIPS:
            verdict = Verdict.SKIP
        if verdict is not None:
            self.shown = self.recommender.rate(Rate(verdict, song), shown, self.wall()) or shown
            self.month.said[Emotion(shown.mood.value), song, verdict] += 1


def promises(home: Household, month: Month, days: int) -> Iterator[tuple[bool, str]]:
    """Yield for each promise whether it holds, and a line with its figures."""
    artist = {track_id: entry.artist.casefold() for track_id, entry in home.entries.items()}
    yield (
        days < 7 or month.changes > 100 * days,
        f"{month.changes} changes of mood, {len(month.offers)} recommendations",
    )
    whole = all(len(set(offer.songs)) == COUNT for offer in month.offers)
    yield whole, f"each of {COUNT} different songs"
    twice = sum(len({artist[song] for song in offer.songs}) < COUNT for offer in month.offers)
    yield twice == 0, f"{twice} with an artist twice"
    yield month.repeated > 0, f"{month.repeated} times a mood came back within ten minutes and kept its songs"
    again = sum(repeats(month, home))
    yield again == 0, f"{again} songs came again within the window of their mood ({window(25, COUNT)} recommendation)"
    loud, nightly = quiet(month, home)
    yield loud == 0, f"{nightly} recommendations in quiet hours, {loud} with a song of the louder half"
    mixed = [len({home.entries[song].emotion for song in o.songs}) for o in matched(month) if o.mixed]
    yield all(count == 2 for count in mixed), f"{len(mixed)} of a close reading, from two lists each"
    rise = [lifted(offer, home) for offer in month.offers if offer.policy is Policy.LIFT and offer.emotion in LIFTED]
    if rise:
        share = fmean(value > 0 for value in rise)
        yield share > 0.8 and fmean(rise) > 0.3, f"{len(rise)} lifts: valence rises by {fmean(rise):.2f} on average"
    known = {song for offer in month.offers for song in offer.songs}
    yield days < 7 or len(known) == len(home.entries), f"{len(known)} of {len(home.entries)} songs were offered"
    daily = [month.written[day] / 1e6 for day in range(days)]
    yield (
        max(daily) * 1e6 < MOST_BYTES,
        f"at most {max(daily):.2f} MB written in a day, {sum(daily[:7]):.2f} MB in a week",
    )


def matched(month: Month) -> list[Offer]:
    """Return the recommendations under match."""
    return [offer for offer in month.offers if offer.policy is Policy.MATCH]


def repeats(month: Month, home: Household) -> Iterator[int]:
    """Yield for each recommendation under match the number of songs repeated from the last one of its mood, by day."""
    last: dict[Emotion, set[str]] = {}
    for offer in matched(month):
        own = {song for song in offer.songs if home.entries[song].emotion == offer.emotion.value}
        yield len(own & last.get(offer.emotion, set())) if not QUIET.contains(offer.at) else 0
        last[offer.emotion] = own


def quiet(month: Month, home: Household) -> tuple[int, int]:
    """Return how many recommendations in quiet hours have a song above its list's median arousal, of how many."""
    energy = defaultdict(list)
    for entry in home.entries.values():
        energy[entry.emotion].append(track_affect(entry.valence, entry.energy, Emotion(entry.emotion))[1])
    middle = {emotion: median(values) for emotion, values in energy.items()}
    nightly = [offer for offer in matched(month) if QUIET.contains(offer.at)]
    loud = sum(any(affect_of(home, song)[1] > middle[home.entries[song].emotion] for song in o.songs) for o in nightly)
    return loud, len(nightly)


def affect_of(home: Household, song: str) -> tuple[float, float]:
    """Return the affect of a song."""
    entry = home.entries[song]
    return track_affect(entry.valence, entry.energy, Emotion(entry.emotion))


def lifted(offer: Offer, home: Household) -> float:
    """Return the rise of valence from the first two songs of a lift to the last two."""
    valences = [affect_of(home, song)[0] for song in offer.songs]
    return fmean(valences[-2:]) - fmean(valences[:2])


def shares(verdicts: dict[int, tuple[Verdict, int]], rounds: int, seed: int) -> list[float]:
    """Return the share of each of the 25 happy songs among those offered, after verdicts by row."""
    catalogue = SqliteCatalogue(MEMORY)
    keys = [int(key) for key in catalogue.candidates(Emotion.HAPPY).keys]
    for row, (verdict, count) in verdicts.items():
        for _ in range(count):
            catalogue.rate([Emotion.HAPPY], keys[row], verdict)
    recommender, counts = Recommender(catalogue, seed, RecommenderConfig(cool_down_s=0)), Counter[str]()
    for turn in range(rounds):
        new = recommender.recommend_other(RecommendationContext(Emotion.HAPPY, float(turn), START))
        counts.update(track.track_id for track in new.tracks)
    names = [track.track_id for track in catalogue.tracks(keys)]
    catalogue.close()
    return [counts[name] / counts.total() for name in names]


def learning(rounds: int, seed: int) -> Iterator[tuple[bool, str]]:
    """Yield the promises on feedback, measured on the happy list without other feedback."""
    even = 1 / 25
    liked = shares({0: (Verdict.LIKE, 5)}, rounds, seed)[0] / even
    yield liked >= 2, f"after 5 likes a song comes {liked:.2f} times as often"
    disliked = shares({0: (Verdict.DISLIKE, 3)}, rounds, seed)[0] / even
    yield disliked <= 0.2, f"after 3 dislikes {disliked:.2f} times as often"
    skipped = shares({0: (Verdict.SKIP, 3)}, rounds, seed)[0] / even
    yield disliked < skipped < 1, f"after 3 skips {skipped:.2f} times as often"
    extreme = shares({0: (Verdict.LIKE, 500), 1: (Verdict.DISLIKE, 500)}, rounds, seed)
    yield (
        min(extreme) > 0 and max(extreme) < 0.5,
        f"after 500 of each the shares lie from {min(extreme):.4f} to {max(extreme):.4f}",
    )


def main() -> int:
    """Print the promises; return 1 if one is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=4000, help="recommendations for each promise on feedback")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw what happened")
    args = parser.parse_args()
    months = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            home = Household(Path(folder) / FILE_NAME, args.seed)
            months.append(home.live(args.days))
    same = [offer.songs for offer in months[0].offers] == [offer.songs for offer in months[1].offers]
    results = [
        (same, "the same seed gives the same songs again"),
        *promises(home, months[1], args.days),
        *learning(args.rounds, args.seed),
    ]
    for holds, line in results:
        print(f"{'kept' if holds else 'BROKEN':7}{line}")
    if args.picture:
        args.picture.write_text(draw(home, months[1], args.days), "utf-8")
        print(f"{args.picture} written")
    return 0 if all(holds for holds, _ in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
