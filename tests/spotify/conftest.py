"""The fake Spotify, and the real client with its address."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from musicond.spotify import auth as auth_module
from musicond.spotify import backend
from musicond.spotify.auth import PLAY_SCOPES, READ_SCOPES, SpotifyAuth
from musicond.spotify.client import SpotifyClient
from musicond.spotify.sign_in import SignIn
from musicond.spotify.token_file import FILE_NAME, TokenFile
from tests.spotify.fake_spotify import CLIENT_ID, FakeSpotify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The broker is that of the tests of MQTT.
from tests.mqtt.conftest import broker  # noqa: F401 - a fixture is found by its name

REDIRECT = "http://127.0.0.1:8888/callback"


@contextmanager
def running_spotify(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSpotify]:
    with FakeSpotify() as spotify:
        monkeypatch.setattr(auth_module, "API", f"{spotify.address}/v1/")
        monkeypatch.setattr(auth_module, "ACCOUNTS", spotify.address)
        monkeypatch.setattr(backend, "PICTURES", (f"{spotify.address}/image/",))
        yield spotify


def auth_in(folder: Path) -> SpotifyAuth:
    return SpotifyAuth(TokenFile(folder / FILE_NAME), CLIENT_ID, REDIRECT, (*READ_SCOPES, *PLAY_SCOPES))


def sign_in_at(spotify: FakeSpotify, sign_in: SignIn) -> SignIn:
    sign_in.run_action("finish", {"redirect": spotify.authorize(str(sign_in.run_action("begin", {})["url"]))})
    return sign_in


@pytest.fixture
def fake_spotify(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSpotify]:
    with running_spotify(monkeypatch) as spotify:
        yield spotify


@pytest.fixture
def auth(fake_spotify: FakeSpotify, tmp_path: Path) -> SpotifyAuth:
    return auth_in(tmp_path)


@pytest.fixture
def sign_in(auth: SpotifyAuth) -> SignIn:
    return SignIn(auth)


@pytest.fixture
def signed_in(fake_spotify: FakeSpotify, sign_in: SignIn) -> SignIn:
    return sign_in_at(fake_spotify, sign_in)


@pytest.fixture
def client(auth: SpotifyAuth, signed_in: SignIn) -> Iterator[SpotifyClient]:
    client = SpotifyClient(auth)
    yield client
    client.close()
