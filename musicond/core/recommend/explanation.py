"""The reason for a recommendation, as data and in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from musicond.core.models import Emotion, Placement, Policy, Track
from musicond.core.outcome import Explanation, Novelty, Strategy
from musicond.core.recommend.affect import LIFT_SONGS
from musicond.core.recommend.policies import Plan
from musicond.core.recommend.sampler import TrackStats
from musicond.core.recommend.song_affect import PLACEMENTS

SOUNDS = {
    Emotion.ANGRY: "fast, loud guitar",
    Emotion.DISGUST: "harsh, heavy",
    Emotion.FEAR: "dark, tense",
    Emotion.HAPPY: "bright, lively",
    Emotion.NEUTRAL: "calm, even-tempered",
    Emotion.SAD: "slow, quiet",
    Emotion.SURPRISE: "fast, high-energy",
}
"""The sound of the starter lists, see docs/dev/starter.md."""

NOVELTY_TEXTS = {
    Novelty.LIKED: "{} of them liked before",
    Novelty.NEW: "not offered before",
    Novelty.AGAIN: "some offered just before, as the list is short",
    Novelty.RESTED: "none of them offered last time",
}
PLACEMENT_TEXTS = {placement: text for text, placement in PLACEMENTS.items()}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def explain(
    plan: Plan,
    counts: Sequence[int],
    stats: Sequence[TrackStats | None],
    tracks: Sequence[Track],
    number: int,
    *,
    quiet: bool,
) -> Explanation:
    """Return the reason for these tracks.

    `counts` are the numbers of tracks for each part of the plan, `stats` those of each track before this
    recommendation, the mood's `number`th; `quiet`: quiet hours limited the choice to the calmer songs.
    """
    strategy, first, last, other = Strategy.MATCH, 0, 0, None
    if plan.policy is Policy.LIFT:
        strategy = Strategy.LIFT
        first = min(plan.songs_before + 1, LIFT_SONGS)
        last = min(plan.songs_before + sum(counts), LIFT_SONGS)
    elif plan.policy is Policy.STEADY:
        strategy = Strategy.STEADY
    elif len(counts) > 1 and all(counts):
        strategy, other = Strategy.MIX, plan.parts[1].lists[0]
    known = [track for track in stats if track is not None]
    liked = sum(track.likes > track.dislikes for track in known)
    sources = {track.placed_by for track in tracks}
    placed = tuple(placement for placement in Placement if placement in sources)
    return Explanation(strategy, _novelty(known, number, liked), liked, first, last, other, quiet, placed)


def _novelty(known: Sequence[TrackStats], number: int, liked: int) -> Novelty:
    if liked:
        return Novelty.LIKED
    if not any(track.impressions for track in known):
        return Novelty.NEW
    if any(track.round and track.round >= number - 1 for track in known):
        return Novelty.AGAIN
    return Novelty.RESTED


def to_text(emotion: Emotion, explanation: Explanation, counts: Sequence[int], heard: Sequence[bool]) -> str:
    """Return the explanation in a few sentences.

    `heard`: for each part, whether the sound of all its tracks is known; of others no sound is claimed, nor of songs
    that were placed by their tags or an estimate.
    """
    moods = zip((emotion, explanation.other), heard, strict=False)
    sounds = [SOUNDS[mood] if known and not explanation.placed else "" for mood, known in moods if mood]
    name, total, other = emotion.value.capitalize(), sum(counts), explanation.other
    if explanation.strategy is Strategy.LIFT:
        first, last = explanation.first, explanation.last
        span = f"number {first}" if first == last else f"numbers {first} to {last}"
        text = f"{name}, to be lifted: {_songs(total)} on the way from {SOUNDS[emotion]} over calm to happy"
        text += f", {span} of {LIFT_SONGS}"
    elif explanation.strategy is Strategy.STEADY:
        text = f"{name}, kept steady: {_songs(total)} close to what was offered before"
    elif other is not None:
        text = f"{name} with some {other.value}: {_songs(counts[0], sounds[0])}"
        text += f" and {_songs(counts[1], sounds[1])}"
    else:
        text = f"{name}: {_songs(total, sounds[0])}"
    end = " Quiet hours: from the calmer half." if explanation.quiet else ""
    if explanation.placed:
        end += f" Sorted by {', '.join(map(PLACEMENT_TEXTS.__getitem__, explanation.placed))}."
    return f"{text}, {NOVELTY_TEXTS[explanation.novelty].format(_number(explanation.liked))}.{end}"


def _songs(count: int, sound: str = "") -> str:
    return " ".join(filter(None, (_number(count), sound, "song" if count == 1 else "songs")))


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)
