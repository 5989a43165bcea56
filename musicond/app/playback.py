"""The part of the composition root that joins the player and Spotify; what is not configured is not imported."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING, Any

from musicond.config.schema import ANY_DEVICE
from musicond.errors import PlaybackError
from musicond.player.events import PlaybackRules
from musicond.player.player import Player, PlayerConfig
from musicond.player.state_file import FILE_NAME, PlayerStateFile
from musicond.runtime.clock import kernel_synchronised
from musicond.runtime.json_file import JsonFile
from musicond.runtime.worker import Worker
from musicond.web.api import ActionEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from musicond.config.schema import Config
    from musicond.core.models import Emotion
    from musicond.core.ports import ListSource, PlaybackBackend
    from musicond.runtime.supervisor import Service
    from musicond.spotify.auth import SpotifyAuth
    from musicond.spotify.sign_in import SignIn

PATIENCE_S = 3.0
"""How long a page waits for what Spotify has to be asked."""
QUICK = ("status", "begin")
"""What a sign-in needs nobody for."""


@dataclass
class Spotify:
    """What there is of Spotify in this process."""

    auth: SpotifyAuth
    sign_in: SignIn
    warned_days: int | None = None

    def lists(self) -> dict[str, Callable[[str, Emotion], ListSource]]:
        """Return what reads its lists, by the beginnings of their names."""
        from musicond.spotify.client import Client
        from musicond.spotify.playlists import SpotifyList

        client = Client(self.auth)

        def build(name: str, _: Emotion) -> ListSource:
            return SpotifyList(name, client)

        return {"spotify": build, "https": build}

    def backend(self, device: str | None) -> PlaybackBackend:
        """Return the backend that plays on the device with this name."""
        from musicond.spotify.backend import SpotifyBackend
        from musicond.spotify.client import Client

        return SpotifyBackend(Client(self.auth), self.auth, device, anywhere=device == ANY_DEVICE)

    def warn(self) -> None:
        """Log when the end of the sign-in comes near; for a regular job."""
        from musicond.spotify.sign_in import warn_of_expiry

        self.warned_days = warn_of_expiry(self.auth, self.warned_days)

    def open(self, endpoints: dict[str, ActionEndpoint], changed: Callable[[], None]) -> Service:
        """Add the endpoint of the sign-in; return the thread in which it asks Spotify."""
        jobs = Worker(name="sign-in")
        self.sign_in.changed = changed
        endpoints["spotify"] = ActionEndpoint(lambda action, args: _asked(self.sign_in, jobs, action, args))
        return jobs


def build_spotify(config: Config, folder: Path) -> Spotify | None:
    """Return what there is of Spotify; None where no client id is configured."""
    client_id = config.spotify.client_id
    if client_id is None:
        return None
    from musicond.spotify.auth import LOOK_SCOPES, PLAY_SCOPES, SpotifyAuth
    from musicond.spotify.sign_in import SignIn
    from musicond.spotify.token_file import FILE_NAME, TokenFile

    # Playlists can be chosen on the page at any time, and devices are shown before one is named.
    scopes = (*LOOK_SCOPES, *(PLAY_SCOPES if config.playback.backend == "spotify" else ()))
    redirect = f"http://127.0.0.1:{config.spotify.redirect_port}/callback"
    auth = SpotifyAuth(TokenFile(folder / FILE_NAME), client_id, redirect, scopes)
    return Spotify(auth, SignIn(auth))


def build_player(config: Config, folder: Path, spotify: Spotify | None, more: Callable[[], object]) -> Player | None:
    """Return the player that `playback.backend` names, None for none.

    What it keeps is in the state directory `folder`; `more` asks for more songs of the mood.
    """
    backend = config.playback.backend
    if backend not in BACKENDS:
        return None
    speaker = BACKENDS[backend](config, spotify)
    where = config.playback.device if backend == "spotify" else f"{config.mpd.host}:{config.mpd.port}"
    memory = PlayerStateFile(JsonFile(folder / FILE_NAME), f"{backend} {where}")
    return Player(
        speaker,
        playback_rules(config),
        player_config(config),
        more,
        synchronised=kernel_synchronised,
        state_file=memory,
    )


def playback_rules(config: Config) -> PlaybackRules:
    """Return the rules of playing that are configured."""
    playback, music = config.playback, config.music
    return PlaybackRules(
        song_end=playback.when == "song-end",
        volume=playback.volume,
        volume_max=playback.volume_max,
        cool_down_s=music.cool_down_s,
        away_s=playback.away_s,
        silence_s=playback.silence_s,
        quiet_hours=music.hours,
    )


def player_config(config: Config) -> PlayerConfig:
    """Return what else is configured of playing."""
    return PlayerConfig(
        config.playback.autoplay, config.playback.device if config.playback.backend == "spotify" else None
    )


def capabilities(config: Config) -> set[str]:
    """Return what there is to show and to switch."""
    facts = {"playback"} if config.playback.backend in BACKENDS else set()
    return facts | {"account"} if config.playback.backend == "spotify" else facts


def _asked(sign_in: SignIn, jobs: Worker, action: str, arguments: Mapping[str, Any]) -> Future[Mapping[str, object]]:
    """Do at once what needs nobody; for the rest, give an answer within PATIENCE_S, be it that it takes longer."""
    answer: Future[Mapping[str, object]] = Future()

    def settle(found: Mapping[str, object] | None, fault: BaseException | None) -> None:
        if answer.set_running_or_notify_cancel() and not answer.done():
            answer.set_exception(fault) if fault else answer.set_result(found or {})

    if action in QUICK:
        settle(*_result(lambda: sign_in.do(action, arguments)))
        return answer
    done = jobs.submit(lambda: sign_in.do(action, arguments))
    late = Timer(PATIENCE_S, lambda: settle(*_result(lambda: _late(sign_in, action))))
    late.daemon = True

    def finished(future: Future[dict[str, object]]) -> None:
        late.cancel()
        settle(*_result(future.result))

    late.start()
    done.add_done_callback(finished)
    return answer


def _late(sign_in: SignIn, action: str) -> Mapping[str, object]:
    if action != "finish":
        raise PlaybackError("Spotify does not answer in time; try again in a moment")
    return sign_in.status()


def _result(act: Callable[[], Mapping[str, object]]) -> tuple[Mapping[str, object] | None, BaseException | None]:
    try:
        return act(), None
    except Exception as fault:  # whoever asked decides what it means
        return None, fault


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
