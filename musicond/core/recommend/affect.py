"""Positions of moods and tracks in the plane of valence and arousal, and the paths of the policies through it.

Valence (unpleasant to pleasant) and arousal (calm to excited) go from -1 to 1. The affect of an emotion is the mean of
pleasure and arousal in J. A. Russell and A. Mehrabian (1977), Evidence for a three-factor theory of emotions, Journal
of Research in Personality 11, 273-294; neutral is the origin of their scales.

The policies
  match   the songs come from the mood's list.
  lift    the songs start at an unpleasant mood and lead, song by song, over calm to happy: the iso principle of music
          therapy (I. M. Altshuler, 1948, A psychiatrist's experience with music as a therapeutic agent; A. Heiderscheit
          and A. Madson, 2015, Use of the iso principle as a central method in mood management, Music Therapy
          Perspectives 33, 45-52; K. Starcke, J. Mayr and R. von Georgi, 2021, Emotion modulation through music after
          sadness induction, International Journal of Environmental Research and Public Health 18, 12486, with effects
          that were only partly significant). A pre-registered trial of 2026 (N = 193, doi 10.1177/10298649261421187)
          found no difference from music of the opposite mood.
          Pleasant and neutral moods are matched.
  steady  the music moves at most STEADY_STEP towards the mood with each song, so that a short mood has little effect.
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
"""The term "relaxed" of the same source."""
LIFTED = (Emotion.ANGRY, Emotion.DISGUST, Emotion.FEAR, Emotion.SAD)
LIFT_SONGS = 15
"""Songs from an unpleasant mood to happy: about fifty minutes if all are played."""
STEADY_STEP = 0.1
"""Maximum distance from one song to the next under `steady`."""


def lift_route(emotion: Emotion) -> tuple[Affect, Affect, Affect]:
    """Return the corners of a lift out of `emotion`."""
    return (EMOTION_AFFECT[emotion], CALM, EMOTION_AFFECT[Emotion.HAPPY])


def lift_path(emotion: Emotion, songs: int) -> Affect:
    """Return the affect `songs` songs after the start of a lift out of `emotion`."""
    corners = lift_route(emotion)
    first, second = (math.dist(start, end) for start, end in pairwise(corners))
    distance = (first + second) * min(1.0, songs / LIFT_SONGS)
    if distance <= first:
        return towards(*corners[:2], distance)
    return towards(*corners[1:], distance - first)


def towards(start: Affect, end: Affect, distance: float) -> Affect:
    """Return the point `distance` from `start` on the straight line to `end`, or `end` if that is nearer."""
    length = math.dist(start, end)
    if length <= distance:
        return end
    share = distance / length
    return (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))


def nearest(affect: Affect, count: int) -> tuple[Emotion, ...]:
    """Return the `count` emotions nearest to an affect."""
    return tuple(sorted(EMOTION_AFFECT, key=lambda emotion: math.dist(EMOTION_AFFECT[emotion], affect))[:count])


def track_affect(valence: float | None, energy: float | None, emotion: Emotion) -> Affect:
    """Return a track's affect: from its own values (0..1; energy for arousal), else from its list's emotion."""
    if valence is None or energy is None:
        return EMOTION_AFFECT[emotion]
    return (2 * valence - 1, 2 * energy - 1)
