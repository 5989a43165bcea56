"""The mood tracker: smoothing, hysteresis, dwell, `unsure`, `nobody` and darkness.

The rules
  1. Scores are smoothed by an exponential filter in time: after `dt` seconds a reading weighs
     1 - exp(-dt / smoothing_s), whatever the frame rate. The first face after `nobody` starts it.
  2. The target is what the smoothed scores ask for now:
       leading score >= enter, and ahead of the announced emotion by enter - leave
                                                             -> the leading emotion
       announced emotion's score >= leave                    -> the announced emotion
       otherwise                                             -> unsure
     Neutral and happy need no more than the middle of leave and enter: neutral disturbs the least of all wrong moods,
     and smiles are read the most reliably.
  3. A target that differs from the announced mood is announced once it has been the target for
     `dwell_s` without a break; `unsure` takes `UNSURE_DWELL` times as long.
     Only a reading counts: a gap of more than `break_s` (or dwell_s) between two restarts the dwell. On a machine
     with a frame in more than that, only a gap of more than BREAK_FRAMES such frames does.
     Between two readings, the dwell starts at the moment at which the smoothed scores pass the limit.
  4. No face for `away_s`: nobody. A face not found for less than that changes nothing.
  5. Dark for `dwell_s`: watching is `dark` and the mood nobody; light for `dwell_s`: `yes` again.
  6. Not watching (private, paused, no camera): nobody without a dwell, and the state is reset.
  7. A mood that a user rejects changes without a dwell to the right one, or to unsure, and is no target again
     for `REJECTED_S`, or until nobody is there.
  8. A mood that a user sets is announced while watching, until its time is over; rules 1 to 4 run on behind it.
  9. With the first reading of another person the smoothing and the dwell start again: no score is of two persons.
     The announced mood stays until rule 3 changes it.

The transitions (rows: announced; columns: what comes; "." keeps the mood)
                 | target holds dwell_s | unsure holds 3 x dwell_s | away_s without face | dark/not watching
  nobody         | that emotion         | unsure                   | .                   | .
  unsure         | that emotion         | .                        | nobody              | nobody
  an emotion     | that emotion         | unsure                   | nobody              | nobody
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from musicond.core.models import EMOTIONS, Emotion, Mood
from musicond.core.settings import SENSITIVITY

UNSURE_DWELL = 3.0
"""Multiple of `dwell_s` for which the scores must fit no emotion before `unsure` is announced."""

BREAK_S, BREAK_FRAMES = 1.0, 2.5
"""Least seconds, and frames, between two readings above which the dwell restarts: one may be missing, or come late."""

REJECTED_S = 600.0
"""Seconds for which a rejected mood is not announced again."""

EARLY = (Emotion.HAPPY, Emotion.NEUTRAL)
"""Emotions that are announced from the middle of `leave` and `enter` on."""

BISECTIONS = 6
"""Halvings of the gap between two readings in which the start of a dwell is sought."""

TOLERANCE_S = 1e-6
"""Seconds by which a dwell may fall short, as sums of frame times are not exact."""


@dataclass(frozen=True, slots=True)
class MoodConfig:
    """The values of the section `mood`: scores in 0..1, times in seconds."""

    enter: float
    leave: float
    dwell_s: float
    away_s: float
    smoothing_s: float
    break_s: float = BREAK_S
    """Longest gap between two readings of a dwell."""

    def at_rate(self, rate: float) -> MoodConfig:
        """Return the values for a rate of frames per second."""
        return replace(self, break_s=max(BREAK_S, BREAK_FRAMES / rate))

    def at_sensitivity(self, percent: float) -> MoodConfig:
        """Return the values at a sensitivity of 0 to 100 percent; 50 leaves them unchanged.

        Each 50 percent more halve the dwell and raise both thresholds to the power of the square root of 2: 0 and 1
        stay, values between them fall, and `leave` stays below `enter`. Each 50 percent less do the opposite.
        """
        halves = (percent - SENSITIVITY) / 50.0
        power = 2.0 ** (halves / 2.0)
        return replace(self, enter=self.enter**power, leave=self.leave**power, dwell_s=self.dwell_s / 2.0**halves)


@dataclass(frozen=True, slots=True)
class Observation:
    """The reading of one frame."""

    at: float
    """Monotonic seconds."""
    present: bool = False
    """Whether a face was detected, in this frame or just before it."""
    scores: tuple[float, ...] | None = None
    """Seven probabilities in the order of `EMOTIONS`; None if no face was classified."""
    dark: bool = False
    person: int = 0
    """Number of the chosen person whose face was classified."""


@dataclass(frozen=True, slots=True)
class MoodState:
    """The announced mood, and the state that the next decision needs."""

    mood: Mood = Mood.NOBODY
    since: float = 0.0
    """Monotonic seconds at which `mood` was announced."""
    scores: tuple[float, ...] | None = None
    """Smoothed probabilities; None while nobody is present."""
    scored_at: float = 0.0
    person: int = 0
    """Number of the person whose scores these are."""
    target: Mood = Mood.NOBODY
    target_since: float = 0.0
    seen_at: float = 0.0
    """Monotonic seconds at which a face was last present."""
    frame_at: float | None = None
    """Monotonic seconds of the last frame."""
    frame_interval_s: float = 0.0
    """Seconds between the last two frames; 0 while they are unknown."""
    dark: bool = False
    light_since: float | None = None
    """Monotonic seconds since which the frames contradict `dark`; None while they agree with it."""
    rejected: Mood | None = None
    """The mood that a user has rejected."""
    rejected_at: float = 0.0

    @property
    def present(self) -> bool:
        """Whether somebody is present: from the first mood, `unsure` included, until no face for `away_s`."""
        return self.mood is not Mood.NOBODY

    @property
    def confidence(self) -> float:
        """Smoothed score of the mood's emotion, or of the leading one while unsure; 0 for nobody."""
        if self.scores is None or self.mood is Mood.NOBODY:
            return 0.0
        emotion = self.mood.emotion
        return max(self.scores) if emotion is None else self.scores[EMOTIONS.index(emotion)]


def update(state: MoodState, config: MoodConfig, observation: Observation) -> MoodState:
    """Return the state after one more frame."""
    interval = 0.0 if state.frame_at is None else observation.at - state.frame_at
    state = _update(state, config, observation)
    return replace(state, frame_at=observation.at, frame_interval_s=interval)


def _update(state: MoodState, config: MoodConfig, observation: Observation) -> MoodState:
    state = _update_darkness(state, config, observation)
    if state.dark:
        return reset(state, observation.at)
    if not observation.present:
        away = observation.at - state.seen_at >= config.away_s - TOLERANCE_S
        return reset(state, observation.at) if away else state
    state = replace(state, seen_at=observation.at)
    if observation.scores is None:
        return state
    if observation.person != state.person:
        state = replace(state, person=observation.person, scores=None)
    return _smooth(state, config, observation.at, observation.scores)


def changes_at(state: MoodState, config: MoodConfig, last: Observation) -> float | None:
    """Return the monotonic seconds at which the mood changes if the next frames are like the last one, or None."""
    if state.scores is None:
        return None
    if not last.present:
        return state.seen_at + config.away_s
    return None if state.target is state.mood else state.target_since + _dwell_s(state.target, config)


def reset(state: MoodState, at: float) -> MoodState:
    """Return `nobody`, keeping the darkness only (rules 4, 5 and 6)."""
    since = state.since if state.mood is Mood.NOBODY else at
    return MoodState(since=since, dark=state.dark, light_since=state.light_since)


def reject(state: MoodState, right: Mood | None, at: float) -> MoodState:
    """Return the state after a user rejected the announced mood (rule 7)."""
    wrong = state.mood if state.mood.emotion else state.rejected
    mood = right or Mood.UNSURE
    return replace(state, mood=mood, since=at, target=mood, target_since=at, rejected=wrong, rejected_at=at)


def _update_darkness(state: MoodState, config: MoodConfig, observation: Observation) -> MoodState:
    if observation.dark == state.dark:
        return state if state.light_since is None else replace(state, light_since=None)
    since = observation.at if state.light_since is None else state.light_since
    if observation.at - since >= config.dwell_s - TOLERANCE_S:
        return replace(state, dark=observation.dark, light_since=None)
    return replace(state, light_since=since)


def _smooth(state: MoodState, config: MoodConfig, at: float, scores: tuple[float, ...]) -> MoodState:
    """Apply rules 1 and 3 to a reading."""
    gap, reading = at - state.scored_at, scores
    scores = _smoothed(state.scores, reading, gap, config)
    target = _target(state, scores, config)
    if target is state.rejected and target is not state.mood and at - state.rejected_at < REJECTED_S:
        target = Mood.UNSURE
    since, usual = at, gap <= max(config.dwell_s, config.break_s) + TOLERANCE_S
    if state.scores is not None and target is state.target:
        since = state.target_since if usual or gap <= BREAK_FRAMES * state.frame_interval_s else at
    elif state.scores is not None and usual:
        since = at - _held_s(state, reading, gap, target, config)
    announced = target is not state.mood and at - since >= _dwell_s(target, config) - TOLERANCE_S
    return replace(
        state,
        mood=target if announced else state.mood,
        since=at if announced else state.since,
        scores=scores,
        scored_at=at,
        target=target,
        target_since=since,
    )


def _dwell_s(target: Mood, config: MoodConfig) -> float:
    return config.dwell_s * (UNSURE_DWELL if target is Mood.UNSURE else 1.0)


def _smoothed(
    old: tuple[float, ...] | None, reading: tuple[float, ...], gap: float, config: MoodConfig
) -> tuple[float, ...]:
    """Apply rule 1: the smoothed scores `gap` seconds after the old ones, with a reading that has held since."""
    if old is None or config.smoothing_s <= 0:
        return reading
    weight = 1.0 - math.exp(-gap / config.smoothing_s)
    return tuple(before + weight * (now - before) for before, now in zip(old, reading, strict=True))


def _held_s(state: MoodState, reading: tuple[float, ...], gap: float, target: Mood, config: MoodConfig) -> float:
    """Return the seconds for which a new target has held already, by bisection of the gap before this reading."""
    if config.smoothing_s <= 0:
        return 0.0
    low, high = 0.0, gap
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _target(state, _smoothed(state.scores, reading, middle, config), config) is target:
            high = middle
        else:
            low = middle
    return gap - high


def _target(state: MoodState, scores: tuple[float, ...], config: MoodConfig) -> Mood:
    """Apply rule 2."""
    leading = max(range(len(scores)), key=scores.__getitem__)
    announced = state.mood.emotion
    enter = (config.leave + config.enter) / 2 if EMOTIONS[leading] in EARLY else config.enter
    if announced is None:
        return Mood(EMOTIONS[leading].value) if scores[leading] >= enter else Mood.UNSURE
    held = scores[EMOTIONS.index(announced)]
    if scores[leading] >= enter and scores[leading] - held >= config.enter - config.leave:
        return Mood(EMOTIONS[leading].value)
    return state.mood if held >= config.leave else Mood.UNSURE
