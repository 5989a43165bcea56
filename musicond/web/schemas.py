"""What the API answers, as JSON Schema (2020-12): for the OpenAPI document, and held against real answers in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from musicond.core.models import EMOTIONS, Mood, Policy, Watching
from musicond.core.outcome import BlockReason, Novelty, PlayState, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
