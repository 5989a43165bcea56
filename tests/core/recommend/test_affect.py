from __future__ import annotations

import math
from itertools import pairwise

import pytest

from musicond.core.models import EMOTIONS, Emotion
from musicond.core.recommend.affect import (
    CALM,
    EMOTION_AFFECT,
    LIFT_SONGS,
    LIFTED,
    lift_path,
    nearest,
    towards,
    track_affect,
)


def test_every_emotion_has_a_place_as_the_circumplex_has_it() -> None:
    assert set(EMOTION_AFFECT) == set(EMOTIONS)
    pleasant = {emotion for emotion, (valence, _) in EMOTION_AFFECT.items() if valence > 0}
    excited = {emotion for emotion, (_, arousal) in EMOTION_AFFECT.items() if arousal > 0}
    assert pleasant == {Emotion.HAPPY, Emotion.SURPRISE}
    assert excited == set(EMOTIONS) - {Emotion.SAD, Emotion.NEUTRAL}
    assert set(LIFTED) == set(EMOTIONS) - pleasant - {Emotion.NEUTRAL}


@pytest.mark.parametrize("emotion", LIFTED)
def test_a_lift_goes_in_even_steps_from_the_mood_over_calm_to_happy(emotion: Emotion) -> None:
    way = [lift_path(emotion, songs) for songs in range(LIFT_SONGS + 3)]
    assert way[0] == pytest.approx(EMOTION_AFFECT[emotion])
    assert way[-1] == way[-3] == pytest.approx(EMOTION_AFFECT[Emotion.HAPPY])
    length = math.dist(EMOTION_AFFECT[emotion], CALM) + math.dist(CALM, EMOTION_AFFECT[Emotion.HAPPY])
    assert all(math.dist(a, b) <= length / LIFT_SONGS + 1e-9 for a, b in pairwise(way))
    assert min(math.dist(place, CALM) for place in way) < length / LIFT_SONGS
    valences = [valence for valence, _ in way]
    assert valences == sorted(valences)


def test_towards_stops_at_the_end() -> None:
    assert towards((0, 0), (3, 4), 2.5) == pytest.approx((1.5, 2))
    assert towards((0, 0), (3, 4), 9) == (3, 4)
    assert towards((1, 1), (1, 1), 0) == (1, 1)


def test_a_song_s_place_is_its_own_where_known_else_its_list_s() -> None:
    assert track_affect(1.0, 0.5, Emotion.SAD) == (1.0, 0.0)
    assert track_affect(None, 0.5, Emotion.SAD) == track_affect(0.3, None, Emotion.SAD) == EMOTION_AFFECT[Emotion.SAD]


def test_the_nearest_emotions() -> None:
    assert nearest(EMOTION_AFFECT[Emotion.HAPPY], 2) == (Emotion.HAPPY, Emotion.SURPRISE)
