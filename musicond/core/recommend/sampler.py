"""Thompson sampling over a list of tracks, with a no-repeat window and different artists.

Each track has a Beta distribution of its value: PRIOR without feedback; a like or a dislike counts VERDICT_WEIGHT
observations, a skip SKIP_WEIGHT. For each recommendation one value of each track's posterior is drawn, and the highest
win (W. R. Thompson, 1933, On the likelihood that one unknown probability exceeds another, Biometrika 25;
D. Russo and others, 2018, A tutorial on Thompson sampling, Foundations and Trends in Machine Learning 11).
Tracks that were not offered for long and familiar ones get a little more. EXPLORE of the positions go to any track, so
that each remains possible; a track is not offered again within the window, so that none takes half of the positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musicond.core.models import Emotion, Verdict
from musicond.core.recommend.affect import EMOTION_AFFECT, Affect

PRIOR = 2
"""Both parameters of the distribution without feedback; `_sample` relies on the value 2."""
VERDICT_WEIGHT = 2.0
SKIP_WEIGHT = 0.5
MAX_EVIDENCE = 40.0
"""Observations above which older ones fade, as tastes change."""
EXPLORE = 0.1
FAMILIAR = 0.1
"""Share of a track's value that depends on its familiarity."""
RESTED = 0.25
"""Share of a track's value that depends on the time since its last offer."""
FULLY_RESTED = 12
"""Recommendations after which a track counts as fully rested; fewer in a short list."""
WINDOW_SHARE = 5
"""The window covers one fifth of a list."""
SHORTLIST = 1000
"""Number of tracks of a longer list that take part in a draw, newly chosen each time, to limit its cost."""
MAX_WINDOW = 40
"""Recommendations."""
NEAR = 0.35
"""Distance in the plane of valence and arousal within which a track fits an affect well."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The tracks of one or more lists as columns of equal length, in ascending order of `keys`."""

    keys: NDArray[np.int64]
    """Numbers of the tracks in the catalogue."""
    artists: NDArray[np.int64]
    """Equal for tracks of one artist."""
    affect: NDArray[np.float32]
    """Shape (n, 2): valence and arousal, -1..1."""
    familiarity: NDArray[np.float32]
    """0 (obscure) to 1 (everybody knows it)."""

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.intp]) -> Candidates:
        """Return the tracks in these rows."""
        return Candidates(self.keys[rows], self.artists[rows], self.affect[rows], self.familiarity[rows])


EMPTY = Candidates(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))


def known_affects(candidates: Candidates, lists: Sequence[Emotion]) -> list[Affect | None]:
    """Return the affect of each track that has values of its own; None for one with that of its list's emotion."""
    unknown = np.array([EMOTION_AFFECT[emotion] for emotion in lists], np.float32)
    is_unknown = (candidates.affect[:, None] == unknown[None]).all(axis=2).any(axis=1).tolist()
    affects = candidates.affect.tolist()
    return [None if skip else (valence, arousal) for skip, (valence, arousal) in zip(is_unknown, affects, strict=True)]


@dataclass(frozen=True, slots=True)
class TrackStats:
    """The statistics of a track in one mood: counts, no times."""

    likes: int = 0
    dislikes: int = 0
    skips: int = 0
    impressions: int = 0
    round: int = 0
    """Number of the mood's recommendation that last offered the track; 0: never offered."""

    @property
    def has_feedback(self) -> bool:
        """Whether the track has feedback."""
        return bool(self.likes or self.dislikes or self.skips)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that prevails, like or dislike; None if neither does."""
        if self.likes == self.dislikes:
            return None
        return Verdict.LIKE if self.likes > self.dislikes else Verdict.DISLIKE


def union(parts: Sequence[Candidates]) -> Candidates:
    """Return all tracks of several candidates, each once."""
    if len(parts) == 1:
        return parts[0]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Candidates.__slots__]
    return Candidates(*columns).take(np.unique(columns[0], return_index=True)[1])


def shortlist(candidates: Candidates, rng: np.random.Generator) -> Candidates:
    """Return SHORTLIST tracks of a longer list, each equally likely; a shorter list unchanged."""
    if len(candidates) <= SHORTLIST:
        return candidates
    return candidates.take(np.sort(rng.choice(len(candidates), SHORTLIST, replace=False, shuffle=False)))


def calmer(candidates: Candidates, minimum: int) -> Candidates:
    """Return the half of the tracks with the lower arousal, but at least `minimum` of them."""
    count = max(minimum, len(candidates) // 2)
    return candidates.take(np.sort(np.argsort(candidates.affect[:, 1], kind="stable")[:count]))


def window(size: int, count: int) -> int:
    """Return the number of recommendations of `count` tracks before a track of a list of `size` may come again."""
    return min(MAX_WINDOW, max(1, size // (WINDOW_SHARE * count)))


@dataclass(frozen=True, slots=True)
class ThompsonSampler:
    """The sampler for one recommendation of `count` tracks, the mood's `round`th."""

    stats: Mapping[int, TrackStats]
    round: int
    count: int
    rng: np.random.Generator

    def pick(self, candidates: Candidates, targets: Sequence[Affect | None], excluded: Candidates) -> Candidates:
        """Return a track for each target (None: any affect), fewer if there are fewer candidates.

        None of `excluded` is returned. As long as there are others, no artist is returned twice, nor one of
        `excluded`, and no track within the window.
        """
        candidates = candidates.take(np.flatnonzero(~np.isin(candidates.keys, excluded.keys)))
        ages = self._ages(candidates)
        samples = self._sample(candidates, ages)
        # Tracks within the window rank below all others, the one offered last below the one before.
        blocked = ages <= window(len(candidates), self.count)
        artists = excluded.artists.tolist()
        chosen: list[int] = []
        for target in targets[: len(candidates)]:
            values = self.rng.random(len(candidates)) if self.rng.random() < EXPLORE else samples
            values = np.where(blocked, ages - 1e6, values if target is None else values * _fit(candidates, target))
            row = _best(candidates, values, chosen, artists)
            chosen.append(row)
            artists.append(int(candidates.artists[row]))
        return candidates.take(np.array(chosen, np.intp))

    def _ages(self, candidates: Candidates) -> NDArray[np.float64]:
        """Return the recommendations since each track was last offered; infinite for one that never was."""
        rounds = [track.round if (track := self.stats.get(key)) else 0 for key in candidates.keys.tolist()]
        return np.array([self.round - number if number else np.inf for number in rounds], np.float64)

    def _sample(self, candidates: Candidates, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a sample of each track's posterior, weighted by familiarity and rest."""
        # The median of three uniform numbers has the distribution Beta(2, 2), and is quick to compute.
        first, second, third = self.rng.random((3, len(candidates)))
        samples = np.maximum(np.minimum(first, second), np.minimum(np.maximum(first, second), third))
        for row, key in enumerate(candidates.keys.tolist()):
            if (track := self.stats.get(key)) is not None and track.has_feedback:
                samples[row] = self.rng.beta(*posterior(track))
        rest = np.minimum(1.0, ages * self.count / min(FULLY_RESTED * self.count, max(1, len(candidates))))
        familiarity = 1 - FAMILIAR + FAMILIAR * candidates.familiarity
        return np.asarray(samples * familiarity * (1 - RESTED + RESTED * rest), np.float64)


def posterior(track: TrackStats) -> tuple[float, float]:
    """Return the parameters of the Beta distribution of a track's value."""
    good = VERDICT_WEIGHT * track.likes
    bad = VERDICT_WEIGHT * track.dislikes + SKIP_WEIGHT * track.skips
    fade = min(1.0, MAX_EVIDENCE / max(1.0, good + bad))
    return PRIOR + fade * good, PRIOR + fade * bad


def _fit(candidates: Candidates, target: Affect) -> NDArray[np.float64]:
    """Return how well the tracks fit an affect: 1 for the same, 0.6 at the distance NEAR."""
    squares = np.sum((candidates.affect - np.array(target, np.float32)) ** 2, axis=1, dtype=np.float64)
    return np.asarray(np.exp(-squares / (2 * NEAR**2)), np.float64)


def _best(candidates: Candidates, values: NDArray[np.float64], chosen: list[int], artists: list[int]) -> int:
    """Return the row with the highest value that is not chosen, of a new artist if there is one."""
    free = ~np.isin(np.arange(len(values)), chosen)
    new = free & ~np.isin(candidates.artists, artists)
    return int(np.argmax(np.where(new if new.any() else free, values, -np.inf)))
