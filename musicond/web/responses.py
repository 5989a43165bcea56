"""The responses of the API: errors, the state as JSON, and the JSON Schema (2020-12) of each response.

The schemas are for the OpenAPI document; tests hold them against real responses.
"""

from __future__ import annotations

import json
import queue
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from musicond import __version__
from musicond.core.models import EMOTIONS, Faces, Mood, Policy, Watching, scores_by_emotion
from musicond.core.outcome import BlockReason, Novelty, Outcome, PlayState, Strategy
from musicond.errors import CatalogueError, CommandError, ListError, PlaybackError
from musicond.runtime.inbox import InboxFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp.typedefs import Handler

    from musicond.core.models import Track
    from musicond.core.outcome import CalibrationProgress, Explanation, Playback, Recommendation, Settings

ERROR_STATUS: Mapping[type[Exception], int] = {
    ListError: 400,
    CommandError: 409,
    CatalogueError: 500,
    PlaybackError: 502,
    InboxFull: 503,
    queue.Full: 503,
}
"""HTTP status of each error that a handler lets through; 503 for a PlaybackError that says when to try again."""
TOO_MUCH = "too much waits already; try again in a moment"
STATUS_TEXTS = {
    404: "there is nothing here; the page is at /, its data at /api/v1/state",
    405: "this method is not for this address",
    413: "the body is too large; a small JSON object is all that is needed",
}
"""Texts for errors of aiohttp itself."""


class HttpError(Exception):
    """A request that is refused, with its HTTP status; the text says what would be right."""

    def __init__(self, status: int, text: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return errors as JSON: `{"error": text}`."""
    try:
        return await handler(request)
    except HttpError as exc:
        return _error(exc.status, str(exc), exc.headers)
    except web.HTTPError as exc:
        headers = {name: exc.headers[name] for name in ("Allow",) if name in exc.headers}
        return _error(exc.status, STATUS_TEXTS.get(exc.status, exc.reason), headers)
    except tuple(ERROR_STATUS) as exc:
        status = next(status for kind, status in ERROR_STATUS.items() if isinstance(exc, kind))
        if isinstance(exc, PlaybackError) and exc.wait_s is not None:
            status = 503
        return _error(status, str(exc) or TOO_MUCH)


def _error(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    content = json.dumps({"error": text})
    return web.Response(status=status, text=content, content_type="application/json", headers=headers)


def to_json(value: object) -> bytes:
    """Return `value` as one line of ASCII JSON, which a server-sent event can carry as it is."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


STALE_S = 15.0
"""Seconds without an outcome after which the watch loop counts as stuck; a turn waits at most 5 s."""
STARTING = "Starting: nothing has been looked at yet."
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = Outcome(
    0, 0.0, _NEVER, Watching.NO_CAMERA, Mood.NOBODY, _NEVER, 0.0, None, None, Faces(), None, notice=STARTING
)
"""Stands for the outcome while there is none yet."""


def state_json(latest: Outcome | None, health: Mapping[str, object], *, preview: bool = False) -> dict[str, object]:
    """Return the content of `GET /api/v1/state`; without an outcome yet, a start with no camera."""
    outcome = latest or _FIRST
    return {
        "watching": outcome.watching,
        "mood": outcome.mood,
        "since": latest and latest.since.isoformat(),
        "confidence": round(outcome.confidence, 4),
        "scores": scores_by_emotion(outcome.scores, 4),
        "faces": outcome.faces.count,
        "present": outcome.present,
        "recommendation": outcome.recommendation and _recommendation(outcome.recommendation),
        "playback": outcome.playback and _playback(outcome.playback),
        "controls": _settings(outcome.settings),
        "notice": outcome.notice,
        "calibration": outcome.calibration and _calibration(outcome.calibration),
        "preview": preview,
        "health": dict(health),
        "version": __version__,
    }


def health_error(outcome: Outcome | None, age_s: float, health: Mapping[str, object]) -> str | None:
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


def _recommendation(recommendation: Recommendation) -> dict[str, object]:
    explanation = recommendation.explanation
    return {
        "mood": recommendation.mood,
        "reason": recommendation.reason,
        "why": explanation and _explanation(explanation),
        "tracks": [_track(track) for track in recommendation.tracks],
    }


def _explanation(explanation: Explanation) -> dict[str, object]:
    return {
        "how": explanation.strategy,
        "known": explanation.novelty,
        "liked": explanation.liked,
        "first": explanation.first,
        "last": explanation.last,
        "other": explanation.other,
        "quiet": explanation.quiet,
    }


def _playback(playback: Playback) -> dict[str, object]:
    account, block = playback.account, playback.autoplay_block
    return {
        "backend": playback.backend,
        "state": playback.state,
        "ours": playback.ours,
        "track": playback.track and _track(playback.track),
        "device": playback.device,
        "volume": playback.volume,
        "volume_max": playback.volume_max,
        "autoplay": playback.autoplay,
        "holding": block and str(block),
        "held": block and {"why": block.reason, "until": block.until},
        "trouble": playback.trouble,
        "account": account
        and {
            "signed_in": account.signed_in,
            "user": account.user,
            "expires_on": account.expires_on and account.expires_on.isoformat(),
            "days_left": account.days_left,
        },
    }


def _calibration(calibration: CalibrationProgress) -> dict[str, object]:
    return {"share": round(calibration.share, 3), "fault": calibration.error}


def _settings(settings: Settings) -> dict[str, object]:
    return {
        "private": settings.private,
        "paused": settings.paused,
        "paused_until": settings.paused_until and settings.paused_until.isoformat(),
        "policy": settings.policy,
        "bias": scores_by_emotion(settings.bias.shifts, 4) if settings.bias else None,
    }


JSON = "application/json"

Schema = dict[str, Any]
STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
PERCENT: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
DATE_TIME: Schema = {"type": "string", "format": "date-time"}
DATE: Schema = {"type": "string", "format": "date"}
OBJECT: Schema = {"type": "object"}


def enum_schema(values: Iterable[str]) -> Schema:
    """Return the schema of a string that is one of `values`."""
    return {"type": "string", "enum": list(values)}


def array_schema(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": items}


def nullable(schema: Schema) -> Schema:
    """Return a schema that takes null too."""
    return {"anyOf": [schema, {"type": "null"}]}


def object_schema(*, closed: bool = True, required: Iterable[str] | None = None, **properties: Schema) -> Schema:
    """Return the schema of an object with these properties, all required by default; with `closed`, no others."""
    schema: Schema = {"type": "object", "properties": properties}
    if names := list(properties if required is None else required):
        schema["required"] = names
    return schema | ({"additionalProperties": False} if closed else {})


def _by_emotion(value: Schema) -> Schema:
    return object_schema(closed=False, **{emotion.value: value for emotion in EMOTIONS})


ERROR = object_schema(error={**STRING, "description": "What is wrong and what to do, in one sentence."})
DONE = object_schema(done={"const": True})
HEALTHY = object_schema(status={"const": "ok"})

TRACK = object_schema(
    id=STRING,
    title=STRING,
    artist=STRING,
    album=STRING,
    link={**STRING, "description": "Address to open; may be empty."},
)
ACCOUNT = object_schema(
    signed_in=BOOLEAN, user=nullable(STRING), expires_on=nullable(DATE), days_left=nullable(INTEGER)
)
PLAYBACK = object_schema(
    backend=STRING,
    state=enum_schema(PlayState),
    ours=BOOLEAN,
    track=nullable(TRACK),
    device=nullable(STRING),
    volume=nullable(PERCENT),
    volume_max=PERCENT,
    autoplay=BOOLEAN,
    holding=nullable(STRING),
    held=nullable(object_schema(why=enum_schema(BlockReason), until=STRING)),
    trouble=nullable(STRING),
    account=nullable(ACCOUNT),
)
CONTROLS = object_schema(
    private=BOOLEAN,
    paused=BOOLEAN,
    paused_until=nullable(DATE_TIME),
    policy=nullable(enum_schema(Policy)),
    bias=nullable(_by_emotion(NUMBER)),
)
EXPLANATION = object_schema(
    how=enum_schema(Strategy),
    known=enum_schema(Novelty),
    liked=INTEGER,
    first=INTEGER,
    last=INTEGER,
    other=nullable(enum_schema(EMOTIONS)),
    quiet=BOOLEAN,
)
RECOMMENDATION = object_schema(
    mood=enum_schema(Mood), reason=STRING, why=nullable(EXPLANATION), tracks=array_schema(TRACK)
)
STATE = object_schema(
    watching=enum_schema(Watching),
    mood=enum_schema(Mood),
    since=nullable(DATE_TIME),
    confidence=SHARE,
    scores=nullable(_by_emotion(SHARE)),
    faces={**INTEGER, "minimum": 0},
    present=nullable(
        {
            **BOOLEAN,
            "description": "Somebody is there: from the first mood, unsure included, until mood.away_s seconds have "
            "passed without a face; the same as `presence` in MQTT. `faces` is the number at this moment.",
        }
    ),
    recommendation=nullable(RECOMMENDATION),
    playback=nullable(PLAYBACK),
    controls=CONTROLS,
    notice=nullable(STRING),
    calibration=nullable(object_schema(share=SHARE, fault=nullable(STRING))),
    preview={**BOOLEAN, "description": "The live picture can be had."},
    health={**OBJECT, "description": "Figures of the machine, and a line on each output; keys may be missing."},
    version=STRING,
)

LOG = object_schema(
    lines=array_schema(
        object_schema(at=DATE_TIME, level=enum_schema(("INFO", "WARNING", "ERROR", "CRITICAL")), text=STRING)
    )
)
CHECKS = object_schema(
    checks=array_schema(
        object_schema(name=STRING, state=enum_schema(("ok", "warning", "failed")), found=STRING, remedy=STRING)
    )
)
ENTRIES = object_schema(
    entries=array_schema(
        object_schema(
            closed=False, emotion=enum_schema(EMOTIONS), track_id=STRING, title=STRING, artist=STRING, link=STRING
        )
    )
)
DAYS = object_schema(
    days={
        "type": "object",
        "description": "By day and mood: minutes.",
        "additionalProperties": {"type": "object", "additionalProperties": NUMBER},
    }
)
SIGN_IN = object_schema(
    closed=False,
    configured=BOOLEAN,
    pending={**BOOLEAN, "description": "A sign-in is on its way: look again in a moment."},
    signed_in=BOOLEAN,
    user=nullable(STRING),
    scopes=array_schema(STRING),
    signed_in_on=nullable(STRING),
    expires_on=nullable(DATE),
    days_left=nullable(INTEGER),
    trouble=nullable(STRING),
)
DEVICES = object_schema(
    devices=array_schema(object_schema(name=STRING, type=STRING, active=BOOLEAN, restricted=BOOLEAN, usable=BOOLEAN))
)
