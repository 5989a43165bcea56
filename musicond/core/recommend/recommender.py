"""The recommender: draws the tracks for a mood by the policy's plan, and takes feedback on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from musicond.core.commands import Rate, Withdraw
from musicond.core.models import Emotion, Mood, Policy, Verdict
from musicond.core.outcome import Recommendation, RecommendationContext
from musicond.core.ports import Catalogue
from musicond.core.recommend.explanation import explain, to_text
from musicond.core.recommend.feedback import by_track, remember, skipped_of, verdicts_of, with_others, with_verdict
from musicond.core.recommend.policies import Plan, PlanPart, PolicyPlanner
from musicond.core.recommend.sampler import EMPTY, Candidates, ThompsonSampler, calmer, known_affects, shortlist, union
from musicond.core.schedule import Hours
from musicond.errors import CatalogueError, CommandError

COUNT = 5


@dataclass(frozen=True, slots=True)
class RecommenderConfig:
    """The configuration of the recommender."""

    policy: Policy = Policy.MATCH
    by_mood: Mapping[Emotion, Policy] = field(default_factory=dict)
    """Policies of single moods, instead of `policy`."""
    cool_down_s: float = 600.0
    """Seconds for which a mood that comes back keeps its recommendation."""
    quiet_hours: Hours | None = None
    count: int = COUNT


class Recommender:
    """A recommender for announced moods; a mood that comes back soon keeps its tracks."""

    def __init__(self, catalogue: Catalogue, seed: int, config: RecommenderConfig | None = None) -> None:
        self._catalogue, self.config = catalogue, config or RecommenderConfig()
        self._rng = np.random.default_rng(seed)
        self._planner = PolicyPlanner()
        self._recent: dict[Emotion, tuple[float, Recommendation, Plan]] = {}
        """The last recommendation of each mood, with its plan and the monotonic seconds at which it was made."""
        self._rounds: dict[Emotion, int] = {}
        """Number of each mood's recommendations, once read from the catalogue."""
        self._last: Emotion | None = None
        self._revision: int | None = None
        """That of the catalogue when `is_outdated` last succeeded."""
        self._rated: dict[str, tuple[Emotion, ...]] = {}
        """The moods of the last verdict on each of the tracks rated last, by track id, oldest first."""

    def recommend(self, context: RecommendationContext) -> Recommendation | None:
        """Return the recommendation to show from now on, or None to keep the current one.

        Within the cool-down a mood's last recommendation comes back, and counts as offered once. Other tracks come for
        those that were disliked or skipped meanwhile. A new one is made where these were all, or where its lists lost
        one. Raises CatalogueError; the next call tries again.
        """
        recent = self._recent.get(context.emotion)
        in_time = recent is not None and 0 <= context.captured_at - recent[0] < self.config.cool_down_s
        if recent is None or not in_time or not recent[1].wanted or not self._is_listed(recent[1]):
            return self.recommend_other(context)
        recommendation = self._completed(recent[1], context.wall_time)
        if self._last is context.emotion and recommendation is recent[1]:
            return None
        self._last = context.emotion
        return self._keep(recommendation)

    def recommend_other(self, context: RecommendationContext) -> Recommendation:
        """Return a new recommendation, whatever was offered before; raise CatalogueError."""
        emotion, quiet = context.emotion, self._is_quiet(context.wall_time)
        plan = self._planner.plan(context, self._policy(context), self.config.count)
        sampler = self._sampler(emotion, self._round(emotion) + 1)
        drawn: list[Candidates] = []
        for part in plan.parts:
            candidates = self._candidates(part.lists, quiet=quiet)
            drawn.append(sampler.pick(candidates, part.targets, union([*drawn, EMPTY])))
        keys = [key for candidates in drawn for key in candidates.keys.tolist()]
        if not keys:
            # The name of the list would put the mood into the log.
            raise CatalogueError("catalogue: a list is empty; see musicond catalogue verify")
        counts, stats = [len(candidates) for candidates in drawn], [sampler.stats.get(key) for key in keys]
        tracks = tuple(self._catalogue.tracks(keys))
        explanation = explain(plan, counts, stats, tracks, sampler.round, quiet=quiet)
        places = [known_affects(candidates, part.lists) for candidates, part in zip(drawn, plan.parts, strict=True)]
        reason = to_text(emotion, explanation, counts, [None not in part for part in places])
        verdicts, affects = verdicts_of(tracks, stats), by_track(tracks, [affect for part in places for affect in part])
        playlist = self._catalogue.playlist(tracks)
        recommendation = Recommendation(
            Mood(emotion.value), tracks, reason, context.wall_time, explanation, playlist, verdicts, affects
        )
        self._catalogue.mark_offered(emotion, keys, sampler.round)
        self._rounds[emotion] = sampler.round
        self._planner.commit(context, plan, union(drawn))
        self._recent[emotion] = context.captured_at, recommendation, plan
        self._last = emotion
        return recommendation

    def is_outdated(self, recommendation: Recommendation | None) -> bool:
        """Return whether the lists have changed since they last could be read, and lost a song of a recommendation."""
        try:
            revision = self._catalogue.revision()
            if revision == self._revision:
                return False
            is_outdated = not (recommendation and self._is_listed(recommendation))
        except CatalogueError:
            return False
        self._revision = revision
        return is_outdated

    def rate(
        self, rate: Rate, current: Recommendation | None, wall_time: datetime, *, replacing: bool = True
    ) -> Recommendation | None:
        """Store feedback on the disk; return the recommendation to show instead of `current`, None to keep it.

        With `replacing`, another track comes for one that is disliked or skipped; without it a skip only counts. In the
        last recommendations of other moods that happens once they come back. Raises CatalogueError, and CommandError if
        no track is meant.
        """
        if current is not None and rate.mood not in (None, current.mood.emotion):
            current = None
        if rate.track_id is None and not (current and current.wanted):
            raise CommandError("no song is recommended now; name one")
        track_id = rate.track_id or (current.wanted[0].track_id if current else "")
        key, moods = self._find(track_id, current)
        moods = moods if rate.mood is None else (rate.mood,)
        self._catalogue.rate(moods, key, rate.verdict)
        remember(self._rated, track_id, moods)
        shown = current.mood.emotion if current else None
        self._mark([mood for mood in moods if mood is not shown], track_id, rate.verdict)
        if current is None or not current.contains(track_id) or (rate.verdict is Verdict.SKIP and not replacing):
            return None
        changed = with_verdict(current, track_id, rate.verdict)
        if replacing and rate.verdict is not Verdict.LIKE:
            try:
                changed = self._completed(changed, wall_time)
            except CatalogueError:  # the feedback is stored all the same
                return self._keep(changed)
        return self._keep(changed)

    def withdraw(self, withdraw: Withdraw, current: Recommendation | None) -> Recommendation | None:
        """Remove feedback from the disk; return `current` without its verdict, None where that is not in it.

        It is the feedback that `current` shows on the track that is named, else the last one. Raises CatalogueError,
        and CommandError if there is none.
        """
        track_id = withdraw.track_id or next(reversed(self._rated), None)
        if track_id is None:
            raise CommandError("no song was rated since the start; name one that musicond catalogue feedback lists")
        is_shown = bool(withdraw.track_id) and current is not None and track_id in current.verdicts
        key, moods = self._find(track_id, current, () if is_shown else self._rated.get(track_id, ()))
        stored = [self._catalogue.stats(mood).get(key) for mood in moods]
        if track_id not in self._rated and not any(stats is not None and stats.has_feedback for stats in stored):
            raise CommandError(f"there is no feedback on {track_id!r} in this mood to withdraw")
        self._catalogue.withdraw(moods, key)
        if set(self._rated.get(track_id, ())) <= set(moods):  # else the last verdict is on another mood
            self._rated.pop(track_id, None)
        self._mark(moods, track_id, None)
        return with_verdict(current, track_id, None) if current and current.mood.emotion in moods else None

    def _find(
        self, track_id: str, current: Recommendation | None, moods: tuple[Emotion, ...] = ()
    ) -> tuple[int, tuple[Emotion, ...]]:
        """Return a track's number and the moods of its feedback; raise CommandError.

        Unless `moods` are given, it is that of the recommendation, else those of the last verdict, else of its lists.
        """
        key = self._catalogue.key_of(track_id)
        recent = [recommendation for _, recommendation, _ in self._recent.values()]
        holding = [Emotion(item.mood.value) for item in [current, *recent] if item and item.contains(track_id)]
        if key is not None:
            moods = moods or tuple(holding[:1]) or self._rated.get(track_id) or tuple(self._catalogue.emotions_of(key))
        if key is None or not moods:
            raise CommandError(f"no list holds a song {track_id!r}; see musicond catalogue list --json")
        return key, moods

    def _mark(self, moods: Sequence[Emotion], track_id: str, verdict: Verdict | None) -> None:
        """Change the verdict on a track in the last recommendations of these moods."""
        for recommendation in [self._recent[mood][1] for mood in moods if mood in self._recent]:
            self._keep(with_verdict(recommendation, track_id, verdict))

    def _keep(self, changed: Recommendation) -> Recommendation:
        """Return a changed recommendation, kept as the last one of its mood if there is one."""
        emotion = Emotion(changed.mood.value)
        if emotion in self._recent:
            at, _, plan = self._recent[emotion]
            self._recent[emotion] = at, changed, plan
        return changed

    def _policy(self, context: RecommendationContext) -> Policy:
        return context.policy or self.config.by_mood.get(context.emotion, self.config.policy)

    def _is_quiet(self, wall_time: datetime) -> bool:
        hours = self.config.quiet_hours
        return hours is not None and hours.contains(wall_time)

    def _round(self, emotion: Emotion) -> int:
        """Return the number of a mood's recommendations so far."""
        if emotion not in self._rounds:
            self._rounds[emotion] = max((track.round for track in self._catalogue.stats(emotion).values()), default=0)
        return self._rounds[emotion]

    def _sampler(self, emotion: Emotion, number: int) -> ThompsonSampler:
        return ThompsonSampler(self._catalogue.stats(emotion), number, self.config.count, self._rng)

    def _candidates(self, lists: Sequence[Emotion], *, quiet: bool = False) -> Candidates:
        candidates = union([shortlist(self._catalogue.candidates(emotion), self._rng) for emotion in lists])
        return calmer(candidates, 2 * self.config.count) if quiet else candidates

    def _is_listed(self, recommendation: Recommendation) -> bool:
        """Return whether the lists of a recommendation's plan, if it is known, hold all its tracks."""
        recent = self._recent.get(Emotion(recommendation.mood.value))
        lists = {emotion for part in recent[2].parts for emotion in part.lists} if recent else set(Emotion)
        keys = [self._catalogue.key_of(track.track_id) for track in recommendation.wanted]
        return all(key is not None and lists.intersection(self._catalogue.emotions_of(key)) for key in keys)

    def _completed(self, recommendation: Recommendation, wall_time: datetime) -> Recommendation:
        """Return a recommendation without what was skipped, and with new tracks at the end as far as some are missing.

        One that needs neither, or can't have it, is returned as it is.
        """
        skipped = skipped_of(recommendation)
        missing = max(0, self.config.count - len(recommendation.wanted))
        if not (skipped or missing):
            return recommendation
        emotion = Emotion(recommendation.mood.value)
        recent = self._recent.get(emotion)
        part = recent[2].parts[-1] if recent else PlanPart((emotion,), (None,))
        candidates = self._candidates(part.lists)
        keys = [self._catalogue.key_of(track.track_id) for track in recommendation.tracks]
        excluded = candidates.take(np.flatnonzero(np.isin(candidates.keys, [key for key in keys if key is not None])))
        sampler = self._sampler(emotion, self._round(emotion))
        new = sampler.pick(candidates, part.targets[-1:] * missing, excluded)
        drawn = new.keys.tolist()
        if not (skipped or drawn):
            return recommendation
        added = self._catalogue.tracks(drawn)
        verdicts = verdicts_of(added, [sampler.stats.get(key) for key in drawn])
        affects = by_track(added, known_affects(new, part.lists))
        changed = with_others(recommendation, added, verdicts, affects, self.config.count)
        changed = replace(changed, wall_time=wall_time, playlist=self._catalogue.playlist(changed.wanted))
        self._catalogue.mark_offered(emotion, drawn, max(1, sampler.round))
        return changed
