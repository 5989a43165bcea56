from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicond.core.models import EMOTIONS, Emotion, Mood
from musicond.core.mood.tracker import MoodConfig, MoodState, Observation, changes_at, reset, update

CONFIG = MoodConfig(enter=0.42, leave=0.30, dwell_s=1.0, away_s=5.0, smoothing_s=0.8)


def scores(emotion: Emotion, top: float = 0.8) -> tuple[float, ...]:
    rest = (1 - top) / 6
    return tuple(top if candidate is emotion else rest for candidate in EMOTIONS)


FLAT = tuple(1 / 7 for _ in EMOTIONS)


def play(
    script: list[tuple[float, Observation]], fps: float = 8.0, config: MoodConfig = CONFIG
) -> list[tuple[float, Mood]]:
    """Run spans of (seconds, observation of each frame) and return the announced changes."""
    state, changes, at = MoodState(), [], 0.0
    frame = 0
    end = 0.0
    for seconds, seen in script:
        end += seconds
        while (at := frame / fps) < end:
            before, state = state, update(state, config, Observation(at, seen.present, seen.scores, seen.dark))
            if state.mood is not before.mood:
                changes.append((at, state.mood))
            frame += 1
    return changes


def face(emotion: Emotion, top: float = 0.8) -> Observation:
    return Observation(0, present=True, scores=scores(emotion, top))


EMPTY = Observation(0)
DARK = Observation(0, dark=True)


def test_a_steady_face_is_announced_after_the_dwell_time() -> None:
    [(at, mood)] = play([(4, face(Emotion.HAPPY))])
    assert mood is Mood.HAPPY
    assert at == pytest.approx(CONFIG.dwell_s, abs=1 / 8)


def test_a_new_emotion_is_announced_within_three_seconds_and_the_old_one_not_again() -> None:
    changes = play([(5, face(Emotion.HAPPY)), (5, face(Emotion.SAD))])
    assert [mood for _, mood in changes] == [Mood.HAPPY, Mood.SAD]
    assert 5 < changes[1][0] < 8


def test_a_grimace_shorter_than_the_dwell_time_changes_nothing() -> None:
    changes = play([(5, face(Emotion.NEUTRAL)), (0.75, face(Emotion.ANGRY)), (5, face(Emotion.NEUTRAL))])
    assert [mood for _, mood in changes] == [Mood.NEUTRAL]


def test_hysteresis_keeps_an_emotion_between_leave_and_enter() -> None:
    changes = play([(5, face(Emotion.SAD)), (20, face(Emotion.SAD, 0.34))])
    assert [mood for _, mood in changes] == [Mood.SAD]


def test_between_leave_and_enter_nothing_is_announced_but_unsure() -> None:
    [(at, mood)] = play([(10, face(Emotion.SAD, 0.34))])
    assert mood is Mood.UNSURE
    assert at == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize(
    ("emotion", "score", "announced"),
    [
        (Emotion.NEUTRAL, 0.35, Mood.UNSURE),
        (Emotion.NEUTRAL, 0.37, Mood.NEUTRAL),
        (Emotion.SAD, 0.41, Mood.UNSURE),
        (Emotion.SAD, 0.43, Mood.SAD),
        (Emotion.HAPPY, 0.35, Mood.UNSURE),
        (Emotion.HAPPY, 0.37, Mood.HAPPY),
        (Emotion.SURPRISE, 0.41, Mood.UNSURE),
    ],
)
def test_happy_and_neutral_are_announced_from_the_middle_of_leave_and_enter(
    emotion: Emotion, score: float, announced: Mood
) -> None:
    assert [mood for _, mood in play([(10, face(emotion, score))])] == [announced]


def test_a_lead_smaller_than_the_hysteresis_does_not_change_the_mood() -> None:
    def both(happy: float, surprise: float) -> Observation:
        rest = (1 - happy - surprise) / 5
        table = {Emotion.HAPPY: happy, Emotion.SURPRISE: surprise}
        return Observation(0, present=True, scores=tuple(table.get(emotion, rest) for emotion in EMOTIONS))

    assert [mood for _, mood in play([(5, both(0.6, 0.3)), (10, both(0.40, 0.48))])] == [Mood.HAPPY]
    assert [mood for _, mood in play([(5, both(0.6, 0.3)), (10, both(0.34, 0.50))])] == [Mood.HAPPY, Mood.SURPRISE]


def test_a_face_that_fits_nothing_becomes_unsure_after_three_dwell_times() -> None:
    changes = play([(5, face(Emotion.HAPPY)), (10, Observation(0, present=True, scores=FLAT))])
    assert [mood for _, mood in changes] == [Mood.HAPPY, Mood.UNSURE]
    assert 5 + 3 < changes[1][0] < 5 + 3 + 3


@pytest.mark.parametrize("fps", [1.5, 2.5, 5.0, 8.0])
def test_a_new_emotion_is_announced_as_early_at_a_low_rate(fps: float) -> None:
    """The dwell starts where the smoothed scores pass the limit, not at the next reading."""
    changes = play([(6, face(Emotion.HAPPY)), (6, face(Emotion.SAD))], fps=fps)
    usual = play([(6, face(Emotion.HAPPY)), (6, face(Emotion.SAD))], fps=40.0)
    assert [mood for _, mood in changes] == [mood for _, mood in usual]
    assert changes[1][0] <= usual[1][0] + 1 / fps


@pytest.mark.parametrize("seconds", [1.5, 3.0, 10.0])
def test_a_machine_slower_than_the_dwell_announces_a_mood_at_its_second_reading(seconds: float) -> None:
    frames = [(4 * seconds, face(Emotion.HAPPY)), (seconds, face(Emotion.FEAR)), (4 * seconds, face(Emotion.SAD))]
    changes = play(frames, fps=1 / seconds)
    assert changes == [(2 * seconds, Mood.HAPPY), (6 * seconds, Mood.SAD)]


def test_a_gap_between_quick_frames_starts_the_dwell_again() -> None:
    state, at = MoodState(), 0.0
    for emotion, until in ((Emotion.HAPPY, 4.0), (Emotion.SAD, 5.0)):
        while at < until:
            state, at = update(state, CONFIG, replace(face(emotion), at=at)), at + 1 / 8
    assert (state.mood, state.target) == (Mood.HAPPY, Mood.SAD)
    at += 3
    began = at
    while state.mood is Mood.HAPPY:
        state, at = update(state, CONFIG, replace(face(Emotion.SAD), at=at)), at + 1 / 8
    assert state.since - began == pytest.approx(CONFIG.dwell_s, abs=1 / 8)


@pytest.mark.parametrize("last", [face(Emotion.SAD), EMPTY, Observation(0, present=True, scores=FLAT)])
def test_the_time_of_a_change_is_known_before_it(last: Observation) -> None:
    state, due, at = MoodState(), None, 0.0
    while at < 5:
        state, at = update(state, CONFIG, replace(face(Emotion.HAPPY), at=at)), at + 1 / 8
    assert changes_at(state, CONFIG, face(Emotion.HAPPY)) is None
    while due is None or due > at:
        state, at = update(state, CONFIG, replace(last, at=at)), at + 1 / 8
        due = changes_at(state, CONFIG, last)
    assert update(state, CONFIG, replace(last, at=due - 0.001)).mood is Mood.HAPPY
    assert update(state, CONFIG, replace(last, at=due)).mood is not Mood.HAPPY


def test_unsure_gives_way_to_an_emotion() -> None:
    flat = Observation(0, present=True, scores=FLAT)
    assert [mood for _, mood in play([(5, flat), (5, face(Emotion.FEAR))])] == [Mood.UNSURE, Mood.FEAR]


def test_an_empty_room_is_nobody_after_the_away_time() -> None:
    changes = play([(4, face(Emotion.HAPPY)), (8, EMPTY)])
    assert [mood for _, mood in changes] == [Mood.HAPPY, Mood.NOBODY]
    assert 4 + 5 - 0.2 <= changes[1][0] <= 4 + 5 + 1


def test_a_face_that_looks_away_for_a_moment_changes_nothing() -> None:
    changes = play([(4, face(Emotion.HAPPY)), (4.5, EMPTY), (4, face(Emotion.HAPPY))])
    assert [mood for _, mood in changes] == [Mood.HAPPY]


def test_a_passer_by_who_was_never_announced_is_forgotten() -> None:
    changes = play([(0.5, face(Emotion.ANGRY)), (6, EMPTY), (0.7, face(Emotion.ANGRY)), (6, EMPTY)])
    assert changes == []


def test_a_face_too_blurred_to_read_is_present_but_says_nothing() -> None:
    blurred = Observation(0, present=True)
    assert play([(10, blurred)]) == []
    assert [mood for _, mood in play([(4, face(Emotion.SAD)), (20, blurred)])] == [Mood.SAD]


def test_darkness_is_nobody_after_the_dwell_time_and_light_again_likewise() -> None:
    state = MoodState()
    for tick in range(20):
        state = update(state, CONFIG, Observation(tick / 4, present=True, scores=scores(Emotion.HAPPY)))
    assert state.mood is Mood.HAPPY
    state = update(state, CONFIG, Observation(5.0, dark=True))
    assert (state.mood, state.dark) == (Mood.HAPPY, False)
    state = update(state, CONFIG, Observation(6.0, dark=True))
    assert (state.mood, state.dark, state.since) == (Mood.NOBODY, True, 6.0)
    state = update(state, CONFIG, Observation(6.5))
    state = update(state, CONFIG, Observation(7.0, dark=True))
    state = update(state, CONFIG, Observation(7.5))
    assert state.dark
    assert not update(state, CONFIG, Observation(8.5)).dark


def test_a_short_flicker_of_the_light_changes_nothing() -> None:
    seen = face(Emotion.HAPPY)
    assert [mood for _, mood in play([(4, seen), (0.8, DARK), (4, seen)])] == [Mood.HAPPY]


def test_forgetting_keeps_the_time_since_when_nobody_is_there() -> None:
    state = MoodState(mood=Mood.NOBODY, since=3.0)
    assert reset(state, 9.0).since == 3.0
    assert reset(MoodState(mood=Mood.SAD, since=3.0), 9.0).since == 9.0


def test_confidence_is_the_mood_s_own_score_the_leader_s_while_unsure_and_nought_for_nobody() -> None:
    state = MoodState(mood=Mood.SAD, scores=scores(Emotion.HAPPY, 0.7))
    assert state.confidence == pytest.approx(0.05)
    assert MoodState(mood=Mood.UNSURE, scores=state.scores).confidence == pytest.approx(0.7)
    assert MoodState(mood=Mood.NOBODY, scores=state.scores).confidence == 0
    assert MoodState(mood=Mood.SAD).confidence == 0


def test_without_smoothing_and_dwell_each_frame_counts() -> None:
    config = MoodConfig(enter=0.42, leave=0.30, dwell_s=0, away_s=5, smoothing_s=0)
    changes = play([(0.5, face(Emotion.HAPPY)), (0.5, face(Emotion.SAD))], fps=2, config=config)
    assert changes == [(0.0, Mood.HAPPY), (0.5, Mood.SAD)]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    emotion=st.sampled_from(EMOTIONS),
    noise=st.floats(0, 1.2),
    fps=st.sampled_from([2.0, 5.0, 8.0, 15.0]),
)
def test_no_flicker_under_noise(seed: int, emotion: Emotion, noise: float, fps: float) -> None:
    """A steady face read with noisy scores (logits with the given deviation) is announced once."""
    rng = np.random.default_rng(seed)
    mean = np.log(np.array(scores(emotion, 0.75)))
    state, changes = MoodState(), 0
    for tick in range(int(60 * fps)):
        logits = mean + rng.normal(0, noise, 7)
        noisy = np.exp(logits) / np.exp(logits).sum()
        before, state = (
            state,
            update(state, CONFIG, Observation(tick / fps, present=True, scores=tuple(noisy.tolist()))),
        )
        changes += state.mood is not before.mood
    assert changes == 1
    assert state.mood.value == emotion.value


@settings(max_examples=60)
@given(
    first=st.sampled_from(EMOTIONS),
    second=st.sampled_from(EMOTIONS),
    top=st.floats(0.62, 0.99),
    fps=st.floats(2, 15),
)
def test_the_reaction_is_bounded(first: Emotion, second: Emotion, top: float, fps: float) -> None:
    """Whatever it was before, a clear face is announced within 3 s, and one frame."""
    changes = play([(6, face(first)), (6, face(second, top))], fps=fps)
    assert changes[-1][1].value == second.value
    if first is not second:
        assert changes[-1][0] - 6 <= 3.0 + 1 / fps


span = st.tuples(st.floats(2.6, 8), st.one_of(st.none(), st.sampled_from(EMOTIONS)))


@settings(max_examples=80)
@given(st.lists(span, min_size=1, max_size=8))
def test_the_same_moods_at_2_and_15_frames_a_second(spans: list[tuple[float, Emotion | None]]) -> None:
    """Spans long enough to announce; an empty room is either clearly short or clearly long."""
    script = [
        (6.5 if e is None and s > 5 else min(s, 4.0) if e is None else s, EMPTY if e is None else face(e))
        for s, e in spans
    ]
    slow, quick = ([mood for _, mood in play([*script, (7, EMPTY)], fps=fps)] for fps in (2.0, 15.0))
    joined = [e for _, e in spans]
    if all(a is not b or a is not None for a, b in pairwise(joined)):
        assert slow == quick


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 3),
            st.booleans(),
            st.one_of(st.none(), st.lists(st.floats(0.01, 1), min_size=7, max_size=7)),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_whatever_comes_the_state_stays_sound(
    frames: list[tuple[float, bool, list[float] | None, bool]],
) -> None:
    state, at = MoodState(), 0.0
    for gap, present, raw, dark in frames:
        at += gap
        given_scores = tuple(value / sum(raw) for value in raw) if raw else None
        before = state
        state = update(state, CONFIG, Observation(at, present, given_scores, dark))
        assert 0 <= state.confidence <= 1 + 1e-9
        assert state.since <= at
        assert (state.mood is before.mood) == (state.since == before.since) or gap == 0
        assert not (state.dark and state.mood is not Mood.NOBODY)
        if state.scores is not None:
            assert sum(state.scores) == pytest.approx(1)


PERCENT = st.floats(0, 100)


@given(st.floats(0.15, 1), st.floats(0.1, 1), st.floats(0, 60))
def test_at_fifty_the_configuration_holds_as_it_is(enter: float, leave: float, dwell_s: float) -> None:
    config = MoodConfig(enter, leave, dwell_s, 5, 1)
    assert config.at_sensitivity(50) == config


@given(st.floats(0.15, 1), st.floats(0.1, 1), st.floats(0, 60), PERCENT, PERCENT)
def test_more_sensitive_is_never_later(enter: float, leave: float, dwell_s: float, first: float, second: float) -> None:
    low_percent, high_percent = sorted((first, second))
    config = MoodConfig(max(enter, leave), min(enter, leave), dwell_s, 5, 1)
    low, high = config.at_sensitivity(low_percent), config.at_sensitivity(high_percent)
    assert 0 < high.leave <= high.enter <= 1
    assert high.enter <= low.enter
    assert high.leave <= low.leave
    assert high.dwell_s <= low.dwell_s
    assert (high.away_s, high.smoothing_s) == (5, 1)


def test_the_ends_of_the_sensitivity_are_as_documented() -> None:
    config = MoodConfig(0.76, 0.28, 1.0, 5, 0.4)
    low, high = config.at_sensitivity(0), config.at_sensitivity(100)
    assert [round(value, 2) for value in (low.enter, low.leave, low.dwell_s)] == [0.82, 0.41, 2.0]
    assert [round(value, 2) for value in (high.enter, high.leave, high.dwell_s)] == [0.68, 0.17, 0.5]
