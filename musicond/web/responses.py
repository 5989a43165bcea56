"""What the page is told: the latest outcome as JSON, and whether the daemon does its work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from musicond import __version__
from musicond.core.models import EMOTIONS, Mood, Policy, Watching, scores_by_emotion
from musicond.core.outcome import BlockReason, Explanation, Novelty, PlayState, Settings, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from aiohttp.typedefs import Handler

    from musicond.core.models import Track
    from musicond.core.outcome import CalibrationProgress, Explanation, Outcome, Playback, Recommendation


SAYS = {
    404: "there is nothing here; the page is at /, its data at /api/v1/state",
    405: "this method is not for this address",
    413: "the body is too large; a small JSON object is all that is needed",
}


class HttpError(Exception):
    """The request is not answered; the text says what would be right."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def failure(status: int, text: str) -> web.Response:
    """Return an error as JSON: `{"error": text}`."""
    return web.Response(status=status, text=json.dumps({"error": text}), content_type="application/json")


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors in one shape."""
    try:
        return await handler(request)
    except HttpError as fault:
        return failure(fault.status, str(fault))
    except web.HTTPError as fault:
        answer = failure(fault.status, SAYS.get(fault.status, fault.reason))
        if "Allow" in fault.headers:
            answer.headers["Allow"] = fault.headers["Allow"]
        return answer


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


JSON = "application/json"


def _names(values: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _maybe(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(*, closed: bool = True, **properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that holds all of these, and with `closed` nothing else."""
    found: dict[str, Any] = {"type": "object", "properties": properties, "required": list(properties)}
    return found | ({"additionalProperties": False} if closed else {})


def _each_emotion(value: Mapping[str, Any]) -> dict[str, Any]:
    names = [each.value for each in EMOTIONS]
    return {"type": "object", "properties": dict.fromkeys(names, value), "required": names}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT: dict[str, Any] = {"type": "string"}


YES_NO: dict[str, Any] = {"type": "boolean"}


NUMBER: dict[str, Any] = {"type": "number"}


WHOLE: dict[str, Any] = {"type": "integer"}


SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}


PERCENT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 100}


MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}


DAY: dict[str, Any] = {"type": "string", "format": "date"}


OBJECT: dict[str, Any] = {"type": "object"}


ERROR = _object(error={**TEXT, "description": "What is wrong and what to do, in one sentence."})


DONE = _object(done={"const": True})


WELL = _object(status={"const": "ok"})


TRACK = _object(
    id=TEXT, title=TEXT, artist=TEXT, album=TEXT, link={**TEXT, "description": "Address to open; may be empty."}
)


SCORES = _each_emotion(SHARE)


SHIFTS = _each_emotion(NUMBER)


ACCOUNT = _object(signed_in=YES_NO, user=_maybe(TEXT), expires_on=_maybe(DAY), days_left=_maybe(WHOLE))


PLAYBACK = _object(
    backend=TEXT,
    state=_names(PlayState),
    ours=YES_NO,
    track=_maybe(TRACK),
    device=_maybe(TEXT),
    volume=_maybe(PERCENT),
    volume_max=PERCENT,
    autoplay=YES_NO,
    holding=_maybe(TEXT),
    held=_maybe(_object(why=_names(BlockReason), until=TEXT)),
    trouble=_maybe(TEXT),
    account=_maybe(ACCOUNT),
)


CONTROLS = _object(
    private=YES_NO,
    paused=YES_NO,
    paused_until=_maybe(MOMENT),
    policy=_maybe(_names(Policy)),
    bias=_maybe(SHIFTS),
)


WHY = _object(
    how=_names(Strategy),
    known=_names(Novelty),
    liked=WHOLE,
    first=WHOLE,
    last=WHOLE,
    other=_maybe(_names(EMOTIONS)),
    quiet=YES_NO,
)


STATE = _object(
    watching=_names(Watching),
    mood=_names(Mood),
    since=_maybe(MOMENT),
    confidence=SHARE,
    scores=_maybe(SCORES),
    faces={**WHOLE, "minimum": 0},
    present=_maybe(
        {
            **YES_NO,
            "description": "Somebody is there: from the first mood, unsure included, until mood.away_s seconds have "
            "passed without a face; the same as `presence` in MQTT. `faces` is the number at this moment.",
        }
    ),
    recommendation=_maybe(_object(mood=_names(Mood), reason=TEXT, why=_maybe(WHY), tracks=_list(TRACK))),
    playback=_maybe(PLAYBACK),
    controls=CONTROLS,
    notice=_maybe(TEXT),
    calibration=_maybe(_object(share=SHARE, fault=_maybe(TEXT))),
    preview={**YES_NO, "description": "The live picture can be had."},
    health={**OBJECT, "description": "Figures of the machine, and a line on each output; keys may be missing."},
    version=TEXT,
)


LOG = _object(lines=_list(_object(at=MOMENT, level=_names(("INFO", "WARNING", "ERROR", "CRITICAL")), text=TEXT)))


CHECKS = _object(checks=_list(_object(name=TEXT, state=_names(("ok", "warning", "failed")), found=TEXT, remedy=TEXT)))


ENTRIES = _object(
    entries=_list(_object(closed=False, emotion=_names(EMOTIONS), track_id=TEXT, title=TEXT, artist=TEXT, link=TEXT))
)


DAYS = _object(
    days={
        "type": "object",
        "description": "By day and mood: minutes.",
        "additionalProperties": {"type": "object", "additionalProperties": NUMBER},
    }
)


SIGN_IN = _object(
    closed=False,
    configured=YES_NO,
    pending={**YES_NO, "description": "A sign-in is on its way: look again in a moment."},
    signed_in=YES_NO,
    user=_maybe(TEXT),
    scopes=_list(TEXT),
    signed_in_on=_maybe(TEXT),
    expires_on=_maybe(DAY),
    days_left=_maybe(WHOLE),
    trouble=_maybe(TEXT),
)


DEVICES = _object(devices=_list(_object(name=TEXT, type=TEXT, active=YES_NO, restricted=YES_NO, usable=YES_NO)))
