"""What the command line alone may ask of the catalogue and the history: only the control socket answers it."""

from __future__ import annotations

import asyncio
import json
import queue
from typing import TYPE_CHECKING, Any

from aiohttp import web

from musicond.core.ports import CatalogueError, CommandError, ListError, SpeakerError
from musicond.web.guard import Refused, by_unix_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

BODY_LIMIT = 64 * 2**20
BODY_WAIT_S = 20.0
ANSWER_WAIT_S = 25.0


class Desk:
    """Passes on what is asked; `ask` takes an action and its arguments, and does it in another thread."""

    def __init__(
        self, ask: Callable[[str, Mapping[str, Any]], Future[Mapping[str, object]]], *, page: bool = False
    ) -> None:
        self._ask, self._page = ask, page

    async def answer(self, request: web.Request) -> web.Response:
        """Do one action."""
        if not self._page and not by_unix_socket(request):
            raise Refused(403, "this is for the command line: musicond catalogue and musicond history")
        arguments = await _body(request)
        done = asyncio.shield(asyncio.wrap_future(self._ask(request.match_info["action"], arguments)))
        try:
            async with asyncio.timeout(ANSWER_WAIT_S):
                found = await done
        except TimeoutError:
            raise Refused(504, "not done yet: the daemon is busy; try again in a moment") from None
        except queue.Full:
            raise Refused(503, "too much waits already; try again in a moment") from None
        except (ListError, LookupError) as fault:
            raise Refused(400, str(fault)) from fault
        except CommandError as fault:
            raise Refused(409, str(fault)) from fault
        except SpeakerError as fault:
            raise Refused(502 if fault.wait_s is None else 503, str(fault)) from fault
        except CatalogueError as fault:
            raise Refused(500, str(fault)) from fault
        except OSError as fault:
            raise Refused(500, f"{fault.filename or 'the disk'}: {fault.strerror}; see musicond doctor") from fault
        return web.json_response(found)


async def _body(request: web.Request) -> dict[str, Any]:
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            async for part in request.content.iter_chunked(2**16):
                content += part
                if len(content) > BODY_LIMIT:
                    raise Refused(413, f"more than {BODY_LIMIT // 2**20} MiB at once; import it in parts")
        found = json.loads(bytes(content))
    except TimeoutError:
        raise Refused(408, "the body did not arrive in time") from None
    except (ValueError, RecursionError):
        raise Refused(400, "this is not JSON") from None
    if not isinstance(found, dict):
        raise Refused(400, "send a JSON object")
    return found
