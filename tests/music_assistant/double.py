"""A double of the Music Assistant server: the commands that musicond and the official client use, over HTTP and WebSocket.

Made after github.com/music-assistant/server (controllers/webserver, player_queues, players) and the official models;
test_double.py checks its answers against models.json. tests/rig/music_assistant/check.py lets the official client use it,
and tests/rig/ha/music_assistant.py Home Assistant. It is no real server: no music service and no sound is behind it.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
READING = ("/all", "/items", "/get", "/get_active_queue", "/get_by_name")
"""Ends of the commands for players and queues that change nothing."""
USER, PASSWORD = "anna", "correct horse"
SCHEMA = 46


class CommandError(Exception):
    """An error of a command, with the status of the HTTP API and the code of the WebSocket's."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


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


def track(provider: str, item_id: str, name: str, artist: str, duration: int = 200, version: str = "") -> Json:
    """Return a track of a music service."""
    mapping = {"item_id": item_id, "provider_domain": provider, "provider_instance": f"{provider}--1"}
    artist_id = artist.casefold().replace(" ", "-")
    return {
        "item_id": item_id,
        "provider": f"{provider}--1",
        "name": name,
        "version": version,
        "sort_name": name.casefold(),
        "uri": f"{provider}://track/{item_id}",
        "external_ids": [],
        "is_playable": True,
        "media_type": "track",
        "provider_mappings": [{**mapping, "available": True}],
        "duration": duration,
        "artists": [
            {
                "item_id": artist_id,
                "provider": f"{provider}--1",
                "name": artist,
                "uri": f"{provider}://artist/{artist_id}",
                "media_type": "artist",
            }
        ],
        "album": None,
    }


@dataclass
class Queue:
    """The queue of a player; its position moves with the clock."""

    player_id: str
    items: list[Json] = field(default_factory=list)
    index: int | None = None
    state: str = "idle"
    elapsed_s: float = 0.0
    updated: float = field(default_factory=time.time)
    shuffle: bool = False
    repeat: str = "off"
    autoplay: bool = False
    ended: bool = False
    active: bool = True

    @property
    def current(self) -> Json | None:
        return self.items[self.index] if self.index is not None and self.index < len(self.items) else None

    def advance(self) -> None:
        """Move on to the present."""
        now = time.time()
        if self.state == "playing":
            self.elapsed_s += now - self.updated
            while self.current is not None and self.elapsed_s >= self.current["duration"]:
                self.elapsed_s -= self.current["duration"]
                self._next()
                if self.state != "playing":
                    break
        self.updated = now

    def _next(self) -> None:
        assert self.index is not None
        if self.repeat == "one":
            return
        if self.index + 1 < len(self.items):
            self.index += 1
        elif self.repeat == "all":
            self.index = 0
        else:
            self.state, self.ended, self.elapsed_s = "idle", True, 0.0

    def skip(self) -> None:
        """Play the next item."""
        self.advance()
        self.elapsed_s = 0.0
        self._next()

    def to_json(self) -> Json:
        self.advance()
        return {
            "queue_id": self.player_id,
            "active": self.active,
            "display_name": self.player_id,
            "available": True,
            "items": len(self.items),
            "shuffle_enabled": self.shuffle,
            "repeat_mode": self.repeat,
            "autoplay_enabled": self.autoplay,
            "current_index": self.index,
            "ended": self.ended,
            "elapsed_time": self.elapsed_s,
            "elapsed_time_last_updated": self.updated,
            "state": self.state,
            "current_item": self.current,
        }


class MusicAssistantDouble:
    """The server, in a separate thread, on a free port."""

    def __init__(self) -> None:
        self.schema, self.tokens, self.set_up = SCHEMA, {"token-of-the-test"}, True
        self.providers = ["spotify", "filesystem_local"]
        self.library: list[Json] = []
        self.players: dict[str, Json] = {}
        self.queues: dict[str, Queue] = {}
        self.faults: list[Fault] = []
        self.released = threading.Event()
        self.calls: list[tuple[str, Json]] = []
        self.clock_offset_s = 0.0
        self.lock = threading.RLock()
        self._loop = asyncio.new_event_loop()
        self._sockets: set[web.WebSocketResponse] = set()
        self.add_player("kitchen", "Kitchen")

    def add_player(self, player_id: str, name: str, **fields: Any) -> Json:
        """Add a player with an empty queue."""
        player = {
            "player_id": player_id,
            "provider": "sonos--1",
            "type": "player",
            "name": name,
            "available": True,
            "device_info": {"model": "One", "manufacturer": "Sonos", "identifiers": {}},
            "supported_features": ["pause", "power", "volume_set"],
            "playback_state": "idle",
            "powered": True,
            "volume_level": 50,
            "power_control": "native",
            "volume_control": "native",
            "group_members": [],
            "synced_to": None,
            "active_source": None,
            "active_group": None,
            "current_media": None,
            "enabled": True,
            "extra_attributes": {},
            **fields,
        }
        self.players[player_id] = player
        self.queues[player_id] = Queue(player_id)
        return player

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

    def names(self, player_id: str = "kitchen") -> list[str]:
        """Return the titles of a queue, in order."""
        return [item["media_item"]["name"] for item in self.queues[player_id].items]

    def count(self, command: str) -> int:
        """Return how often a command was called."""
        return [name for name, _ in self.calls].count(command)

    def replace_queue(self, *tracks: Json, player_id: str = "kitchen") -> None:
        """Play tracks, as a person does in the app."""
        self.enqueue(*tracks, option="replace", player_id=player_id)

    def enqueue(self, *tracks: Json, option: str = "add", player_id: str = "kitchen") -> None:
        """Put tracks into a queue, as a person does in the app."""
        with self.lock:
            self._enqueue(self.queues[player_id], list(tracks), option)

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

    # Commands

    def do_info(self) -> Json:
        return self.info()

    def do_config_players(self, **_: Any) -> list[Json]:
        players = self.players.values()
        return [{"values": {}, **{key: player[key] for key in ("provider", "player_id", "name")}} for player in players]

    def do_auth_me(self) -> Json:
        return {"user_id": "1", "username": USER, "role": "user"}

    def do_auth_token_create(self, name: str, user_id: str | None = None) -> str:
        del name, user_id
        token = f"long-lived-{uuid4().hex}"
        self.tokens.add(token)
        return token

    def do_providers(self) -> list[Json]:
        return [
            {
                "type": "music",
                "domain": domain,
                "name": domain,
                "instance_id": f"{domain}--1",
                "supported_features": [],
                "available": True,
            }
            for domain in self.providers
        ]

    def do_providers_manifests(self) -> list[Json]:
        return []

    def do_dashboard_dashboards(self) -> list[Json]:
        return []

    def do_dashboard_sessions(self) -> list[Json]:
        return []

    def do_players_all(self, **_: Any) -> list[Json]:
        return [self._player(player) for player in self.players.values()]

    def do_players_get_by_name(self, name: str) -> Json | None:
        wanted = name.strip().lower()
        found = (player for player in self.players.values() if player["name"].strip().lower() == wanted)
        return next(map(self._player, found), None)

    def do_players_cmd_volume_set(self, player_id: str, volume_level: int) -> None:
        self._get_player(player_id)["volume_level"] = volume_level

    def do_players_cmd_play(self, player_id: str) -> None:
        self.do_player_queues_resume(player_id)

    def do_players_cmd_pause(self, player_id: str) -> None:
        self._set_state(player_id, "paused")

    def do_players_cmd_next(self, player_id: str) -> None:
        self.do_player_queues_next(player_id)

    def do_players_cmd_power(self, player_id: str, powered: bool) -> None:
        self._get_player(player_id)["powered"] = powered

    def do_player_queues_all(self) -> list[Json]:
        return [queue.to_json() for queue in self.queues.values()]

    def do_player_queues_get_active_queue(self, player_id: str) -> Json | None:
        player = self.players.get(player_id)
        if player is None:
            return None
        leader = player["synced_to"] or player["active_group"] or player["active_source"] or player_id
        queue = self.queues.get(leader)
        return None if queue is None else self._queue(queue)

    def do_player_queues_get(self, queue_id: str) -> Json | None:
        queue = self.queues.get(queue_id)
        return None if queue is None else self._queue(queue)

    def do_player_queues_items(self, queue_id: str, limit: int = 500, offset: int = 0) -> list[Json]:
        queue = self.queues.get(queue_id)
        return [] if queue is None else queue.items[offset : offset + limit]

    def do_player_queues_play_media(
        self, queue_id: str, media: list[str] | str, option: str | None = None, **_: Any
    ) -> None:
        player, queue = self._get_player(queue_id), self.queues[queue_id]
        if player["extra_attributes"].get("announcement_in_progress"):
            return  # "Ignore queue command: An announcement is in progress"
        uris = [media] if isinstance(media, str) else media
        tracks = [item for uri in uris if (item := self._item(uri)) is not None]
        if not tracks:
            raise CommandError(500, 2, "Internal server error")
        if option in (None, "play", "replace"):
            player["powered"] = True
        self._enqueue(queue, tracks, option or "replace")

    def do_player_queues_delete_item(self, queue_id: str, item_id_or_index: str) -> None:
        queue = self.queues[queue_id]
        queue.advance()
        indices = {item["queue_item_id"]: index for index, item in enumerate(queue.items)}
        if (index := indices.get(item_id_or_index)) is None:
            raise CommandError(500, 4, "Internal server error")
        if queue.index is None or index > queue.index:  # else "delete requested for item already loaded in buffer"
            del queue.items[index]

    def do_player_queues_pause(self, queue_id: str) -> None:
        self._set_state(queue_id, "paused")

    def do_player_queues_stop(self, queue_id: str) -> None:
        self._set_state(queue_id, "idle")

    def do_player_queues_clear(self, queue_id: str, **_: Any) -> None:
        self._set_state(queue_id, "idle")
        queue = self.queues[queue_id]
        queue.items, queue.index, queue.elapsed_s = [], None, 0.0

    def do_player_queues_resume(self, queue_id: str, **_: Any) -> None:
        if not self.queues[queue_id].items:
            raise CommandError(500, 8, "Internal server error")
        self._set_state(queue_id, "playing")

    def do_player_queues_next(self, queue_id: str) -> None:
        self._get_player(queue_id)
        self.queues[queue_id].skip()

    def do_player_queues_previous(self, queue_id: str) -> None:
        queue = self.queues[queue_id]
        queue.index, queue.elapsed_s = max(0, (queue.index or 0) - 1), 0.0

    def do_player_queues_transfer(self, source_queue_id: str, target_queue_id: str, **_: Any) -> None:
        source, target = self.queues[source_queue_id], self.queues[target_queue_id]
        source.advance()
        target.items = [{**item, "queue_id": target_queue_id} for item in source.items]
        target.index, target.state, target.elapsed_s = source.index, source.state, source.elapsed_s
        target.shuffle, target.repeat, target.autoplay = source.shuffle, source.repeat, source.autoplay
        target.updated, source.items, source.index, source.state = time.time(), [], None, "idle"

    def do_player_queues_shuffle(self, queue_id: str, shuffle_enabled: bool) -> None:
        self.queues[queue_id].shuffle = shuffle_enabled

    def do_player_queues_repeat(self, queue_id: str, repeat_mode: str) -> None:
        self.queues[queue_id].repeat = repeat_mode

    def do_player_queues_dont_stop_the_music(self, queue_id: str, dont_stop_the_music_enabled: bool) -> None:
        self.queues[queue_id].autoplay = dont_stop_the_music_enabled

    def do_music_verify_item_uri(self, uri: str) -> bool:
        return self._item(uri) is not None

    def do_music_item_by_uri(self, uri: str) -> Json:
        if (item := self._item(uri)) is None:
            raise CommandError(500, 2, "Internal server error")
        return item

    def do_music_item_by_name(
        self, name: str, artist: str | None = None, album: str | None = None, media_type: str | None = None
    ) -> Json | None:
        """Return the best match, which is not always the same song."""
        del album, media_type
        found = self._search(f"{artist or ''} {name}")
        return found[0] if found else None

    def do_music_search(self, search_query: str, media_types: list[str], limit: int = 25, **_: Any) -> Json:
        assert media_types == ["track"]
        return {
            "artists": [],
            "albums": [],
            "tracks": self._search(search_query)[:limit],
            "playlists": [],
            "radio": [],
        }

    # State

    def _search(self, query: str) -> list[Json]:
        words = set(query.casefold().replace(" - ", " ").split())
        scored = [
            (len(words & set(f"{item['name']} {item['artists'][0]['name']}".casefold().split())), item)
            for item in self.library
        ]
        return [item for score, item in sorted(scored, key=lambda pair: -pair[0]) if score > 1]

    def _item(self, uri: str) -> Json | None:
        return next((item for item in self.library if item["uri"] == uri), None)

    def _get_player(self, player_id: str) -> Json:
        if (player := self.players.get(player_id)) is None or not player["available"]:
            raise CommandError(404, 10, f"Player {player_id} is not available")
        return player

    def _set_state(self, queue_id: str, state: str) -> None:
        self._get_player(queue_id)
        queue = self.queues[queue_id]
        queue.advance()
        queue.state, queue.ended = state, False

    def _load(self, queue: Queue, tracks: list[Json]) -> None:
        queue.items, queue.index = self._new_items(queue, tracks), 0
        self._begin(queue)

    def _begin(self, queue: Queue) -> None:
        queue.state, queue.ended, queue.elapsed_s, queue.updated = "playing", False, 0.0, time.time()

    def _enqueue(self, queue: Queue, tracks: list[Json], option: str) -> None:
        """Put tracks into a queue by an option of the server's QueueOption, of which play and replace begin at once."""
        if option == "replace":
            self._load(queue, tracks)
            return
        queue.advance()
        behind = 0 if queue.index is None else queue.index + 1
        place = len(queue.items) if option == "add" else behind
        kept = [] if option == "replace_next" else queue.items[place:]
        queue.items = [*queue.items[:place], *self._new_items(queue, tracks), *kept]
        if option == "play":
            queue.index = behind
            self._begin(queue)
        elif queue.index is None:
            queue.index = 0

    def _new_items(self, queue: Queue, tracks: list[Json]) -> list[Json]:
        items = [
            {
                "queue_id": queue.player_id,
                "queue_item_id": uuid4().hex,
                "name": f"{item['artists'][0]['name']} - {item['name']}",
                "duration": item["duration"],
                "sort_index": number,
                "media_item": item,
                "image": {
                    "type": "thumb",
                    "path": "x",
                    "provider": item["provider"],
                    "proxy_id": f"p-{item['item_id']}",
                },
                "index": number,
                "available": True,
            }
            for number, item in enumerate(tracks)
        ]
        if queue.shuffle:
            random.Random(1).shuffle(items)
        return items

    def _queue(self, queue: Queue) -> Json:
        answer = queue.to_json()
        answer["elapsed_time_last_updated"] += self.clock_offset_s
        return answer

    def _player(self, player: Json) -> Json:
        state = player["playback_state"]
        if not player["active_source"]:
            self.queues[player["player_id"]].advance()
            state = self.queues[player["player_id"]].state
        media = player["current_media"] or self._media(player)
        if player["extra_attributes"].get("announcement_in_progress"):
            media = {"uri": "announcement", "media_type": "announcement", "title": "ANNOUNCEMENT"}
        source = player["active_source"] or player["player_id"]
        return {**player, "playback_state": state, "current_media": media, "active_source": source}

    def _media(self, player: Json) -> Json | None:
        """Return what a player plays from its queue."""
        queue = self.queues[player["player_id"]]
        if player["active_source"] or queue.current is None or queue.ended:
            return None
        item = queue.current["media_item"]
        return {
            "uri": item["uri"],
            "media_type": "track",
            "title": item["name"],
            "artist": item["artists"][0]["name"],
            "duration": item["duration"],
            "source_id": queue.player_id,
            "queue_item_id": queue.current["queue_item_id"],
            "elapsed_time": int(queue.elapsed_s),
            "elapsed_time_last_updated": queue.updated,
        }

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
        return await self._answer(request, command, lambda: self.run(command, args))

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
            return web.Response(text=text, content_type="application/json")
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
