"""The part of the composition root for the player; imports only the backend that is configured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from musicond.app.music_assistant import BACKEND as MUSIC_ASSISTANT
from musicond.app.music_assistant import MusicAssistant
from musicond.app.spotify import Spotify
from musicond.config.schema import Config
from musicond.config.secrets import mpd_password
from musicond.core.commands import Command, OtherSongs, UndoSpeaker
from musicond.core.ports import PlaybackBackend
from musicond.player.events import PlaybackRules
from musicond.player.player import Player
from musicond.player.state_file import FILE_NAME, PlayerStateFile
from musicond.runtime.clock import kernel_synchronised
from musicond.runtime.json_file import JsonFile


def build_player(
    config: Config,
    folder: Path,
    spotify: Spotify | None,
    music_assistant: MusicAssistant,
    submit: Callable[[Command], object],
) -> Player | None:
    """Return the player for `playback.backend`, None for none; its state is kept in the state directory `folder`."""
    backend = config.playback.backend
    if backend not in BACKENDS:
        return None
    player = Player(
        BACKENDS[backend](config, spotify, music_assistant),
        playback_rules(config),
        lambda: submit(OtherSongs()),
        undo_speaker=lambda failed, before: submit(UndoSpeaker(failed, before)),
        synchronised=kernel_synchronised,
        state_file=PlayerStateFile(JsonFile(folder / FILE_NAME), f"{backend} {_device(config)}"),
    )
    if spotify is not None:
        spotify.sign_in.on_change = player.wake
    music_assistant.on_change(player.wake)
    return player


def _device(config: Config) -> str | None:
    """Return the configured device of the backend."""
    devices = {
        "spotify": config.playback.device,
        MUSIC_ASSISTANT: config.music_assistant.player,
        "mpd": f"{config.mpd.host}:{config.mpd.port}",
    }
    return devices[config.playback.backend]


def playback_rules(config: Config) -> PlaybackRules:
    """Return the configured rules of playback."""
    playback, music = config.playback, config.music
    return PlaybackRules(
        autoplay=playback.autoplay,
        device=_device(config) if playback.backend in ACCOUNTS else None,
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
    return playback | ({"account"} if config.playback.backend in ACCOUNTS else set())


def _spotify_backend(config: Config, spotify: Spotify | None, _music_assistant: MusicAssistant) -> PlaybackBackend:
    assert spotify is not None, "the configuration asks for a client id"
    return spotify.backend(config.playback.device)


def _music_assistant_backend(
    _config: Config, _spotify: Spotify | None, music_assistant: MusicAssistant
) -> PlaybackBackend:
    return music_assistant.backend()


def _mpd_backend(config: Config, _spotify: Spotify | None, _music_assistant: MusicAssistant) -> PlaybackBackend:
    from musicond.player.mpd import MpdBackend

    return MpdBackend(config.mpd.host, config.mpd.port, mpd_password(config))


BACKENDS: dict[str, Callable[[Config, Spotify | None, MusicAssistant], PlaybackBackend]] = {
    "spotify": _spotify_backend,
    MUSIC_ASSISTANT: _music_assistant_backend,
    "mpd": _mpd_backend,
}
ACCOUNTS = ("spotify", MUSIC_ASSISTANT)
"""The backends with an account."""
