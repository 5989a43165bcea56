"""The part of the composition root for the maintenance of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from musicond.app.spotify import Spotify, build_spotify
from musicond.config.schema import MPD, STARTER, Config
from musicond.config.secrets import mpd_password
from musicond.core.models import Emotion
from musicond.core.ports import ListSource
from musicond.library.database import FILE_NAME
from musicond.library.maintenance import JITTER_S, LibraryMaintenance
from musicond.library.sorted_library import LIBRARY, place_song
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
    maintenance = LibraryMaintenance(
        folder / FILE_NAME,
        wanted_lists(config),
        config.music.schedule,
        JsonFile(folder / "refresh.json"),
        jitter_s=jitter_s,
        builders=list_builders(config, spotify),
        should_stop=should_stop,
    )
    maintenance.source_ids = _source_ids(config, spotify)
    return maintenance


def reconfigurer(maintenance: LibraryMaintenance, wake: Callable[[], None], backend: str) -> Callable[[Config], None]:
    """Return the function that lets the maintenance read the lists of another configuration soon.

    `backend` is that of the running player; another one waits for a restart. `wake` lets the maintenance tick.
    """

    def reconfigure(config: Config) -> None:
        maintenance.reconfigure(wanted_lists(config, backend), config.music.schedule)
        wake()

    return reconfigure


def _source_ids(config: Config, spotify: Spotify | None) -> dict[str, str]:
    """Return the server or account of the lists that other packages read, by the beginnings of their names."""
    source_ids = {"spotify": config.spotify.client_id or ""} if spotify else {}
    return source_ids | ({MPD: f"{config.mpd.host}:{config.mpd.port}"} if config.playback.backend == MPD else {})


def wanted_lists(config: Config, backend: str | None = None) -> dict[Emotion, tuple[str, ...]]:
    """Return the lists of each mood; those of the library begin with LIBRARY.

    `backend` is the running one, where the configured one waits for a restart. mpd does not have the starter's songs:
    its library is the default, and in place of the starter where a library is configured.
    """
    lists = {Emotion(name): section.lists for name, section in config.music.moods}
    is_mpd = (backend or config.playback.backend) == MPD
    places, default = config.music.library, (STARTER,)
    if places is None and is_mpd:
        return {emotion: (f"{LIBRARY}{MPD}",) if names == default else names for emotion, names in lists.items()}
    library = tuple(f"{LIBRARY}{place}" for place in places or ())
    if library and is_mpd:
        lists = {emotion: () if names == default else names for emotion, names in lists.items()}
    return {emotion: (*names, *library) for emotion, names in lists.items()}


def list_builders(config: Config, spotify: Spotify | None) -> dict[str, Callable[[str, Emotion], ListSource]]:
    """Return the builders of the lists that other packages read, by the beginnings of their names."""
    builders = spotify.sources() if spotify else {}
    if config.playback.backend == MPD:
        builders[MPD] = lambda _, __: _mpd_library(config)
    return builders


def _mpd_library(config: Config) -> ListSource:
    from musicond.player.mpd import MpdBackend
    from musicond.player.mpd_library import MpdLibrary

    return MpdLibrary(MpdBackend(config.mpd.host, config.mpd.port, mpd_password(config)), place_song)
