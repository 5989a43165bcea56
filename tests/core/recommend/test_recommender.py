from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from musicond.core.commands import Rate, Withdraw
from musicond.core.models import EMOTIONS, Emotion, Mood, Policy, Track, Verdict
from musicond.core.outcome import Recommendation, RecommendationContext
from musicond.core.recommend.affect import EMOTION_AFFECT, LIFT_SONGS
from musicond.core.recommend.explanation import SOUNDS
from musicond.core.recommend.feedback import RATED_KEPT
from musicond.core.recommend.policies import CLOSE, EPISODE_S
from musicond.core.recommend.recommender import Recommender, RecommenderConfig
from musicond.core.recommend.sampler import Candidates, TrackStats
from musicond.core.schedule import Hours
from musicond.errors import CatalogueError, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIELDS = {Verdict.LIKE: "likes", Verdict.DISLIKE: "dislikes", Verdict.SKIP: "skips"}


class MemoryCatalogue:
    """A catalogue in memory: each track has its own artist, and the affect of its list."""

    def __init__(self, size: int = 25) -> None:
        self.sound_known = True
        self.changes = 1
        self.keys = {emotion: list(range(100 * i + 1, 100 * i + 1 + size)) for i, emotion in enumerate(EMOTIONS)}
        self.statistics: dict[Emotion, dict[int, TrackStats]] = {emotion: {} for emotion in EMOTIONS}
        self.offers: list[tuple[Emotion, list[int], int]] = []
        self.error = ""
        self.tracks_error = ""

    def candidates(self, emotion: Emotion) -> Candidates:
        if self.error:
            raise CatalogueError(self.error)
        keys = np.array(self.keys[emotion], np.int64)
        places = np.array([EMOTION_AFFECT[emotion]] * len(keys), np.float32).reshape(-1, 2)
        if self.sound_known:
            places[:, 1] += np.linspace(-0.1, 0.101, len(keys), dtype=np.float32)
        return Candidates(keys, keys, places, np.full(len(keys), 0.5, np.float32))

    def stats(self, mood: Emotion) -> dict[int, TrackStats]:
        return self.statistics[mood]

    def tracks(self, keys: Sequence[int]) -> list[Track]:
        if self.tracks_error:
            raise CatalogueError(self.tracks_error)
        return [Track(f"t:{key}", f"Title {key}", f"Artist {key}", f"https://example.org/{key}") for key in keys]

    def playlist(self, tracks: Sequence[Track]) -> str | None:
        """Return an address for songs of odd numbers."""
        return "spotify:playlist:odd" if all(int(track.track_id[2:]) % 2 for track in tracks) else None

    def mark_offered(self, mood: Emotion, keys: Sequence[int], number: int) -> None:
        self.offers.append((mood, list(keys), number))
        for key in keys:
            old = self.statistics[mood].get(key, TrackStats())
            self.statistics[mood][key] = replace(old, impressions=old.impressions + 1, round=number)

    def revision(self) -> int:
        return self.changes

    def key_of(self, track_id: str) -> int | None:
        key = int(track_id.removeprefix("t:"))
        return key if key < 1000 else None

    def emotions_of(self, key: int) -> list[Emotion]:
        if self.error:
            raise CatalogueError(self.error)
        return [emotion for emotion, keys in self.keys.items() if key in keys]

    def rate(self, moods: Sequence[Emotion], key: int, verdict: Verdict) -> None:
        if self.error:
            raise CatalogueError(self.error)
        for mood in moods:
            old, name = self.statistics[mood].get(key, TrackStats()), FIELDS[verdict]
            opposite = {"likes": "dislikes", "dislikes": "likes"}.get(name)
            changes = {name: getattr(old, name) + 1} | ({opposite: 0} if opposite else {})
            self.statistics[mood][key] = replace(old, **changes)

    def withdraw(self, moods: Sequence[Emotion], key: int) -> None:
        if self.error:
            raise CatalogueError(self.error)
        for mood in moods:
            old = self.statistics[mood].get(key, TrackStats())
            self.statistics[mood][key] = replace(old, likes=0, dislikes=0, skips=0)

    def feedback(self) -> dict[tuple[Emotion, int], tuple[int, int, int]]:
        return {
            (mood, key): (stats.likes, stats.dislikes, stats.skips)
            for mood, known in self.statistics.items()
            for key, stats in known.items()
            if stats.has_feedback
        }


def context(emotion: Emotion, captured_at: float, **more: object) -> RecommendationContext:
    return replace(RecommendationContext(emotion, captured_at, NOON), **more)  # type: ignore[arg-type]  # named by the tests


def ids(recommendation: Recommendation | None) -> list[str]:
    assert recommendation is not None
    return [track.track_id for track in recommendation.tracks]


def list_of(track_id: str) -> Emotion:
    return EMOTIONS[int(track_id[2:]) // 100]


def scores(**named: float) -> tuple[float, ...]:
    rest = (1 - sum(named.values())) / (7 - len(named))
    return tuple(named.get(emotion.value, rest) for emotion in EMOTIONS)


def test_a_recommendation_says_its_mood_and_time_and_is_of_its_list() -> None:
    catalogue = MemoryCatalogue()
    recommendation = Recommender(catalogue, 1).recommend(context(Emotion.SAD, 10))
    assert recommendation is not None
    assert (recommendation.mood, recommendation.wall_time, len(recommendation.tracks)) == (Mood.SAD, NOON, 5)
    assert {list_of(track_id) for track_id in ids(recommendation)} == {Emotion.SAD}
    assert catalogue.offers == [(Emotion.SAD, [int(track_id[2:]) for track_id in ids(recommendation)], 1)]
    assert recommendation.reason == "Sad: five slow, quiet songs, not offered before."


def test_the_same_mood_coming_back_soon_keeps_what_is_shown() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(cool_down_s=600))
    first = ids(recommender.recommend(context(Emotion.HAPPY, 1000)))
    assert recommender.recommend(context(Emotion.HAPPY, 1599)) is None
    assert len(catalogue.offers) == 1
    assert not set(first) & set(ids(recommender.recommend(context(Emotion.HAPPY, 1600))))


def test_a_mood_that_returns_after_another_brings_its_songs_back() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(cool_down_s=600))
    first = recommender.recommend(context(Emotion.HAPPY, 1000))
    assert ids(recommender.recommend(context(Emotion.SAD, 1010))) != ids(first)
    assert recommender.recommend(context(Emotion.HAPPY, 1020)) is first
    assert recommender.recommend(context(Emotion.HAPPY, 1030)) is None
    assert len(catalogue.offers) == 2


def test_a_clock_that_starts_again_and_no_cool_down_give_new_songs() -> None:
    recommender = Recommender(MemoryCatalogue(), 1, RecommenderConfig(cool_down_s=600))
    recommender.recommend(context(Emotion.HAPPY, 1000))
    assert recommender.recommend(context(Emotion.HAPPY, 0)) is not None
    hasty = Recommender(MemoryCatalogue(), 1, RecommenderConfig(cool_down_s=0))
    hasty.recommend(context(Emotion.HAPPY, 1000))
    assert hasty.recommend(context(Emotion.HAPPY, 1000)) is not None


def test_a_broken_catalogue_is_passed_on_and_tried_again() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    catalogue.error = "catalogue: damaged"
    with pytest.raises(CatalogueError, match="damaged"):
        recommender.recommend(context(Emotion.HAPPY, 1))
    catalogue.error = ""
    assert recommender.recommend(context(Emotion.HAPPY, 2)) is not None


def test_an_empty_list_is_an_error_that_names_no_mood() -> None:
    with pytest.raises(CatalogueError, match="a list is empty") as caught:
        Recommender(MemoryCatalogue(size=0), 1).recommend(context(Emotion.FEAR, 1))
    assert "fear" not in str(caught.value)


def test_equal_seeds_give_equal_songs() -> None:
    def run(seed: int) -> list[list[str]]:
        recommender = Recommender(MemoryCatalogue(), seed, RecommenderConfig(cool_down_s=0))
        return [ids(recommender.recommend(context(emotion, n))) for n, emotion in enumerate(EMOTIONS * 3)]

    assert run(7) == run(7)
    assert run(7) != run(8)


def test_other_songs_come_at_once_when_asked_for() -> None:
    recommender = Recommender(MemoryCatalogue(), 1, RecommenderConfig(cool_down_s=600))
    first = ids(recommender.recommend(context(Emotion.HAPPY, 1000)))
    second = recommender.recommend_other(context(Emotion.HAPPY, 1001))
    assert not set(first) & set(ids(second))
    assert recommender.recommend(context(Emotion.HAPPY, 1002)) is None
    assert second.reason == "Happy: five bright, lively songs, not offered before."


def test_a_close_second_emotion_gets_songs_too() -> None:
    recommender = Recommender(MemoryCatalogue(), 1)
    recommendation = recommender.recommend_other(context(Emotion.HAPPY, 1, scores=scores(happy=0.44, surprise=0.4)))
    assert Counter(map(list_of, ids(recommendation))) == {Emotion.HAPPY: 3, Emotion.SURPRISE: 2}
    assert recommendation.reason == (
        "Happy with some surprise: three bright, lively songs and two fast, high-energy songs, not offered before."
    )


@pytest.mark.parametrize(
    "read", [scores(happy=0.6, surprise=0.6 * CLOSE - 0.01), scores(happy=0.3, sad=0.5)], ids=["clear", "corrected"]
)
def test_a_clear_reading_and_a_corrected_one_are_not_mixed(read: tuple[float, ...]) -> None:
    recommendation = Recommender(MemoryCatalogue(), 1).recommend_other(context(Emotion.HAPPY, 1, scores=read))
    assert {list_of(track_id) for track_id in ids(recommendation)} == {Emotion.HAPPY}


def test_a_mix_with_an_empty_list_is_none() -> None:
    catalogue = MemoryCatalogue()
    catalogue.keys[Emotion.SURPRISE] = []
    recommendation = Recommender(catalogue, 1).recommend_other(
        context(Emotion.HAPPY, 1, scores=scores(happy=0.44, surprise=0.4))
    )
    assert recommendation.reason.startswith("Happy: three bright")


def test_a_lift_leads_from_the_mood_over_calm_to_happy_and_goes_on_where_it_was() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 3, RecommenderConfig(policy=Policy.LIFT, cool_down_s=0))
    lists, valences = [], []
    for number in range(LIFT_SONGS // 5 + 1):
        recommendation = recommender.recommend_other(context(Emotion.ANGRY, number * 1000))
        lists.append([list_of(track_id) for track_id in ids(recommendation)])
        valences.append(sum(EMOTION_AFFECT[emotion][0] for emotion in lists[-1]) / 5)
    assert lists[0][0] is Emotion.ANGRY
    assert valences == sorted(valences)
    assert valences[-1] > 0.6
    assert "numbers 1 to 5 of 15" in recommender.recommend_other(context(Emotion.ANGRY, 9e6)).reason, (
        "again after a pause"
    )


def test_a_lift_says_where_it_is() -> None:
    recommender = Recommender(MemoryCatalogue(), 1, RecommenderConfig(policy=Policy.LIFT, cool_down_s=0))
    first = recommender.recommend_other(context(Emotion.SAD, 1)).reason
    assert first.startswith(
        "Sad, to be lifted: five songs on the way from slow, quiet over calm to happy, numbers 1 to 5"
    )
    assert "numbers 6 to 10 of 15" in recommender.recommend_other(context(Emotion.SAD, 2)).reason
    assert "numbers 1 to 5 of 15" in recommender.recommend_other(context(Emotion.FEAR, 3)).reason, (
        "another mood, another way"
    )
    for at in range(4, 8):
        last = recommender.recommend_other(context(Emotion.FEAR, at)).reason
    assert "number 15 of 15" in last
    assert "numbers 1 to 5" in recommender.recommend_other(context(Emotion.FEAR, 8 + EPISODE_S)).reason


def test_the_places_of_songs_are_known_by_their_sound_only_and_follow_a_replaced_song() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(policy=Policy.LIFT))
    current = recommender.recommend_other(context(Emotion.SAD, 1))
    assert list(current.affects) == ids(current)
    for track_id, (valence, arousal) in current.affects.items():
        own = EMOTION_AFFECT[list_of(track_id)]
        assert valence == pytest.approx(own[0])
        assert 0 < abs(arousal - own[1]) < 0.11
    changed = recommender.rate(Rate(Verdict.DISLIKE), current, NOON)
    assert changed is not None
    assert list(changed.affects) == ids(changed)
    catalogue.sound_known = False
    assert Recommender(catalogue, 1).recommend_other(context(Emotion.SAD, 1)).affects == {}


def test_a_pleasant_mood_is_matched_under_lift() -> None:
    recommendation = Recommender(MemoryCatalogue(), 1, RecommenderConfig(policy=Policy.LIFT)).recommend_other(
        context(Emotion.HAPPY, 1)
    )
    assert recommendation.reason.startswith("Happy: five bright")


def test_steady_music_moves_slowly_towards_a_mood_that_lasts() -> None:
    recommender = Recommender(MemoryCatalogue(), 2, RecommenderConfig(policy=Policy.STEADY, cool_down_s=0))
    first = recommender.recommend_other(context(Emotion.HAPPY, 1, scores=scores(happy=0.44, surprise=0.4)))
    assert {list_of(track_id) for track_id in ids(first)} == {Emotion.HAPPY}
    second = recommender.recommend_other(context(Emotion.SAD, 2))
    assert second.reason == "Sad, kept steady: five songs close to what was offered before, not offered before."
    assert Emotion.SAD not in {list_of(track_id) for track_id in ids(second)}
    for at in range(3, 12):
        last = recommender.recommend_other(context(Emotion.SAD, at))
    assert Counter(map(list_of, ids(last))).most_common(1)[0][0] is Emotion.SAD


def test_what_a_person_switched_wins_over_the_mood_s_policy_and_that_over_the_general_one() -> None:
    config = RecommenderConfig(policy=Policy.STEADY, by_mood={Emotion.SAD: Policy.LIFT})
    recommender = Recommender(MemoryCatalogue(), 1, config)
    assert "to be lifted" in recommender.recommend_other(context(Emotion.SAD, 1)).reason
    assert "kept steady" in recommender.recommend_other(context(Emotion.HAPPY, 2)).reason
    assert recommender.recommend_other(context(Emotion.SAD, 3, policy=Policy.MATCH)).reason.startswith("Sad: five slow")


def test_quiet_hours_bring_the_calmer_half_and_say_so() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(cool_down_s=0, quiet_hours=Hours.parse("22:00-07:00")))
    loud, quiet = set(), set()
    for number in range(40):
        loud |= set(ids(recommender.recommend_other(context(Emotion.HAPPY, number))))
        night = recommender.recommend_other(context(Emotion.HAPPY, number, wall_time=NOON + timedelta(hours=11)))
        quiet |= set(ids(night))
    assert night.reason.endswith(" Quiet hours: from the calmer half.")
    assert "Quiet" not in recommender.recommend_other(context(Emotion.HAPPY, 99)).reason
    assert {int(track_id[2:]) for track_id in quiet} <= set(catalogue.keys[Emotion.HAPPY][:12])
    assert len(loud) == 25


def test_a_like_is_counted_for_the_mood_it_was_given_in_and_only_marks_the_song() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.HAPPY, 1000))
    assert shown is not None
    liked = recommender.rate(Rate(Verdict.LIKE), shown, NOON)
    assert liked == replace(shown, verdicts={ids(shown)[0]: Verdict.LIKE})
    assert recommender.rate(Rate(Verdict.LIKE, "t:1"), liked, NOON) is None, "it is not among the songs shown"
    assert catalogue.feedback()[Emotion.HAPPY, int(ids(shown)[0][2:])] == (1, 0, 0)


def test_feedback_is_withdrawn_and_a_mood_that_returns_shows_it() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.HAPPY, 1000))
    assert shown is not None
    first, second = ids(shown)[:2]
    disliked = recommender.rate(Rate(Verdict.DISLIKE), recommender.rate(Rate(Verdict.LIKE, second), shown, NOON), NOON)
    assert disliked is not None
    assert disliked.verdicts == {first: Verdict.DISLIKE, second: Verdict.LIKE}
    after = recommender.withdraw(Withdraw(), disliked)
    assert after is not None
    assert after.verdicts == {second: Verdict.LIKE}
    assert first in {track.track_id for track in after.wanted}, "it is played again"
    assert catalogue.feedback() == {(Emotion.HAPPY, int(second[2:])): (1, 0, 0)}
    recommender.recommend(context(Emotion.SAD, 1010))
    assert recommender.recommend(context(Emotion.HAPPY, 1020)) == after
    assert recommender.withdraw(Withdraw(), None) is None, "the one before is meant now"
    assert catalogue.feedback() == {}
    with pytest.raises(CommandError, match="no song was rated since the start; name one"):
        recommender.withdraw(Withdraw(), None)
    with pytest.raises(CommandError, match="there is no feedback on 't:.*' in this mood to withdraw"):
        recommender.withdraw(Withdraw(second), after)


def liked_in_two_moods() -> tuple[MemoryCatalogue, Recommender, Recommendation, Recommendation]:
    """Return a happy and a sad recommendation of the same five songs, both in the catalogue's lists."""
    catalogue = MemoryCatalogue(size=5)
    catalogue.keys[Emotion.SAD] = catalogue.keys[Emotion.HAPPY]
    recommender = Recommender(catalogue, 1)
    happy = recommender.recommend(context(Emotion.HAPPY, 1000))
    sad = recommender.recommend(context(Emotion.SAD, 1010))
    assert happy is not None
    assert sad is not None
    return catalogue, recommender, happy, sad


def test_feedback_is_taken_back_in_the_mood_that_it_was_given_in() -> None:
    catalogue, recommender, happy, sad = liked_in_two_moods()
    song = ids(happy)[0]
    key = int(song[2:])
    catalogue.rate([Emotion.SAD], key, Verdict.DISLIKE)
    recommender.rate(Rate(Verdict.LIKE, song), happy, NOON)
    assert recommender.withdraw(Withdraw(song), sad) is None, "nothing that is shown has changed"
    assert catalogue.feedback() == {(Emotion.SAD, key): (0, 1, 0)}
    assert recommender.recommend(context(Emotion.HAPPY, 1020)) == happy, "the like is no longer shown"


def test_feedback_that_is_shown_is_the_one_that_is_taken_back() -> None:
    catalogue, recommender, happy, sad = liked_in_two_moods()
    song = ids(happy)[0]
    shown = recommender.rate(Rate(Verdict.LIKE, song), sad, NOON)
    recommender.rate(Rate(Verdict.LIKE, song), happy, NOON)
    assert recommender.withdraw(Withdraw(song), shown) == sad
    assert catalogue.feedback() == {(Emotion.HAPPY, int(song[2:])): (1, 0, 0)}
    assert recommender.withdraw(Withdraw(), sad) is None
    assert catalogue.feedback() == {}, "the one in the other mood was the last one"


def test_without_an_id_the_verdict_given_last_is_taken_back_whatever_is_shown() -> None:
    catalogue, recommender, happy, sad = liked_in_two_moods()
    song = ids(happy)[0]
    shown = recommender.rate(Rate(Verdict.LIKE, song), sad, NOON)
    recommender.rate(Rate(Verdict.LIKE, song, Emotion.HAPPY), shown, NOON)
    assert recommender.withdraw(Withdraw(), shown) is None
    assert catalogue.feedback() == {(Emotion.SAD, int(song[2:])): (1, 0, 0)}


@pytest.mark.parametrize("policy", list(Policy))
def test_a_dislike_stays_in_sight_is_not_played_and_is_followed_by_another_song(policy: Policy) -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(policy=policy))
    recommender.recommend(context(Emotion.HAPPY, 990))
    shown = recommender.recommend(context(Emotion.SAD, 1000))
    disliked = ids(shown)[2]
    after = recommender.rate(Rate(Verdict.DISLIKE, disliked), shown, NOON)
    assert after is not None
    assert ids(after)[:5] == ids(shown), "each song keeps its place"
    assert len(ids(after)) == 6
    assert [track.track_id for track in after.wanted] == [song for song in ids(after) if song != disliked]
    assert after.verdicts == {disliked: Verdict.DISLIKE}
    again = recommender.rate(Rate(Verdict.DISLIKE, disliked), after, NOON)
    assert ids(again) == ids(after), "one more song is enough"
    liked = recommender.rate(Rate(Verdict.LIKE, disliked), again, NOON)
    assert liked is not None
    assert (liked.verdicts, liked.rejected) == ({disliked: Verdict.LIKE}, frozenset())
    assert catalogue.feedback() == {(Emotion.SAD, int(disliked[2:])): (1, 0, 0)}, "a like ends the dislike"
    current = recommender.rate(Rate(Verdict.SKIP, ids(after)[0]), after, NOON) or after
    for _ in range(9):
        current = recommender.rate(Rate(Verdict.DISLIKE), current, NOON) or current
    assert (len(current.wanted), len(current.tracks)) == (5, 10), "the oldest ones make room"
    recommender.recommend(context(Emotion.HAPPY, 1010))
    assert recommender.recommend(context(Emotion.SAD, 1020)) == current


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("mood", [Emotion.HAPPY, None], ids=["named", "found"])
@pytest.mark.parametrize("watching", [True, False])
def test_feedback_for_another_mood_counts_when_that_comes_back(
    verdict: Verdict, mood: Emotion | None, *, watching: bool
) -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    happy = recommender.recommend(context(Emotion.HAPPY, 1000))
    sad = recommender.recommend(context(Emotion.SAD, 1010))
    assert happy is not None
    song = ids(happy)[0]
    assert recommender.rate(Rate(verdict, song, mood), sad, NOON, replacing=watching) is None
    assert len(catalogue.offers) == 2, "what is not shown is not offered yet"
    back = recommender.recommend(context(Emotion.HAPPY, 1020))
    assert back is not None
    new = [int(track_id[2:]) for track_id in ids(back) if track_id not in ids(happy)]
    assert catalogue.offers[2:] == ([] if verdict is Verdict.LIKE else [(Emotion.HAPPY, new, 1)])
    assert back.contains(song) is (verdict is not Verdict.SKIP)
    assert back.verdicts == ({} if verdict is Verdict.SKIP else {song: verdict})
    assert (song in {track.track_id for track in back.wanted}) is (verdict is Verdict.LIKE)
    assert len(back.wanted) == 5, "another one has taken its place"
    assert recommender.recommend(context(Emotion.HAPPY, 1030)) is None


def test_a_mood_that_does_not_come_back_in_time_is_offered_nothing() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(cool_down_s=600))
    happy = recommender.recommend(context(Emotion.HAPPY, 1000))
    sad = recommender.recommend(context(Emotion.SAD, 1590))
    recommender.rate(Rate(Verdict.SKIP, ids(happy)[0]), sad, NOON)
    recommender.recommend(context(Emotion.HAPPY, 1600))
    assert [len(keys) for _, keys, _ in catalogue.offers] == [5, 5, 5]


def test_a_skip_for_another_mood_that_is_taken_back_changes_nothing() -> None:
    recommender = Recommender(MemoryCatalogue(), 1)
    happy = recommender.recommend(context(Emotion.HAPPY, 1000))
    sad = recommender.recommend(context(Emotion.SAD, 1010))
    recommender.rate(Rate(Verdict.SKIP, ids(happy)[0]), sad, NOON)
    recommender.withdraw(Withdraw(), sad)
    assert recommender.recommend(context(Emotion.HAPPY, 1020)) == happy


def test_a_mood_whose_songs_are_all_disliked_gets_others() -> None:
    recommender = Recommender(MemoryCatalogue(), 1)
    current = shown = recommender.recommend(context(Emotion.SAD, 1000))
    for song in ids(shown):
        current = recommender.rate(Rate(Verdict.DISLIKE, song), current, NOON, replacing=False)
    assert current is not None
    assert not current.wanted
    assert not set(ids(recommender.recommend(context(Emotion.SAD, 1010)))) & set(ids(shown))


def test_a_recommendation_whose_songs_left_the_lists_is_forgotten() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(cool_down_s=600))
    happy = recommender.recommend(context(Emotion.HAPPY, 1000))
    assert happy is not None
    recommender.recommend(context(Emotion.SAD, 1010))
    assert recommender.is_outdated(happy) is False
    catalogue.keys[Emotion.HAPPY].remove(int(ids(happy)[1][2:]))
    assert recommender.is_outdated(happy) is False, "it is looked at after a change only"
    catalogue.changes += 1
    assert recommender.is_outdated(happy) is True
    assert recommender.is_outdated(None) is False
    catalogue.changes += 1
    assert recommender.is_outdated(None) is True, "where there is none yet, each change is worth an attempt"
    again = recommender.recommend(context(Emotion.HAPPY, 1020))
    assert again is not None
    assert ids(happy)[1] not in ids(again)
    assert again is not happy


def test_a_song_that_left_its_list_for_another_one_is_not_brought_back() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    happy = recommender.recommend(context(Emotion.HAPPY, 1000))
    recommender.recommend(context(Emotion.SAD, 1010))
    key = int(ids(happy)[1][2:])
    catalogue.keys[Emotion.HAPPY].remove(key)
    catalogue.keys[Emotion.SAD].append(key)
    assert recommender.is_outdated(happy) is True
    assert ids(happy)[1] not in ids(recommender.recommend(context(Emotion.HAPPY, 1020)))


def test_a_change_of_a_catalogue_that_can_not_be_read_is_noticed_once_it_can() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.HAPPY, 1000))
    assert recommender.is_outdated(shown) is False
    catalogue.keys[Emotion.HAPPY].remove(int(ids(shown)[0][2:]))
    catalogue.changes += 1
    catalogue.error = "it is locked"
    assert recommender.is_outdated(shown) is False
    catalogue.error = ""
    assert recommender.is_outdated(shown) is True


def test_a_song_that_was_replaced_is_rated_and_taken_back_in_its_mood() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(policy=Policy.LIFT))
    shown = recommender.recommend(context(Emotion.SAD, 1000))
    song = ids(shown)[-1]
    mood, key = list_of(song), int(song[2:])
    assert mood is not Emotion.SAD, "a song of another list, towards which the mood is to be lifted"
    after = recommender.rate(Rate(Verdict.SKIP, song), shown, NOON)
    assert song not in ids(after)
    recommender.rate(Rate(Verdict.LIKE, song), after, NOON)
    assert catalogue.feedback() == {(Emotion.SAD, key): (1, 0, 1)}
    recommender.withdraw(Withdraw(song), after)
    assert catalogue.feedback() == {}


def test_a_replacement_shows_its_own_verdict_and_not_that_of_the_song_before() -> None:
    catalogue = MemoryCatalogue(size=6)
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.HAPPY, 1000))
    assert shown is not None
    [last] = {f"t:{key}" for key in catalogue.keys[Emotion.HAPPY]} - set(ids(shown))
    catalogue.rate([Emotion.HAPPY], int(last[2:]), Verdict.LIKE)
    liked = recommender.rate(Rate(Verdict.LIKE, ids(shown)[0]), shown, NOON)
    after = recommender.rate(Rate(Verdict.SKIP, ids(shown)[0]), liked, NOON)
    assert after is not None
    assert (ids(after)[-1], after.verdicts) == (last, {last: Verdict.LIKE})


def test_without_replacing_a_dislike_marks_the_song_and_a_skip_nothing() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.HAPPY, 1000))
    assert shown is not None
    offers, song = len(catalogue.offers), ids(shown)[1]
    assert recommender.rate(Rate(Verdict.SKIP, song), shown, NOON, replacing=False) is None
    marked = recommender.rate(Rate(Verdict.DISLIKE, song), shown, NOON, replacing=False)
    assert marked == replace(shown, verdicts={song: Verdict.DISLIKE}, rejected=frozenset({song}))
    assert len(catalogue.offers) == offers, "nothing else was offered"
    back = recommender.recommend(context(Emotion.HAPPY, 1010))
    assert back is not None
    assert (ids(back)[:5], len(back.wanted)) == (ids(shown), 5), "another one is added once the mood is read again"


def test_the_moods_of_old_verdicts_are_forgotten() -> None:
    catalogue = MemoryCatalogue(size=RATED_KEPT)
    recommender = Recommender(catalogue, 1)
    for key in [*catalogue.keys[Emotion.HAPPY], catalogue.keys[Emotion.SAD][0]]:
        recommender.rate(Rate(Verdict.LIKE, f"t:{key}"), None, NOON)
    assert len(recommender._rated) == RATED_KEPT


def test_feedback_that_another_run_stored_is_shown() -> None:
    catalogue = MemoryCatalogue(size=5)
    for key in catalogue.keys[Emotion.HAPPY]:
        catalogue.rate([Emotion.HAPPY], key, Verdict.LIKE if key % 2 else Verdict.DISLIKE)
    shown = Recommender(catalogue, 1).recommend(context(Emotion.HAPPY, 1000))
    assert shown is not None
    assert shown.verdicts == {key: Verdict.LIKE if int(key[2:]) % 2 else Verdict.DISLIKE for key in ids(shown)}


def test_a_mark_outlives_a_run_that_made_no_recommendation() -> None:
    shown = Recommender(MemoryCatalogue(), 1).recommend(context(Emotion.HAPPY, 1000))
    assert shown is not None
    liked = Recommender(MemoryCatalogue(), 2).rate(Rate(Verdict.LIKE), shown, NOON)
    assert liked is not None
    assert liked.verdicts == {ids(shown)[0]: Verdict.LIKE}


def test_the_reason_tells_of_liked_songs_and_of_short_lists() -> None:
    catalogue = MemoryCatalogue(size=5)
    recommender = Recommender(catalogue, 1, RecommenderConfig(cool_down_s=0))
    shown = recommender.recommend_other(context(Emotion.SAD, 1))
    assert recommender.recommend_other(context(Emotion.SAD, 2)).reason.endswith(
        "some offered just before, as the list is short."
    )
    recommender.rate(Rate(Verdict.LIKE), shown, NOON)
    assert recommender.recommend_other(context(Emotion.SAD, 3)).reason.endswith("one of them liked before.")
    several = Recommender(MemoryCatalogue(size=25), 1, RecommenderConfig(cool_down_s=0))
    for at in range(8):
        last = several.recommend_other(context(Emotion.SAD, at)).reason
    assert last.endswith("none of them offered last time.")


@pytest.mark.parametrize("count", [1, 11])
def test_the_reason_counts(count: int) -> None:
    recommendation = Recommender(MemoryCatalogue(), 1, RecommenderConfig(count=count)).recommend_other(
        context(Emotion.SAD, 1, scores=scores(sad=0.4, fear=0.39))
    )
    assert len(recommendation.tracks) == count
    assert recommendation.reason.startswith(
        "Sad: one slow, quiet song," if count == 1 else "Sad with some fear: nine slow"
    )
    assert set(SOUNDS) == set(EMOTIONS)


@pytest.mark.parametrize("policy", list(Policy))
def test_a_song_that_is_skipped_gives_its_place_to_another(policy: Policy) -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1, RecommenderConfig(policy=policy))
    recommender.recommend(context(Emotion.HAPPY, 990))
    shown = recommender.recommend(context(Emotion.SAD, 1000))
    gone = ids(shown)[2]
    new = recommender.rate(Rate(Verdict.SKIP, gone), shown, NOON)
    assert ids(new)[:4] == [track_id for track_id in ids(shown) if track_id != gone]
    assert len(set(ids(new))) == 5
    assert gone not in ids(new)
    assert catalogue.offers[-1] == (Emotion.SAD, [int(ids(new)[-1][2:])], 1)
    recommender.recommend(context(Emotion.HAPPY, 1010))
    assert recommender.recommend(context(Emotion.SAD, 1020)) is new, "what comes back is without it too"


def test_a_recommendation_names_the_playlist_that_holds_all_its_songs() -> None:
    catalogue = MemoryCatalogue()
    catalogue.keys[Emotion.SAD] = list(range(501, 521, 2))
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.SAD, 1))
    assert shown is not None
    assert shown.playlist == "spotify:playlist:odd"
    catalogue.keys[Emotion.SAD] = list(range(502, 522, 2))
    changed = recommender.rate(Rate(Verdict.SKIP), shown, NOON)
    assert changed is not None
    assert changed.playlist is None, "one of its songs is of another list now"


def test_a_recommendation_made_by_an_earlier_run_can_be_changed() -> None:
    shown = Recommender(MemoryCatalogue(), 1).recommend(context(Emotion.SAD, 1))
    new = Recommender(MemoryCatalogue(), 2).rate(Rate(Verdict.SKIP), shown, NOON)
    assert len(set(ids(new)) - set(ids(shown))) == 1


def test_the_last_song_of_a_list_stays_gone() -> None:
    recommender = Recommender(MemoryCatalogue(size=2), 1)
    shown = recommender.recommend(context(Emotion.SAD, 1))
    assert len(ids(recommender.rate(Rate(Verdict.SKIP), shown, NOON))) == 1


def test_a_short_list_without_another_song_keeps_what_is_shown() -> None:
    recommender = Recommender(MemoryCatalogue(size=3), 1)
    first = recommender.recommend(context(Emotion.HAPPY, 0.0))
    assert first is not None
    assert len(first.tracks) == 3
    assert recommender.recommend(context(Emotion.HAPPY, 5.0)) is None


def test_a_song_of_another_recommendation_counts_for_its_mood() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    happy = ids(recommender.recommend(context(Emotion.HAPPY, 1)))
    shown = recommender.recommend(context(Emotion.SAD, 2))
    assert recommender.rate(Rate(Verdict.DISLIKE, happy[3]), shown, NOON) is None
    assert catalogue.feedback() == {(Emotion.HAPPY, int(happy[3][2:])): (0, 1, 0)}


def test_feedback_for_another_mood_is_stored_there_and_leaves_what_is_shown() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.SAD, 2))
    song = ids(shown)[0]
    assert recommender.rate(Rate(Verdict.DISLIKE, song, Emotion.HAPPY), shown, NOON) is None
    assert catalogue.feedback() == {(Emotion.HAPPY, int(song[2:])): (0, 1, 0)}


def test_a_song_never_offered_counts_for_its_lists() -> None:
    catalogue = MemoryCatalogue()
    Recommender(catalogue, 1).rate(Rate(Verdict.LIKE, "t:301"), None, NOON)
    assert catalogue.feedback() == {(Emotion.HAPPY, 301): (1, 0, 0)}


def test_a_verdict_on_nothing_is_refused() -> None:
    recommender = Recommender(MemoryCatalogue(), 1)
    with pytest.raises(CommandError, match="no song is recommended now"):
        recommender.rate(Rate(Verdict.LIKE), None, NOON)
    for unknown in ("t:5000", "t:99"):
        with pytest.raises(CommandError, match="no list holds a song"):
            recommender.rate(Rate(Verdict.LIKE, unknown), None, NOON)


def test_a_verdict_that_cannot_be_stored_changes_nothing() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.SAD, 1))
    catalogue.error = "catalogue: disk full"
    with pytest.raises(CatalogueError, match="disk full"):
        recommender.rate(Rate(Verdict.SKIP), shown, NOON)
    assert not catalogue.feedback()


def test_feedback_counts_although_no_other_song_can_be_read() -> None:
    catalogue = MemoryCatalogue()
    recommender = Recommender(catalogue, 1)
    shown = recommender.recommend(context(Emotion.SAD, 1000))
    assert shown is not None
    catalogue.tracks_error = "the file was replaced meanwhile"
    marked = recommender.rate(Rate(Verdict.DISLIKE), shown, NOON)
    assert marked is not None
    assert marked.tracks == shown.tracks
    assert len(catalogue.offers) == 1, "what is not shown was not offered"
    assert sum(stats.dislikes for stats in catalogue.statistics[Emotion.SAD].values()) == 1


def test_no_sound_is_claimed_of_songs_whose_sound_is_unknown() -> None:
    catalogue = MemoryCatalogue()
    catalogue.sound_known = False
    shown = Recommender(catalogue, 1).recommend(context(Emotion.NEUTRAL, 1))
    assert shown is not None
    assert shown.reason == "Neutral: five songs, not offered before."
