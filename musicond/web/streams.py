"""Responses that last as long as the client reads: the state as server-sent events, and the live picture."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from aiohttp import web

from musicond.core.models import Watching
from musicond.core.outcome import Outcome
from musicond.web.latest import LatestOutcome
from musicond.web.preview import MAX_VIEWERS, RATE, Preview
from musicond.web.responses import HttpError, to_json

PING_S = 15.0
"""Silence after which a stream gets an empty change, so that both ends notice a lost connection."""
MIN_INTERVAL_S = 0.25
"""Shortest time between two events of one stream."""
EXACT_S = 5.0
"""Time after which a stream gets small changes too; until then only those that the page shows."""
SHARE_STEP = 0.005
"""The smallest change of a share that is sent at once: half a percent."""
WRITE_WAIT_S = 10.0
"""A client that reads nothing for so long is disconnected."""
MAX_STREAMS = 50
BOUNDARY = "picture"
CLIENT_CHECK_S = 1.0
"""Seconds between two checks of a live picture's client while there is no picture to send."""
RETRY_AFTER_S = 10


class EventStreams:
    """Streams of the state; `state` returns the content of `GET /api/v1/state` for an outcome."""

    def __init__(self, latest: LatestOutcome, state: Callable[[Outcome | None], Mapping[str, object]]) -> None:
        self._latest, self._state = latest, state
        self._newest: tuple[Outcome | None, Mapping[str, object]] | None = None
        self.open = 0
        """Number of open streams."""

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Stream the state as a whole, then its changes; a slow client gets several of them in one event."""
        if self.open >= MAX_STREAMS:
            text = f"{MAX_STREAMS} pages are open already; close one and try again"
            raise HttpError(503, text, retry_after_s=RETRY_AFTER_S)
        self.open += 1
        try:
            return await _stream(request, "text/event-stream; charset=utf-8", partial(self._write_events, request))
        finally:
            self.open -= 1

    async def _write_events(self, request: web.Request, response: web.StreamResponse) -> None:
        seen = self._latest.outcome
        sent = self._state_of(seen)
        content = b"retry: 2000\n" + _event("state", sent)
        exact_at = written_at = time.monotonic()
        while _is_connected(request):
            if content:
                async with asyncio.timeout(WRITE_WAIT_S):
                    await response.write(content)
                written_at = time.monotonic()
            await asyncio.sleep(MIN_INTERVAL_S)
            due_at = min(exact_at + EXACT_S, written_at + PING_S)
            await self._latest.wait_for_change(seen, due_at - time.monotonic())
            seen, now = self._latest.outcome, time.monotonic()
            exact = now - exact_at >= EXACT_S
            exact_at = now if exact else exact_at
            content, sent = _next_event(sent, self._state_of(seen), exact=exact)
            if not content and now - written_at >= PING_S:
                content = _event("change", {})

    def _state_of(self, outcome: Outcome | None) -> Mapping[str, object]:
        """Return the state, made once for all streams."""
        if self._newest is None or self._newest[0] is not outcome or outcome is None:
            self._newest = (outcome, self._state(outcome))
        return self._newest[1]


def _next_event(
    sent: Mapping[str, object], state: Mapping[str, object], *, exact: bool
) -> tuple[bytes, Mapping[str, object]]:
    """Return the event that brings a client from `sent` to `state`, and what it has then; empty if nothing changed."""
    change = changes(sent, state, 0.0 if exact else SHARE_STEP, 0.0 if exact else math.inf)
    if change is None:
        return _event("state", state), state
    return (_event("change", change), merged(sent, change)) if change else (b"", sent)


def _event(name: str, content: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: ".encode() + to_json(content) + b"\n\n"


def changes(
    before: Mapping[str, object], after: Mapping[str, object], step: float = 0.0, health_step: float = 0.0
) -> dict[str, object] | None:
    """Return what differs, an object within an object by its own fields; None if a field has gone.

    Numbers that differ by less than `step` count as equal; within `health` by less than `health_step`.
    """
    if before.keys() - after.keys():
        return None
    change: dict[str, object] = {}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            inner = changes(old, value, health_step if name == "health" else step)
            if inner is None:
                return None
            if inner:
                change[name] = inner
        elif name not in before or (old != value and not _is_near(old, value, step)):
            change[name] = value
    return change


def merged(before: Mapping[str, object], change: Mapping[str, object]) -> dict[str, object]:
    """Return the state after a change, as a client makes it."""
    after = dict(before)
    for name, value in change.items():
        old = before.get(name)
        inside = isinstance(old, Mapping) and isinstance(value, Mapping)
        after[name] = merged(old, value) if inside else value  # type: ignore[arg-type]
    return after


def _is_near(old: object, value: object, step: float) -> bool:
    return isinstance(old, (int, float)) and isinstance(value, (int, float)) and abs(old - value) < step


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
        while _has_frames(outcome) and _is_connected(request):
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


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


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
