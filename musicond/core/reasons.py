"""Says in plain words what was chosen and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musicond.core.messages import Emotion, Policy
from musicond.core.places import LIFT_SONGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from musicond.core.choice import Heard
    from musicond.core.policies import Plan

SOUND = {
    Emotion.ANGRY: "fast, loud guitar",
    Emotion.DISGUST: "harsh, heavy",
    Emotion.FEAR: "dark, tense",
    Emotion.HAPPY: "bright, lively",
    Emotion.NEUTRAL: "calm, even-tempered",
    Emotion.SAD: "slow, quiet",
    Emotion.SURPRISE: "fast, high-energy",
}
"""What the starter's lists were picked for: see docs/recommendation.md."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def reason(
    emotion: Emotion, plan: Plan, drawn: Sequence[int], heard: Sequence[Heard | None], turn: int, *, quiet: bool
) -> str:
    """Return one sentence or two.

    `drawn` counts the songs of each part of the plan, `heard` tells of each song what was remembered before this
    recommendation of the mood, number `turn`; `quiet`: only the calmer songs were drawn from.
    """
    name, total = emotion.value.capitalize(), sum(drawn)
    if plan.policy is Policy.LIFT:
        first = min(plan.songs_before + 1, LIFT_SONGS)
        last = min(plan.songs_before + total, LIFT_SONGS)
        text = f"{name}, to be lifted: {_songs(total)} on the way from {SOUND[emotion]} over calm to happy"
        text += f", {_span(first, last)} of {LIFT_SONGS}"
    elif plan.policy is Policy.STEADY:
        text = f"{name}, kept steady: {_songs(total)} close to what was offered before"
    elif len(drawn) > 1 and all(drawn):
        other = plan.parts[1].lists[0]
        some, more = _songs(drawn[0], SOUND[emotion]), _songs(drawn[1], SOUND[other])
        text = f"{name} with some {other.value}: {some} and {more}"
    else:
        text = f"{name}: {_songs(total, SOUND[emotion])}"
    return f"{text}, {_known(heard, turn)}.{' Quiet hours: from the calmer half.' if quiet else ''}"


def _songs(count: int, sound: str = "") -> str:
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return " ".join(filter(None, (number, sound, "song" if count == 1 else "songs")))


def _span(first: int, last: int) -> str:
    return f"number {first}" if first == last else f"numbers {first} to {last}"


def _known(heard: Sequence[Heard | None], turn: int) -> str:
    liked = sum(each is not None and each.likes > each.dislikes for each in heard)
    if liked:
        return f"{NUMBERS[liked] if liked < len(NUMBERS) else liked} of them liked before"
    if not any(each is not None and each.shown for each in heard):
        return "not offered before"
    if any(each is not None and each.turn and each.turn >= turn - 1 for each in heard):
        return "some offered just before, as the list is short"
    return "none of them offered last time"
