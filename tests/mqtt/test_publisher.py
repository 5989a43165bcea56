from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from musicond.core.models import Box, Emotion, Faces, Mood, Track, Watching
from musicond.core.outcome import AutoplayBlock, BlockReason, Outcome, Playback, Recommendation, Settings
from musicond.mqtt import payloads
from musicond.mqtt.entities import available_entities
from musicond.mqtt.publisher import BURST, GAP_S, REFILL_S, STEP, StatePublisher
from tools.fleet_devices import ordinary_hour

if TYPE_CHECKING:
    from collections.abc import Iterable

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SONGS = (
    Track("1", "Für Elise", "Beethoven", "https://example.org/1"),
    Track("2", "Señorita ☀", "Café del Mar", "https://example.org/2"),
)
HAPPY = Outcome(
    seq=1,
    captured_at=1.0,
    wall_time=NOON,
    watching=Watching.YES,
    mood=Mood.HAPPY,
    since=NOON,
    confidence=0.8,
    scores=(0.02, 0.02, 0.02, 0.8, 0.08, 0.03, 0.03),
    raw_scores=None,
    faces=Faces(confirmed=(Box(0, 0, 1, 1),)),
    recommendation=Recommendation(Mood.HAPPY, SONGS, "because", NOON),
    present=True,
)


def told(outcomes: Iterable[Outcome]) -> list[tuple[float, str]]:
    news = StatePublisher(available_entities(()), "0")
    return [(outcome.captured_at, topic) for outcome in outcomes for topic, _ in news.pending(outcome)]


def test_an_ordinary_hour_has_at_most_sixty_messages() -> None:
    sent = ordinary_hour()
    assert sent["event"] == sent["mood"] == 7, "somebody comes twice, and the mood changes thrice more"
    assert sent["state"] > sent["mood"], "confidence is told too"
    assert sent.total() <= 60


def test_in_an_hour_with_music_only_what_plays_is_told_besides() -> None:
    sent = ordinary_hour(rate=4.0, music=True)
    assert sent["playback/attributes"] >= 15, "songs of three and a half minutes"
    assert sent.total() - sent["playback/attributes"] <= 60
    assert sent.total() <= 80


def test_why_nothing_plays_is_told_seldom_and_what_plays_at_once() -> None:
    def at(when: float, holding: AutoplayBlock | None, track: Track | None = None) -> Outcome:
        return replace(HAPPY, captured_at=when, playback=Playback("mpd", autoplay_block=holding, track=track))

    outcomes = [at(1 + step, AutoplayBlock(BlockReason.PAUSED) if step % 2 else None) for step in range(60)]
    times = [when for when, topic in told(outcomes) if topic == "playback/attributes"]
    assert all(later - before >= GAP_S for before, later in pairwise(times))
    assert 2 <= len(times) <= 1 + BURST
    news = StatePublisher(available_entities(("playback",)), "0")
    list(news.pending(at(1, None)))
    assert "playback/attributes" not in dict(news.pending(at(2, AutoplayBlock(BlockReason.PAUSED))))
    assert (
        '"holding":"paused"'
        in dict(news.pending(at(3, AutoplayBlock(BlockReason.PAUSED), SONGS[0])))["playback/attributes"]
    )
    assert '"holding":null' in dict(news.pending(at(30, None, SONGS[0])))["playback/attributes"], "it is not forgotten"


@given(st.lists(st.tuples(st.floats(0.1, 30), st.floats(0, 1), st.integers(0, 3)), max_size=200))
def test_what_wavers_is_told_seldom(steps: list[tuple[float, float, int]]) -> None:
    at, outcomes = 1.0, [HAPPY]
    for gap, confidence, faces in steps:
        at += gap
        seen = Faces(confirmed=(Box(0, 0, 1, 1),) * faces)
        outcomes.append(replace(HAPPY, captured_at=at, confidence=confidence, faces=seen))
    times = [when for when, topic in told(outcomes) if topic == "state"]
    assert all(later - before >= GAP_S for before, later in pairwise(times))
    assert len(times) <= 1 + BURST + (at - 1.0) / REFILL_S
    assert len(told(outcomes)) == len(told([HAPPY])) + len(times) - 1, "nothing else is told"


def test_confidence_is_told_after_a_move_of_five_points() -> None:
    little, enough = 0.8 + STEP - 0.01, 0.8 + STEP
    assert not [topic for when, topic in told([HAPPY, replace(HAPPY, captured_at=60.0, confidence=little)]) if when > 1]
    moved = told([HAPPY, replace(HAPPY, captured_at=60.0, confidence=enough)])
    assert [topic for when, topic in moved if when > 1] == ["state"]


def test_a_change_of_mood_is_told_at_once_in_full() -> None:
    sad = replace(HAPPY, captured_at=1.2, mood=Mood.SAD, recommendation=replace(HAPPY.recommendation, mood=Mood.SAD))  # type: ignore[type-var]
    topics = [topic for when, topic in told([HAPPY, sad]) if when > 1]
    assert topics == ["mood", "recommendation/attributes", "state"], "the same songs need no new line"


def test_after_a_new_connection_all_is_told_again() -> None:
    news = StatePublisher(available_entities(()), "0")
    first = dict(news.pending(HAPPY))
    assert list(news.pending(HAPPY)) == []
    news.republish_all()
    assert dict(news.pending(HAPPY)) == first


def test_a_manual_mood_says_so() -> None:
    manual = replace(HAPPY, confidence=1.0, settings=Settings(manual_mood=Emotion.HAPPY, manual_until=NOON))
    assert (payloads.state(manual, "0").manual, payloads.state(manual, "0").manual_until) == (True, NOON)
    assert (payloads.state(HAPPY, "0").manual, payloads.state(HAPPY, "0").manual_until) == (False, None)
    private = replace(manual, watching=Watching.PRIVATE, mood=Mood.NOBODY, present=None)
    hidden = payloads.state(private, "0")
    assert (hidden.manual, hidden.manual_until) == (False, None), "it is not announced now"


def test_the_plain_recommendation_fits_and_ends_at_a_song() -> None:
    long = tuple(Track(str(i), f"Título {i} " + "ü" * 40, "Künstler", "https://example.org") for i in range(9))
    line = payloads.summary(Recommendation(Mood.SAD, long, "", NOON))
    assert len(line) <= 255
    assert line.endswith("– Künstler")  # noqa: RUF001 - the dash
    assert line.count(";") >= 2
    huge = Track("1", "x" * 400, "y", "https://example.org")
    assert payloads.summary(Recommendation(Mood.SAD, (huge,), "", NOON)) == "x" * 254 + "…"
    assert payloads.summary(None) == ""
    assert payloads.summary(Recommendation(Mood.SAD, (), "", NOON)) == ""


def test_the_attributes_name_albums_and_the_playlist_where_they_are_known() -> None:
    songs = (replace(SONGS[0], album="Bagatelles"), SONGS[1])
    found = payloads.attributes(
        replace(HAPPY, recommendation=Recommendation(Mood.HAPPY, songs, "", NOON, None, "spotify:playlist:1"))
    )
    assert [song.album for song in found.tracks] == ["Bagatelles", None]
    assert found.playlist == "spotify:playlist:1"
    assert payloads.attributes(HAPPY).playlist is None


def test_before_the_first_recommendation_the_attributes_are_empty() -> None:
    none = payloads.attributes(replace(HAPPY, recommendation=None))
    assert (none.emotion, none.tracks, none.reason, none.since) == (None, [], None, None)
    kept = payloads.attributes(replace(HAPPY, mood=Mood.NOBODY))
    assert kept.emotion is Emotion.HAPPY
    assert (kept.confidence, kept.scores) == (None, None), "they belong to another mood"
