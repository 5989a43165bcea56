"""The planner: which lists a recommendation draws from, and which affects its tracks should have, by policy."""

from __future__ import annotations

from dataclasses import dataclass

from musicond.core.models import EMOTIONS, Emotion, Policy
from musicond.core.outcome import RecommendationContext
from musicond.core.recommend.affect import EMOTION_AFFECT, LIFTED, STEADY_STEP, Affect, lift_path, nearest, towards
from musicond.core.recommend.sampler import Candidates

CLOSE = 0.75
"""Share of the announced emotion's score at which the second emotion gets tracks too."""
MIXED = 2
"""Number of tracks for the second emotion."""
EPISODE_S = 7200.0
"""Seconds after a lifting recommendation within which the next one continues the lift."""
AROUND = 2
"""Lists that are considered near each point of a path."""


@dataclass(frozen=True, slots=True)
class PlanPart:
    """A part of the tracks: the lists to draw from, and the affect for each track (None: any)."""

    lists: tuple[Emotion, ...]
    targets: tuple[Affect | None, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one recommendation."""

    policy: Policy
    """The policy that is applied: under `lift` a pleasant mood is matched."""
    parts: tuple[PlanPart, ...]
    songs_before: int = 0
    """Tracks of the lift that continues."""


class PolicyPlanner:
    """A planner whose plans continue the last one that was committed."""

    def __init__(self) -> None:
        self._affect: Affect | None = None
        """The affect that the music has reached."""
        self._lift: tuple[Emotion, float, int] | None = None
        """Of the last lift: its mood, monotonic seconds, and the number of tracks so far."""

    def plan(self, context: RecommendationContext, policy: Policy, count: int) -> Plan:
        """Return the plan for `count` tracks; `commit` makes it the last one."""
        emotion = context.emotion
        if policy is Policy.LIFT and emotion in LIFTED:
            before = self._songs_before(context)
            path = [lift_path(emotion, before + number) for number in range(count)]
            lists = [near for near in _around(emotion, path) if near is emotion or near not in LIFTED]
            return Plan(policy, (PlanPart(tuple(lists), tuple(path)),), before)
        if policy is Policy.STEADY and self._affect is not None:
            path = [towards(self._affect, EMOTION_AFFECT[emotion], (n + 1) * STEADY_STEP) for n in range(count)]
            return Plan(policy, (PlanPart(_around(emotion, path), tuple(path)),))
        second = _second(context)
        if second is None or count <= MIXED or policy is Policy.STEADY:
            return Plan(Policy.MATCH, (PlanPart((emotion,), (None,) * count),))
        first = PlanPart((emotion,), (None,) * (count - MIXED))
        return Plan(Policy.MATCH, (first, PlanPart((second,), (None,) * MIXED)))

    def commit(self, context: RecommendationContext, plan: Plan, songs: Candidates) -> None:
        """Make a plan the last one, with the tracks that were drawn by it."""
        last = plan.parts[-1].targets[-1]
        if last is None:
            valence, arousal = songs.affect.mean(axis=0).tolist()
            last = (valence, arousal)
        self._affect = last
        if plan.policy is Policy.LIFT:
            self._lift = context.emotion, context.captured_at, plan.songs_before + len(songs)

    def _songs_before(self, context: RecommendationContext) -> int:
        if self._lift is None:
            return 0
        emotion, at, songs = self._lift
        continues = emotion is context.emotion and 0 <= context.captured_at - at < EPISODE_S
        return songs if continues else 0


def _around(emotion: Emotion, path: list[Affect]) -> tuple[Emotion, ...]:
    """Return the mood's own list and those near the points of a path."""
    return tuple(dict.fromkeys([emotion, *(near for affect in path for near in nearest(affect, AROUND))]))


def _second(context: RecommendationContext) -> Emotion | None:
    """Return the emotion whose score is close to that of the announced one, but not above it."""
    if context.scores is None:
        return None
    scores = dict(zip(EMOTIONS, context.scores, strict=True))
    announced = scores.pop(context.emotion)
    second = max(scores, key=scores.__getitem__)
    return second if CLOSE * announced <= scores[second] <= announced else None
