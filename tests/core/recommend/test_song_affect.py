"""The place of a song by its tags, and the moods that it fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicond.core.models import Emotion, Placement
from musicond.core.recommend.affect import EMOTION_AFFECT
from musicond.core.recommend.song_affect import GENRES, NEAR, SOUND, WORDS, affect_of_tags, moods_of, placement_of


@pytest.mark.parametrize("emotion", EMOTION_AFFECT)
def test_the_place_of_an_emotion_fits_it_first(emotion: Emotion) -> None:
    assert moods_of(*EMOTION_AFFECT[emotion])[0] == emotion


@pytest.mark.parametrize(
    ("tags", "mood", "source"),
    [
        ({"mood": "Happy; Party"}, Emotion.HAPPY, "mood tag"),
        ({"mood": "AGGRESSIVE", "genre": "Classical", "bpm": "60"}, Emotion.ANGRY, "mood tag"),
        ({"mood": "Melancholy"}, Emotion.SAD, "mood tag"),
        ({"mood": "scary"}, Emotion.FEAR, "mood tag"),
        ({"mood": "bitter, cynical"}, Emotion.DISGUST, "mood tag"),
        ({"mood": "unknown word", "genre": "Blues"}, Emotion.SAD, "genre"),
        ({"genre": "Doom Metal / Sludge Metal"}, Emotion.DISGUST, "genre"),
        ({"genre": "Finnish heavy metal"}, Emotion.ANGRY, "genre"),
        ({"genre": "Chamber Music", "bpm": "120"}, Emotion.NEUTRAL, "genre, tempo"),
        ({"genre": "Disco", "key": "8B", "gain": "-7.5 dB"}, Emotion.HAPPY, "genre, loudness, key"),
        ({"bpm": "170", "key": "Am"}, Emotion.ANGRY, "tempo, key"),
        ({"bpm": "170", "key": "C major"}, Emotion.SURPRISE, "tempo, key"),
    ],
)
def test_tags_lead_to_a_mood(tags: dict[str, str], mood: Emotion, source: str) -> None:
    place = affect_of_tags(tags)
    assert place is not None
    assert moods_of(place.valence, place.arousal)[0] == mood
    assert place.source == source


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"key": "Am"},
        {"gain": "-10 dB"},
        {"gain": "-8 dB", "key": "Am"},
        {"mood": "7", "genre": "Other", "bpm": "0", "gain": "loud", "key": "x"},
    ],
)
def test_tags_that_do_not_tell_give_no_place(tags: dict[str, str]) -> None:
    assert affect_of_tags(tags) is None


def test_tempo_and_loudness_have_a_scale_and_the_key_a_mode() -> None:
    def arousal(**tags: str) -> float:
        place = affect_of_tags(tags)
        assert place is not None
        assert place.valence is None
        return place.arousal

    assert [arousal(bpm=bpm) for bpm in ("40", "60", "120", "180", "220")] == [-1, -1, 0, 1, 1]
    assert [2 * arousal(bpm="120", gain=gain) for gain in ("+2.0 dB", "-6", "-20.5 db")] == [-1, 0, 1]
    modes = {"Am": -1, "F#m": -1, "B\u266d minor": -1, "C": 1, "Ebmaj": 1, "G major": 1, "12A": -1, "1b": 1, "H": None}
    for key, sign in modes.items():
        place = affect_of_tags({"bpm": "100", "key": key})
        assert place is not None
        assert (place.valence and place.valence / abs(place.valence)) == sign, key


def test_every_word_and_genre_is_in_the_plane_and_only_once() -> None:
    for table, separator in ((WORDS, " "), (GENRES, ", ")):
        names = [name for text in table.values() for name in text.split(separator)]
        assert len(set(names)) == len(names)
        assert all(-1 <= value <= 1 for place in table for value in place)
    assert {moods_of(*place)[0] for place in GENRES} == set(Emotion), "each mood has genres"


SIDE = st.floats(-1, 1)


@given(st.none() | SIDE, SIDE)
def test_a_song_fits_its_nearest_mood_and_those_that_are_hardly_further(valence: float | None, arousal: float) -> None:
    moods = moods_of(valence, arousal)
    distances = [
        abs(EMOTION_AFFECT[mood][1] - arousal)
        if valence is None
        else ((EMOTION_AFFECT[mood][0] - valence) ** 2 + (EMOTION_AFFECT[mood][1] - arousal) ** 2) ** 0.5
        for mood in moods
    ]
    assert moods
    assert distances == sorted(distances)
    assert distances[-1] - distances[0] <= NEAR + 1e-9


@pytest.mark.parametrize(
    ("source", "placement"),
    [
        ("mood tag; mpd", Placement.MOOD_TAG),
        ("genre, tempo; /music; more", Placement.GENRE),
        ("tempo, key; /music", Placement.TEMPO),
        (f"{SOUND}; /music", Placement.SOUND),
        ("genre", None),
        ("starter", None),
        ("my table; genre", None),
        ("", None),
    ],
)
def test_the_source_of_a_song_tells_by_what_musicond_placed_it(source: str, placement: Placement | None) -> None:
    assert placement_of(source) is placement
