"""The songs and the queues of the double of Music Assistant."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


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
    """The queue of a player; its position moves with the clock, which returns seconds of the epoch."""

    player_id: str
    clock: Callable[[], float] = time.time
    items: list[Json] = field(default_factory=list)
    index: int | None = None
    state: str = "idle"
    elapsed_s: float = 0.0
    updated: float = 0.0
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
        now = self.clock()
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
