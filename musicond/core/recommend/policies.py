"""Plans what songs are drawn for: which lists and which places, by policy; remembers where the music is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from musicond.core.models import EMOTIONS, Emotion, Policy
from musicond.core.recommend.affect import EMOTION_AFFECT, LIFTED, STEADY_STEP, lift_path, nearest, towards

if TYPE_CHECKING:
    from musicond.core.outcome import RecommendationContext
    from musicond.core.recommend.affect import Affect
    from musicond.core.recommend.sampler import Candidates

CLOSE = 0.75
"""From this share of the announced emotion's score the next one gets songs too."""
MIXED = 2
"""So many of five."""
EPISODE_S = 7200.0
"""Seconds after a lifting recommendation within which the next one goes on from there."""
AROUND = 2
"""Lists that are looked at around each place of a way."""


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Some of the songs: the lists to draw from, and the place of each song (None: any of the list)."""

    lists: tuple[Emotion, ...]
    targets: tuple[Affect | None, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn for one recommendation."""

    policy: Policy
    """What is really done: a pleasant mood is matched under `lift_path`, too."""
    parts: tuple[PlanPart, ...]
    songs_before: int = 0
    """Songs of the lift that goes on."""


class PolicyPlanner:
    """Makes plans, each going on from the one before."""

    def __init__(self) -> None:
        self._place: Affect | None = None
        """Where the music is."""
        self._lift: tuple[Emotion, float, int] | None = None
        """The mood lifted out of, when last (monotonic seconds), after how many songs."""

    def plan(self, occasion: RecommendationContext, policy: Policy, count: int) -> Plan:
        """Return what to draw for an occasion; `done` tells that it was."""
        emotion = occasion.emotion
        if policy is Policy.LIFT and emotion in LIFTED:
            before = self._songs_before(occasion)
            way = [lift_path(emotion, before + number) for number in range(count)]
            lists = [each for each in _around(emotion, way) if each is emotion or each not in LIFTED]
            return Plan(policy, (PlanPart(tuple(lists), tuple(way)),), before)
        if policy is Policy.STEADY and self._place is not None:
            way = [self._place]
            for _ in range(count):
                way.append(towards(way[-1], EMOTION_AFFECT[emotion], STEADY_STEP))
            return Plan(policy, (PlanPart(_around(emotion, way[1:]), tuple(way[1:])),))
        parts = [PlanPart((emotion,), (None,) * count)]
        second = _close(occasion)
        if second is not None and count > MIXED and policy is not Policy.STEADY:
            parts = [PlanPart((emotion,), (None,) * (count - MIXED)), PlanPart((second,), (None,) * MIXED)]
        return Plan(Policy.MATCH, tuple(parts))

    def commit(self, occasion: RecommendationContext, plan: Plan, songs: Candidates) -> None:
        """Remember where these songs have brought the music."""
        last = plan.parts[-1].targets[-1]
        if last is None:
            valence, arousal = songs.affect.mean(axis=0).tolist()
            last = (valence, arousal)
        self._place = last
        if plan.policy is Policy.LIFT:
            self._lift = occasion.emotion, occasion.captured_at, plan.songs_before + len(songs)

    def _songs_before(self, occasion: RecommendationContext) -> int:
        if self._lift is None:
            return 0
        emotion, at, songs = self._lift
        goes_on = emotion is occasion.emotion and 0 <= occasion.captured_at - at < EPISODE_S
        return songs if goes_on else 0


def _around(emotion: Emotion, way: list[Affect]) -> tuple[Emotion, ...]:
    """Return the mood's own list and those around the places of the way."""
    return tuple(dict.fromkeys([emotion, *(each for place in way for each in nearest(place, AROUND))]))


def _close(occasion: RecommendationContext) -> Emotion | None:
    """Return the emotion whose score comes close to that of the announced one, but not before it."""
    if occasion.scores is None:
        return None
    scores = dict(zip(EMOTIONS, occasion.scores, strict=True))
    announced = scores.pop(occasion.emotion)
    second = max(scores, key=scores.__getitem__)
    return second if CLOSE * announced <= scores[second] <= announced else None
