"""The feedback that a recommendation shows on its tracks, and the tracks that change with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def with_others(
    recommendation: Recommendation,
    added: Sequence[Track],
    verdicts: Mapping[str, Verdict],
    affects: Mapping[str, Affect],
    kept: int,
) -> Recommendation:
    """Return a recommendation with tracks at the end, which have these verdicts and affects, and without skipped ones.

    Of the disliked tracks the last `kept` stay.
    """
    skipped = skipped_of(recommendation)
    disliked = recommendation.rejected - skipped
    gone = skipped.union([track.track_id for track in recommendation.tracks if track.track_id in disliked][:-kept])
    tracks = (*(track for track in recommendation.tracks if track.track_id not in gone), *added)
    ids = {track.track_id for track in tracks}
    known, places = {**recommendation.verdicts, **verdicts}, {**recommendation.affects, **affects}
    return replace(
        recommendation,
        tracks=tracks,
        verdicts={track_id: verdict for track_id, verdict in known.items() if track_id in ids},
        affects={track_id: affect for track_id, affect in places.items() if track_id in ids},
        rejected=recommendation.rejected & ids,
    )


def with_verdict(recommendation: Recommendation, track_id: str, verdict: Verdict | None) -> Recommendation:
    """Return a recommendation with another verdict on a track, or without one; unchanged if the track is not in it."""
    if not recommendation.contains(track_id):
        return recommendation
    verdicts = {known: value for known, value in recommendation.verdicts.items() if known != track_id}
    if verdict is Verdict.LIKE or verdict is Verdict.DISLIKE:
        verdicts[track_id] = verdict
    is_rejected = verdict is Verdict.DISLIKE or verdict is Verdict.SKIP
    rejected = recommendation.rejected - {track_id} | ({track_id} if is_rejected else set())
    return replace(recommendation, verdicts=verdicts, rejected=rejected)


def skipped_of(recommendation: Recommendation) -> frozenset[str]:
    """Return the ids of the tracks that `with_verdict` has marked as skipped: they are rejected, but not disliked."""
    return frozenset(key for key in recommendation.rejected if recommendation.verdicts.get(key) is not Verdict.DISLIKE)
