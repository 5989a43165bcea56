"""The part of the composition root for Spotify; imports its library only where it is configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musicond.config.schema import ANY_DEVICE, Config
from musicond.core.models import Emotion
from musicond.core.ports import ListSource, PlaybackBackend

if TYPE_CHECKING:
    from musicond.spotify.auth import SpotifyAuth
    from musicond.spotify.sign_in import SignIn


@dataclass
class Spotify:
    """The parts for Spotify, where it is configured."""

    auth: SpotifyAuth
    sign_in: SignIn

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
