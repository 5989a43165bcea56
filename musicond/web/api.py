"""The addresses of the page and what each answers; all of it runs in the web thread."""

from __future__ import annotations

import asyncio
import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from aiohttp import web

from musicond.core.controls import MAX_MINUTES, SWITCHES
from musicond.core.messages import (
    Calibrate,
    Command,
    Emotion,
    Next,
    Pause,
    Policy,
    Rate,
    Reset,
    Resume,
    SetPolicy,
    SetPrivacy,
    Verdict,
    WrongMood,
)
from musicond.core.ports import CatalogueError, CommandError
from musicond.runtime.mailbox import InboxFull
from musicond.web.guard import Refused, add_headers, failure, guard, plain_errors
from musicond.web.snapshot import fault, state, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from enum import StrEnum

    from musicond.web.access import Access
    from musicond.web.board import Board, Posted
    from musicond.web.desk import Desk
    from musicond.web.guard import Handler

BODY_LIMIT = 1024
"""Bytes of a request's body."""
BODY_WAIT_S = 5.0
EFFECT_WAIT_S = 5.0
"""How long a command may take to have its effect."""
PING_S = 15.0
"""Silence after which a stream gets a comment, so that a gone client is noticed."""
PACE_S = 0.25
"""Least time between two events of one stream."""
WRITE_WAIT_S = 10.0
"""A reader that takes nothing for so long is cut off."""
MAX_STREAMS = 50
MAX_ID = 500
"""Characters of a track's identifier: a local file's is its path."""

STATIC = {
    "/": ("index.html", "text/html"),
    "/style.css": ("style.css", "text/css"),
    "/app.js": ("app.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


class Api:
    """The handlers; `submit` puts a command into the one inbox, `health` says how the daemon is."""

    def __init__(
        self,
        board: Board,
        submit: Callable[[Command], Future[None]],
        health: Callable[[], Mapping[str, object]],
        desks: Mapping[str, Desk] | None = None,
    ) -> None:
        self._board, self._submit, self._health, self._desks = board, submit, health, desks or {}
        self._event: tuple[Posted | None, bytes] | None = None
        self.streams = 0
        """Open event streams."""

    def app(self, own_host: str, access: Access | None) -> web.Application:
        """Return the application; `own_host` is the configured name or address."""
        app = web.Application(client_max_size=BODY_LIMIT, middlewares=[plain_errors, guard(own_host, access)])
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/api/v1/state", self.state)
        app.router.add_get("/api/v1/events", self.events, allow_head=False)
        app.router.add_post("/api/v1/privacy", self.privacy)
        app.router.add_post("/api/v1/pause", self.pause)
        app.router.add_post("/api/v1/resume", self.resume)
        app.router.add_post("/api/v1/settings/reset", self.reset)
        app.router.add_post("/api/v1/rate", self.rate)
        app.router.add_post("/api/v1/wrong_mood", self.wrong_mood)
        app.router.add_post("/api/v1/policy", self.policy)
        app.router.add_post("/api/v1/next", self.next)
        app.router.add_post("/api/v1/calibrate", self.calibrate)
        for name, desk in self._desks.items():
            app.router.add_post(f"/api/v1/{name}/{{action}}", desk.answer)
        app.router.add_get("/healthz", self.healthz)
        for address, (name, kind) in STATIC.items():
            app.router.add_get(address, _static(name, kind))
        return app

    async def state(self, _: web.Request) -> web.Response:
        """Answer the whole state."""
        posted = self._board.latest
        body = to_json(state(posted.outcome if posted else None, self._health()))
        return web.Response(body=body, content_type="application/json")

    async def healthz(self, _: web.Request) -> web.Response:
        """Answer 200 while frames are analysed or not wanted, else 503 and why."""
        posted = self._board.latest
        why = fault(posted.outcome if posted else None, self._board.age_s(), self._health())
        return failure(503, why) if why else web.json_response({"status": "ok"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream the state: at once, then whenever it changes; a slow reader misses what lies between."""
        if self.streams >= MAX_STREAMS:
            answer = failure(503, f"{MAX_STREAMS} pages are open already; close one and try again")
            answer.headers["Retry-After"] = "10"
            return answer
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        self.streams += 1
        try:
            await response.prepare(request)
            await self._stream(response)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self.streams -= 1
        return response

    async def _stream(self, response: web.StreamResponse) -> None:
        seen = self._board.latest
        text = b"retry: 2000\n" + self._state_event(seen)
        while True:
            async with asyncio.timeout(WRITE_WAIT_S):
                await response.write(text)
            await asyncio.sleep(PACE_S)
            if await self._board.news(seen, PING_S):
                seen = self._board.latest
                text = self._state_event(seen)
            else:
                text = b": ping\n\n"

    def _state_event(self, posted: Posted | None) -> bytes:
        """Return the event of one outcome, made once for all streams."""
        if self._event is None or self._event[0] is not posted or posted is None:
            body = to_json(state(posted.outcome if posted else None, self._health()))
            self._event = (posted, b"event: state\ndata: " + body + b"\n\n")
        return self._event[1]

    async def privacy(self, request: web.Request) -> web.Response:
        """Close the camera, or let it be opened again."""
        body = await _body(request, {"on"}, '{"on": true} or {"on": false}')
        match body:
            case {"on": bool(on)}:
                return await self._effect(SetPrivacy(on))
        raise Refused(400, 'send {"on": true} or {"on": false}')

    async def pause(self, request: web.Request) -> web.Response:
        """Pause for some minutes, or until resumed."""
        right = (
            f'{{"minutes": N}} with N above 0 and up to {MAX_MINUTES}, {{"until": "tomorrow"}}, '
            'or {"minutes": null} until resumed'
        )
        body = await _body(request, {"minutes", "until"}, right)
        if body == {"until": "tomorrow"}:
            return await self._effect(Pause(until_tomorrow=True))
        if "until" in body:
            raise Refused(400, f"send {right}")
        match body.get("minutes"):
            case None:
                return await self._effect(Pause())
            case bool():
                pass
            case int() | float() as minutes if 0 < minutes <= MAX_MINUTES:
                return await self._effect(Pause(float(minutes)))
        raise Refused(400, f"send {right}")

    async def resume(self, request: web.Request) -> web.Response:
        """End a pause."""
        await _body(request, set(), "{}")
        return await self._effect(Resume())

    async def reset(self, request: web.Request) -> web.Response:
        """Forget what was switched."""
        right = f'{{"key": {" | ".join(map(json.dumps, SWITCHES))}}}, or {{"key": null}} for everything'
        match await _body(request, {"key"}, right):
            case {"key": None}:
                return await self._effect(Reset())
            case {"key": str(key)} if key in SWITCHES:
                return await self._effect(Reset(key))
        raise Refused(400, f"send {right}")

    async def rate(self, request: web.Request) -> web.Response:
        """Say what a song is worth; without an id, the first one shown."""
        right = f'{{"verdict": {_either(Verdict)}, "id": TRACK}}; without "id" the first song shown is meant'
        match await _body(request, {"verdict", "id"}, right):
            case {"verdict": str(verdict), **rest} if verdict in tuple(Verdict) and _id_fits(rest.get("id")):
                return await self._effect(Rate(Verdict(verdict), rest.get("id")))
        raise Refused(400, f"send {right}")

    async def wrong_mood(self, request: web.Request) -> web.Response:
        """Take the mood announced now for wrong."""
        right = f'{{"right": {_either(Emotion)}}}, or {{}} where that is not known'
        body = await _body(request, {"right"}, right)
        match body.get("right"):
            case None:
                return await self._effect(WrongMood())
            case str(emotion) if emotion in tuple(Emotion):
                return await self._effect(WrongMood(Emotion(emotion)))
        raise Refused(400, f"send {right}")

    async def policy(self, request: web.Request) -> web.Response:
        """Choose how the music follows the mood."""
        right = f'{{"policy": {_either(Policy)}}}, or {{"policy": null}} for what the configuration says'
        match await _body(request, {"policy"}, right):
            case {"policy": None}:
                return await self._effect(SetPolicy(None))
            case {"policy": str(policy)} if policy in tuple(Policy):
                return await self._effect(SetPolicy(Policy(policy)))
        raise Refused(400, f"send {right}")

    async def next(self, request: web.Request) -> web.Response:
        """Offer other songs now."""
        await _body(request, set(), "{}")
        return await self._effect(Next())

    async def calibrate(self, request: web.Request) -> web.Response:
        """Learn from the neutral face shown now, or forget what was learnt."""
        match await _body(request, {"reset"}, '{} or {"reset": true}'):
            case {"reset": bool(reset)}:
                return await self._effect(Calibrate(reset))
            case body if not body:
                return await self._effect(Calibrate())
        raise Refused(400, 'send {} or {"reset": true}')

    async def _effect(self, command: Command) -> web.Response:
        """Put the command into the inbox and answer once it has taken effect."""
        # Shielded: the future is the watch loop's to resolve, a client that goes away must not cancel it.
        effect = asyncio.shield(asyncio.wrap_future(self._submit(command)))
        try:
            async with asyncio.timeout(EFFECT_WAIT_S):
                await effect
        except InboxFull as full:
            raise Refused(503, str(full)) from full
        except TimeoutError:
            raise Refused(504, "not done yet: the watch loop is busy; look at the state in a moment") from None
        except CommandError as why:
            raise Refused(409, str(why)) from why
        except CatalogueError as trouble:
            raise Refused(500, str(trouble)) from trouble
        except OSError as trouble:
            raise Refused(500, f"could not be stored ({trouble.strerror or trouble}); see musicond doctor") from trouble
        return web.json_response({"done": True})


async def _body(request: web.Request, keys: set[str], right: str) -> dict[str, Any]:
    """Return the JSON object that was sent, with no keys but `keys`; `right` says what it should be."""
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            content = await request.read()
        found = json.loads(content)
    except TimeoutError:
        raise Refused(408, "the body did not arrive in time") from None
    except (ValueError, RecursionError):
        raise Refused(400, f"this is not JSON; send {right}") from None
    if not isinstance(found, dict) or not found.keys() <= keys:
        raise Refused(400, f"send {right}")
    return found


def _either(names: type[StrEnum]) -> str:
    """Return the values of an enumeration as JSON alternatives."""
    return " | ".join(f'"{each}"' for each in names)


def _id_fits(track_id: object) -> bool:
    return track_id is None or (isinstance(track_id, str) and 0 < len(track_id) <= MAX_ID)


def _static(name: str, kind: str) -> Handler:
    """Return the handler of one file of the package."""
    content = files("musicond.web").joinpath("static", name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)

    return answer
