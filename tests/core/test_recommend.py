from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.messages import EMOTIONS, Candidate, Emotion, Mood, Recommendation, Track
from musicond.core.ports import CatalogueError
from musicond.core.recommend import NUMBERS, SOUND, Recommender, choose, reason, recommend

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def candidate(number: int, artist: str = "", familiarity: float = 0.5, shown: int = 0) -> Candidate:
    name = str(number)
    return Candidate(Track(f"t:{name}", f"Title {name}", artist or f"Artist {name}", f"l/{name}"), familiarity, shown)


class Lists:
    """A catalogue in memory, typed against the port by its use."""

    def __init__(self, lists: dict[Emotion, list[Candidate]]) -> None:
        self.lists = lists
        self.shown: Counter[str] = Counter()
        self.fault = ""

    def candidates(self, emotion: Emotion) -> list[Candidate]:
        if self.fault:
            raise CatalogueError(self.fault)
        return [Candidate(c.track, c.familiarity, self.shown[c.track.track_id]) for c in self.lists[emotion]]

    def mark_shown(self, track_ids: Sequence[str]) -> None:
        self.shown.update(track_ids)


def lists(size: int = 25) -> Lists:
    return Lists({e: [candidate(100 * i + n) for n in range(size)] for i, e in enumerate(EMOTIONS)})


def ids(found: Recommendation | None) -> list[str]:
    assert found is not None
    return [track.track_id for track in found.tracks]


pools = st.lists(
    st.tuples(st.integers(0, 7), st.floats(0, 1), st.integers(0, 3)),
    min_size=1,
    max_size=30,
).map(lambda rows: [candidate(n, f"Artist {a}", f, s) for n, (a, f, s) in enumerate(rows)])


@given(pools, st.integers(1, 8), st.integers())
def test_the_choice_depends_on_nothing_but_its_arguments(pool: list[Candidate], count: int, seed: int) -> None:
    first = choose(pool, count, random.Random(seed))
    assert first == choose(pool, count, random.Random(seed))
    assert len(first) == min(count, len(pool)) == len({each.track.track_id for each in first})


@given(pools, st.integers(1, 8), st.integers())
def test_nothing_is_chosen_while_something_shown_less_often_is_left(
    pool: list[Candidate], count: int, seed: int
) -> None:
    chosen = choose(pool, count, random.Random(seed))
    left = [each.shown for each in pool if each not in chosen]
    assert all(each.shown <= min(left) for each in chosen if left)


@given(pools, st.integers(1, 8), st.integers())
def test_an_artist_comes_twice_only_where_the_rotation_leaves_no_choice(
    pool: list[Candidate], count: int, seed: int
) -> None:
    chosen = choose(pool, count, random.Random(seed))
    last = max(each.shown for each in chosen)
    forced = [each for each in pool if each.shown < last]
    free = [each for each in pool if each.shown == last]
    before = {each.track.artist for each in forced}
    new_artists = {each.track.artist for each in free} - before
    expected = len(before) + min(count - len(forced), len(new_artists))
    assert len({each.track.artist for each in chosen}) == expected


@st.composite
def starters(draw: st.DrawFn) -> tuple[list[Candidate], int]:
    """Lists as the starter's: whole rounds, and no artist with more tracks than there are rounds."""
    count, rounds = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    size = count * rounds
    artists: list[int] = []
    while len(artists) < size:
        artists += [len(artists)] * min(draw(st.integers(1, rounds)), size - len(artists))
    order = draw(st.permutations(artists))
    return [candidate(n, f"Artist {a}", draw(st.floats(0, 1))) for n, a in enumerate(order)], count


@given(starters(), st.integers())
def test_a_full_rotation_repeats_no_track_and_never_an_artist_at_once(
    starter: tuple[list[Candidate], int], seed: int
) -> None:
    pool, count = starter
    catalogue = Lists({Emotion.HAPPY: pool})
    recommender = Recommender(catalogue, seed, cool_down_s=0, count=count)
    for rotation in (1, 2):
        for turn in range(len(pool) // count):
            found = recommender.for_mood(Emotion.HAPPY, float(turn), NOON)
            assert found is not None
            assert len({track.artist for track in found.tracks}) == count
        assert set(catalogue.shown.values()) == {rotation}
        assert len(catalogue.shown) == len(pool)


def test_familiar_songs_come_up_sooner() -> None:
    pool = [candidate(n, familiarity=1.0 if n < 10 else 0.0) for n in range(20)]
    rng = random.Random(3)
    familiar = sum(each.familiarity == 1.0 for _ in range(400) for each in choose(pool, 1, rng))
    # Weights 1.1 and 0.1: 11 in 12; five standard deviations are 0.07.
    assert abs(familiar / 400 - 11 / 12) < 0.07


def test_equal_tracks_are_drawn_equally_often() -> None:
    pool = [candidate(n) for n in range(4)]
    rng = random.Random(4)
    drawn = Counter(each.track.track_id for _ in range(2000) for each in choose(pool, 2, rng))
    assert all(abs(times - 1000) < 5 * math.sqrt(2000 * 0.25) for times in drawn.values())


def test_a_list_too_short_for_spreading_repeats_the_artist() -> None:
    pool = [candidate(n, "The Only Ones") for n in range(5)]
    assert len(choose(pool, 5, random.Random(1))) == 5


def test_more_than_the_list_holds_gives_the_whole_list() -> None:
    assert len(choose([candidate(n) for n in range(3)], 5, random.Random(1))) == 3


def test_the_reason_is_plain_and_honest() -> None:
    fresh = [candidate(n) for n in range(5)]
    assert reason(Emotion.HAPPY, fresh) == "Happy: five bright, lively songs, not offered before."
    assert reason(Emotion.SAD, [candidate(1, shown=2)]) == "Sad: one slow, quiet song, offered least so far."
    assert "11 " in reason(Emotion.FEAR, [candidate(n) for n in range(11)])
    assert set(SOUND) == set(EMOTIONS)
    assert NUMBERS[5] == "five"


def test_an_empty_list_is_a_catalogue_error() -> None:
    with pytest.raises(CatalogueError, match="a list is empty"):
        recommend(Emotion.FEAR, [], count=5, rng=random.Random(1), wall=NOON)


def test_the_recommendation_says_its_mood_and_time() -> None:
    found = Recommender(lists(), 1, 600).for_mood(Emotion.SAD, 10, NOON)
    assert found is not None
    assert (found.mood, found.wall, len(found.tracks)) == (Mood.SAD, NOON, 5)


def test_the_same_mood_coming_back_soon_keeps_what_is_shown() -> None:
    catalogue = lists()
    recommender = Recommender(catalogue, 1, cool_down_s=600)
    first = ids(recommender.for_mood(Emotion.HAPPY, 1000, NOON))
    assert recommender.for_mood(Emotion.HAPPY, 1599, NOON) is None
    assert sum(catalogue.shown.values()) == 5
    assert not set(first) & set(ids(recommender.for_mood(Emotion.HAPPY, 1600, NOON)))


def test_a_mood_that_returns_after_another_brings_its_songs_back() -> None:
    catalogue = lists()
    recommender = Recommender(catalogue, 1, cool_down_s=600)
    first = recommender.for_mood(Emotion.HAPPY, 1000, NOON)
    assert ids(recommender.for_mood(Emotion.SAD, 1010, NOON)) != ids(first)
    assert recommender.for_mood(Emotion.HAPPY, 1020, NOON) is first
    assert recommender.for_mood(Emotion.HAPPY, 1030, NOON) is None
    assert sum(catalogue.shown.values()) == 10


def test_a_clock_that_starts_anew_and_no_cool_down_give_new_songs() -> None:
    recommender = Recommender(lists(), 1, cool_down_s=600)
    recommender.for_mood(Emotion.HAPPY, 1000, NOON)
    assert recommender.for_mood(Emotion.HAPPY, 0, NOON) is not None
    hasty = Recommender(lists(), 1, cool_down_s=0)
    hasty.for_mood(Emotion.HAPPY, 1000, NOON)
    assert hasty.for_mood(Emotion.HAPPY, 1000, NOON) is not None


def test_a_broken_catalogue_is_passed_on_and_tried_again() -> None:
    catalogue = lists()
    recommender = Recommender(catalogue, 1, cool_down_s=600)
    catalogue.fault = "catalogue: damaged"
    with pytest.raises(CatalogueError, match="damaged"):
        recommender.for_mood(Emotion.HAPPY, 1, NOON)
    catalogue.fault = ""
    assert recommender.for_mood(Emotion.HAPPY, 2, NOON) is not None


def test_equal_seeds_give_equal_songs() -> None:
    def run(seed: int) -> list[list[str]]:
        recommender = Recommender(lists(), seed, cool_down_s=0)
        return [ids(recommender.for_mood(emotion, n, NOON)) for n, emotion in enumerate(EMOTIONS * 3)]

    assert run(7) == run(7)
    assert run(7) != run(8)
