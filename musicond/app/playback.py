"""The part of the composition root that joins the player and Spotify; what is not configured is not imported."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from importlib import import_module
from threading import Timer
from typing import TYPE_CHECKING, Any

from musicond.config.schema import ANY_DEVICE
from musicond.errors import PlaybackError
from musicond.player.events import Rules
from musicond.player.player import Player, PlayerConfig
from musicond.player.state_file import FILE_NAME, Memory
from musicond.runtime.clock import kernel_synchronised
from musicond.runtime.json_file import SettingsStore
from musicond.runtime.worker import Jobs
from musicond.web.desk import Desk
from musicond.web.routes import page_actions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from musicond.config.schema import Config
    from musicond.core.models import Emotion
    from musicond.core.ports import ListSource, PlaybackBackend
    from musicond.runtime.supervisor import Service
    from musicond.spotify.auth import Access
    from musicond.spotify.sign_in import SignIn

PATIENCE_S = 3.0
"""How long a page waits for what Spotify has to be asked."""
QUICK = ("status", "begin")
"""What a sign-in needs nobody for."""


@dataclass
class Spotify:
    """What there is of Spotify in this process."""

    access: Access
    sign_in: SignIn
    told: int | None = None

    def lists(self) -> dict[str, Callable[[str, Emotion], ListSource]]:
        """Return what reads its lists, by the beginnings of their names."""
        client = import_module("musicond.spotify.client").Client(self.access)
        kind = import_module("musicond.spotify.playlists").SpotifyList

        def build(name: str, _: Emotion) -> ListSource:
            made: ListSource = kind(name, client)
            return made

        return {"spotify": build, "https": build}

    def speaker(self, device: str | None) -> PlaybackBackend:
        """Return the speaker with this name."""
        client = import_module("musicond.spotify.client").Client(self.access)
        kind = import_module("musicond.spotify.backend").SpotifySpeaker
        made: PlaybackBackend = kind(client, self.access, device, anywhere=device == ANY_DEVICE)
        return made

    def warn(self) -> None:
        """Log when the end of the sign-in comes near; for a regular job."""
        self.told = import_module("musicond.spotify.sign_in").warn(self.access, self.told)

    def open(self, desks: dict[str, Desk], changed: Callable[[], None]) -> Service:
        """Add the desk of the sign-in; return the thread in which it asks Spotify."""
        jobs = Jobs(name="sign-in")
        self.sign_in.changed = changed
        desks["spotify"] = Desk(
            lambda action, args: _asked(self.sign_in, jobs, action, args), page=page_actions("spotify")
        )
        return jobs


def build_spotify(config: Config, folder: Path) -> Spotify | None:
    """Return what there is of Spotify; None where no client id is configured."""
    client_id = config.spotify.client_id
    if client_id is None:
        return None
    access = import_module("musicond.spotify.auth")
    store = import_module("musicond.spotify.token_file")
    # Lists can be chosen on the page at any time, and the speakers be shown before one is named.
    scopes = (*access.LOOK_SCOPES, *(access.PLAY_SCOPES if config.playback.backend == "spotify" else ()))
    redirect = f"http://127.0.0.1:{config.spotify.redirect_port}/callback"
    made = access.Access(store.GrantStore(folder / store.FILE_NAME), client_id, redirect, scopes)
    return Spotify(made, import_module("musicond.spotify.sign_in").SignIn(made))


def build_player(config: Config, folder: Path, spotify: Spotify | None, more: Callable[[], object]) -> Player | None:
    """Return the player that `playback.backend` names, None for none.

    What it keeps is in the state directory `folder`; `more` asks for more songs of the mood.
    """
    backend = config.playback.backend
    if backend not in BACKENDS:
        return None
    speaker = BACKENDS[backend](config, spotify)
    where = config.playback.device if backend == "spotify" else f"{config.mpd.host}:{config.mpd.port}"
    memory = Memory(SettingsStore(folder / FILE_NAME), f"{backend} {where}")
    return Player(speaker, manners(config), wanted(config), more, synchronised=kernel_synchronised, memory=memory)


def manners(config: Config) -> Rules:
    """Return the rules of playing that are configured."""
    playback, music = config.playback, config.music
    return Rules(
        song_end=playback.when == "song-end",
        volume=playback.volume,
        volume_max=playback.volume_max,
        cool_down_s=music.cool_down_s,
        away_s=playback.away_s,
        silence_s=playback.silence_s,
        quiet_hours=music.hours,
    )


def wanted(config: Config) -> PlayerConfig:
    """Return what else is configured of playing."""
    return PlayerConfig(
        config.playback.autoplay, config.playback.device if config.playback.backend == "spotify" else None
    )


def player_facts(config: Config) -> set[str]:
    """Return what there is to show and to switch."""
    facts = {"playback"} if config.playback.backend in BACKENDS else set()
    return facts | {"account"} if config.playback.backend == "spotify" else facts


def _asked(sign_in: SignIn, jobs: Jobs, action: str, arguments: Mapping[str, Any]) -> Future[Mapping[str, object]]:
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


BACKENDS: dict[str, Callable[[Config, Spotify | None], PlaybackBackend]] = {
    "spotify": lambda config, spotify: _required(spotify).speaker(config.playback.device),
    "mpd": lambda config, _: import_module("musicond.player.mpd").MpdSpeaker(config.mpd.host, config.mpd.port),
}


def _required(spotify: Spotify | None) -> Spotify:
    assert spotify is not None, "the configuration asks for a client id"
    return spotify
