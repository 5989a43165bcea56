"""The handlers behind the table of routes; all of it runs in the web thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from musicond.core.commands import Command
from musicond.core.models import Watching
from musicond.core.outcome import Outcome
from musicond.errors import clean_text, error_text
from musicond.web.access import LINK, OWNER, TokenAuth, access_middleware, by_unix_socket, header_adder
from musicond.web.covers import CoverCache
from musicond.web.help_pages import add_help, has_help
from musicond.web.latest import LatestOutcome
from musicond.web.metrics import TEXT_FORMAT, Metrics
from musicond.web.notice import Notice, choose_language, notice_page
from musicond.web.openapi import document
from musicond.web.preview import Preview
from musicond.web.responses import JSON, HttpError, error_middleware, health_error, state_json, to_json
from musicond.web.routes import ACTIONS, API, COMMAND_ROUTES, PAGE_ACTIONS, RESOURCE_ROUTES, CommandRoute
from musicond.web.static_files import add_files
from musicond.web.streams import EventStreams, stream_preview

COMMAND_BODY_LIMIT = 1024
"""Bytes of a command's body."""
COMMAND_BODY_WAIT_S = 5.0
EFFECT_WAIT_S = 5.0
"""Time limit, in seconds, for a command to take effect."""
ACTION_BODY_LIMIT = 64 * 2**20
"""Bytes of an action's body that comes by the control socket."""
PAGE_BODY_LIMIT = 2**16
"""Bytes of an action's body that comes from the page."""
COMPRESS_FROM = 1024
"""Bytes from which on a response is compressed."""
ACTION_BODY_WAIT_S = 20.0
ACTION_WAIT_S = 25.0

T = TypeVar("T")


class Api:
    """The handlers; `submit` puts a command into the inbox, `health` returns the figures of the daemon."""

    def __init__(
        self,
        latest: LatestOutcome,
        submit: Callable[[Command], Future[None]],
        health: Callable[[], Mapping[str, object]],
        endpoints: Mapping[str, ActionEndpoint],
        preview: Preview | None,
        recent: Callable[[], Sequence[Mapping[str, str]]],
        covers: CoverCache | None = None,
        notice: Notice | None = None,
    ) -> None:
        self._notice = notice or Notice()
        self._latest, self._submit, self._health, self._endpoints = latest, submit, health, endpoints
        self._preview, self._recent, self._covers = preview, recent, covers
        self.events = EventStreams(latest, self._state)
        self._metrics = Metrics(health, latest.age_s, self._health_error, lambda: self.events.open)
        self._document = to_json(document(endpoints))

    def app(
        self,
        own_host: str,
        auth: TokenAuth | None,
        embed: Sequence[str] = (),
        ingress: str | None = None,
        docs: Path | None = None,
    ) -> web.Application:
        """Return the application.

        `own_host` is the configured name or address, `embed` who may frame the page, `ingress` the address of Home
        Assistant's proxy, `docs` the folder of the documents for the help.
        """
        app = web.Application(
            client_max_size=COMMAND_BODY_LIMIT,
            middlewares=[error_middleware, access_middleware(own_host, auth, ingress)],
        )
        app.on_response_prepare.append(header_adder(embed, ingress))
        for resource in RESOURCE_ROUTES:
            app.router.add_get(resource.path, getattr(self, f"on_{resource.name}"), allow_head=resource.head)
        for command in COMMAND_ROUTES:
            app.router.add_post(f"{API}/{command.path}", self._command_handler(command))
        for name, endpoint in self._endpoints.items():
            app.router.add_post(f"{API}/{name}/{{action}}", endpoint.handler(name))
        add_files(app, lambda: self._health().get("language"), has_help=has_help(docs))
        if docs is not None:
            add_help(app, docs)
        return app

    async def on_state(self, _: web.Request) -> web.Response:
        """Return the whole state."""
        return _json(to_json(self._state(self._latest.outcome)))

    async def on_events(self, request: web.Request) -> web.StreamResponse:
        """Stream the state."""
        return await self.events.respond(request)

    async def on_preview(self, request: web.Request) -> web.StreamResponse:
        """Stream the live picture."""
        return await stream_preview(request, self._preview, self._latest)

    async def on_cover(self, request: web.Request) -> web.Response:
        """Return the picture of the track that plays."""
        playback = self._latest.outcome.playback if self._latest.outcome else None
        track = playback.track if playback else None
        if track is None or track.track_id != request.query.get("track"):
            raise HttpError(404, "this track does not play now")
        if self._covers is None:
            return web.Response(status=204)
        try:
            cover = await self._covers.get(track)
        except TimeoutError:
            raise HttpError(504, "the player does not answer in time; try again in a moment") from None
        if cover is None:  # no error: a browser would show it in its console
            return web.Response(status=204)
        return web.Response(body=cover.content, content_type=cover.media_type)

    async def on_notice(self, request: web.Request) -> web.Response:
        """Return what the people in the room should know; it holds no mood and no song."""
        outcome = self._latest.outcome
        closed = outcome is not None and outcome.watching is Watching.PRIVATE
        page = notice_page(self._notice, choose_language(request.headers.get("Accept-Language", "")), closed=closed)
        return web.Response(text=page, content_type="text/html")

    async def on_log(self, _: web.Request) -> web.Response:
        """Return the latest lines of the log."""
        return _json(to_json({"lines": self._recent()}))

    async def on_openapi(self, _: web.Request) -> web.Response:
        """Return the OpenAPI document."""
        return _json(self._document)

    async def on_healthz(self, _: web.Request) -> web.Response:
        """Return 200 while frames are analysed or not wanted, else 503 and why."""
        if text := self._health_error():
            raise HttpError(503, text)
        return _json(to_json({"status": "ok", "unsaved": self._health().get("unsaved")}))

    async def on_metrics(self, _: web.Request) -> web.Response:
        """Return the figures for Prometheus."""
        return web.Response(body=self._metrics.text(), headers={"Content-Type": TEXT_FORMAT})

    def _state(self, outcome: Outcome | None) -> dict[str, object]:
        spotify = "spotify" in self._endpoints
        return state_json(outcome, self._health(), preview=self._preview is not None, spotify=spotify)

    def _health_error(self) -> str | None:
        return health_error(self._latest.outcome, self._latest.age_s(), self._health())

    def _command_handler(self, route: CommandRoute) -> Handler:
        """Return the handler of a command: it responds once the command has taken effect."""

        async def handle(request: web.Request) -> web.Response:
            try:
                async with asyncio.timeout(COMMAND_BODY_WAIT_S):
                    content = await request.read()
                command = route.command(route.body.validate_json(content))
            except TimeoutError:
                raise HttpError(408, "the body did not arrive in time") from None
            except ValidationError as exc:
                broken = exc.errors(include_url=False)[0]["type"] == "json_invalid"
                raise HttpError(400, f"{'this is not JSON; ' if broken else ''}send {route.expected}") from None
            try:
                await _result(self._submit(command), EFFECT_WAIT_S)
            except TimeoutError:
                if route.for_player:  # some players take their time, which is no error
                    return _json(to_json({"done": False}), 202)
                text = "not done yet: the watch loop is busy; look at the state in a moment"
                raise HttpError(504, text) from None
            except OSError as exc:
                raise HttpError(500, f"in force, but not saved yet ({error_text(exc)}); see musicond doctor") from exc
            return _json(to_json({"done": True}))

        return handle


@dataclass(frozen=True, slots=True)
class ActionEndpoint:
    """Actions of one part of the daemon; `run` takes an action and its arguments, and runs it in another thread.

    The control socket may run every action, the page those of PAGE_ACTIONS and of these what `check_page` lets pass:
    it raises ListError for the rest.
    """

    run: Callable[[str, Mapping[str, Any]], Future[Mapping[str, object]]]
    check_page: Callable[[str, Mapping[str, Any]], None] | None = None
    wait_s: float = ACTION_WAIT_S
    """Time limit of an action, in seconds."""
    answer_late: Callable[[str], Mapping[str, object]] | None = None
    """Returns the answer to an action that takes longer, or raises an error; None: it is an error."""
    owner_only: bool = False
    """Refused to those who came by a named link."""

    def handler(self, name: str) -> Handler:
        """Return the handler of the actions of this endpoint, which has the name `name` in the table of routes."""

        async def handle(request: web.Request) -> web.Response:
            action, from_page = request.match_info["action"], not by_unix_socket(request)
            if from_page and (name, action) not in PAGE_ACTIONS:
                raise HttpError(403, f"this is for the command line: musicond {name}")
            if self.owner_only and request.get(LINK, OWNER) != OWNER:
                raise HttpError(403, "this is for those who have the link of the device itself")
            arguments = await _read_object(request, PAGE_BODY_LIMIT if from_page else ACTION_BODY_LIMIT)
            if (route := ACTIONS.get((name, action))) is not None:
                _check_arguments(route.body, arguments)
            if from_page and self.check_page is not None:
                self.check_page(action, arguments)
            try:
                answer = await _result(self.run(action, arguments), self.wait_s)
                return _json(to_json(answer))
            except TimeoutError:
                if self.answer_late is None:
                    raise HttpError(504, "not done yet: the daemon is busy; try again in a moment") from None
                return _json(to_json(self.answer_late(action)))
            except OSError as exc:
                text = f"{exc.filename or 'the disk'}: {exc.strerror}; see musicond doctor"
                raise HttpError(500, text) from exc

        return handle


async def _result(future: Future[T], limit_s: float) -> T:
    """Return the result of another thread's work; raise its error, or TimeoutError after `limit_s`.

    Shielded: the future is the other thread's to resolve, a client that goes away must not cancel it.
    """
    async with asyncio.timeout(limit_s):
        return await asyncio.shield(asyncio.wrap_future(future))


async def _read_object(request: web.Request, limit: int) -> dict[str, Any]:
    content = bytearray()
    try:
        async with asyncio.timeout(ACTION_BODY_WAIT_S):
            async for part in request.content.iter_chunked(2**16):
                content += part
                if len(content) > limit:
                    raise HttpError(413, f"more than {limit // 2**10} KiB at once; import it in parts")
        body = from_json(bytes(content), allow_inf_nan=False)  # unlike json.loads, it takes no half of a surrogate
    except TimeoutError:
        raise HttpError(408, "the body did not arrive in time") from None
    except ValueError:
        raise HttpError(400, "this is not JSON") from None
    if not isinstance(body, dict):
        raise HttpError(400, "send a JSON object")
    return body


def _check_arguments(body: TypeAdapter[Any], arguments: dict[str, Any]) -> None:
    """Raise HttpError for arguments that the description of the action forbids."""
    try:
        body.validate_python(arguments)
    except ValidationError as exc:
        error = exc.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        raise HttpError(400, clean_text(f"{where}: {error['msg'][:1].lower()}{error['msg'][1:]}")) from None


def _json(body: bytes, status: int = 200) -> web.Response:
    """Return a JSON response, compressed if it is long and the client takes that."""
    response = web.Response(body=body, status=status, content_type=JSON)
    if len(body) > COMPRESS_FROM:
        response.enable_compression()
    return response
