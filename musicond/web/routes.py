"""Every address of the API in one table: the routes and the OpenAPI document are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from musicond.core.models import Emotion, Policy, Verdict
from musicond.core.settings import MAX_MINUTES, SETTINGS
from musicond.web import requests as bodies
from musicond.web.responses import CHECKS, DAYS, DEVICES, ENTRIES, JSON, LOG, OBJECT, SIGN_IN, STATE, WELL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

API = "/api/v1"
ON_OFF = '{"on": true} or {"on": false}'
EMOTION = {"type": "string", "enum": [each.value for each in Emotion]}
ID = {"type": "string", "minLength": 1, "maxLength": bodies.MAX_ID}


@dataclass(frozen=True, slots=True)
class ResourceRoute:
    """Something to read; `name` is the method of the API that answers."""

    path: str
    name: str
    summary: str
    kind: str = JSON
    """Media type of the answer."""
    answer: Mapping[str, Any] | None = None
    """JSON Schema of the answer, where it is JSON."""
    faults: tuple[int, ...] = ()
    head: bool = True
    """HEAD is answered too."""


@dataclass(frozen=True, slots=True)
class CommandRoute:
    """A command."""

    path: str
    summary: str
    body: TypeAdapter[Any]
    right: str
    """What to send, for whoever sent something else."""


@dataclass(frozen=True, slots=True)
class ActionRoute:
    """An action of a desk, as far as the page may ask for it."""

    desk: str
    action: str
    summary: str
    takes: Mapping[str, Any]
    """JSON Schema of what is sent."""
    answer: Mapping[str, Any]
    page: bool = True
    """False: only the command line may ask, by the control socket."""


def _takes(required: tuple[str, ...] = (), **properties: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return found | ({"required": list(required)} if required else {})


def _either(names: type[StrEnum]) -> str:
    """Return the values of an enumeration as JSON alternatives."""
    return " | ".join(f'"{each}"' for each in names)


RESOURCE_ROUTES = (
    ResourceRoute(f"{API}/state", "state", "Everything that the page shows.", answer=STATE),
    ResourceRoute(
        f"{API}/events",
        "events",
        "Server-sent events: `state` with the whole state, at once and then whenever it changes.",
        "text/event-stream",
        faults=(503,),
        head=False,
    ),
    ResourceRoute(
        f"{API}/preview",
        "preview",
        "The live picture as motion JPEG; only with web.preview.",
        "multipart/x-mixed-replace",
        faults=(404, 409, 503),
        head=False,
    ),
    ResourceRoute(f"{API}/log", "log", "The latest lines of the log, from INFO on.", answer=LOG),
    ResourceRoute(f"{API}/openapi.json", "openapi", "This description.", answer=OBJECT),
    ResourceRoute(
        "/healthz",
        "healthz",
        "200 while frames are analysed or not wanted, else 503 and the reason.",
        answer=WELL,
        faults=(503,),
    ),
    ResourceRoute("/metrics", "metrics", "Figures of the machine and the daemon for Prometheus.", "text/plain"),
)

COMMAND_ROUTES = (
    CommandRoute(
        "privacy",
        "Close the camera, or let it be opened again.",
        TypeAdapter(bodies.PrivacyBody),
        ON_OFF,
    ),
    CommandRoute(
        "pause",
        "Recommend and play nothing for a while.",
        TypeAdapter(bodies.PauseFor | bodies.PauseUntil),
        f'{{"minutes": N}} with N above 0 and up to {MAX_MINUTES}, {{"until": "tomorrow"}}, '
        'or {"minutes": null} until resumed',
    ),
    CommandRoute("resume", "End a pause.", TypeAdapter(bodies.ResumeBody), "{}"),
    CommandRoute(
        "settings/reset",
        "Forget what was switched: the configuration holds again.",
        TypeAdapter(bodies.ResetBody),
        f'{{"key": {" | ".join(f"{chr(34)}{each}{chr(34)}" for each in SETTINGS)}}}, or {{"key": null}} for everything',
    ),
    CommandRoute(
        "rate",
        "Say what a song is worth in the mood that it was recommended for.",
        TypeAdapter(bodies.RateBody),
        f'{{"verdict": {_either(Verdict)}, "id": TRACK}}; without "id" the first song shown is meant',
    ),
    CommandRoute(
        "wrong_mood",
        "The mood announced now is wrong.",
        TypeAdapter(bodies.WrongMoodBody),
        f'{{"right": {_either(Emotion)}}}, or {{}} where that is not known',
    ),
    CommandRoute(
        "policy",
        "Choose how the music follows the mood.",
        TypeAdapter(bodies.PolicyBody),
        f'{{"policy": {_either(Policy)}}}, or {{"policy": null}} for what the configuration says',
    ),
    CommandRoute("next", "Offer other songs now, and play them where ours play.", TypeAdapter(bodies.NextBody), "{}"),
    CommandRoute(
        "calibrate",
        "Learn from the neutral face shown for the next ten seconds, or forget what was learnt.",
        TypeAdapter(bodies.CalibrateBody),
        '{} or {"reset": true}',
    ),
    CommandRoute(
        "play",
        "Play what is recommended.",
        TypeAdapter(bodies.PlayBody),
        '{"id": TRACK}; without "id" the recommendation from its beginning',
    ),
    CommandRoute("stop", "Stop what plays.", TypeAdapter(bodies.StopBody), "{}"),
    CommandRoute(
        "volume", "Set the speaker's volume.", TypeAdapter(bodies.VolumeBody), '{"percent": N} with N from 0 to 100'
    ),
    CommandRoute(
        "autoplay",
        "Let music start by itself when the mood changes, or not.",
        TypeAdapter(bodies.AutoplayBody),
        ON_OFF,
    ),
)

SONG = {
    "type": "object",
    "properties": {
        "emotion": EMOTION,
        "title": {"type": "string"},
        "artist": {"type": "string"},
        "link": {"type": "string"},
    },
    "required": ["emotion", "title", "artist"],
}
NAMES = {"type": "array", "items": {"type": "string"}}
"""Names of lists, as in music.moods.<emotion>.lists."""

ACTION_ROUTES = (
    ActionRoute("catalogue", "list", "The songs of one mood, or of all.", _takes(emotion=EMOTION), ENTRIES),
    ActionRoute(
        "catalogue",
        "add",
        "Add songs to the own lists.",
        _takes(("rows",), rows={"type": "array", "items": SONG}),
        OBJECT,
    ),
    ActionRoute(
        "catalogue",
        "remove",
        "Take a song out of one list or all, for good.",
        _takes(("id",), id=ID, emotion=EMOTION),
        OBJECT,
    ),
    ActionRoute(
        "catalogue",
        "reorder",
        "Put a list into this order; songs that are not named follow.",
        _takes(("emotion", "ids"), emotion=EMOTION, ids={"type": "array", "items": ID}),
        OBJECT,
    ),
    ActionRoute("catalogue", "sources", "From where each mood's songs come.", _takes(), OBJECT),
    ActionRoute(
        "catalogue",
        "source",
        "Say from where a mood's songs come; null: as the configuration says.",
        _takes(("emotion", "lists"), emotion=EMOTION, lists={"anyOf": [NAMES, {"type": "null"}]}),
        OBJECT,
    ),
    ActionRoute("catalogue", "refresh", "Read the lists anew.", _takes(if_due={"type": "boolean"}), OBJECT),
    ActionRoute("catalogue", "progress", "How far the refresh is.", _takes(), OBJECT),
    ActionRoute("catalogue", "verify", "What is wrong or weak in the catalogue.", _takes(), OBJECT, page=False),
    ActionRoute("catalogue", "said", "What was said of songs.", _takes(), OBJECT, page=False),
    ActionRoute("catalogue", "forget", "Forget what was said of a song, or of all.", _takes(id=ID), OBJECT, page=False),
    ActionRoute("history", "days", "Minutes of each mood and day, where they are kept.", _takes(), DAYS),
    ActionRoute("history", "delete", "Delete all that is kept.", _takes(), OBJECT),
    ActionRoute(
        "doctor", "check", "What musicond doctor finds, but for the camera: the state tells of that.", _takes(), CHECKS
    ),
    ActionRoute("spotify", "status", "Who is signed in, and until when.", _takes(), SIGN_IN),
    ActionRoute("spotify", "begin", "Begin a sign-in: the address to open.", _takes(), OBJECT),
    ActionRoute(
        "spotify",
        "finish",
        "End a sign-in by the address on which the browser has ended.",
        _takes(("redirect",), redirect={"type": "string"}),
        SIGN_IN,
    ),
    ActionRoute("spotify", "logout", "Forget the sign-in.", _takes(), SIGN_IN),
    ActionRoute("spotify", "devices", "The speakers that Spotify shows now.", _takes(), DEVICES),
)


def page_actions(desk: str) -> frozenset[str]:
    """Return what the page may ask of a desk."""
    return frozenset(each.action for each in ACTION_ROUTES if each.desk == desk and each.page)
