"""The double, a catalogue, and the backend in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.core.models import Track
from musicond.library.database import FILE_NAME
from musicond.library.recovery import open_catalogue
from musicond.library.song_uris import SongUriTable
from musicond.music_assistant.auth import MusicAssistantAuth, ServerToken, ServerTokenFile
from musicond.music_assistant.backend import MusicAssistantBackend
from tests.music_assistant.double import MusicAssistantDouble
from tests.music_assistant.server_queue import track

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SONGS = (
    Track("spotify:track:s1", "Happy", "Pharrell Williams", ""),
    Track("song:nina%20simone:feeling%20good", "Feeling Good", "Nina Simone", ""),
    Track("spotify:track:s3", "Hurt", "Johnny Cash", ""),
)
TOKEN = "token-of-the-test"


@pytest.fixture
def server() -> Iterator[MusicAssistantDouble]:
    server = MusicAssistantDouble()
    server.library = [
        track("spotify", "s1", "Happy", "Pharrell Williams"),
        track("filesystem_local", "f9", "Feeling Good", "Karaoke Crew"),
        track("filesystem_local", "f8", "Feeling Good", "Nina Simone", version="Live at Montreux"),
        track("filesystem_local", "f2", "Feeling Good", "Nina Simone"),
        track("spotify", "s3", "Hurt", "Johnny Cash"),
        track("filesystem_local", "f5", "Their Own Song", "Somebody"),
    ]
    server.start()
    yield server
    server.stop()


@pytest.fixture
def auth(server: MusicAssistantDouble, tmp_path: Path) -> MusicAssistantAuth:
    file = ServerTokenFile(tmp_path / "music-assistant.json")
    file.save(ServerToken(TOKEN, server.url, "anna", "2026-11-30T10:00:00+00:00"))
    return MusicAssistantAuth(file, None)


@pytest.fixture
def uris(tmp_path: Path) -> SongUriTable:
    open_catalogue(tmp_path / FILE_NAME).close()
    return SongUriTable(tmp_path / FILE_NAME)


@pytest.fixture
def backend(auth: MusicAssistantAuth, uris: SongUriTable) -> Iterator[MusicAssistantBackend]:
    backend = MusicAssistantBackend(auth, uris, "Kitchen")
    yield backend
    backend.close()
