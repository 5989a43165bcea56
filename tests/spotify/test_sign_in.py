from __future__ import annotations

import json
import logging
import os
import re
import stat
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from musicond.app.expiry_log import ExpiryLog
from musicond.app.spotify import build_spotify
from musicond.config.schema import Config
from musicond.core.expiry import warning_due
from musicond.errors import CommandError, ListError, PlaybackError
from musicond.spotify import sign_in as module
from musicond.spotify.auth import SpotifyAuth
from musicond.spotify.client import SpotifyClient
from musicond.spotify.sign_in import SignIn
from musicond.spotify.token_file import Grant, TokenFile, expiry_date
from tests.spotify.conftest import REDIRECT
from tests.spotify.fake_server import Fault
from tests.spotify.fake_spotify import CLIENT_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tests.spotify.fake_spotify import FakeSpotify


def begin(sign_in: SignIn) -> str:
    return str(sign_in.run_action("begin", {})["url"])


def test_a_sign_in_by_a_pasted_address_is_kept_for_its_owner_alone(
    fake_spotify: FakeSpotify, sign_in: SignIn, auth: SpotifyAuth
) -> None:
    assert sign_in.run_action("status", {})["signed_in"] is False
    changes: list[bool] = []
    sign_in.on_change = lambda: changes.append(True)
    answer = sign_in.run_action("finish", {"redirect": f"  {fake_spotify.authorize(begin(sign_in))}\n"})
    today = datetime.now().astimezone().date()
    assert answer == {
        "configured": True,
        "pending": False,
        "signed_in": True,
        "user": "Ann",
        "scopes": sorted(auth.scopes),
        "signed_in_on": today.isoformat(),
        "expires_on": expiry_date(today).isoformat(),
        "days_left": (expiry_date(today) - today).days,
        "trouble": None,
    }
    assert changes
    assert stat.S_IMODE(auth.token_file.path.stat().st_mode) == 0o600
    assert os.listdir(auth.token_file.path.parent) == [auth.token_file.path.name]  # noqa: PTH208 - names are enough
    assert set(json.loads(auth.token_file.path.read_text())) == {
        "refresh_token",
        "authorized_at",
        "scope",
        "client_id",
        "user",
        "checksum",
    }
    assert "refresh-" not in repr(auth.token_file.load())
    assert fake_spotify.violations == []


def test_another_state_is_refused_and_the_right_address_still_works(fake_spotify: FakeSpotify, sign_in: SignIn) -> None:
    address = fake_spotify.authorize(begin(sign_in))
    with pytest.raises(ListError, match="another sign-in"):
        sign_in.run_action("finish", {"redirect": re.sub("state=[^&]*", "state=forged", address)})
    assert sign_in.run_action("finish", {"redirect": address})["signed_in"] is True


@pytest.mark.parametrize(
    "pasted",
    ["", "hello", "http://127.0.0.1:8888/callback", "http://[", "x" * 10000, "https://accounts.spotify.com/?a=b"],
)
def test_what_is_no_such_address_is_told_what_to_paste(fake_spotify: FakeSpotify, sign_in: SignIn, pasted: str) -> None:
    begin(sign_in)
    with pytest.raises(ListError, match="paste the whole address"):
        sign_in.run_action("finish", {"redirect": pasted})


def test_an_address_works_once_and_not_after_ten_minutes(
    fake_spotify: FakeSpotify, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = fake_spotify.authorize(begin(sign_in))
    sign_in.run_action("finish", {"redirect": address})
    with pytest.raises(CommandError, match="begin again"):
        sign_in.run_action("finish", {"redirect": address})
    address = fake_spotify.authorize(begin(sign_in))
    monkeypatch.setattr(module, "LASTS_S", 0.0)
    with pytest.raises(CommandError, match="ten minutes"):
        sign_in.run_action("finish", {"redirect": address})


def test_who_does_not_agree_is_not_signed_in(fake_spotify: FakeSpotify, sign_in: SignIn) -> None:
    with pytest.raises(CommandError, match="not allowed there"):
        sign_in.run_action("finish", {"redirect": fake_spotify.authorize(begin(sign_in), refuse=True)})
    assert "not allowed there" in str(sign_in.run_action("status", {})["trouble"])


def test_a_used_code_and_a_wrong_client_id_are_told_apart(
    fake_spotify: FakeSpotify, sign_in: SignIn, auth: SpotifyAuth
) -> None:
    address = fake_spotify.authorize(begin(sign_in))
    fake_spotify.faults.append(Fault("api/token", 400, {"error": "invalid_grant"}, times=1))
    with pytest.raises(CommandError, match="used already"):
        sign_in.run_action("finish", {"redirect": address})
    address = fake_spotify.authorize(begin(sign_in))
    fake_spotify.faults.append(Fault("api/token", 400, {"error": "invalid_client"}, times=1))
    with pytest.raises(PlaybackError, match=r"spotify\.client_id"):
        sign_in.run_action("finish", {"redirect": address})


def test_what_spotify_must_allow_besides_asks_for_another_sign_in(
    fake_spotify: FakeSpotify, signed_in: SignIn, auth: SpotifyAuth
) -> None:
    more = SpotifyAuth(auth.token_file, CLIENT_ID, REDIRECT, (*auth.scopes, "user-top-read"))
    with pytest.raises(PlaybackError, match="allow more") as caught:
        more.get_token()
    assert caught.value.sign_in
    other = SpotifyAuth(auth.token_file, "f" * 32, REDIRECT, auth.scopes)
    assert not other.get_account().signed_in


def test_a_dead_sign_in_is_discarded_and_asked_for_once(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth, caplog: pytest.LogCaptureFixture
) -> None:
    fake_spotify.revoke_sign_ins()
    with caplog.at_level(logging.DEBUG), pytest.raises(PlaybackError, match="musicond spotify login") as caught:
        client.playback()
    assert caught.value.sign_in
    assert not auth.token_file.path.exists()
    count = len(fake_spotify.requests)
    with pytest.raises(PlaybackError, match="nobody is signed in"):
        client.playback()
    assert len(fake_spotify.requests) == count, "nobody is asked with a sign-in that is gone"


def test_an_hour_later_the_token_is_renewed_once_for_all(
    fake_spotify: FakeSpotify, client: SpotifyClient, auth: SpotifyAuth
) -> None:
    fake_spotify.expire_access_tokens()
    before = fake_spotify.refresh_count
    others = [threading.Thread(target=SpotifyClient(auth).playback) for _ in range(5)]
    for other in others:
        other.start()
    for other in others:
        other.join(10)
    assert client.playback() == {}
    assert fake_spotify.refresh_count - before <= 5
    fake_spotify.expire_access_tokens()
    count = fake_spotify.refresh_count
    client.playback()
    assert fake_spotify.refresh_count == count + 1


def test_logout_forgets(signed_in: SignIn, auth: SpotifyAuth) -> None:
    assert signed_in.run_action("logout", {})["signed_in"] is False
    assert not auth.token_file.path.exists()
    signed_in.run_action("logout", {})


def test_the_speakers_are_listed(fake_spotify: FakeSpotify, signed_in: SignIn) -> None:
    fake_spotify.add_device("Living room", active=True)
    fake_spotify.add_device("Car", is_restricted=True)
    fake_spotify.add_device("Ghost", id=None)
    devices = signed_in.run_action("devices", {})["devices"]
    assert isinstance(devices, list)
    assert [(device["name"], device["active"], device["usable"]) for device in devices] == [
        ("Living room", True, True),
        ("Car", False, False),
        ("Ghost", False, False),
    ]
    assert fake_spotify.violations == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"refresh_token": 1}', "{}", '{"a": 1}'])
def test_a_damaged_file_means_to_sign_in_again(auth: SpotifyAuth, content: str) -> None:
    auth.token_file.path.write_text(content)
    with pytest.raises(PlaybackError, match="nobody is signed in"):
        auth.get_token()


def test_the_end_is_told_30_7_and_1_days_ahead_once_each(
    tmp_path: object, auth: SpotifyAuth, caplog: pytest.LogCaptureFixture
) -> None:
    today = datetime.now().astimezone()
    grant = Grant("refresh-x", today.isoformat(), " ".join(auth.scopes), CLIENT_ID)
    sign_in, expiry_log, warned_days = SignIn(auth), ExpiryLog(auth.get_account), []
    for days in (60, 31, 30, 20, 7, 6, 2, 1, 0):
        signed_in = today
        while (expiry_date(signed_in.date()) - today.date()).days > days:
            signed_in -= timedelta(days=1)
        auth.token_file.save(replace(grant, authorized_at=signed_in.isoformat()))
        caplog.clear()
        expiry_log.warn()
        left = (expiry_date(signed_in.date()) - today.date()).days
        warned_days += [left] * len(caplog.records)
    assert [warning_due(left) for left in warned_days] == [30, 7, 1]
    assert "sign in" in str(sign_in.run_action("status", {})["trouble"])


def test_root_keeps_it_for_the_daemons_user(tmp_path: object, auth: SpotifyAuth) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can write for another user")
    os.chown(auth.token_file.path.parent, 12345, 12345)
    TokenFile(auth.token_file.path).save(Grant("refresh-x", "2026-01-01T00:00:00+00:00", "", CLIENT_ID))
    status = auth.token_file.path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 12345, 0o600)


def test_lists_may_be_chosen_on_the_page_without_signing_in_again(tmp_path: Path) -> None:
    section = {"client_id": CLIENT_ID}
    player = build_spotify(Config.model_validate({"spotify": section, "playback": {"backend": "spotify"}}), tmp_path)
    lists = build_spotify(Config.model_validate({"spotify": section}), tmp_path)
    assert player is not None
    assert lists is not None
    assert {"playlist-read-private", "user-library-read", "user-modify-playback-state"} <= set(player.auth.scopes)
    assert set(player.auth.scopes) - set(lists.auth.scopes) == {"user-modify-playback-state"}
