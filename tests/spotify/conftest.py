"""The double, and what asks it: the real client with the addresses of the double."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from musicond.spotify import auth as places
from musicond.spotify.auth import LOOK_SCOPES, PLAY_SCOPES, SpotifyAuth
from musicond.spotify.client import Client
from musicond.spotify.sign_in import SignIn
from musicond.spotify.token_file import FILE_NAME, TokenFile
from tests.spotify.fake_spotify import CLIENT_ID, Double

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The broker is that of the tests of MQTT.
from tests.mqtt.conftest import broker  # noqa: F401 - a fixture is found by its name

REDIRECT = "http://127.0.0.1:8888/callback"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    with Double() as made:
        monkeypatch.setattr(places, "API", f"{made.address}/v1/")
        monkeypatch.setattr(places, "ACCOUNTS", made.address)
        yield made


@pytest.fixture
def access(double: Double, tmp_path: Path) -> SpotifyAuth:
    return SpotifyAuth(TokenFile(tmp_path / FILE_NAME), CLIENT_ID, REDIRECT, (*LOOK_SCOPES, *PLAY_SCOPES))


@pytest.fixture
def sign_in(access: SpotifyAuth) -> SignIn:
    return SignIn(access)


@pytest.fixture
def signed_in(double: Double, sign_in: SignIn) -> SignIn:
    sign_in.do("finish", {"redirect": double.agree(str(sign_in.do("begin", {})["url"]))})
    return sign_in


@pytest.fixture
def client(access: SpotifyAuth, signed_in: SignIn) -> Iterator[Client]:
    made = Client(access)
    yield made
    made.close()
