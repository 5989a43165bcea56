from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.recommend.sampler import (
    EMPTY,
    EXPLORE,
    MAX_EVIDENCE,
    MAX_WINDOW,
    SHORTLIST,
    Candidates,
    ThompsonSampler,
    TrackStats,
    calmer,
    posterior,
    shortlist,
    union,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def candidates(
    artists: Sequence[int], *, first: int = 1, affects: Sequence[tuple[float, float]] | None = None
) -> Candidates:
    count = len(artists)
    return Candidates(
        np.arange(first, first + count, dtype=np.int64),
        np.array(artists, np.int64),
        np.array(affects or [(0.0, 0.0)] * count, np.float32).reshape(-1, 2),
        np.full(count, 0.5, np.float32),
    )


def pick(
    songs: Candidates, stats: Mapping[int, TrackStats] | None = None, count: int = 5, seed: int = 1, number: int = 9
) -> list[int]:
    drawn = ThompsonSampler(stats or {}, number, count, np.random.default_rng(seed)).pick(songs, (None,) * count, EMPTY)
    return [int(key) for key in drawn.keys]


track_stats = st.builds(
    TrackStats,
    likes=st.integers(0, 60),
    dislikes=st.integers(0, 60),
    skips=st.integers(0, 60),
    impressions=st.integers(0, 90),
    round=st.integers(0, 9),
)
lists = st.lists(st.integers(0, 9), min_size=1, max_size=40)


@given(lists, st.dictionaries(st.integers(1, 45), track_stats), st.integers(1, 7), st.integers(0, 2**32))
def test_a_draw_depends_on_nothing_but_its_arguments(
    artists: list[int], stats: dict[int, TrackStats], count: int, seed: int
) -> None:
    songs = candidates(artists)
    first = pick(songs, stats, count, seed)
    assert first == pick(songs, stats, count, seed)
    assert len(first) == len(set(first)) == min(count, len(songs))


@given(lists, st.dictionaries(st.integers(1, 45), track_stats), st.integers(1, 7), st.integers(0, 2**32))
def test_an_artist_comes_twice_only_where_there_is_no_other(
    artists: list[int], stats: dict[int, TrackStats], count: int, seed: int
) -> None:
    songs = candidates(artists)
    chosen = {artists[key - 1] for key in pick(songs, stats, count, seed)}
    assert len(chosen) == min(count, len(songs), len(set(artists)))


@given(st.integers(10, 60), st.integers(0, 2**32))
def test_what_lies_within_the_window_does_not_come_while_there_is_enough_else(size: int, seed: int) -> None:
    songs, count = candidates(range(size)), 5
    wide = window(size, count)
    stats = {
        key: TrackStats(likes=40, impressions=1, round=9 - wide + key % wide) for key in range(1, size - count + 1)
    }
    assert set(pick(songs, stats, count, seed)) == set(range(size - count + 1, size + 1))


def test_where_the_list_is_too_short_what_was_offered_first_comes_again_first() -> None:
    songs = candidates(range(6))
    stats = {
        key: TrackStats(impressions=1, round=number)
        for key, number in zip(range(1, 7), (8, 8, 8, 8, 8, 8), strict=True)
    }
    assert len(pick(songs, stats, 5)) == 5
    stats[3] = TrackStats(impressions=1, round=7)
    assert 3 in pick(songs, stats, 1)


def test_the_window_grows_with_the_list_up_to_a_limit() -> None:
    assert [window(size, 5) for size in (1, 25, 50, 100, 50_000)] == [1, 1, 2, 4, MAX_WINDOW]


def test_what_is_taken_is_not_drawn_and_nor_are_its_artists() -> None:
    songs = candidates([1, 1, 2, 3, 4])
    excluded = songs.take(np.array([0]))
    drawn = ThompsonSampler({}, 1, 3, np.random.default_rng(1)).pick(songs, (None,) * 3, excluded)
    assert set(drawn.keys.tolist()) == {3, 4, 5}


def shares(stats: dict[int, TrackStats], size: int = 25, rounds: int = 3000) -> dict[int, float]:
    """Return each track's share of all offers from a list of `size`."""
    songs, rng, counts = candidates(range(size)), np.random.default_rng(7), np.zeros(size + 1)
    stats = {key: stats.get(key, TrackStats()) for key in range(1, size + 1)}
    for number in range(1, rounds + 1):
        keys = ThompsonSampler(stats, number, 5, rng).pick(songs, (None,) * 5, EMPTY).keys.tolist()
        counts[keys] += 1
        for key in keys:
            old = stats[key]
            stats[key] = TrackStats(old.likes, old.dislikes, old.skips, old.impressions + 1, number)
    return {key: counts[key] / counts.sum() for key in range(1, size + 1)}


@pytest.mark.parametrize("size", [25, 60, 200])
def test_five_likes_double_a_share_three_dislikes_leave_a_fifth_and_a_skip_less_than_before(size: int) -> None:
    keys = range(1, 1 + max(1, size // 25))  # several tracks of a long list, as each of them comes up seldom

    def share_of(stats: TrackStats, rounds: int) -> float:
        """Return the mean share of the tracks with these statistics, as a multiple of an even share."""
        parts = shares(dict.fromkeys(keys, stats), size, rounds)
        return sum(parts[key] for key in keys) / len(keys) * size

    assert share_of(TrackStats(likes=5), 1000) >= 2
    assert share_of(TrackStats(dislikes=3), 3000) <= 1 / 5
    assert 1 / 5 < share_of(TrackStats(skips=3), 1500) < 0.95


@pytest.mark.parametrize("size", [10, 25, 100])
def test_no_share_reaches_nothing_or_a_half(size: int) -> None:
    parts = shares({1: TrackStats(likes=500), 2: TrackStats(dislikes=500)}, size, 1500)
    assert parts[1] < 0.5
    assert parts[2] >= EXPLORE / size / 2
    assert min(parts.values()) > 0


def test_without_feedback_shares_are_even() -> None:
    parts = shares({})
    assert max(parts.values()) < 1.25 / 25
    assert min(parts.values()) > 0.75 / 25


@given(track_stats)
def test_a_belief_never_hardens_beyond_change(stats: TrackStats) -> None:
    good, bad = posterior(stats)
    assert good >= 2
    assert bad >= 2
    assert good + bad <= 4 + MAX_EVIDENCE + 1e-9
    assert stats.has_feedback == (stats.likes + stats.dislikes + stats.skips > 0)


def test_the_quick_draw_of_the_prior_is_a_beta_distribution() -> None:
    draw = ThompsonSampler({}, 1, 5, np.random.default_rng(3))
    songs = candidates(range(20_000))
    samples = draw._sample(songs, np.full(len(songs), np.inf)) / (0.9 + 0.1 * 0.5)
    # Beta(2, 2): mean 1/2, variance 1/20.
    assert samples.mean() == pytest.approx(0.5, abs=5 * math.sqrt(0.05 / 20_000))
    assert samples.var() == pytest.approx(0.05, rel=0.05)


def test_a_place_draws_songs_that_lie_near_it() -> None:
    songs = candidates(range(40), affects=[(0.8, 0.5)] * 20 + [(-0.6, -0.3)] * 20)
    rng, near = np.random.default_rng(2), 0
    for number in range(200):
        drawn = ThompsonSampler({}, number + 1, 5, rng).pick(songs, ((-0.6, -0.3),) * 5, EMPTY)
        near += int((drawn.keys > 20).sum())
    assert near > 980


def test_familiar_songs_come_up_sooner_but_not_alone() -> None:
    songs = candidates(range(40))
    songs = Candidates(songs.keys, songs.artists, songs.affect, np.repeat(np.array([1, 0], np.float32), 20))
    rng = np.random.default_rng(2)
    known = sum(
        int((ThompsonSampler({}, 1, 5, rng).pick(songs, (None,) * 5, EMPTY).keys <= 20).sum()) for _ in range(400)
    )
    assert 1100 < known < 1700


def test_lists_are_joined_with_each_song_once() -> None:
    first, second = candidates([1, 2, 3]), candidates([3, 4, 5], first=3)
    assert union([first]) is first
    assert union([second, first]).keys.tolist() == [1, 2, 3, 4, 5]
    assert len(union([EMPTY, EMPTY])) == 0


def test_the_calmer_half_is_that_of_low_arousal() -> None:
    songs = candidates(range(8), affects=[(0.0, a / 10) for a in (5, 1, 7, 3, 0, 6, 2, 4)])
    assert calmer(songs, 2).keys.tolist() == [2, 4, 5, 7]
    assert len(calmer(songs, 6)) == 6
    assert len(calmer(songs, 60)) == 8


def test_of_a_long_list_some_songs_take_part_each_as_likely_as_the_next() -> None:
    songs, rng, seen = candidates(range(2 * SHORTLIST)), np.random.default_rng(1), np.zeros(2 * SHORTLIST + 1)
    for _ in range(100):
        keys = shortlist(songs, rng).keys
        assert len(keys) == SHORTLIST == len(np.unique(keys))
        assert (np.diff(keys) > 0).all()
        seen[keys] += 1
    assert seen[0] == 0
    # Binomial: half of a hundred, give or take five standard deviations.
    assert 25 <= seen[1:].min() <= seen[1:].max() <= 75
    short = candidates(range(SHORTLIST))
    assert shortlist(short, rng) is short


def test_an_empty_list_gives_nothing() -> None:
    assert pick(EMPTY, {1: TrackStats(likes=1, impressions=1, round=2)}) == []
