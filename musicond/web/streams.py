"""What is sent for as long as someone listens: the state as server-sent events, and the live picture."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from musicond.core.models import Watching
from musicond.web.preview import MAX_WATCHERS, RATE
from musicond.web.responses import HttpError, failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from musicond.web.latest import LatestOutcome, Snapshot
    from musicond.web.preview import Preview

PING_S = 15.0
"""Silence after which a stream gets a comment, so that a gone client is noticed."""
PACE_S = 0.25
"""Least time between two events of one stream."""
WRITE_WAIT_S = 10.0
"""A reader that takes nothing for so long is cut off."""
MAX_STREAMS = 50
BOUNDARY = "picture"
GONE_S = 1.0
"""How soon it is noticed, where no picture comes, that nobody looks any more."""


class Events:
    """Streams of the state; `state` makes the JSON of an outcome, once for all streams."""

    def __init__(self, board: LatestOutcome, state: Callable[[Snapshot | None], bytes]) -> None:
        self._board, self._state = board, state
        self._event: tuple[Snapshot | None, bytes] | None = None
        self.open = 0
        """How many listen."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Stream the state: at once, then whenever it changes; a slow reader misses what lies between."""
        if self.open >= MAX_STREAMS:
            answer = failure(503, f"{MAX_STREAMS} pages are open already; close one and try again")
            answer.headers["Retry-After"] = "10"
            return answer
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        self.open += 1
        try:
            await response.prepare(request)
            await self._stream(response)
        except (ConnectionError, TimeoutError):
            _cut_off(request)
        finally:
            self.open -= 1
        return response

    async def _stream(self, response: web.StreamResponse) -> None:
        seen = self._board.latest
        text = b"retry: 2000\n" + self._event_of(seen)
        while True:
            async with asyncio.timeout(WRITE_WAIT_S):
                await response.write(text)
            await asyncio.sleep(PACE_S)
            if await self._board.news(seen, PING_S):
                seen = self._board.latest
                text = self._event_of(seen)
            else:
                text = b": ping\n\n"

    def _event_of(self, posted: Snapshot | None) -> bytes:
        """Return the event of one outcome."""
        if self._event is None or self._event[0] is not posted or posted is None:
            self._event = (posted, b"event: state\ndata: " + self._state(posted) + b"\n\n")
        return self._event[1]


async def pictures(request: web.Request, preview: Preview | None, board: LatestOutcome) -> web.StreamResponse:
    """Stream the live picture as motion JPEG, at most RATE a second, until the reader goes or nothing is read."""
    if preview is None:
        raise HttpError(404, "the live picture is off; set web.preview: true, and restart musicond")
    if not _pictured(board.latest):
        raise HttpError(409, "there is no picture now: the camera is closed, or paused, or gives none")
    if not preview.enter():
        answer = failure(503, f"{MAX_WATCHERS} look already; close one and try again")
        answer.headers["Retry-After"] = "10"
        return answer
    response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
    try:
        await response.prepare(request)
        await _pictures(request, response, preview, board)
    except (ConnectionError, TimeoutError):
        _cut_off(request)
    finally:
        preview.leave()
    return response


async def _pictures(request: web.Request, response: web.StreamResponse, preview: Preview, board: LatestOutcome) -> None:
    # A browser shows a part once the head of the next one has come, so that goes out at once.
    head = f"\r\n--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
    await response.write(head)
    seen, posted = -1, board.latest
    while _pictured(posted) and request.transport is not None and not request.transport.is_closing():
        if (found := preview.jpeg(seen)) is not None:
            seen, jpeg = found
            async with asyncio.timeout(WRITE_WAIT_S):
                await response.write(jpeg + head)
            await asyncio.sleep(1 / RATE)
        else:
            await board.news(posted, GONE_S)
        posted = board.latest


def _pictured(posted: Snapshot | None) -> bool:
    """Whether frames are looked at, or will be in a moment."""
    return posted is None or posted.outcome.watching in (Watching.YES, Watching.DARK)


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
