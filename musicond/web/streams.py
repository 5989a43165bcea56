"""Responses that last as long as the client reads: the state as server-sent events, and the live picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from musicond.core.models import Watching
from musicond.core.outcome import Outcome
from musicond.web.latest import LatestOutcome
from musicond.web.preview import MAX_VIEWERS, RATE, Preview
from musicond.web.responses import HttpError

PING_S = 15.0
"""Silence after which a stream gets a comment, so that a lost client is noticed."""
MIN_INTERVAL_S = 0.25
"""Shortest time between two events of one stream."""
WRITE_WAIT_S = 10.0
"""A client that reads nothing for so long is disconnected."""
MAX_STREAMS = 50
BOUNDARY = "picture"
CLIENT_CHECK_S = 1.0
"""How often a client of the live picture is checked while there is no picture to send."""
RETRY_AFTER_S = 10


class EventStreams:
    """Streams of the state; `state` makes the JSON of an outcome, once for all streams."""

    def __init__(self, latest: LatestOutcome, state: Callable[[Outcome | None], bytes]) -> None:
        self._latest, self._state = latest, state
        self._event: tuple[Outcome | None, bytes] | None = None
        self.open = 0
        """Number of open streams."""

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Stream the state, first as it is, then after each change; a slow client misses those in between."""
        if self.open >= MAX_STREAMS:
            text = f"{MAX_STREAMS} pages are open already; close one and try again"
            raise HttpError(503, text, retry_after_s=RETRY_AFTER_S)
        self.open += 1
        try:
            return await _stream(request, "text/event-stream; charset=utf-8", self._write_events)
        finally:
            self.open -= 1

    async def _write_events(self, response: web.StreamResponse) -> None:
        seen = self._latest.outcome
        content = b"retry: 2000\n" + self._event_of(seen)
        while True:
            async with asyncio.timeout(WRITE_WAIT_S):
                await response.write(content)
            await asyncio.sleep(MIN_INTERVAL_S)
            if await self._latest.wait_for_change(seen, PING_S):
                seen = self._latest.outcome
                content = self._event_of(seen)
            else:
                content = b": ping\n\n"

    def _event_of(self, outcome: Outcome | None) -> bytes:
        if self._event is None or self._event[0] is not outcome or outcome is None:
            self._event = (outcome, b"event: state\ndata: " + self._state(outcome) + b"\n\n")
        return self._event[1]


async def stream_preview(request: web.Request, preview: Preview | None, latest: LatestOutcome) -> web.StreamResponse:
    """Stream the live picture as motion JPEG, at most RATE a second, until the client goes or frames end."""
    if preview is None:
        raise HttpError(404, "the live picture is off; set web.preview: true, and restart musicond")
    if not _has_frames(latest.outcome):
        raise HttpError(409, "there is no picture now: the camera is closed, or paused, or gives none")
    if not preview.add_viewer():
        text = f"{MAX_VIEWERS} look already; close one and try again"
        raise HttpError(503, text, retry_after_s=RETRY_AFTER_S)

    async def write_jpegs(response: web.StreamResponse) -> None:
        # A browser shows a part once it has the head of the next one, so that is sent with the part.
        head = f"\r\n--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
        await response.write(head)
        seq, outcome = -1, latest.outcome
        while _has_frames(outcome) and request.transport is not None and not request.transport.is_closing():
            if (picture := preview.jpeg(seq)) is not None:
                seq, jpeg = picture
                async with asyncio.timeout(WRITE_WAIT_S):
                    await response.write(jpeg + head)
                await asyncio.sleep(1 / RATE)
            else:
                await latest.wait_for_change(outcome, CLIENT_CHECK_S)
            outcome = latest.outcome

    try:
        return await _stream(request, f"multipart/x-mixed-replace; boundary={BOUNDARY}", write_jpegs)
    finally:
        preview.remove_viewer()


def _has_frames(outcome: Outcome | None) -> bool:
    """Return whether frames are analysed, or will be in a moment."""
    return outcome is None or outcome.watching in (Watching.YES, Watching.DARK)


async def _stream(
    request: web.Request, kind: str, write: Callable[[web.StreamResponse], Awaitable[None]]
) -> web.StreamResponse:
    """Return the response whose body `write` writes; a client that is lost or reads nothing is disconnected."""
    response = web.StreamResponse(headers={"Content-Type": kind})
    try:
        await response.prepare(request)
        await write(response)
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()
    return response
