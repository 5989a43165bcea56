"""The draw of songs: Thompson sampling over a list, with a no-repeat window and artists spread.

Each song has a belief about its worth, a Beta distribution: PRIOR before anything was said; a like or a dislike counts
VERDICT_WEIGHT observations, a skip SKIP_WEIGHT. For each recommendation every song draws one value of its belief and
the highest win (W. R. Thompson, 1933, On the likelihood that one unknown probability exceeds another, Biometrika 25;
D. Russo and others, 2018, A tutorial on Thompson sampling, Foundations and Trends in Machine Learning 11).
What was not heard for long and what many know gets a little more. EXPLORE of the places go to any song, so that none
is ever out of reach; a song is not offered again within the window, so that none takes half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from musicond.core.recommend.affect import Affect

PRIOR = 2
"""Both parameters of the belief in a song of which nothing was said; the draw relies on its being 2."""
VERDICT_WEIGHT = 2.0
SKIP_WEIGHT = 0.5
MAX_EVIDENCE = 40.0
"""Observations beyond which older ones fade: tastes change."""
EXPLORE = 0.1
FAMILIAR = 0.1
"""What being known by everybody is worth, of 1."""
RESTED = 0.25
"""What not having been offered for long is worth, of 1."""
FULLY_RESTED = 12
"""Recommendations after which a song counts as not offered for long, at most; sooner in a short list."""
WINDOW_SHARE = 5
"""A fifth of a list is kept from coming again at once."""
SHORTLIST = 1000
"""Of a longer list so many songs, picked anew each time, take part in a draw: its cost does not grow with the list."""
MAX_WINDOW = 40
"""Recommendations."""
NEAR = 0.35
"""Distance in the plane of valence and arousal within which songs fit a place well."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The songs of one or more lists as columns of equal length, in ascending order of `keys`."""

    keys: NDArray[np.int64]
    """Numbers of tracks in the catalogue."""
    artists: NDArray[np.int64]
    """Equal for tracks of one artist."""
    affect: NDArray[np.float32]
    """Shape (n, 2): valence and arousal, -1..1."""
    familiarity: NDArray[np.float32]
    """0 (obscure) to 1 (everybody knows it)."""

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.intp]) -> Candidates:
        """Return some of the songs."""
        return Candidates(self.keys[rows], self.artists[rows], self.affect[rows], self.familiarity[rows])


@dataclass(frozen=True, slots=True)
class TrackStats:
    """What is remembered of a track in one mood; counts, no times."""

    likes: int = 0
    dislikes: int = 0
    skips: int = 0
    impressions: int = 0
    round: int = 0
    """The mood's recommendations up to the one in which it was offered last; 0: never offered."""

    @property
    def has_feedback(self) -> bool:
        """Whether anything was said of it."""
        return bool(self.likes or self.dislikes or self.skips)


def union(pools: Sequence[Candidates]) -> Candidates:
    """Return all songs of some lists, each once."""
    if len(pools) == 1:
        return pools[0]
    columns = [np.concatenate([getattr(pool, name) for pool in pools]) for name in Candidates.__slots__]
    return Candidates(*columns).take(np.unique(columns[0], return_index=True)[1])


def shortlist(pool: Candidates, rng: np.random.Generator) -> Candidates:
    """Return SHORTLIST songs of a longer list, each equally likely; a shorter one as it is."""
    if len(pool) <= SHORTLIST:
        return pool
    return pool.take(np.sort(rng.choice(len(pool), SHORTLIST, replace=False, shuffle=False)))


def calmer(pool: Candidates, least: int) -> Candidates:
    """Return the calmer half of the songs, but not fewer than `least`."""
    count = max(least, len(pool) // 2)
    return pool.take(np.sort(np.argsort(pool.affect[:, 1], kind="stable")[:count]))


def window(size: int, count: int) -> int:
    """Return for how many recommendations of `count` songs a song of a list of `size` does not come again."""
    return min(MAX_WINDOW, max(1, size // (WINDOW_SHARE * count)))


@dataclass(frozen=True, slots=True)
class ThompsonSampler:
    """One recommendation's draw: what is remembered, which recommendation of the mood it is, and of how many songs."""

    stats: Mapping[int, TrackStats]
    round: int
    count: int
    rng: np.random.Generator

    def pick(self, pool: Candidates, targets: Sequence[Affect | None], taken: Candidates) -> Candidates:
        """Return a song for each target (None: any place), fewer from a shorter list.

        None of `taken`, and none of its artists or twice one artist, as long as there are others. A song within the
        window comes only where there is no other.
        """
        free = np.flatnonzero(~np.isin(pool.keys, taken.keys))
        pool = pool.take(free)
        age = self._ages(pool)
        worth = self._sample(pool, age)
        # Those within the window rank below all others, the one offered last below the one before.
        blocked = age <= window(len(pool), self.count)
        artists = set(taken.artists.tolist())
        chosen: list[int] = []
        for target in targets[: len(pool)]:
            drawn = self.rng.random(len(pool)) if self.rng.random() < EXPLORE else worth
            drawn = np.where(blocked, age - 1e6, drawn if target is None else drawn * _fit(pool, target))
            row = _best(pool, drawn, chosen, artists)
            chosen.append(row)
            artists.add(int(pool.artists[row]))
        return pool.take(np.array(chosen, np.intp))

    def _ages(self, pool: Candidates) -> NDArray[np.float64]:
        """Return recommendations since each song was offered last; infinite for those that never were."""
        turns = [each.round if (each := self.stats.get(key)) else 0 for key in pool.keys.tolist()]
        return np.array([self.round - turn if turn else np.inf for turn in turns], np.float64)

    def _sample(self, pool: Candidates, age: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a draw from each song's belief, weighted."""
        # The median of three uniform numbers is distributed as Beta(2, 2), and quickly made.
        one, two, three = self.rng.random((3, len(pool)))
        worth = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
        for row, key in enumerate(pool.keys.tolist()):
            if (each := self.stats.get(key)) is not None and each.has_feedback:
                worth[row] = self.rng.beta(*posterior(each))
        rested = np.minimum(1.0, age * self.count / min(FULLY_RESTED * self.count, max(1, len(pool))))
        known, fresh = 1 - FAMILIAR + FAMILIAR * pool.familiarity, 1 - RESTED + RESTED * rested
        weighted: NDArray[np.float64] = worth * known * fresh
        return weighted


def posterior(heard: TrackStats) -> tuple[float, float]:
    """Return the parameters of the Beta distribution of a song's worth."""
    good = VERDICT_WEIGHT * heard.likes
    bad = VERDICT_WEIGHT * heard.dislikes + SKIP_WEIGHT * heard.skips
    fade = min(1.0, MAX_EVIDENCE / max(1.0, good + bad))
    return PRIOR + fade * good, PRIOR + fade * bad


def _fit(pool: Candidates, target: Affect) -> NDArray[np.float64]:
    """Return how near the songs are to a place: 1 there, 0.6 at the distance NEAR."""
    squares = np.sum((pool.affect - np.array(target, np.float32)) ** 2, axis=1, dtype=np.float64)
    fit: NDArray[np.float64] = np.exp(-squares / (2 * NEAR**2))
    return fit


def _best(pool: Candidates, worth: NDArray[np.float64], chosen: list[int], artists: set[int]) -> int:
    """Return the row of the best song that is not chosen, of a new artist if one is left."""
    some = min(len(worth), 8 * (len(chosen) + 1))
    for rows in (np.argpartition(-worth, some - 1)[:some], np.arange(len(worth))):
        for row in rows[np.argsort(-worth[rows], kind="stable")].tolist():
            if row not in chosen and int(pool.artists[row]) not in artists:
                return int(row)
    order = np.argsort(-worth, kind="stable").tolist()
    return int(next(row for row in order if row not in chosen))


def empty() -> Candidates:
    """Return a pool without songs."""
    return Candidates(
        np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
    )
