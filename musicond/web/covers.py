"""The pictures of tracks, cached in memory; for the web thread."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from musicond.core.models import Cover, Track

MAX_BYTES = 4 * 2**20
"""Bytes of all cached pictures together."""
MAX_COVERS = 16
WAIT_S = 15.0
"""Time limit for a picture, in seconds."""


class CoverCache:
    """Pictures by the id of their track; `load` asks the player."""

    def __init__(self, load: Callable[[Track], Future[Cover | None]]) -> None:
        self._load = load
        self._covers: OrderedDict[str, Cover | None] = OrderedDict()
        self._loading: dict[str, Future[Cover | None]] = {}

    async def get(self, track: Track) -> Cover | None:
        """Return a track's picture, None if it has none; raise PlaybackError, CommandError or TimeoutError."""
        key = track.track_id
        if key in self._covers:
            self._covers.move_to_end(key)
            return self._covers[key]
        future = self._loading.get(key)
        if future is None:
            future = self._loading[key] = self._load(track)
        try:
            async with asyncio.timeout(WAIT_S):
                cover = await asyncio.shield(asyncio.wrap_future(future))
        finally:
            self._loading.pop(key, None)
        self._add(key, cover)
        return cover

    def _add(self, key: str, cover: Cover | None) -> None:
        self._covers[key] = cover
        while (
            len(self._covers) > MAX_COVERS
            or sum(len(item.content) for item in self._covers.values() if item) > MAX_BYTES
        ):
            self._covers.popitem(last=False)
