"""The server of the page: one application on a TCP port and a Unix socket, in one thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from musicond.config.addresses import split_address
from musicond.core.commands import Command
from musicond.core.outcome import Outcome
from musicond.web.access import TokenAuth
from musicond.web.api import ActionEndpoint, Api
from musicond.web.covers import CoverCache
from musicond.web.latest import LatestOutcome
from musicond.web.links import PageLinks
from musicond.web.notice import Notice
from musicond.web.preview import Preview
from musicond.web.request_log import request_log
from musicond.web.sockets import BACKLOG, ConnectionLimiter, open_tcp, open_unix

STOP_S = 1.0
"""Longest wait of `stop` for the thread, in seconds."""
KEEP_ALIVE_S = 20.0
"""Longest pause between two requests of a connection, in seconds."""
LINGER_S = 1.0
"""Seconds for which the rest of an unneeded body is read, so that its sender sees the response."""
BEAT_S = 5.0
"""Seconds between two reports that the thread is running."""
CLOSE_S = 0.4
"""Time limit, in seconds, for open connections to close."""


class WebOutput:
    """The page as an output; implements `core.ports.Output`.

    With a `token` the TCP port serves only requests that carry it; the control socket's file mode decides on access.
    `submit` puts a command into the inbox and returns a future that is resolved once it has taken effect.
    `health` is called in the web thread, must return quickly, and holds any of: `name` (the device's), `camera`
    (its name), `trouble` (why it gives nothing, or None), `frames_per_s`, `temperature_c`, `throttled`, `memory_mib`,
    `broker` (its `address`, whether it is `connected`, the `problem` if not, and its `refusal`; None without MQTT),
    `outputs` (a status line for each name).
    `endpoints` run actions for the command line and the page, by the first part of their paths. `preview` is the live
    picture, None where it is off; `recent` returns lines of the log; `covers` has the pictures of tracks; pages of the
    origins `embed` may show the page in a frame; `ingress` is the address of Home Assistant's proxy for its apps.
    `links` are the named links, beside that with the `token`; `docs` is the folder of the documents for the help.
    """

    name = "page"

    def __init__(  # noqa: PLR0913 - one for each part of the page
        self,
        listen: str,
        socket_path: Path,
        token: SecretStr | None,
        submit: Callable[[Command], Future[None]],
        health: Callable[[], Mapping[str, object]],
        endpoints: Mapping[str, ActionEndpoint] | None = None,
        *,
        preview: Preview | None = None,
        recent: Callable[[], Sequence[Mapping[str, str]]] = tuple,
        covers: CoverCache | None = None,
        notice: Notice | None = None,
        embed: Sequence[str] = (),
        links: PageLinks | None = None,
        ingress: str | None = None,
        docs: Path | None = None,
    ) -> None:
        self._listen, self._path, self._embed, self._ingress = listen, socket_path, embed, ingress
        self._auth = TokenAuth(token, links=links) if token else None
        self._latest = LatestOutcome()
        self._api = Api(self._latest, submit, health, endpoints or {}, preview, recent, covers, notice)
        self._thread: threading.Thread | None = None
        self.busy_since: float | None = None
        self._end: Callable[[], object] | None = None
        self._links, self._docs = links, docs
        self.address = f"http://{listen}"
        """URL of the page, such as `http://127.0.0.1:8080`; with the real port once started."""

    def start(self) -> None:
        """Open both sockets and serve; raise OutputError where one can't be opened."""
        listeners = [open_tcp(self._listen)]
        try:
            listeners.append(open_unix(self._path))
        except BaseException:
            listeners[0].close()
            raise
        port = listeners[0].getsockname()[1]
        self.address = f"http://{self._listen.rpartition(':')[0]}:{port}"
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(listeners, ready), name="web", daemon=True)
        self._thread.start()
        ready.result()

    def is_alive(self) -> bool:
        """Return whether the thread is running."""
        return self._thread is None or self._thread.is_alive()

    def accept(self, outcome: Outcome) -> None:
        """Show this outcome from now on."""
        self._latest.set(outcome)

    def status(self) -> str:
        """Return the status in one line."""
        if self._thread is None:
            return "not started"
        return f"{self.address}, {self._api.events.open} open"

    def stop(self) -> None:
        """Close the sockets and end the streams, within a second."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._end is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._end()
        thread.join(STOP_S)
        self._path.unlink(missing_ok=True)

    def _run(self, listeners: list[socket.socket], ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(listeners, ready))
        except Exception as exc:
            if ready.done():
                raise
            ready.set_exception(exc)  # raised by start() in the calling thread

    async def _serve(self, listeners: list[socket.socket], ready: Future[None]) -> None:
        loop, ending = asyncio.get_running_loop(), asyncio.Event()
        self._end = lambda: loop.call_soon_threadsafe(ending.set)
        self._latest.attach(loop)
        if (auth := self._auth) is not None and self._links is not None:
            self._links.removed = lambda link: loop.call_soon_threadsafe(auth.disconnect, link)
        app = self._api.app(split_address(self._listen)[0], self._auth, self._embed, self._ingress, self._docs)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=request_log(),
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            auto_decompress=False,
        )
        limiter = ConnectionLimiter()
        app.middlewares.append(limiter.admit)
        app.on_response_prepare.append(limiter.close_refused)
        page: asyncio.Server | None = None
        try:
            await runner.setup()
            server, (tcp, unix) = runner.server, listeners
            assert server is not None
            page = await loop.create_server(lambda: limiter.limited(server()), sock=tcp, backlog=BACKLOG)
            await web.SockSite(runner, unix).start()
            ready.set_result(None)
            while not ending.is_set():
                self.busy_since = time.monotonic()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await ending.wait()
        finally:
            self._latest.attach(None)
            if page is not None:
                page.close()
            await _cancel_tasks()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await runner.cleanup()
            for listener in listeners:
                listener.close()


async def _cancel_tasks() -> None:
    """Cancel the tasks that serve the open connections: streams would never end."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CLOSE_S)
