from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from musicond.core.models import Box, Emotion, Faces, Mood, Track, Watching
from musicond.core.outcome import AutoplayBlock, BlockReason, Outcome, Playback, Recommendation
from musicond.core.settings import Settings
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


def published(outcomes: Iterable[Outcome]) -> list[tuple[float, str]]:
    publisher = StatePublisher(available_entities(()), "0")
    return [(outcome.captured_at, topic) for outcome in outcomes for topic, _ in publisher.pending(outcome)]


def test_an_ordinary_hour_has_at_most_sixty_messages() -> None:
    sent = ordinary_hour()
    assert sent["event"] == sent["mood"] == 7, "somebody comes twice, and the mood changes thrice more"
    assert sent["state"] > sent["mood"], "confidence is published too"
    assert sent.total() <= 60


def test_an_hour_with_music_adds_only_messages_about_the_tracks() -> None:
    sent = ordinary_hour(rate=4.0, music=True)
    assert sent["playback/attributes"] >= 15, "songs of three and a half minutes"
    assert sent.total() - sent["playback/attributes"] <= 60
    assert sent.total() <= 80


def test_an_autoplay_block_is_published_seldom_and_a_track_immediately() -> None:
    def at(when: float, holding: AutoplayBlock | None, track: Track | None = None) -> Outcome:
        return replace(HAPPY, captured_at=when, playback=Playback("mpd", autoplay_block=holding, track=track))

    outcomes = [at(1 + step, AutoplayBlock(BlockReason.PAUSED) if step % 2 else None) for step in range(60)]
    times = [when for when, topic in published(outcomes) if topic == "playback/attributes"]
    assert all(later - before >= GAP_S for before, later in pairwise(times))
    assert 2 <= len(times) <= 1 + BURST
    publisher = StatePublisher(available_entities(("playback",)), "0")
    list(publisher.pending(at(1, None)))
    assert "playback/attributes" not in dict(publisher.pending(at(2, AutoplayBlock(BlockReason.PAUSED))))
    assert (
        '"holding":"paused"'
        in dict(publisher.pending(at(3, AutoplayBlock(BlockReason.PAUSED), SONGS[0])))["playback/attributes"]
    )
    assert '"holding":null' in dict(publisher.pending(at(30, None, SONGS[0])))["playback/attributes"], (
        "it is not forgotten"
    )


@given(st.lists(st.tuples(st.floats(0.1, 30), st.floats(0, 1), st.integers(0, 3)), max_size=200))
def test_minor_changes_are_published_seldom(steps: list[tuple[float, float, int]]) -> None:
    at, outcomes = 1.0, [HAPPY]
    for gap, confidence, faces in steps:
        at += gap
        seen = Faces(confirmed=(Box(0, 0, 1, 1),) * faces)
        outcomes.append(replace(HAPPY, captured_at=at, confidence=confidence, faces=seen))
    times = [when for when, topic in published(outcomes) if topic == "state"]
    assert all(later - before >= GAP_S for before, later in pairwise(times))
    assert len(times) <= 1 + BURST + (at - 1.0) / REFILL_S
    assert len(published(outcomes)) == len(published([HAPPY])) + len(times) - 1, "nothing else is published"


def test_a_change_of_confidence_by_five_points_is_published() -> None:
    little, enough = 0.8 + STEP - 0.01, 0.8 + STEP
    assert not [
        topic for when, topic in published([HAPPY, replace(HAPPY, captured_at=60.0, confidence=little)]) if when > 1
    ]
    moved = published([HAPPY, replace(HAPPY, captured_at=60.0, confidence=enough)])
    assert [topic for when, topic in moved if when > 1] == ["state"]


def test_a_change_of_mood_is_published_immediately_and_completely() -> None:
    sad = replace(HAPPY, captured_at=1.2, mood=Mood.SAD, recommendation=replace(HAPPY.recommendation, mood=Mood.SAD))  # type: ignore[type-var]
    topics = [topic for when, topic in published([HAPPY, sad]) if when > 1]
    assert topics == ["mood", "recommendation/attributes", "state"], "the same songs need no new line"


def test_after_a_new_connection_everything_is_published_again() -> None:
    publisher = StatePublisher(available_entities(()), "0")
    first = dict(publisher.pending(HAPPY))
    assert list(publisher.pending(HAPPY)) == []
    publisher.republish_all()
    assert dict(publisher.pending(HAPPY)) == first


def test_the_state_marks_a_manual_mood() -> None:
    manual = replace(HAPPY, confidence=1.0, settings=Settings(manual_mood=Emotion.HAPPY, manual_until=NOON))
    assert (payloads.state(manual, "0").manual, payloads.state(manual, "0").manual_until) == (True, NOON)
    assert (payloads.state(HAPPY, "0").manual, payloads.state(HAPPY, "0").manual_until) == (False, None)
    private = replace(manual, watching=Watching.PRIVATE, mood=Mood.NOBODY, present=None)
    hidden = payloads.state(private, "0")
    assert (hidden.manual, hidden.manual_until) == (False, None), "it is not announced now"


def test_the_recommendation_in_one_line_fits_and_ends_with_a_whole_track() -> None:
    long = tuple(Track(str(i), f"Título {i} " + "ü" * 40, "Künstler", "https://example.org") for i in range(9))
    line = payloads.summary(Recommendation(Mood.SAD, long, "", NOON))
    assert len(line) <= 255
    assert line.endswith("– Künstler")  # noqa: RUF001 - the dash
    assert line.count(";") >= 2
    huge = Track("1", "x" * 400, "y", "https://example.org")
    assert payloads.summary(Recommendation(Mood.SAD, (huge,), "", NOON)) == "x" * 254 + "…"
    assert payloads.summary(None) == ""
    assert payloads.summary(Recommendation(Mood.SAD, (), "", NOON)) == ""


def test_the_attributes_have_known_albums_and_the_playlist() -> None:
    songs = (replace(SONGS[0], album="Bagatelles"), SONGS[1])
    attributes = payloads.attributes(
        replace(HAPPY, recommendation=Recommendation(Mood.HAPPY, songs, "", NOON, None, "spotify:playlist:1"))
    )
    assert [song.album for song in attributes.tracks] == ["Bagatelles", None]
    assert attributes.playlist == "spotify:playlist:1"
    assert payloads.attributes(HAPPY).playlist is None


def test_before_the_first_recommendation_the_attributes_are_empty() -> None:
    empty = payloads.attributes(replace(HAPPY, recommendation=None))
    assert (empty.emotion, empty.tracks, empty.reason, empty.since) == (None, [], None, None)
    attributes = payloads.attributes(replace(HAPPY, mood=Mood.NOBODY))
    assert attributes.emotion is Emotion.HAPPY
    assert (attributes.confidence, attributes.scores) == (None, None), "they belong to another mood"
