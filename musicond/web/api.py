"""The handlers behind the table of routes; all of it runs in the web thread."""

from __future__ import annotations

import asyncio
import queue
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import from_json

from musicond.errors import CatalogueError, CommandError, ListError, PlaybackError, error_text
from musicond.runtime.inbox import InboxFull
from musicond.web.access import add_headers, by_unix_socket, guard
from musicond.web.metrics import TEXT_FORMAT, Metrics
from musicond.web.openapi import document
from musicond.web.responses import HttpError, failure, fault, plain_errors, state, to_json
from musicond.web.routes import API, COMMAND_ROUTES, RESOURCE_ROUTES
from musicond.web.static_files import add_files
from musicond.web.streams import Events, pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from concurrent.futures import Future

    from aiohttp.typedefs import Handler

    from musicond.core.commands import Command
    from musicond.web.access import TokenAuth
    from musicond.web.latest import LatestOutcome, Snapshot
    from musicond.web.preview import Preview
    from musicond.web.routes import CommandRoute

BODY_LIMIT = 1024
"""Bytes of a request's body."""
BODY_WAIT_S = 5.0
EFFECT_WAIT_S = 5.0
"""How long a command may take to have its effect."""


class Api:
    """Answers; `submit` puts a command into the one inbox, `health` says how the daemon is."""

    def __init__(
        self,
        board: LatestOutcome,
        submit: Callable[[Command], Future[None]],
        health: Callable[[], Mapping[str, object]],
        desks: Mapping[str, ActionEndpoint],
        preview: Preview | None,
        recent: Callable[[], Sequence[Mapping[str, str]]],
    ) -> None:
        self._board, self._submit, self._health, self._desks = board, submit, health, desks
        self._preview, self._recent = preview, recent
        self.events = Events(board, self._state)
        self._metrics = Metrics(health, board.age_s, self._fault, lambda: self.events.open)
        self._document = to_json(document(self._desks))

    def app(self, own_host: str, access: TokenAuth | None) -> web.Application:
        """Return the application; `own_host` is the configured name or address."""
        app = web.Application(client_max_size=BODY_LIMIT, middlewares=[plain_errors, guard(own_host, access)])
        app.on_response_prepare.append(add_headers)
        for look in RESOURCE_ROUTES:
            app.router.add_get(look.path, getattr(self, f"on_{look.name}"), allow_head=look.head)
        for order in COMMAND_ROUTES:
            app.router.add_post(f"{API}/{order.path}", self._ordered(order))
        for name, desk in self._desks.items():
            app.router.add_post(f"{API}/{name}/{{action}}", desk.answer)
        add_files(app)
        return app

    async def on_state(self, _: web.Request) -> web.Response:
        """Answer the whole state."""
        return _json(self._state(self._board.latest))

    async def on_events(self, request: web.Request) -> web.StreamResponse:
        """Stream the state."""
        return await self.events.answer(request)

    async def on_preview(self, request: web.Request) -> web.StreamResponse:
        """Stream the live picture."""
        return await pictures(request, self._preview, self._board)

    async def on_log(self, _: web.Request) -> web.Response:
        """Answer the latest lines of the log."""
        return _json(to_json({"lines": self._recent()}))

    async def on_openapi(self, _: web.Request) -> web.Response:
        """Answer the OpenAPI document."""
        return _json(self._document)

    async def on_healthz(self, _: web.Request) -> web.Response:
        """Answer 200 while frames are analysed or not wanted, else 503 and why."""
        why = self._fault()
        return failure(503, why) if why else _json(to_json({"status": "ok"}))

    async def on_metrics(self, _: web.Request) -> web.Response:
        """Answer the figures for Prometheus."""
        return web.Response(body=self._metrics.text(), headers={"Content-Type": TEXT_FORMAT})

    def _state(self, posted: Snapshot | None) -> bytes:
        outcome = posted.outcome if posted else None
        return to_json(state(outcome, self._health(), preview=self._preview is not None))

    def _fault(self) -> str | None:
        posted = self._board.latest
        return fault(posted.outcome if posted else None, self._board.age_s(), self._health())

    def _ordered(self, order: CommandRoute) -> Handler:
        """Return the handler of one command."""

        async def answer(request: web.Request) -> web.Response:
            try:
                async with asyncio.timeout(BODY_WAIT_S):
                    content = await request.read()
                command = order.body.validate_json(content).command()
            except TimeoutError:
                raise HttpError(408, "the body did not arrive in time") from None
            except ValidationError as faults:
                broken = faults.errors(include_url=False)[0]["type"] == "json_invalid"
                raise HttpError(400, f"{'this is not JSON; ' if broken else ''}send {order.right}") from None
            return await self._effect(command)

        return answer

    async def _effect(self, command: Command) -> web.Response:
        """Put the command into the inbox and answer once it has taken effect."""
        # Shielded: the future is the watch loop's to resolve, a client that goes away must not cancel it.
        effect = asyncio.shield(asyncio.wrap_future(self._submit(command)))
        try:
            async with asyncio.timeout(EFFECT_WAIT_S):
                await effect
        except InboxFull as full:
            raise HttpError(503, str(full)) from full
        except TimeoutError:
            raise HttpError(504, "not done yet: the watch loop is busy; look at the state in a moment") from None
        except CommandError as why:
            raise HttpError(409, str(why)) from why
        except CatalogueError as trouble:
            raise HttpError(500, str(trouble)) from trouble
        except OSError as trouble:
            raise HttpError(500, f"could not be stored ({error_text(trouble)}); see musicond doctor") from trouble
        return _json(to_json({"done": True}))


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


ACTION_BODY_LIMIT = 64 * 2**20


PAGE_BODY_LIMIT = 2**16
"""Bytes of a body that comes from the page."""


ACTION_BODY_WAIT_S = 20.0


ACTION_WAIT_S = 25.0


class ActionEndpoint:
    """Passes on what is asked; `ask` takes an action and its arguments, and does it in another thread.

    The control socket may ask everything, the page the actions that `page` names and, of these, what `vet` lets
    pass: it raises ListError for the rest.
    """

    def __init__(
        self,
        ask: Callable[[str, Mapping[str, Any]], Future[Mapping[str, object]]],
        *,
        page: Collection[str] = (),
        vet: Callable[[str, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._ask, self._page, self._vet = ask, page, vet

    async def answer(self, request: web.Request) -> web.Response:
        """Do one action."""
        action, outside = request.match_info["action"], not by_unix_socket(request)
        if outside and action not in self._page:
            raise HttpError(403, "this is for the command line: musicond catalogue and musicond history")
        arguments = await _body(request, PAGE_BODY_LIMIT if outside else ACTION_BODY_LIMIT)
        try:
            if outside and self._vet is not None:
                self._vet(action, arguments)
            done = asyncio.shield(asyncio.wrap_future(self._ask(action, arguments)))
            async with asyncio.timeout(ACTION_WAIT_S):
                found = await done
        except TimeoutError:
            raise HttpError(504, "not done yet: the daemon is busy; try again in a moment") from None
        except queue.Full:
            raise HttpError(503, "too much waits already; try again in a moment") from None
        except (ListError, LookupError) as fault:
            raise HttpError(400, str(fault)) from fault
        except CommandError as fault:
            raise HttpError(409, str(fault)) from fault
        except PlaybackError as fault:
            raise HttpError(502 if fault.wait_s is None else 503, str(fault)) from fault
        except CatalogueError as fault:
            raise HttpError(500, str(fault)) from fault
        except OSError as fault:
            raise HttpError(500, f"{fault.filename or 'the disk'}: {fault.strerror}; see musicond doctor") from fault
        return web.json_response(found)


async def _body(request: web.Request, limit: int) -> dict[str, Any]:
    content = bytearray()
    try:
        async with asyncio.timeout(ACTION_BODY_WAIT_S):
            async for part in request.content.iter_chunked(2**16):
                content += part
                if len(content) > limit:
                    raise HttpError(413, f"more than {limit // 2**10} KiB at once; import it in parts")
        found = from_json(bytes(content), allow_inf_nan=False)  # unlike json.loads, it takes no half of a surrogate
    except TimeoutError:
        raise HttpError(408, "the body did not arrive in time") from None
    except ValueError:
        raise HttpError(400, "this is not JSON") from None
    if not isinstance(found, dict):
        raise HttpError(400, "send a JSON object")
    return found
