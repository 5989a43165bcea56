"""Where moods and songs lie in the plane of valence and arousal, and the way a policy takes through it.

Valence (unpleasant to pleasant) and arousal (calm to excited) go from -1 to 1. The places of the emotions are the means
of pleasure and arousal in J. A. Russell and A. Mehrabian (1977), Evidence for a three-factor theory of emotions,
Journal of Research in Personality 11, 273-294; neutral is the origin of their scales.

The policies
  match   the songs are those of the mood's list.
  lift    an unpleasant mood is met where it is and led on, song by song, over calm to happy: the iso principle of music
          therapy (I. M. Altshuler, 1948, A psychiatrist's experience with music as a therapeutic agent; A. Heiderscheit
          and A. Madson, 2015, Use of the iso principle as a central method in mood management, Music Therapy
          Perspectives 33, 45-52; K. Starcke, J. Mayr and R. von Georgi, 2021, Emotion modulation through music after
          sadness induction, International Journal of Environmental Research and Public Health 18, 12486).
          Pleasant and neutral moods are matched.
  steady  the music keeps the place where it is and goes at most STEADY_STEP towards the mood with each song: a mood
          that passes does not turn it over.
"""

from __future__ import annotations

import math
from itertools import pairwise

from musicond.core.models import Emotion

Affect = tuple[float, float]
"""Valence and arousal, each from -1 to 1."""

EMOTION_AFFECT: dict[Emotion, Affect] = {
    Emotion.ANGRY: (-0.51, 0.59),
    Emotion.DISGUST: (-0.60, 0.35),
    Emotion.FEAR: (-0.64, 0.60),
    Emotion.HAPPY: (0.81, 0.51),
    Emotion.NEUTRAL: (0.0, 0.0),
    Emotion.SAD: (-0.63, -0.27),
    Emotion.SURPRISE: (0.40, 0.67),
}
CALM: Affect = (0.68, -0.46)
"""Their "relaxed"."""
LIFTED = (Emotion.ANGRY, Emotion.DISGUST, Emotion.FEAR, Emotion.SAD)
LIFT_SONGS = 15
"""Songs from an unpleasant mood to happy: about fifty minutes, should all be played."""
STEADY_STEP = 0.1
"""Farthest that the music moves from one song to the next under `steady`."""


def lift_path(emotion: Emotion, songs: int) -> Affect:
    """Return the place `songs` songs after the beginning of a lift out of `emotion`."""
    corners = (EMOTION_AFFECT[emotion], CALM, EMOTION_AFFECT[Emotion.HAPPY])
    left = math.dist(*corners[:2]) + math.dist(*corners[1:])
    left *= min(1.0, songs / LIFT_SONGS)
    for start, end in pairwise(corners):
        length = math.dist(start, end)
        if left <= length:
            return towards(start, end, left)
        left -= length
    return corners[-1]


def towards(start: Affect, end: Affect, distance: float) -> Affect:
    """Return the place `distance` from `start` on the straight way to `end`, or `end` if that is nearer."""
    length = math.dist(start, end)
    if length <= distance:
        return end
    share = distance / length
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))


def nearest(place: Affect, count: int) -> tuple[Emotion, ...]:
    """Return the `count` emotions nearest to a place."""
    return tuple(sorted(EMOTION_AFFECT, key=lambda emotion: math.dist(EMOTION_AFFECT[emotion], place))[:count])


def track_affect(valence: float | None, energy: float | None, emotion: Emotion) -> Affect:
    """Return a song's place: from its own values (0..1; energy stands for arousal), else from its list's emotion."""
    if valence is None or energy is None:
        return EMOTION_AFFECT[emotion]
    return (2 * valence - 1, 2 * energy - 1)
