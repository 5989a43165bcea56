"""What takes a while, asked of the catalogue, the history, the doctor or Spotify, and done in another thread."""

from __future__ import annotations

import asyncio
import queue
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic_core import from_json

from musicond.errors import CatalogueError, CommandError, ListError, PlaybackError
from musicond.web.guard import HttpError, by_unix_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Future

BODY_LIMIT = 64 * 2**20
PAGE_LIMIT = 2**16
"""Bytes of a body that comes from the page."""
BODY_WAIT_S = 20.0
ANSWER_WAIT_S = 25.0


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
        arguments = await _body(request, PAGE_LIMIT if outside else BODY_LIMIT)
        try:
            if outside and self._vet is not None:
                self._vet(action, arguments)
            done = asyncio.shield(asyncio.wrap_future(self._ask(action, arguments)))
            async with asyncio.timeout(ANSWER_WAIT_S):
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
        async with asyncio.timeout(BODY_WAIT_S):
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
