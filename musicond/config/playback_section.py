"""The sections `playback`, `spotify` and `mpd` of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from musicond.config.music_section import Section

ANY_DEVICE = "any"
CLIENT_ID = r"^[0-9a-f]{32}$"


class PlaybackSection(Section):
    """Where music is played; it is only recommended where no player is named."""

    backend: Literal["none", "spotify", "mpd"] = Field("none", description="What plays: none, spotify or mpd.")
    autoplay: bool = Field(default=False, description="Let music start by itself when the mood changes.")
    when: Literal["now", "song-end"] = Field(
        "song-end", description="When a new mood changes our music: now, or song-end, when the song has ended."
    )
    volume: int | None = Field(
        None, ge=0, le=100, description="Percent at which our music starts. Unset: as the speaker is set."
    )
    volume_max: int = Field(80, ge=1, le=100, description="Percent that musicond never goes beyond.")
    device: str | None = Field(
        None,
        min_length=1,
        description="Name of the speaker at Spotify, as musicond spotify devices shows it; any: whichever is active.",
    )
    away_s: float = Field(
        600, ge=10, le=86400, description="Seconds with nobody in the room until our music is paused."
    )
    silence_s: float = Field(
        7200,
        ge=0,
        le=86400,
        description="Seconds in which nothing starts by itself after a person has stopped our music, "
        "or paused or skipped it twice.",
    )


class SpotifySection(Section):
    """Your own app at Spotify; see docs/spotify.md."""

    client_id: str | None = Field(
        None, pattern=CLIENT_ID, description="Client id of your app: 32 digits and letters a to f. Unset: no Spotify."
    )
    redirect_port: int = Field(
        8888, ge=1024, le=65535, description="Port of the redirect URI http://127.0.0.1:PORT/callback of your app."
    )


class MpdSection(Section):
    """The Music Player Daemon."""

    host: str = Field("127.0.0.1", min_length=1, description="Host name or address, or the path of its Unix socket.")
    port: int = Field(6600, ge=1, le=65535, description="TCP port.")
