"""A double of the Music Assistant server: the commands that musicond and the official client use, over HTTP and WebSocket.

Made after github.com/music-assistant/server (controllers/webserver, player_queues, players) and the official models;
test_double.py checks its answers against models.json. tests/rig/music_assistant/check.py lets the official client use it,
and tests/rig/ha/music_assistant.py Home Assistant. It is no real server: no music service and no sound is behind it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import web

from tests.music_assistant.server_commands import CommandError, ServerCommands

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.music_assistant.server_queue import Json

READING = ("/all", "/items", "/get", "/get_active_queue", "/get_by_name")
"""Ends of the commands for players and queues that change nothing."""
USER, PASSWORD = "anna", "correct horse"
SCHEMA = 46


@dataclass
class Fault:
    """What goes wrong with a command, or a path such as "info"; `times` times, None: until it is removed."""

    command: str
    how: str = "status"
    """status, cut (half of the answer), noise (no JSON), slow (half a second), hang (no answer until released), late (done,
    then no answer)."""
    status: int = 500
    times: int | None = None
    after: str = ""
    """Only after this command has been run."""


class MusicAssistantDouble(ServerCommands):
    """The server, in a separate thread, on a free port; `clock` returns the seconds of its epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.on_command: Callable[[str, Json], object] = lambda _command, _arguments: None
        """Called with each command that comes by HTTP before it is run."""
        self.schema, self.tokens, self.set_up = SCHEMA, {"token-of-the-test"}, True
        self.faults: list[Fault] = []
        self.released = threading.Event()
        self.calls: list[tuple[str, Json]] = []
        self._loop = asyncio.new_event_loop()
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve until `stop`."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(30)

    def stop(self) -> None:
        """End the server and its connections."""
        self.released.set()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def count(self, command: str) -> int:
        """Return how often a command was called."""
        return [name for name, _ in self.calls].count(command)

    def run(self, command: str, args: Json) -> Any:
        """Run a command; raise CommandError."""
        handler: Callable[..., Any] | None = getattr(self, f"do_{command.replace('/', '_')}", None)
        if handler is None:
            raise CommandError(400, 12, f"Invalid Command: {command}")
        with self.lock:
            self.calls.append((command, args))
            return handler(**args)

    def log_out(self, token: str) -> None:
        """Revoke the token with which this is asked."""
        with self.lock:
            self.calls.append(("auth/logout", {}))
            self.tokens.discard(token)

    def do_info(self) -> Json:
        return self.info()

    def do_auth_me(self) -> Json:
        return {"user_id": "1", "username": USER, "role": "user"}

    def do_auth_token_create(self, name: str, user_id: str | None = None) -> str:
        del name, user_id
        token = f"long-lived-{uuid4().hex}"
        self.tokens.add(token)
        return token

    # HTTP and WebSocket

    def info(self) -> Json:
        return {
            "server_id": "double",
            "server_version": "2.10.0",
            "schema_version": self.schema,
            "min_supported_schema_version": min(self.schema, 28),
            "base_url": self.url,
            "homeassistant_addon": False,
            "onboard_done": self.set_up,
            "name": "Double",
            "status": "running",
        }

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/info", self._on_info)
        app.router.add_post("/auth/login", self._on_login)
        app.router.add_post("/api", self._on_api)
        app.router.add_get("/ws", self._on_socket)
        app.router.add_get("/imageproxy/{proxy_id}", self._on_picture)
        runner = web.AppRunner(app, access_log=None)

        async def begin() -> None:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self._port = runner.addresses[0][1]
            started.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _on_info(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "info", self.info)

    async def _on_picture(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["proxy_id"] != "p-s1":
            return web.Response(status=404)
        return web.Response(body=b"\x89PNG\r\n\x1a\n...", content_type="image/png")

    async def _on_login(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()

        def log_in() -> Json:
            if not self.set_up:
                raise CommandError(403, 0, "Setup required")
            given = body.get("credentials") or {}
            if body.get("provider_id", "builtin") != "builtin" or given != {"username": USER, "password": PASSWORD}:
                raise CommandError(401, 6, "Invalid username or password")
            token = f"session-{uuid4().hex}"
            self.tokens.add(token)
            return {"success": True, "token": token, "access_token": token, "user": self.do_auth_me()}

        return await self._answer(request, "auth/login", log_in)

    async def _on_api(self, request: web.Request) -> web.StreamResponse:
        if not self.set_up:
            return web.Response(status=503, text="Setup required")
        try:
            message = await request.json()
            command, args = str(message["command"]), message.get("args") or {}
        except (ValueError, KeyError):
            return web.Response(status=400, text="Invalid JSON: missing required field")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.schema >= 28 and token not in self.tokens:
            return web.Response(status=401, text="Authentication required")
        if command == "auth/logout":
            return await self._answer(request, command, lambda: self.log_out(token))
        return await self._answer(request, command, lambda: self._run_by_http(command, args))

    def _run_by_http(self, command: str, args: Json) -> Any:
        with self.lock:
            self.on_command(command, args)
            return self.run(command, args)

    def _fault(self, command: str) -> Fault | None:
        faults = (fault for fault in self.faults if not fault.after or self.count(fault.after))
        fault = next((fault for fault in faults if fault.command in (command, "*")), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.faults.remove(fault)
        return fault

    async def _answer(self, request: web.Request, command: str, act: Callable[[], Any]) -> web.StreamResponse:
        fault = self._fault(command)
        if fault is not None and fault.how == "status":
            return web.Response(status=fault.status, text="Internal server error")
        if fault is not None and fault.how == "slow":
            await asyncio.sleep(0.5)
        if fault is not None and fault.how == "hang":
            await asyncio.to_thread(self.released.wait, 60)
        try:
            text = json.dumps(act())
        except CommandError as exc:
            return web.Response(status=exc.status, text=str(exc))
        await self._publish(command)
        if fault is not None and fault.how == "late":
            await asyncio.to_thread(self.released.wait, 60)
        if fault is not None and fault.how == "noise":
            text = "<html>" + text
        if fault is None or fault.how != "cut":
            date = {"Date": formatdate(self.clock(), usegmt=True)}
            return web.Response(text=text, content_type="application/json", headers=date)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(text)
        await response.prepare(request)
        await response.write(text[: len(text) // 2].encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    def _run_for(self, command: str, args: Json, *, signed_in: bool) -> Any:
        if not signed_in:
            raise CommandError(401, 20, "Authentication required")
        return self.run(command, {key: value for key, value in args.items() if value is not None})

    async def _on_socket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve the official client: commands in, results out."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            await self._serve_socket(socket)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _publish(self, command: str) -> None:
        """Send each player and queue to all clients that have signed in, after a command that may have changed them."""
        if not command.startswith(("player_queues/", "players/")) or command.endswith(READING):
            return
        with self.lock:
            players = [
                ("player_updated", player["player_id"], self._player(player)) for player in self.players.values()
            ]
            queues = [("queue_updated", queue.player_id, self._queue(queue)) for queue in self.queues.values()]
        for event, object_id, data in (*queues, *players):
            for socket in tuple(self._sockets):
                with suppress(ConnectionError):
                    await socket.send_json({"event": event, "object_id": object_id, "data": data})

    async def _serve_socket(self, socket: web.WebSocketResponse) -> None:
        await socket.send_json(self.info())
        signed_in = self.schema < 28
        async for message in socket:
            body = json.loads(message.data)
            command, args, number = body["command"], body.get("args") or {}, body["message_id"]
            try:
                if command == "auth":
                    signed_in = args["token"] in self.tokens
                    result: Any = {"authenticated": signed_in, "user": self.do_auth_me()} if signed_in else None
                    if signed_in:
                        self._sockets.add(socket)
                else:
                    result = self._run_for(command, args, signed_in=signed_in)
                await socket.send_json({"message_id": number, "result": result, "partial": False})
            except CommandError as exc:
                await socket.send_json({"message_id": number, "error_code": exc.code, "details": str(exc)})
            await self._publish(command)
