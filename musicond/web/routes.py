"""Every address of the API in one table: the handlers and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from musicond.core import commands
from musicond.core.commands import Command
from musicond.core.models import Emotion, Policy, Verdict
from musicond.core.settings import MANUAL_MINUTES, MAX_MINUTES, SETTINGS
from musicond.web.requests import (
    EmotionName,
    PauseFor,
    PauseUntil,
    SongRow,
    SpeakerName,
    Switch,
    TrackId,
    action_body,
    request_body,
)
from musicond.web.responses import (
    CHECK,
    CHECKS,
    DAYS,
    DEVICES,
    ENTRIES,
    HEALTHY,
    JSON,
    LINKS,
    LOG,
    MOVED,
    NEW_LINK,
    OBJECT,
    RESTARTS,
    SETUP_VALUES,
    SIGN_IN,
    SPEAKERS,
    STATE,
    Schema,
)

API = "/api/v1"
ON_OFF = '{"on": true} or {"on": false}'


@dataclass(frozen=True, slots=True)
class ResourceRoute:
    """A resource to GET; the method `on_<name>` of `Api` handles it."""

    path: str
    name: str
    summary: str
    kind: str = JSON
    """Media type of the response."""
    response: Schema | None = None
    """Schema of the response, where it is JSON."""
    errors: tuple[int, ...] = ()
    head: bool = True
    """HEAD is served too."""


@dataclass(frozen=True, slots=True)
class CommandRoute:
    """A command to POST."""

    path: str
    summary: str
    body: TypeAdapter[Any]
    command: Callable[[Any], Command]
    """Makes the command from the valid body."""
    expected: str = "{}"
    """The body that would be right, for the text of an error."""
    for_player: bool = False
    """The answer waits for the player, a few seconds at most."""


@dataclass(frozen=True, slots=True)
class ActionRoute:
    """An action of an endpoint to POST."""

    endpoint: str
    action: str
    summary: str
    body: TypeAdapter[Any] = field(default_factory=action_body)
    response: Schema = field(default_factory=lambda: OBJECT)
    page: bool = True
    """False: only the command line may run it, by the control socket."""


def _either(values: Iterable[str]) -> str:
    """Return values as JSON alternatives."""
    return " | ".join(f'"{value}"' for value in values)


RESOURCE_ROUTES = (
    ResourceRoute(f"{API}/state", "state", "Everything that the page shows.", response=STATE),
    ResourceRoute(
        f"{API}/events",
        "events",
        "Server-sent events: first `state` with the whole state, then `change` with the fields that differ. "
        "An object in a change holds only its own fields that differ; all other values replace the old ones.",
        "text/event-stream",
        errors=(503,),
        head=False,
    ),
    ResourceRoute(
        f"{API}/preview",
        "preview",
        "The live picture as motion JPEG; only with web.preview.",
        "multipart/x-mixed-replace",
        errors=(404, 409, 503),
        head=False,
    ),
    ResourceRoute(
        f"{API}/cover",
        "cover",
        "The picture of the track that plays; `track` is its id. 204 where it has none, 404 where another one plays.",
        "image/*",
        errors=(404, 502, 503, 504),
        head=False,
    ),
    ResourceRoute(f"{API}/log", "log", "The latest lines of the log, from INFO on.", response=LOG),
    ResourceRoute(f"{API}/openapi.json", "openapi", "This description.", response=OBJECT),
    ResourceRoute(
        "/healthz",
        "healthz",
        "200 while frames are analysed or not wanted, else 503 and the reason.",
        response=HEALTHY,
        errors=(503,),
    ),
    ResourceRoute("/notice", "notice", "What the people in the room should know; needs no token.", "text/html"),
    ResourceRoute("/metrics", "metrics", "Figures of the machine and the daemon for Prometheus.", "text/plain"),
)


COMMAND_ROUTES = (
    CommandRoute(
        "privacy",
        "Close the camera, or let it be opened again.",
        request_body(
            "Close the camera, or let it be opened again, which says that the people here know of it.",
            on=bool,
            until=(Literal["midnight"] | None, None),
        ),
        lambda body: commands.SetPrivacy(body.on, until_midnight=body.until is not None),
        f'{ON_OFF}, or {{"on": true, "until": "midnight"}}',
    ),
    CommandRoute(
        "pause",
        "Recommend and play nothing for a while.",
        TypeAdapter(PauseFor | PauseUntil),
        lambda body: (
            commands.Pause(body.minutes) if isinstance(body, PauseFor) else commands.Pause(until_tomorrow=True)
        ),
        f'{{"minutes": N}} with N above 0 and up to {MAX_MINUTES}, {{"until": "tomorrow"}}, '
        'or {"minutes": null} until resumed',
    ),
    CommandRoute("resume", "End a pause.", request_body("End a pause."), lambda _: commands.Resume()),
    CommandRoute(
        "settings/reset",
        "Forget what was switched: the configuration holds again.",
        request_body("Forget what was switched; null: everything but privacy.", key=Switch | None),
        lambda body: commands.Reset(body.key),
        f'{{"key": {_either(SETTINGS)}}}, or {{"key": null}} for everything but privacy',
    ),
    CommandRoute(
        "rate",
        "Say what a song is worth in the mood that it was recommended for.",
        request_body(
            "Say what a song is worth; without an id, the first one shown.", verdict=Verdict, id=(TrackId | None, None)
        ),
        lambda body: commands.Rate(body.verdict, body.id),
        f'{{"verdict": {_either(Verdict)}, "id": TRACK}}; without "id" the first song shown is meant',
    ),
    CommandRoute(
        "wrong_mood",
        "The mood announced now is wrong.",
        request_body("Take the mood announced now for wrong.", right=(Emotion | None, None)),
        lambda body: commands.WrongMood(body.right),
        f'{{"right": {_either(Emotion)}}}, or {{}} where that is not known',
    ),
    CommandRoute(
        "policy",
        "Choose how the music follows the mood.",
        request_body("Choose how the music follows the mood; null: as the configuration says.", policy=Policy | None),
        lambda body: commands.SetPolicy(body.policy),
        f'{{"policy": {_either(Policy)}}}, or {{"policy": null}} for what the configuration says',
    ),
    CommandRoute(
        "withdraw",
        "Remove the feedback on a song in the mood that it was recommended for.",
        request_body("Remove the feedback on a song; without an id, the one rated last.", id=(TrackId | None, None)),
        lambda body: commands.Withdraw(body.id),
        '{"id": TRACK}; without "id" the song rated last is meant',
    ),
    CommandRoute(
        "mood",
        "Choose the mood for some minutes, whatever the camera shows; null: back to the camera.",
        request_body(
            "Choose the mood; null: back to the camera.",
            mood=Emotion | None,
            minutes=(Annotated[float, Field(gt=0, le=MAX_MINUTES)], float(MANUAL_MINUTES)),
        ),
        lambda body: commands.SetManualMood(body.mood, body.minutes),
        f'{{"mood": {_either(Emotion)}, "minutes": N}}, or {{"mood": null}} to go back to the camera',
    ),
    CommandRoute(
        "other_songs",
        "Recommend other songs now, and play them where ours play.",
        request_body("Recommend other songs now."),
        lambda _: commands.OtherSongs(),
    ),
    CommandRoute(
        "next",
        "Play the next track. Where nothing is loaded it recommends other songs; this is deprecated: use other_songs.",
        request_body("Play the next track."),
        lambda _: commands.Next(),
        for_player=True,
    ),
    CommandRoute(
        "previous",
        "Play the previous track.",
        request_body("Play the previous track."),
        lambda _: commands.Previous(),
        for_player=True,
    ),
    CommandRoute(
        "calibrate",
        "Learn from the neutral face shown for the next ten seconds, or forget what was learnt.",
        request_body("Learn from the neutral face shown now, or forget what was learnt.", reset=(bool, False)),
        lambda body: commands.Calibrate(body.reset),
        '{} or {"reset": true}',
    ),
    CommandRoute(
        "play",
        "Play what is recommended.",
        request_body(
            "Play what is recommended, from this song on; without an id, from its beginning.", id=(TrackId | None, None)
        ),
        lambda body: commands.Play(body.id),
        '{"id": TRACK}; without "id" the recommendation from its beginning',
        for_player=True,
    ),
    CommandRoute(
        "stop", "Pause the music.", request_body("Pause the music."), lambda _: commands.Stop(), for_player=True
    ),
    CommandRoute(
        "volume",
        "Set the speaker's volume.",
        request_body("Set the speaker's volume.", percent=Annotated[float, Field(ge=0, le=100)]),
        lambda body: commands.SetVolume(body.percent),
        '{"percent": N} with N from 0 to 100',
        for_player=True,
    ),
    CommandRoute(
        "speaker",
        "Play on another speaker.",
        request_body("Play on another speaker; null: on the configured one.", name=SpeakerName | None),
        lambda body: commands.SetSpeaker(body.name),
        '{"name": SPEAKER}, or {"name": null} for the configured one',
        for_player=True,
    ),
    CommandRoute(
        "autoplay",
        "Let music start by itself when the mood changes, or not.",
        request_body("Let music start by itself when the mood changes, or not.", on=bool),
        lambda body: commands.SetAutoplay(body.on),
        ON_OFF,
    ),
)

ANY_EMOTION = (EmotionName | None, None)
SetupValues = Annotated[dict[str, Any], Field(description=SETUP_VALUES)]

ACTION_ROUTES = (
    ActionRoute(
        "catalogue",
        "list",
        "The songs of one mood, or of all. With `limit`, a part of one mood's list and the total number: those whose "
        "title, artist or album contains `query`, from `offset` on.",
        action_body(emotion=ANY_EMOTION, query=(str, ""), offset=(int, 0), limit=(int | None, None)),
        ENTRIES,
    ),
    ActionRoute("catalogue", "add", "Add songs to the own lists.", action_body(rows=list[SongRow])),
    ActionRoute(
        "catalogue",
        "remove",
        "Take a song out of one list or all, for good.",
        action_body(id=TrackId, emotion=ANY_EMOTION),
    ),
    ActionRoute(
        "catalogue",
        "move",
        "Move a song from one mood's list to another's, for good: no refresh undoes it. With `keep` it is in both. "
        "`back` undoes such a move: the song is in its lists again as before.",
        action_body(id=TrackId, emotion=EmotionName, to=EmotionName, keep=(bool, False), back=(bool, False)),
        MOVED,
    ),
    ActionRoute("catalogue", "sources", "From where each mood's songs come."),
    ActionRoute(
        "catalogue",
        "source",
        "Say from where a mood's songs come; null: as the configuration says.",
        action_body(emotion=EmotionName, lists=list[str] | None),
    ),
    ActionRoute("catalogue", "refresh", "Read the lists again.", action_body(if_due=(bool, False))),
    ActionRoute("catalogue", "progress", "How far the refresh is."),
    ActionRoute("catalogue", "verify", "What is wrong or weak in the catalogue.", page=False),
    ActionRoute("catalogue", "feedback", "The feedback on all songs.", page=False),
    ActionRoute(
        "catalogue",
        "reset-feedback",
        "Delete the feedback on a song in every mood, or on all songs.",
        action_body(id=(TrackId | None, None)),
        page=False,
    ),
    ActionRoute("history", "days", "Minutes of each mood and day, where they are kept.", response=DAYS),
    ActionRoute("history", "delete", "Delete all that is kept."),
    ActionRoute(
        "doctor", "check", "What musicond doctor finds, but for the camera: the state tells of that.", response=CHECKS
    ),
    ActionRoute("music-assistant", "status", "Who is signed in at Music Assistant, and until when."),
    ActionRoute("music-assistant", "servers", "The servers of Music Assistant in the home network."),
    ActionRoute(
        "music-assistant",
        "login",
        "Sign in at Music Assistant; the password is not kept.",
        action_body(user=str, password=str, url=(str | None, None)),
    ),
    ActionRoute("music-assistant", "players", "The players of Music Assistant.", page=False),
    ActionRoute("music-assistant", "logout", "Forget the sign-in at Music Assistant."),
    ActionRoute("spotify", "status", "Who is signed in, and until when.", response=SIGN_IN),
    ActionRoute("spotify", "begin", "Begin a sign-in: the address to open."),
    ActionRoute(
        "spotify",
        "finish",
        "End a sign-in by the address on which the browser has ended.",
        action_body(redirect=str),
        SIGN_IN,
    ),
    ActionRoute("spotify", "logout", "Forget the sign-in.", response=SIGN_IN),
    ActionRoute("setup", "values", "What can be set up on the page, and what was; no secrets."),
    ActionRoute(
        "setup",
        "change",
        "Set keys of the configuration, which then win over the file; mqtt.password goes in and never comes out.",
        action_body(values=SetupValues),
        RESTARTS,
    ),
    ActionRoute(
        "setup",
        "reset",
        "Forget one of them, or all (null); those of the broker go together.",
        action_body(key=(str | None, None)),
        RESTARTS,
    ),
    ActionRoute(
        "setup",
        "check-broker",
        "Connect to a broker with these values, which are not kept.",
        action_body(values=SetupValues),
        CHECK,
    ),
    ActionRoute(
        "links", "list", "The named links to the page, and whether other machines can open it.", response=LINKS
    ),
    ActionRoute(
        "links",
        "add",
        "Make a link with a token of its own, which is in this answer only. `origin` is the beginning of its address.",
        action_body(name=str, origin=(str | None, None)),
        NEW_LINK,
    ),
    ActionRoute(
        "links",
        "remove",
        "Take a link back: the pages that were opened by it are closed.",
        action_body(id=str),
        LINKS,
    ),
    ActionRoute("playback", "speakers", "The speakers that can be chosen now.", response=SPEAKERS),
    ActionRoute("spotify", "devices", "The speakers that Spotify shows now.", response=DEVICES),
)


ACTIONS = {(route.endpoint, route.action): route for route in ACTION_ROUTES}
PAGE_ACTIONS = frozenset((route.endpoint, route.action) for route in ACTION_ROUTES if route.page)
"""The actions that the page may run, as (endpoint, action)."""
