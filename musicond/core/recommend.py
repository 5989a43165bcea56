"""Chooses songs for a mood: rotates through its list, familiar songs sooner, artists spread, nothing global."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from musicond.core.messages import Emotion, Mood, Recommendation
from musicond.core.ports import CatalogueError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from musicond.core.messages import Candidate
    from musicond.core.ports import Catalogue

COUNT = 5
OBSCURE = 0.1
"""Weight that even a track of familiarity 0 has in the draw, so that it comes up early now and then."""

SOUND = {
    Emotion.ANGRY: "fast, loud guitar",
    Emotion.DISGUST: "harsh, heavy",
    Emotion.FEAR: "dark, tense",
    Emotion.HAPPY: "bright, lively",
    Emotion.NEUTRAL: "calm, even-tempered",
    Emotion.SAD: "slow, quiet",
    Emotion.SURPRISE: "fast, high-energy",
}
"""What the lists were picked for: see docs/recommendation.md."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Recommender:
    """Recommends for each announced mood; a mood that comes back soon keeps its songs."""

    def __init__(self, catalogue: Catalogue, seed: int, cool_down_s: float, count: int = COUNT) -> None:
        self.cool_down_s = cool_down_s
        self._catalogue, self._count = catalogue, count
        self._rng = random.Random(seed)  # noqa: S311 - songs, not secrets
        self._made: dict[Emotion, tuple[float, Recommendation]] = {}
        self._last: Emotion | None = None

    def for_mood(self, emotion: Emotion, captured_at: float, wall: datetime) -> Recommendation | None:
        """Return what is to be shown from now on, or None to keep what is shown.

        Within `cool_down_s` of its making, a mood's recommendation comes back unchanged, and counts as shown once.
        Raises CatalogueError; the next call tries anew.
        """
        made = self._made.get(emotion)
        if made is not None and 0 <= captured_at - made[0] < self.cool_down_s:
            if self._last is emotion:
                return None
            self._last = emotion
            return made[1]
        candidates = self._catalogue.candidates(emotion)
        new = recommend(emotion, candidates, count=self._count, rng=self._rng, wall=wall)
        self._catalogue.mark_shown([track.track_id for track in new.tracks])
        self._made[emotion] = captured_at, new
        self._last = emotion
        return new


def recommend(
    emotion: Emotion, candidates: Sequence[Candidate], *, count: int, rng: random.Random, wall: datetime
) -> Recommendation:
    """Return `count` tracks (fewer from a shorter list) with the reason; raise CatalogueError on an empty list."""
    if not candidates:
        # Which list it is would tell the log the mood.
        raise CatalogueError("catalogue: a list is empty; see musicond doctor, or move the catalogue away")
    chosen = choose(candidates, count, rng)
    return Recommendation(Mood(emotion.value), tuple(each.track for each in chosen), reason(emotion, chosen), wall)


def choose(candidates: Sequence[Candidate], count: int, rng: random.Random) -> list[Candidate]:
    """Return `count` candidates: none of them while one that was shown less often is left out.

    Among equals familiar tracks are likelier, and no artist comes twice unless the rotation leaves no choice.
    """
    chosen: list[Candidate] = []
    for _, group in groupby(sorted(candidates, key=lambda each: each.shown), key=lambda each: each.shown):
        missing = count - len(chosen)
        if missing <= 0:
            break
        chosen += _spread(_drawn(list(group), rng), missing, count, {each.track.artist for each in chosen})
    return chosen


def reason(emotion: Emotion, chosen: Sequence[Candidate]) -> str:
    """Say in plain words what was chosen and why these."""
    number = NUMBERS[len(chosen)] if len(chosen) < len(NUMBERS) else str(len(chosen))
    noun = "song" if len(chosen) == 1 else "songs"
    fresh = "not offered before" if all(each.shown == 0 for each in chosen) else "offered least so far"
    return f"{emotion.value.capitalize()}: {number} {SOUND[emotion]} {noun}, {fresh}."


def _drawn(tier: list[Candidate], rng: random.Random) -> list[Candidate]:
    """Return the tier in the order of a weighted draw without replacement.

    Each gets the key u**(1/w) with u uniform in (0, 1]; the largest come first: Efraimidis and Spirakis, "Weighted
    random sampling with a reservoir", Information Processing Letters 97 (2006). Its logarithm sorts alike.
    """
    keys = [math.log(1.0 - rng.random()) / (OBSCURE + each.familiarity) for each in tier]
    order = sorted(range(len(tier)), key=lambda index: -keys[index])
    return [tier[index] for index in order]


def _spread(drawn: list[Candidate], missing: int, count: int, artists: set[str]) -> list[Candidate]:
    """Return the first `missing` of a tier that repeat no artist, filled up with those that do.

    An artist with more tracks left than there are rounds after this one goes first: else two would meet later.
    """
    rounds_after = math.ceil((len(drawn) - missing) / count)
    left = Counter(each.track.artist for each in drawn)
    seen = Counter(artists)
    ranks: dict[int, tuple[int, bool, int]] = {}
    for place, each in enumerate(drawn):
        artist = each.track.artist
        ranks[place] = (seen[artist], left[artist] <= rounds_after, place)
        seen[artist] += 1
    return [drawn[place] for place in sorted(sorted(ranks, key=ranks.__getitem__)[:missing])]
