"""When a reading becomes a mood: smoothing, hysteresis, dwell, `unsure`, `nobody` and darkness.

The rules
  1. Scores are smoothed by an exponential filter in time: after `dt` seconds a reading weighs
     1 - exp(-dt / smoothing_s), whatever the frame rate. The first face after `nobody` starts it.
  2. The target is what the smoothed scores ask for now:
       leading score >= enter, and ahead of the announced emotion by enter - leave
                                                             -> the leading emotion
       announced emotion's score >= leave                    -> the announced emotion
       otherwise                                             -> unsure
  3. A target that differs from the announced mood is announced once it has been the target for
     `dwell_s` without a break; `unsure`, which helps nobody, takes `UNSURE_DWELL` times as long.
     Only a reading counts: a gap of more than `BREAK_S` (or dwell_s) between two starts it anew.
  4. No face for `away_s`: nobody. A face not found for less than that changes nothing.
  5. Dark for `dwell_s`: watching is `dark` and the mood nobody; light for `dwell_s`: `yes` again.
  6. Not watching (private, paused, no camera): nobody at once, and everything is forgotten.
  7. A mood that a person called wrong gives way at once to the right one, or to unsure, and is no target again
     for `DENIED_S`, or until nobody is there.
  8. A mood that a person set is announced while watching, until its time is over; rules 1 to 4 go on below it.

The transitions (rows: announced; columns: what comes; "." keeps the mood)
                 | target holds dwell_s | unsure holds 3 x dwell_s | away_s without face | dark/not watching
  nobody         | that emotion         | unsure                   | .                   | .
  unsure         | that emotion         | .                        | nobody              | nobody
  an emotion     | that emotion         | unsure                   | nobody              | nobody
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from musicond.core.models import EMOTIONS, Mood
from musicond.core.outcome import SENSITIVITY

UNSURE_DWELL = 3.0
"""How many times `dwell_s` the scores must fit no emotion before `unsure` is announced."""

BREAK_S = 1.0
"""Seconds between two readings from which they do not belong together."""

DENIED_S = 600.0
"""Seconds for which a mood that a person called wrong is not announced again."""

TOLERANCE_S = 1e-6
"""Seconds by which a dwell may fall short: sums of frame times are not exact."""


@dataclass(frozen=True, slots=True)
class MoodConfig:
    """The figures of the section `mood`: scores in 0..1, times in seconds."""

    enter: float
    leave: float
    dwell_s: float
    away_s: float
    smoothing_s: float

    def at_sensitivity(self, percent: float) -> MoodConfig:
        """Return the rules at a sensitivity of 0 to 100 percent; 50 leaves them as they are.

        Each 50 percent more halve the dwell and raise both thresholds to the power of the square root of 2: 0 and 1
        stay, what lies between falls, and `leave` stays below `enter`. Each 50 percent less do the opposite.
        """
        halves = (percent - SENSITIVITY) / 50.0
        power = 2.0 ** (halves / 2.0)
        return replace(self, enter=self.enter**power, leave=self.leave**power, dwell_s=self.dwell_s / 2.0**halves)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one frame says."""

    at: float
    """Monotonic seconds."""
    present: bool = False
    """A face was found, or was found a moment ago."""
    scores: tuple[float, ...] | None = None
    """Seven probabilities in the order of `EMOTIONS`; None where the face could not be read."""
    dark: bool = False


@dataclass(frozen=True, slots=True)
class MoodState:
    """The announced mood and what is needed to decide on the next."""

    mood: Mood = Mood.NOBODY
    since: float = 0.0
    """When `mood` was announced (monotonic seconds)."""
    scores: tuple[float, ...] | None = None
    """Smoothed probabilities; None while nobody is there."""
    scored_at: float = 0.0
    target: Mood = Mood.NOBODY
    target_since: float = 0.0
    seen_at: float = 0.0
    """When a face was last present."""
    dark: bool = False
    light_since: float | None = None
    """Since when the frames have said the opposite of `dark`; None while they agree."""
    rejected: Mood | None = None
    """What a person called wrong."""
    rejected_at: float = 0.0

    @property
    def present(self) -> bool:
        """Whether somebody is there: from the first mood, `unsure` included, until no face was found for `away_s`."""
        return self.mood is not Mood.NOBODY

    @property
    def confidence(self) -> float:
        """Smoothed score of the mood's emotion, of the leading one while unsure, 0 for nobody."""
        if self.scores is None or self.mood is Mood.NOBODY:
            return 0.0
        emotion = self.mood.emotion
        return max(self.scores) if emotion is None else self.scores[EMOTIONS.index(emotion)]


def update(state: MoodState, rules: MoodConfig, seen: Observation) -> MoodState:
    """Return the state after one more frame."""
    state = _light(state, rules, seen)
    if state.dark:
        return reset(state, seen.at)
    if not seen.present:
        away = seen.at - state.seen_at >= rules.away_s - TOLERANCE_S
        return reset(state, seen.at) if away else state
    state = replace(state, seen_at=seen.at)
    return state if seen.scores is None else _read(state, rules, seen.at, seen.scores)


def reset(state: MoodState, at: float) -> MoodState:
    """Return `nobody` with nothing remembered but the darkness (rules 4, 5 and 6)."""
    since = state.since if state.mood is Mood.NOBODY else at
    return MoodState(since=since, dark=state.dark, light_since=state.light_since)


def reject(state: MoodState, right: Mood | None, at: float) -> MoodState:
    """Return the state after a person called the announced mood wrong (rule 7)."""
    wrong = state.mood if state.mood.emotion else state.rejected
    mood = right or Mood.UNSURE
    return replace(state, mood=mood, since=at, target=mood, target_since=at, rejected=wrong, rejected_at=at)


def _light(state: MoodState, rules: MoodConfig, seen: Observation) -> MoodState:
    if seen.dark == state.dark:
        return state if state.light_since is None else replace(state, light_since=None)
    since = seen.at if state.light_since is None else state.light_since
    if seen.at - since >= rules.dwell_s - TOLERANCE_S:
        return replace(state, dark=seen.dark, light_since=None)
    return replace(state, light_since=since)


def _read(state: MoodState, rules: MoodConfig, at: float, scores: tuple[float, ...]) -> MoodState:
    """Apply rules 1 and 3 to a reading."""
    gap = at - state.scored_at
    if state.scores is not None and rules.smoothing_s > 0:
        weight = 1.0 - math.exp(-gap / rules.smoothing_s)
        scores = tuple(old + weight * (new - old) for old, new in zip(state.scores, scores, strict=True))
    target = _target(state, scores, rules)
    if target is state.rejected and target is not state.mood and at - state.rejected_at < DENIED_S:
        target = Mood.UNSURE
    unbroken = target is state.target and gap <= max(rules.dwell_s, BREAK_S) + TOLERANCE_S
    since = state.target_since if unbroken else at
    dwell = rules.dwell_s * (UNSURE_DWELL if target is Mood.UNSURE else 1.0)
    announced = target is not state.mood and at - since >= dwell - TOLERANCE_S
    return replace(
        state,
        mood=target if announced else state.mood,
        since=at if announced else state.since,
        scores=scores,
        scored_at=at,
        target=target,
        target_since=since,
    )


def _target(state: MoodState, scores: tuple[float, ...], rules: MoodConfig) -> Mood:
    """Apply rule 2."""
    leading = max(range(len(scores)), key=scores.__getitem__)
    announced = state.mood.emotion
    if announced is None:
        return Mood(EMOTIONS[leading].value) if scores[leading] >= rules.enter else Mood.UNSURE
    held = scores[EMOTIONS.index(announced)]
    if scores[leading] >= rules.enter and scores[leading] - held >= rules.enter - rules.leave:
        return Mood(EMOTIONS[leading].value)
    return state.mood if held >= rules.leave else Mood.UNSURE
