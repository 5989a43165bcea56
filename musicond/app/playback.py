"""The part of the composition root for the player; imports only the backend that is configured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from musicond.app.spotify import Spotify
from musicond.config.schema import Config
from musicond.core.ports import PlaybackBackend
from musicond.player.events import PlaybackRules
from musicond.player.player import Player
from musicond.player.state_file import FILE_NAME, PlayerStateFile
from musicond.runtime.clock import kernel_synchronised
from musicond.runtime.json_file import JsonFile


def build_player(
    config: Config, folder: Path, spotify: Spotify | None, request_tracks: Callable[[], object]
) -> Player | None:
    """Return the player for `playback.backend`, None for none; its state is kept in the state directory `folder`."""
    backend = config.playback.backend
    if backend not in BACKENDS:
        return None
    device = config.playback.device if backend == "spotify" else f"{config.mpd.host}:{config.mpd.port}"
    player = Player(
        BACKENDS[backend](config, spotify),
        playback_rules(config),
        request_tracks,
        synchronised=kernel_synchronised,
        state_file=PlayerStateFile(JsonFile(folder / FILE_NAME), f"{backend} {device}"),
    )
    if spotify is not None:
        spotify.sign_in.on_change = player.wake
    return player


def playback_rules(config: Config) -> PlaybackRules:
    """Return the configured rules of playback."""
    playback, music = config.playback, config.music
    return PlaybackRules(
        autoplay=playback.autoplay,
        device=playback.device if playback.backend == "spotify" else None,
        song_end=playback.when == "song-end",
        volume=playback.volume,
        volume_max=playback.volume_max,
        cool_down_s=music.cool_down_s,
        away_s=playback.away_s,
        silence_s=playback.silence_s,
        quiet_hours=music.hours,
    )


def capabilities(config: Config) -> set[str]:
    """Return the capabilities that decide which entities exist: playback, account and a Pi camera."""
    playback = {"playback"} if config.playback.backend in BACKENDS else set()
    playback |= {"pi_camera"} if config.camera.source in ("auto", "pi") else set()
    return playback | ({"account"} if config.playback.backend == "spotify" else set())


def _spotify_backend(config: Config, spotify: Spotify | None) -> PlaybackBackend:
    assert spotify is not None, "the configuration asks for a client id"
    return spotify.backend(config.playback.device)


def _mpd_backend(config: Config, _spotify: Spotify | None) -> PlaybackBackend:
    from musicond.player.mpd import MpdBackend

    return MpdBackend(config.mpd.host, config.mpd.port)


BACKENDS: dict[str, Callable[[Config, Spotify | None], PlaybackBackend]] = {
    "spotify": _spotify_backend,
    "mpd": _mpd_backend,
}
