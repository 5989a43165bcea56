"""What the page is told: the latest outcome as JSON, and whether the daemon does its work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from musicond import __version__
from musicond.core.models import Mood, Watching, scores_by_emotion
from musicond.core.outcome import Explanation, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from musicond.core.models import Track
    from musicond.core.outcome import CalibrationProgress, Explanation, Outcome, Playback, Recommendation

STALE_S = 15.0
"""Seconds without an outcome after which the watch loop counts as stuck; a turn waits at most 5 s."""

STARTING = "Starting: nothing has been looked at yet."


def state(outcome: Outcome | None, health: Mapping[str, object], *, preview: bool = False) -> dict[str, object]:
    """Return what `GET /api/v1/state` answers; without an outcome yet, a start with no camera."""
    if outcome is None:
        return {
            "watching": Watching.NO_CAMERA,
            "mood": Mood.NOBODY,
            "since": None,
            "confidence": 0.0,
            "scores": None,
            "faces": 0,
            "present": None,
            "recommendation": None,
            "playback": None,
            "controls": _controls(Settings()),
            "notice": STARTING,
            "calibration": None,
            "preview": preview,
            "health": dict(health),
            "version": __version__,
        }
    return {
        "watching": outcome.watching,
        "mood": outcome.mood,
        "since": outcome.since.isoformat(),
        "confidence": round(outcome.confidence, 4),
        "scores": scores_by_emotion(outcome.scores, 4),
        "faces": outcome.faces.count,
        "present": outcome.present,
        "recommendation": _recommendation(outcome.recommendation),
        "playback": _playback(outcome.playback),
        "controls": _controls(outcome.settings),
        "notice": outcome.notice,
        "calibration": _calibration(outcome.calibration),
        "preview": preview,
        "health": dict(health),
        "version": __version__,
    }


def to_json(value: object) -> bytes:
    """Return `value` as one line of ASCII JSON, which a server-sent event can carry as it is."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def fault(outcome: Outcome | None, age_s: float, health: Mapping[str, object]) -> str | None:
    """Return why frames that are wanted are not analysed; None while all is well.

    `age_s` is the time since the outcome came. Private and paused are well: no frames are wanted.
    """
    if outcome is None:
        return STARTING
    if age_s > STALE_S:
        return f"the watch loop has told nothing for {age_s:.0f} s"
    if outcome.watching is Watching.NO_CAMERA:
        return f"no camera: {health.get('trouble') or 'see musicond doctor'}"
    return None


def _track(track: Track) -> dict[str, object]:
    return {
        "id": track.track_id,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "link": track.link,
    }


def _recommendation(found: Recommendation | None) -> dict[str, object] | None:
    if found is None:
        return None
    tracks, why = [_track(track) for track in found.tracks], found.explanation
    return {"mood": found.mood, "reason": found.reason, "why": why and _explanation(why), "tracks": tracks}


def _explanation(why: Explanation) -> dict[str, object]:
    return {
        "how": why.strategy,
        "known": why.novelty,
        "liked": why.liked,
        "first": why.first,
        "last": why.last,
        "other": why.other,
        "quiet": why.quiet,
    }


def _playback(found: Playback | None) -> dict[str, object] | None:
    if found is None:
        return None
    account = found.account
    return {
        "backend": found.backend,
        "state": found.state,
        "ours": found.ours,
        "track": _track(found.track) if found.track else None,
        "device": found.device,
        "volume": found.volume,
        "volume_max": found.volume_max,
        "autoplay": found.autoplay,
        "holding": str(found.autoplay_block) if found.autoplay_block else None,
        "held": {"why": found.autoplay_block.reason, "until": found.autoplay_block.until}
        if found.autoplay_block
        else None,
        "trouble": found.trouble,
        "account": {
            "signed_in": account.signed_in,
            "user": account.user,
            "expires_on": account.expires_on.isoformat() if account.expires_on else None,
            "days_left": account.days_left,
        }
        if account
        else None,
    }


def _calibration(found: CalibrationProgress | None) -> dict[str, object] | None:
    return {"share": round(found.share, 3), "fault": found.error} if found else None


def _controls(controls: Settings) -> dict[str, object]:
    until: datetime | None = controls.paused_until
    return {
        "private": controls.private,
        "paused": controls.paused,
        "paused_until": until.isoformat() if until else None,
        "policy": controls.policy,
        "bias": scores_by_emotion(controls.bias.shifts, 4) if controls.bias else None,
    }
