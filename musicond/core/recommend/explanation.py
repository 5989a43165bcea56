"""Says in plain words what was chosen and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.core.models import Emotion, Policy
from musicond.core.outcome import Explanation, Novelty, Strategy
from musicond.core.recommend.affect import LIFT_SONGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from musicond.core.recommend.policies import Plan
    from musicond.core.recommend.sampler import TrackStats


SOUNDS = {
    Emotion.ANGRY: "fast, loud guitar",
    Emotion.DISGUST: "harsh, heavy",
    Emotion.FEAR: "dark, tense",
    Emotion.HAPPY: "bright, lively",
    Emotion.NEUTRAL: "calm, even-tempered",
    Emotion.SAD: "slow, quiet",
    Emotion.SURPRISE: "fast, high-energy",
}
"""What the starter's lists were picked for: see docs/recommendation.md."""

KNOWN = {
    Novelty.LIKED: "{} of them liked before",
    Novelty.NEW: "not offered before",
    Novelty.AGAIN: "some offered just before, as the list is short",
    Novelty.RESTED: "none of them offered last time",
}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def explain(
    plan: Plan, drawn: Sequence[int], heard: Sequence[TrackStats | None], turn: int, *, quiet: bool
) -> Explanation:
    """Return why these songs.

    `drawn` counts the songs of each part of the plan, `heard` tells of each song what was remembered before this
    recommendation of the mood, number `turn`; `quiet`: only the calmer songs were drawn from.
    """
    how, first, last, other = Strategy.MATCH, 0, 0, None
    if plan.policy is Policy.LIFT:
        how = Strategy.LIFT
        first = min(plan.songs_before + 1, LIFT_SONGS)
        last = min(plan.songs_before + sum(drawn), LIFT_SONGS)
    elif plan.policy is Policy.STEADY:
        how = Strategy.STEADY
    elif len(drawn) > 1 and all(drawn):
        how, other = Strategy.MIX, plan.parts[1].lists[0]
    liked = sum(each is not None and each.likes > each.dislikes for each in heard)
    return Explanation(how, _known(heard, turn, liked), liked, first, last, other, quiet)


def to_text(emotion: Emotion, found: Explanation, drawn: Sequence[int]) -> str:
    """Say it in one sentence or two."""
    name, total = emotion.value.capitalize(), sum(drawn)
    if found.strategy is Strategy.LIFT:
        text = f"{name}, to be lifted: {_songs(total)} on the way from {SOUNDS[emotion]} over calm to happy"
        text += f", {_span(found.first, found.last)} of {LIFT_SONGS}"
    elif found.strategy is Strategy.STEADY:
        text = f"{name}, kept steady: {_songs(total)} close to what was offered before"
    elif found.other is not None:
        some, more = _songs(drawn[0], SOUNDS[emotion]), _songs(drawn[1], SOUNDS[found.other])
        text = f"{name} with some {found.other.value}: {some} and {more}"
    else:
        text = f"{name}: {_songs(total, SOUNDS[emotion])}"
    liked = NUMBERS[found.liked] if found.liked < len(NUMBERS) else found.liked
    end = "Quiet hours: from the calmer half." if found.quiet else ""
    return f"{text}, {KNOWN[found.novelty].format(liked)}. {end}".rstrip()


def _songs(count: int, sound: str = "") -> str:
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return " ".join(filter(None, (number, sound, "song" if count == 1 else "songs")))


def _span(first: int, last: int) -> str:
    return f"number {first}" if first == last else f"numbers {first} to {last}"


def _known(heard: Sequence[TrackStats | None], turn: int, liked: int) -> Novelty:
    if liked:
        return Novelty.LIKED
    if not any(each is not None and each.impressions for each in heard):
        return Novelty.NEW
    if any(each is not None and each.round and each.round >= turn - 1 for each in heard):
        return Novelty.AGAIN
    return Novelty.RESTED
