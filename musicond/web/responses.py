"""The responses of the API: errors, the state as JSON, and the JSON Schema (2020-12) of each response.

The schemas are for the OpenAPI document; tests hold them against real responses.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from musicond import __version__
from musicond.core.models import (
    EMOTIONS,
    Emotion,
    Faces,
    Mood,
    Placement,
    Policy,
    Track,
    Verdict,
    Watching,
    scores_by_emotion,
)
from musicond.core.outcome import (
    Account,
    AutoplayBlock,
    BlockReason,
    CalibrationProgress,
    Explanation,
    Novelty,
    Outcome,
    Playback,
    PlayState,
    Recommendation,
    Strategy,
)
from musicond.core.recommend.affect import LIFT_SONGS, Affect, lift_path, lift_route
from musicond.core.settings import Settings
from musicond.errors import CatalogueError, CommandError, ListError, PlaybackError, SongsMissingError
from musicond.runtime.inbox import InboxFull

S = TypeVar("S")
T = TypeVar("T")

ERROR_STATUS: Mapping[type[Exception], int] = {
    ListError: 400,
    CommandError: 409,
    CatalogueError: 500,
    SongsMissingError: 409,
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
    return web.json_response({"error": text}, status=status, headers=headers)


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


def health_error(outcome: Outcome | None, age_s: float, health: Mapping[str, object]) -> str | None:
    """Return why frames that are wanted are not analysed, or what else fails; None while all is well.

    `age_s` is the time since the outcome came. Private and paused are well: no frames are wanted.
    """
    if outcome is None:
        return STARTING
    if age_s > STALE_S:
        return f"the watch loop has told nothing for {age_s:.0f} s"
    if outcome.watching is Watching.NO_CAMERA:
        return f"no camera: {health.get('trouble') or 'see musicond doctor'}"
    problems = health.get("problems")
    return "; ".join(map(str, problems)) if isinstance(problems, list) and problems else None


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


class JsonObject(Generic[T]):
    """A JSON object made from a `T`: each field with its schema and the function that returns its value."""

    def __init__(self, **fields: tuple[Schema, Callable[[T], object]]) -> None:
        self._fields = fields
        self.schema = object_schema(closed=True, **{name: schema for name, (schema, _) in fields.items()})

    def to_json(self, source: T) -> dict[str, object]:
        """Return the content of the object."""
        return {name: value(source) for name, (_, value) in self._fields.items()}

    def optional(self, get: Callable[[S], T | None]) -> tuple[Schema, Callable[[S], object]]:
        """Return the field of another object that holds this one, or null."""

        def value(source: S) -> object:
            item = get(source)
            return None if item is None else self.to_json(item)

        return nullable(self.schema), value


def _by_emotion(value: Schema) -> Schema:
    return object_schema(closed=False, **{emotion.value: value for emotion in EMOTIONS})


ERROR = object_schema(error={**STRING, "description": "What is wrong and what to do, in one sentence."})
DONE = object_schema(done={"const": True})
NOT_DONE = object_schema(done={"const": False})
HEALTHY = object_schema(status={"const": "ok"}, unsaved=nullable(STRING))

TRACK = JsonObject[Track](
    id=(STRING, lambda track: track.track_id),
    title=(STRING, lambda track: track.title),
    artist=(STRING, lambda track: track.artist),
    album=(STRING, lambda track: track.album),
    link=({**STRING, "description": "Address to open; may be empty."}, lambda track: track.link),
)
ACCOUNT = JsonObject[Account](
    signed_in=(BOOLEAN, lambda account: account.signed_in),
    user=(nullable(STRING), lambda account: account.user),
    expires_on=(nullable(DATE), lambda account: account.expires_on and account.expires_on.isoformat()),
    days_left=(nullable(INTEGER), lambda account: account.days_left),
)
BLOCK = JsonObject[AutoplayBlock](
    why=(enum_schema(BlockReason), lambda block: block.reason), until=(STRING, lambda block: block.until)
)
PLAYBACK = JsonObject[Playback](
    backend=(STRING, lambda playback: playback.backend),
    state=(enum_schema(PlayState), lambda playback: playback.state),
    ours=(BOOLEAN, lambda playback: playback.ours),
    track=TRACK.optional(lambda playback: playback.track),
    elapsed_s=(
        nullable(NUMBER),
        lambda playback: None if playback.elapsed_s is None else round(playback.elapsed_s, 1),
    ),
    elapsed_at=(nullable(DATE_TIME), lambda playback: playback.elapsed_at and playback.elapsed_at.isoformat()),
    duration_s=(
        nullable(NUMBER),
        lambda playback: None if playback.duration_s is None else round(playback.duration_s, 1),
    ),
    device=(nullable(STRING), lambda playback: playback.device),
    volume=(nullable(PERCENT), lambda playback: playback.volume),
    volume_max=(PERCENT, lambda playback: playback.volume_max),
    autoplay=(BOOLEAN, lambda playback: playback.autoplay),
    holding=(nullable(STRING), lambda playback: playback.autoplay_block and str(playback.autoplay_block)),
    held=BLOCK.optional(lambda playback: playback.autoplay_block),
    trouble=(nullable(STRING), lambda playback: playback.trouble),
    reachable=(
        {**BOOLEAN, "description": "The player and its speaker answer. A command may have failed: see `trouble`."},
        lambda playback: playback.reachable,
    ),
    songs_missing=(
        {**BOOLEAN, "description": "The player works, but has none of the recommended songs."},
        lambda playback: playback.songs_missing,
    ),
    account=ACCOUNT.optional(lambda playback: playback.account),
)
SETTINGS = JsonObject[Settings](
    private=(BOOLEAN, lambda settings: settings.private),
    private_until=(nullable(DATE_TIME), lambda settings: settings.private_until and settings.private_until.isoformat()),
    consent_pending=(
        {**BOOLEAN, "description": "The camera is closed until somebody says that the people here know of it."},
        lambda settings: settings.consent_pending,
    ),
    paused=(BOOLEAN, lambda settings: settings.paused),
    paused_until=(nullable(DATE_TIME), lambda settings: settings.paused_until and settings.paused_until.isoformat()),
    policy=(nullable(enum_schema(Policy)), lambda settings: settings.policy),
    mood=(nullable(enum_schema(EMOTIONS)), lambda settings: settings.manual_mood),
    mood_until=(nullable(DATE_TIME), lambda settings: settings.manual_until and settings.manual_until.isoformat()),
    speaker=(nullable(STRING), lambda settings: settings.speaker),
    bias=(
        nullable(_by_emotion(NUMBER)),
        lambda settings: scores_by_emotion(settings.bias.shifts, 4) if settings.bias else None,
    ),
)
EXPLANATION = JsonObject[Explanation](
    how=(enum_schema(Strategy), lambda explanation: explanation.strategy),
    known=(enum_schema(Novelty), lambda explanation: explanation.novelty),
    liked=(INTEGER, lambda explanation: explanation.liked),
    first=(INTEGER, lambda explanation: explanation.first),
    last=(INTEGER, lambda explanation: explanation.last),
    other=(nullable(enum_schema(EMOTIONS)), lambda explanation: explanation.other),
    quiet=(BOOLEAN, lambda explanation: explanation.quiet),
    placed=(
        {**array_schema(enum_schema(Placement)), "description": "By what songs of the own library got their moods."},
        lambda explanation: explanation.placed,
    ),
)


def _with_verdict(recommendation: Recommendation, verdict: Verdict) -> list[str]:
    """Return the ids of the tracks with this feedback."""
    return [track for track, value in recommendation.verdicts.items() if value is verdict]


POINT: Schema = {**array_schema(NUMBER), "minItems": 2, "maxItems": 2, "description": "Valence and arousal, -1..1."}


def _point(affect: Affect | None) -> list[float] | None:
    return None if affect is None else [round(value, 3) for value in affect]


def _lift(recommendation: Recommendation) -> dict[str, object] | None:
    """Return the way of a lift; None under another policy."""
    explanation = recommendation.explanation
    if explanation is None or explanation.strategy is not Strategy.LIFT:
        return None
    emotion = Emotion(recommendation.mood.value)
    songs = [
        {
            "wanted": _point(lift_path(emotion, explanation.first - 1 + number)),
            "found": _point(recommendation.affects.get(track.track_id)),
        }
        for number, track in enumerate(recommendation.wanted)
    ]
    return {"route": [_point(corner) for corner in lift_route(emotion)], "songs": songs, "of": LIFT_SONGS}


LIFT = object_schema(
    route={**array_schema(POINT), "description": "From the mood over calm to happy."},
    songs=array_schema(
        object_schema(
            wanted={**POINT, "description": "The song's place on the way."},
            found={**nullable(POINT), "description": "How the song sounds; null where that is not known."},
        )
    ),
    of={**INTEGER, "description": "Songs of the whole way."},
)
RECOMMENDATION = JsonObject[Recommendation](
    mood=(enum_schema(Mood), lambda recommendation: recommendation.mood),
    reason=(STRING, lambda recommendation: recommendation.reason),
    why=EXPLANATION.optional(lambda recommendation: recommendation.explanation),
    tracks=(
        {
            **array_schema(TRACK.schema),
            "description": "A song that is disliked stays here until the next recommendation; it is not played.",
        },
        lambda recommendation: [TRACK.to_json(item) for item in recommendation.tracks],
    ),
    liked=(array_schema(STRING), lambda recommendation: _with_verdict(recommendation, Verdict.LIKE)),
    disliked=(array_schema(STRING), lambda recommendation: _with_verdict(recommendation, Verdict.DISLIKE)),
    lift=({**nullable(LIFT), "description": "The way of a lift in the plane of valence and arousal."}, _lift),
)
CALIBRATION = JsonObject[CalibrationProgress](
    share=(SHARE, lambda progress: round(progress.share, 3)),
    fault=(nullable(STRING), lambda progress: progress.error),
    number=(
        {**INTEGER, "description": "Counts the calibrations since the start."},
        lambda progress: progress.number,
    ),
)
PRESENT = {
    **BOOLEAN,
    "description": "Somebody is there: from the first mood, unsure included, until mood.away_s seconds have "
    "passed without a face; the same as `presence` in MQTT. `faces` is the number at this moment.",
}
OUTCOME = JsonObject[Outcome](
    watching=(enum_schema(Watching), lambda outcome: outcome.watching),
    mood=(enum_schema(Mood), lambda outcome: outcome.mood),
    since=(nullable(DATE_TIME), lambda outcome: outcome.since.isoformat()),
    confidence=(SHARE, lambda outcome: round(outcome.confidence, 4)),
    scores=(nullable(_by_emotion(SHARE)), lambda outcome: scores_by_emotion(outcome.scores, 4)),
    faces=({**INTEGER, "minimum": 0}, lambda outcome: outcome.faces.count),
    present=(nullable(PRESENT), lambda outcome: outcome.present),
    recommendation=RECOMMENDATION.optional(lambda outcome: outcome.recommendation),
    playback=PLAYBACK.optional(lambda outcome: outcome.playback),
    controls=(SETTINGS.schema, lambda outcome: SETTINGS.to_json(outcome.settings)),
    notice=(nullable(STRING), lambda outcome: outcome.unsaved or outcome.notice),
    demo=(
        {**BOOLEAN, "description": "The faces are drawn by the built-in demo: the mood is nobody's."},
        lambda outcome: outcome.demo,
    ),
    calibration=CALIBRATION.optional(lambda outcome: outcome.calibration),
)
STATE = object_schema(
    **OUTCOME.schema["properties"],
    preview={**BOOLEAN, "description": "The live picture can be had."},
    spotify={**BOOLEAN, "description": "Spotify is set up: the actions of its sign-in can be used."},
    health={**OBJECT, "description": "Figures of the machine, and a line on each output; keys may be missing."},
    version=STRING,
)


def state_json(
    outcome: Outcome | None, health: Mapping[str, object], *, preview: bool = False, spotify: bool = False
) -> dict[str, object]:
    """Return the content of `GET /api/v1/state`; without an outcome yet, a start with no camera."""
    state = OUTCOME.to_json(outcome) if outcome else OUTCOME.to_json(_FIRST) | {"since": None}
    return state | {"preview": preview, "spotify": spotify, "health": dict(health), "version": __version__}


LOG = object_schema(
    lines=array_schema(
        object_schema(at=DATE_TIME, level=enum_schema(("INFO", "WARNING", "ERROR", "CRITICAL")), text=STRING)
    )
)
CHECK = object_schema(name=STRING, state=enum_schema(("ok", "warning", "failed")), found=STRING, remedy=STRING)
CHECKS = object_schema(checks=array_schema(CHECK))
SETUP_VALUES = (
    "Values by their dotted keys in musicon.yaml, with mqtt.password for the password itself. "
    "A password is kept for its broker only: a change of mqtt.host or mqtt.port forgets it."
)
RESTARTS = object_schema(restarts={**BOOLEAN, "description": "The daemon starts again to take them over."})
ENTRIES = object_schema(
    closed=False,
    required=("entries",),
    total={**INTEGER, "description": "Of a part of a list: the number of songs in all."},
    entries=array_schema(
        object_schema(
            closed=False,
            required=("track_id", "title", "artist", "link"),
            emotion=enum_schema(EMOTIONS),
            track_id=STRING,
            title=STRING,
            artist=STRING,
            link=STRING,
        )
    ),
)
MINUTES: Schema = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": NUMBER}}
DAYS = object_schema(
    days={**MINUTES, "description": "By day and mood: minutes."},
    last_day=nullable(
        object_schema(day=DATE, hours={**MINUTES, "description": "By hour, 0 to 23, and mood: since the start."})
    ),
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
MOVED = object_schema(was_there={**BOOLEAN, "description": "The song was in the other list already."})
LINKS = object_schema(
    open={**BOOLEAN, "description": "Other machines can open the page."},
    links=array_schema(object_schema(id=STRING, name=STRING, added_on=DATE)),
)
NEW_LINK = object_schema(
    id=STRING, url=STRING, qr={**array_schema(STRING), "description": "Rows of a QR code: 0 light, 1 dark."}
)
SPEAKERS = object_schema(
    speakers=array_schema(object_schema(name=STRING, selected=BOOLEAN)),
    reason={**nullable(STRING), "description": "Why the player can't list them now; null where it has."},
)
DEVICES = object_schema(
    devices=array_schema(object_schema(name=STRING, type=STRING, active=BOOLEAN, restricted=BOOLEAN, usable=BOOLEAN))
)
