"""The feedback that a recommendation shows on its tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from musicond.core.models import Emotion, Track, Verdict
from musicond.core.outcome import Recommendation
from musicond.core.recommend.affect import Affect
from musicond.core.recommend.sampler import TrackStats

RATED_KEPT = 100
"""Tracks whose last verdict can be withdrawn although another mood is announced by then."""


def remember(rated: dict[str, tuple[Emotion, ...]], track_id: str, moods: tuple[Emotion, ...]) -> None:
    """Put the moods of a verdict at the end of `rated`; those of the oldest one are dropped beyond `RATED_KEPT`."""
    rated.pop(track_id, None)
    rated[track_id] = moods
    if len(rated) > RATED_KEPT:
        del rated[next(iter(rated))]


def verdicts_of(tracks: Sequence[Track], stats: Sequence[TrackStats | None]) -> dict[str, Verdict]:
    """Return the verdicts on tracks by their statistics, by track id."""
    known = zip(tracks, stats, strict=False)
    return {track.track_id: stat.verdict for track, stat in known if stat is not None and stat.verdict is not None}


def by_track(tracks: Sequence[Track], affects: Sequence[Affect | None]) -> dict[str, Affect]:
    """Return the known affects by track id."""
    known = zip(tracks, affects, strict=False)
    return {track.track_id: affect for track, affect in known if affect is not None}


def with_verdict(recommendation: Recommendation, track_id: str, verdict: Verdict | None) -> Recommendation:
    """Return a recommendation with another verdict on a track, or without one."""
    verdicts = {known: value for known, value in recommendation.verdicts.items() if known != track_id}
    rejected = recommendation.rejected - {track_id} | ({track_id} if verdict is Verdict.DISLIKE else set())
    verdicts |= {} if verdict is None else {track_id: verdict}
    return replace(recommendation, verdicts=verdicts, rejected=rejected)


def contains(recommendation: Recommendation, track_id: str) -> bool:
    """Return whether a track is in a recommendation."""
    return any(track.track_id == track_id for track in recommendation.tracks)
