"""The part of the composition root for the maintenance of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from musicond.app.spotify import Spotify, build_spotify
from musicond.config.schema import Config
from musicond.library.database import FILE_NAME
from musicond.library.maintenance import JITTER_S, LibraryMaintenance
from musicond.mqtt.discovery import node_id
from musicond.runtime.json_file import JsonFile


def build_maintenance(
    config: Config,
    folder: Path,
    should_stop: Callable[[], bool] = lambda: False,
    spotify: Spotify | None = None,
) -> LibraryMaintenance:
    """Return the maintenance of the catalogue in the state directory; a long task ends once `should_stop` is true."""
    spotify = spotify or build_spotify(config, folder)
    jitter_s = crc32(node_id(config.device.node).encode()) % JITTER_S
    return LibraryMaintenance(
        folder / FILE_NAME,
        config.music.wanted,
        config.music.schedule,
        JsonFile(folder / "refresh.json"),
        jitter_s=jitter_s,
        builders=spotify.sources() if spotify else None,
        should_stop=should_stop,
    )
