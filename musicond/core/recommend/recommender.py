"""Recommends songs for a mood: by the policy's plan, drawn by `core.choice`; takes what persons say of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from musicond.core.models import Emotion, Mood, Policy, Verdict
from musicond.core.outcome import Recommendation
from musicond.core.recommend.explanation import explain, to_text
from musicond.core.recommend.policies import PolicyPlanner
from musicond.core.recommend.sampler import ThompsonSampler, calmer, empty, shortlist, union
from musicond.errors import CatalogueError, CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from musicond.core.commands import Rate
    from musicond.core.outcome import RecommendationContext
    from musicond.core.ports import Catalogue
    from musicond.core.recommend.policies import Plan, PlanPart
    from musicond.core.recommend.sampler import Candidates, TrackStats
    from musicond.core.schedule import Hours

COUNT = 5


@dataclass(frozen=True, slots=True)
class RecommenderConfig:
    """What the configuration says of the music."""

    policy: Policy = Policy.MATCH
    by_mood: Mapping[Emotion, Policy] = field(default_factory=dict)
    """Policies of single moods, instead of `policy`."""
    cool_down_s: float = 600.0
    """For so long the same mood coming back keeps its recommendation."""
    quiet_hours: Hours | None = None
    count: int = COUNT


class Recommender:
    """Recommends for each announced mood; a mood that comes back soon keeps its songs."""

    def __init__(self, catalogue: Catalogue, seed: int, taste: RecommenderConfig | None = None) -> None:
        self._catalogue, self.config = catalogue, taste or RecommenderConfig()
        self._rng = np.random.default_rng(seed)
        self._guide = PolicyPlanner()
        self._made: dict[Emotion, tuple[float, Recommendation, Plan]] = {}
        self._turn: dict[Emotion, int] = {}
        """How many recommendations each mood has had, as far as it was asked."""
        self._last: Emotion | None = None

    def recommend(self, occasion: RecommendationContext) -> Recommendation | None:
        """Return what is to be shown from now on, or None to keep what is shown.

        Within the cool-down of its making, a mood's recommendation comes back unchanged, and counts as offered once.
        Raises CatalogueError; the next call tries anew.
        """
        made = self._made.get(occasion.emotion)
        if made is None or not 0 <= occasion.captured_at - made[0] < self.config.cool_down_s:
            return self.recommend_other(occasion)
        if self._last is occasion.emotion:
            return None
        self._last = occasion.emotion
        return made[1]

    def recommend_other(self, occasion: RecommendationContext) -> Recommendation:
        """Return other songs for the mood, whatever was offered a moment ago; raise CatalogueError."""
        emotion = occasion.emotion
        plan = self._guide.plan(occasion, self._policy(occasion), self.config.count)
        heard = self._catalogue.stats(emotion)
        turn = self._turns(emotion) + 1
        drawn: list[Candidates] = []
        for part in plan.parts:
            drawn.append(self._draw(heard, turn, part, union([*drawn, empty()]), occasion.wall_time))
        songs = [key for pool in drawn for key in pool.keys.tolist()]
        if not songs:
            # Which list it is would tell the log the mood.
            raise CatalogueError("catalogue: a list is empty; see musicond catalogue verify")
        counts, known = [len(pool) for pool in drawn], [heard.get(key) for key in songs]
        found = explain(plan, counts, known, turn, quiet=self._quiet(occasion.wall_time))
        tracks, words = tuple(self._catalogue.tracks(songs)), to_text(emotion, found, counts)
        new = Recommendation(
            Mood(emotion.value), tracks, words, occasion.wall_time, found, self._catalogue.playlist(tracks)
        )
        self._catalogue.mark_offered(emotion, songs, turn)
        self._turn[emotion] = turn
        self._guide.commit(occasion, plan, union(drawn))
        self._made[emotion] = occasion.captured_at, new, plan
        self._last = emotion
        return new

    def rate(self, rate: Rate, shown: Recommendation | None, wall: datetime) -> Recommendation | None:
        """Remember a verdict, on the disk, and return what is to be shown instead of `shown`; None to keep it.

        A song that is disliked or skipped gives its place in `shown` to another. Raises CatalogueError, and
        CommandError where no song is meant.
        """
        if rate.track_id is None and not (shown and shown.tracks):
            raise CommandError("no song is recommended now; name one")
        track_id = rate.track_id or (shown.tracks[0].track_id if shown else "")
        key = self._catalogue.key_of(track_id)
        moods = () if key is None else self._rated_in(track_id, key, shown)
        if key is None or not moods:
            raise CommandError(f"no list holds a song {track_id!r}; see musicond catalogue list --json")
        self._catalogue.rate(moods, key, rate.verdict)
        if rate.verdict is Verdict.LIKE or shown is None or not _has(shown, track_id):
            return None
        return self._instead(shown, track_id, wall)

    def _turns(self, mood: Emotion) -> int:
        """Return how many recommendations a mood has had."""
        if mood not in self._turn:
            self._turn[mood] = max((each.round for each in self._catalogue.stats(mood).values()), default=0)
        return self._turn[mood]

    def _policy(self, occasion: RecommendationContext) -> Policy:
        return occasion.policy or self.config.by_mood.get(occasion.emotion, self.config.policy)

    def _quiet(self, wall: datetime) -> bool:
        hours = self.config.quiet_hours
        return hours is not None and hours.contains(wall)

    def _draw(
        self, heard: Mapping[int, TrackStats], turn: int, part: PlanPart, taken: Candidates, wall: datetime
    ) -> Candidates:
        pool = union([shortlist(self._catalogue.candidates(each), self._rng) for each in part.lists])
        if self._quiet(wall):
            pool = calmer(pool, 2 * self.config.count)
        return ThompsonSampler(heard, turn, self.config.count, self._rng).pick(pool, part.targets, taken)

    def _rated_in(self, track_id: str, key: int, shown: Recommendation | None) -> tuple[Emotion, ...]:
        """Return the moods a verdict belongs to: that of the recommendation, else those of the track's lists."""
        known = [each for _, each, _ in self._made.values()]
        for found in [shown, *known] if shown else known:
            if _has(found, track_id):
                return (Emotion(found.mood.value),)
        return tuple(self._catalogue.emotions_of(key))

    def _instead(self, shown: Recommendation, track_id: str, wall: datetime) -> Recommendation:
        """Return what is shown without one of its songs and with another at the end, if there is one."""
        emotion = Emotion(shown.mood.value)
        heard = self._catalogue.stats(emotion)
        made = self._made.get(emotion)
        part = made[2].parts[-1] if made else None
        lists, target = (part.lists, part.targets[-1]) if part else ((emotion,), None)
        pool = union([shortlist(self._catalogue.candidates(each), self._rng) for each in lists])
        keys = [self._catalogue.key_of(track.track_id) for track in shown.tracks]
        taken = pool.take(np.flatnonzero(np.isin(pool.keys, [key for key in keys if key is not None])))
        turn = self._turns(emotion)
        chosen = ThompsonSampler(heard, turn, self.config.count, self._rng).pick(pool, (target,), taken).keys.tolist()
        self._catalogue.mark_offered(emotion, chosen, max(1, turn))
        kept = tuple(track for track in shown.tracks if track.track_id != track_id)
        tracks = (*kept, *self._catalogue.tracks(chosen))
        new = replace(shown, tracks=tracks, wall_time=wall, playlist=self._catalogue.playlist(tracks))
        if made:
            self._made[emotion] = made[0], new, made[2]
        return new


def _has(found: Recommendation, track_id: str) -> bool:
    return any(track.track_id == track_id for track in found.tracks)
