"""The part of the composition root for the player and Spotify; imports only what is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from musicond.config.schema import ANY_DEVICE, Config
from musicond.core.models import Emotion
from musicond.core.ports import ListSource, PlaybackBackend
from musicond.errors import PlaybackError
from musicond.player.events import PlaybackRules
from musicond.player.player import Player
from musicond.player.state_file import FILE_NAME, PlayerStateFile
from musicond.runtime.clock import kernel_synchronised
from musicond.runtime.json_file import JsonFile
from musicond.runtime.supervisor import Service
from musicond.runtime.worker import Worker
from musicond.web.api import ActionEndpoint

if TYPE_CHECKING:  # not imported where Spotify is not configured
    from musicond.spotify.auth import SpotifyAuth
    from musicond.spotify.sign_in import SignIn

PATIENCE_S = 3.0
"""How long the page waits for an answer of Spotify."""
QUICK = ("status", "begin")
"""Actions of the sign-in that need no answer of Spotify."""


@dataclass
class Spotify:
    """The parts for Spotify, where it is configured."""

    auth: SpotifyAuth
    sign_in: SignIn
    warned_days: int | None = None

    def sources(self) -> dict[str, Callable[[str, Emotion], ListSource]]:
        """Return the builders of its list sources, by the scheme of the list's name."""
        from musicond.spotify.client import SpotifyClient
        from musicond.spotify.playlists import SpotifyList

        client = SpotifyClient(self.auth)

        def build(name: str, _: Emotion) -> ListSource:
            return SpotifyList(name, client)

        return {"spotify": build, "https": build}

    def backend(self, device: str | None) -> PlaybackBackend:
        """Return the backend that plays on the device with this name."""
        from musicond.spotify.backend import SpotifyBackend
        from musicond.spotify.client import SpotifyClient

        return SpotifyBackend(SpotifyClient(self.auth), self.auth, device, anywhere=device == ANY_DEVICE)

    def warn(self) -> None:
        """Log that the sign-in expires soon; a periodic task."""
        from musicond.spotify.sign_in import warn_of_expiry

        self.warned_days = warn_of_expiry(self.auth, self.warned_days)

    def add_endpoint(self, endpoints: dict[str, ActionEndpoint], changed: Callable[[], None]) -> Service:
        """Add the endpoint of the sign-in, and return its thread; `changed` is called after a sign-in or sign-out."""
        worker = Worker(name="sign-in")
        self.sign_in.on_change = changed
        endpoints["spotify"] = ActionEndpoint(lambda action, args: _run_action(self.sign_in, worker, action, args))
        return worker


def build_spotify(config: Config, folder: Path) -> Spotify | None:
    """Return the parts for Spotify; None where no client id is configured."""
    client_id = config.spotify.client_id
    if client_id is None:
        return None
    from musicond.spotify.auth import PLAY_SCOPES, READ_SCOPES, SpotifyAuth
    from musicond.spotify.sign_in import SignIn
    from musicond.spotify.token_file import FILE_NAME, TokenFile

    # The page can choose playlists at any time, and shows the devices before one is configured.
    scopes = (*READ_SCOPES, *(PLAY_SCOPES if config.playback.backend == "spotify" else ()))
    redirect = f"http://127.0.0.1:{config.spotify.redirect_port}/callback"
    auth = SpotifyAuth(TokenFile(folder / FILE_NAME), client_id, redirect, scopes)
    return Spotify(auth, SignIn(auth))


def build_player(
    config: Config, folder: Path, spotify: Spotify | None, request_tracks: Callable[[], object]
) -> Player | None:
    """Return the player for `playback.backend`, None for none; its state is kept in the state directory `folder`."""
    backend = config.playback.backend
    if backend not in BACKENDS:
        return None
    device = config.playback.device if backend == "spotify" else f"{config.mpd.host}:{config.mpd.port}"
    return Player(
        BACKENDS[backend](config, spotify),
        playback_rules(config),
        request_tracks,
        synchronised=kernel_synchronised,
        state_file=PlayerStateFile(JsonFile(folder / FILE_NAME), f"{backend} {device}"),
    )


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
    """Return the capabilities that decide which entities exist: playback and account."""
    playback = {"playback"} if config.playback.backend in BACKENDS else set()
    return playback | ({"account"} if config.playback.backend == "spotify" else set())


def _run_action(
    sign_in: SignIn, worker: Worker, action: str, arguments: Mapping[str, Any]
) -> Future[Mapping[str, object]]:
    """Run a quick action now, others in the worker; after PATIENCE_S answer that Spotify takes longer."""
    answer: Future[Mapping[str, object]] = Future()
    if action in QUICK:
        _settle(answer, lambda: sign_in.run_action(action, arguments))
        return answer
    job = worker.submit(lambda: sign_in.run_action(action, arguments))
    timer = Timer(PATIENCE_S, _settle, (answer, lambda: _late(sign_in, action)))
    timer.daemon = True

    def finished(done: Future[dict[str, object]]) -> None:
        timer.cancel()
        _settle(answer, done.result)

    timer.start()
    job.add_done_callback(finished)
    return answer


def _late(sign_in: SignIn, action: str) -> Mapping[str, object]:
    if action != "finish":
        raise PlaybackError("Spotify does not answer in time; try again in a moment")
    return sign_in.status()


def _settle(answer: Future[Mapping[str, object]], act: Callable[[], Mapping[str, object]]) -> None:
    """Resolve a future with the result or the error of `act`, unless it is resolved already."""
    with suppress(InvalidStateError):
        try:
            answer.set_result(act())
        except InvalidStateError:
            raise
        except Exception as exc:  # the caller decides what it means
            answer.set_exception(exc)


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
