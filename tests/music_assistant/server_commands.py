"""The players of the double of Music Assistant, and the commands for them, their queues and the songs."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.music_assistant.server_queue import Json, Queue

if TYPE_CHECKING:
    from collections.abc import Callable


class CommandError(Exception):
    """An error of a command, with the status of the HTTP API and the code of the WebSocket's."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


class ServerCommands:
    """What the server knows, and its commands, each a method `do_`; whoever calls them from elsewhere holds `lock`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.providers = ["spotify", "filesystem_local"]
        self.library: list[Json] = []
        self.players: dict[str, Json] = {}
        self.queues: dict[str, Queue] = {}
        self.clock_offset_s = 0.0
        self.lock = threading.RLock()
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
        self.queues[player_id] = Queue(player_id, clock=self.clock)
        return player

    def names(self, player_id: str = "kitchen") -> list[str]:
        """Return the titles of a queue, in order."""
        return [item["media_item"]["name"] for item in self.queues[player_id].items]

    def replace_queue(self, *tracks: Json, player_id: str = "kitchen") -> None:
        """Play tracks, as a person does in the app."""
        self.enqueue(*tracks, option="replace", player_id=player_id)

    def enqueue(self, *tracks: Json, option: str = "add", player_id: str = "kitchen") -> None:
        """Put tracks into a queue, as a person does in the app."""
        with self.lock:
            self._enqueue(self.queues[player_id], list(tracks), option)

    # Commands

    def do_config_players(self, **_: Any) -> list[Json]:
        players = self.players.values()
        return [{"values": {}, **{key: player[key] for key in ("provider", "player_id", "name")}} for player in players]

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
        target.updated, source.items, source.index, source.state = self.clock(), [], None, "idle"

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
        queue.state, queue.ended, queue.elapsed_s, queue.updated = "playing", False, 0.0, self.clock()

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
