"""The player of the fake Spotify, in real time unless it has another clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class FakePlayer:
    """Devices, and the playback on one of them."""

    def __init__(self) -> None:
        self.clock: Callable[[], float] = time.monotonic
        self.devices: list[dict[str, Any]] = []
        self.uris: list[str] = []
        self.context: str | None = None
        self.playing = False
        self.shuffle, self.repeat = False, "off"
        self.device: str | None = None
        """The id of the one that is active."""
        self.length_s = 200.0
        self._before: list[str] = []
        """Tracks of the queue that have been skipped."""
        self._begun_at = 0.0
        self._position_s = 0.0

    def is_playing(self) -> bool:
        return self.playing

    def play(self, uris: list[str], device: str, context: str | None = None, position_s: float = 0.0) -> None:
        self.uris, self.context, self.device, self._before = uris, context, device, []
        self._position_s, self._begun_at, self.playing = position_s, self.clock(), True

    def position_s(self) -> float:
        return self._position_s + (self.clock() - self._begun_at if self.playing else 0.0)

    def pause(self) -> None:
        self._position_s, self.playing = self.position_s(), False

    def resume(self) -> None:
        self._begun_at, self.playing = self.clock(), True

    def skip(self) -> None:
        before = [*self._before, *self.uris[:1]]
        self.play(self.uris[1:] or self.uris, self.device or "", self.context)
        self._before = before

    def go_back(self) -> None:
        before = self._before
        self.play([*before[-1:], *self.uris], self.device or "", self.context)
        self._before = before[:-1]

    def current(self) -> tuple[str, float] | None:
        """Return the URI and the position of what is loaded; lists come to their end."""
        while self.uris and self.playing and (over := self.position_s() - self.length_s) >= 0:
            rest = self.uris[1:]
            if not rest:
                self.playing, self._position_s = False, 0.0
                break
            self.play(rest, self.device or "", self.context, over)
        return (self.uris[0], self.position_s()) if self.uris else None

    def find_device(self, device: str) -> dict[str, Any]:
        return next(item for item in self.devices if item["id"] == device)
