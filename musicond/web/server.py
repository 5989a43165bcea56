"""The page and the control socket: one application on a TCP port and a Unix socket, in one thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from aiohttp import web

from musicond.web.access import TokenAuth
from musicond.web.api import Api
from musicond.web.latest import LatestOutcome
from musicond.web.sockets import ConnectionLimiter, open_tcp, open_unix, split_listen

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pydantic import SecretStr

    from musicond.core.commands import Command
    from musicond.core.outcome import Outcome
    from musicond.web.api import ActionEndpoint
    from musicond.web.preview import Preview

STOP_S = 1.0
"""How long `stop` waits for the thread."""
KEEP_S = 20.0
"""How long a connection may wait for its next request."""
CLEAN_S = 0.4
"""How long open connections may take to close."""


class WebOutput:
    """Serves the page; implements `core.ports.Output`.

    With a `token` the TCP port serves only who has it; the control socket is for those whom its file mode lets in.
    `submit` puts a command into the one inbox and returns a future that is resolved once it has taken effect.
    `health` is called in the web thread, must return quickly, and holds any of: `name` (the device's), `camera`
    (its name), `trouble` (why it gives nothing, or None), `frames_per_s`, `temperature_c`, `throttled`, `memory_mib`,
    `outputs` (a status line for each name). `desks` answer the command line and some the page, by the first part of
    their addresses. `preview` holds the live picture, where it may be seen; `recent` returns lines of the log.
    """

    def __init__(
        self,
        listen: str,
        socket_path: Path,
        token: SecretStr | None,
        submit: Callable[[Command], Future[None]],
        health: Callable[[], Mapping[str, object]],
        desks: Mapping[str, ActionEndpoint] | None = None,
        *,
        preview: Preview | None = None,
        recent: Callable[[], Sequence[Mapping[str, str]]] = tuple,
    ) -> None:
        self._listen, self._path = listen, socket_path
        self._access = TokenAuth(token) if token else None
        self._board = LatestOutcome()
        self._api = Api(self._board, submit, health, desks or {}, preview, recent)
        self._thread: threading.Thread | None = None
        self._end: Callable[[], None] | None = None
        self._address: str | None = None

    @property
    def name(self) -> str:
        """Short name for logs."""
        return "page"

    @property
    def address(self) -> str:
        """Where the page is, such as `http://127.0.0.1:8080`; the real port once started."""
        return self._address or f"http://{self._listen}"

    def start(self) -> None:
        """Open both doors and serve; raise OutputError if one can't be had."""
        doors = [open_tcp(self._listen)]
        try:
            doors.append(open_unix(self._path))
        except BaseException:
            doors[0].close()
            raise
        host, _ = split_listen(self._listen)
        port = doors[0].getsockname()[1]
        self._address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(doors, host, ready), name="web", daemon=True)
        self._thread.start()
        ready.result()

    def accept(self, outcome: Outcome) -> None:
        """Show this outcome from now on."""
        self._board.set(outcome)

    def status(self) -> str:
        """Return one plain line."""
        if self._thread is None:
            return "not started"
        return f"{self.address}, {self._api.events.open} open"

    def stop(self) -> None:
        """Close the doors and end the streams, within a second."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._end is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._end()
        thread.join(STOP_S)
        self._path.unlink(missing_ok=True)

    def _run(self, doors: list[socket.socket], host: str, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(doors, host, ready))
        except Exception as fault:
            if ready.done():
                raise
            ready.set_exception(fault)  # handed to start() in the calling thread

    async def _serve(self, doors: list[socket.socket], host: str, ready: Future[None]) -> None:
        loop, ending = asyncio.get_running_loop(), asyncio.Event()

        def end() -> None:
            loop.call_soon_threadsafe(ending.set)

        self._end = end
        self._board.attach(loop)
        app = self._api.app(host, self._access)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEP_S)
        keeper = ConnectionLimiter()
        app.middlewares.insert(0, keeper.middleware)
        page: asyncio.Server | None = None
        try:
            await runner.setup()
            keeper.server = runner.server
            tcp, unix = doors
            page = await loop.create_server(keeper, sock=tcp)
            await web.SockSite(runner, unix).start()
            ready.set_result(None)
            await ending.wait()
        finally:
            self._board.attach(None)
            if page is not None:
                page.close()
            await _hang_up()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLEAN_S):
                    await runner.cleanup()
            for door in doors:
                door.close()


async def _hang_up() -> None:
    """Cancel what serves the open connections: streams would never end by themselves."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CLEAN_S)
