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

from musicond.app.playback import build_spotify
from musicond.config.schema import Config
from musicond.errors import CommandError, ListError, PlaybackError
from musicond.spotify import sign_in as module
from musicond.spotify.auth import SpotifyAuth
from musicond.spotify.client import Client
from musicond.spotify.sign_in import SignIn, warn_of_expiry
from musicond.spotify.token_file import Grant, TokenFile, ends_on
from tests.spotify.conftest import REDIRECT
from tests.spotify.fake_server import Fault
from tests.spotify.fake_spotify import CLIENT_ID

if TYPE_CHECKING:
    from pathlib import Path

    from tests.spotify.fake_spotify import Double


def begin(sign_in: SignIn) -> str:
    return str(sign_in.do("begin", {})["url"])


def test_a_sign_in_by_a_pasted_address_is_kept_for_its_owner_alone(
    double: Double, sign_in: SignIn, access: SpotifyAuth
) -> None:
    assert sign_in.do("status", {})["signed_in"] is False
    told: list[bool] = []
    sign_in.changed = lambda: told.append(True)
    found = sign_in.do("finish", {"redirect": f"  {double.agree(begin(sign_in))}\n"})
    today = datetime.now().astimezone().date()
    assert found == {
        "configured": True,
        "pending": False,
        "signed_in": True,
        "user": "Ann",
        "scopes": sorted(access.scopes),
        "signed_in_on": today.isoformat(),
        "expires_on": ends_on(today).isoformat(),
        "days_left": (ends_on(today) - today).days,
        "trouble": None,
    }
    assert told
    assert stat.S_IMODE(access.store.path.stat().st_mode) == 0o600
    assert os.listdir(access.store.path.parent) == [access.store.path.name]  # noqa: PTH208 - names are enough
    assert set(json.loads(access.store.path.read_text())) == {
        "refresh_token",
        "authorized_at",
        "scope",
        "client_id",
        "user",
    }
    assert "refresh-" not in repr(access.store.load())
    assert double.violations == []


def test_another_state_is_refused_and_the_right_address_still_works(double: Double, sign_in: SignIn) -> None:
    address = double.agree(begin(sign_in))
    with pytest.raises(ListError, match="another sign-in"):
        sign_in.do("finish", {"redirect": re.sub("state=[^&]*", "state=forged", address)})
    assert sign_in.do("finish", {"redirect": address})["signed_in"] is True


@pytest.mark.parametrize(
    "pasted",
    ["", "hello", "http://127.0.0.1:8888/callback", "http://[", "x" * 10000, "https://accounts.spotify.com/?a=b"],
)
def test_what_is_no_such_address_is_told_what_to_paste(double: Double, sign_in: SignIn, pasted: str) -> None:
    begin(sign_in)
    with pytest.raises(ListError, match="paste the whole address"):
        sign_in.do("finish", {"redirect": pasted})


def test_an_address_works_once_and_not_after_ten_minutes(
    double: Double, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = double.agree(begin(sign_in))
    sign_in.do("finish", {"redirect": address})
    with pytest.raises(CommandError, match="begin again"):
        sign_in.do("finish", {"redirect": address})
    address = double.agree(begin(sign_in))
    monkeypatch.setattr(module, "LASTS_S", 0.0)
    with pytest.raises(CommandError, match="ten minutes"):
        sign_in.do("finish", {"redirect": address})


def test_who_does_not_agree_is_not_signed_in(double: Double, sign_in: SignIn) -> None:
    with pytest.raises(CommandError, match="not allowed there"):
        sign_in.do("finish", {"redirect": double.agree(begin(sign_in), refuse=True)})
    assert "not allowed there" in str(sign_in.do("status", {})["trouble"])


def test_a_used_code_and_a_wrong_client_id_are_told_apart(double: Double, sign_in: SignIn, access: SpotifyAuth) -> None:
    address = double.agree(begin(sign_in))
    double.faults.append(Fault("api/token", 400, {"error": "invalid_grant"}, times=1))
    with pytest.raises(CommandError, match="used already"):
        sign_in.do("finish", {"redirect": address})
    address = double.agree(begin(sign_in))
    double.faults.append(Fault("api/token", 400, {"error": "invalid_client"}, times=1))
    with pytest.raises(PlaybackError, match=r"spotify\.client_id"):
        sign_in.do("finish", {"redirect": address})


def test_what_spotify_must_allow_besides_asks_for_another_sign_in(
    double: Double, signed_in: SignIn, access: SpotifyAuth
) -> None:
    more = SpotifyAuth(access.store, CLIENT_ID, REDIRECT, (*access.scopes, "user-top-read"))
    with pytest.raises(PlaybackError, match="allow more") as caught:
        more.token()
    assert caught.value.sign_in
    other = SpotifyAuth(access.store, "f" * 32, REDIRECT, access.scopes)
    assert not other.get_account().signed_in


def test_a_dead_sign_in_is_discarded_and_asked_for_once(
    double: Double, client: Client, access: SpotifyAuth, caplog: pytest.LogCaptureFixture
) -> None:
    double.kill_tokens()
    with caplog.at_level(logging.DEBUG), pytest.raises(PlaybackError, match="musicond spotify login") as caught:
        client.playback()
    assert caught.value.sign_in
    assert not access.store.path.exists()
    asked = len(double.seen)
    with pytest.raises(PlaybackError, match="nobody is signed in"):
        client.playback()
    assert len(double.seen) == asked, "nobody is asked with a sign-in that is gone"


def test_an_hour_later_the_token_is_renewed_once_for_all(double: Double, client: Client, access: SpotifyAuth) -> None:
    double.expire_access()
    before = double.refreshed
    others = [threading.Thread(target=Client(access).playback) for _ in range(5)]
    for other in others:
        other.start()
    for other in others:
        other.join(10)
    assert client.playback() == {}
    assert double.refreshed - before <= 5
    double.expire_access()
    count = double.refreshed
    client.playback()
    assert double.refreshed == count + 1


def test_logout_forgets(signed_in: SignIn, access: SpotifyAuth) -> None:
    assert signed_in.do("logout", {})["signed_in"] is False
    assert not access.store.path.exists()
    signed_in.do("logout", {})


def test_the_speakers_are_listed(double: Double, signed_in: SignIn) -> None:
    double.add_device("Living room", active=True)
    double.add_device("Car", is_restricted=True)
    double.add_device("Ghost", id=None)
    found = signed_in.do("devices", {})["devices"]
    assert isinstance(found, list)
    assert [(each["name"], each["active"], each["usable"]) for each in found] == [
        ("Living room", True, True),
        ("Car", False, False),
        ("Ghost", False, False),
    ]
    assert double.violations == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"refresh_token": 1}', "{}", '{"a": 1}'])
def test_a_damaged_file_means_to_sign_in_again(access: SpotifyAuth, content: str) -> None:
    access.store.path.write_text(content)
    with pytest.raises(PlaybackError, match="nobody is signed in"):
        access.token()


def test_the_end_is_told_30_7_and_1_days_ahead_once_each(
    tmp_path: object, access: SpotifyAuth, caplog: pytest.LogCaptureFixture
) -> None:
    today = datetime.now().astimezone()
    grant = Grant("refresh-x", today.isoformat(), " ".join(access.scopes), CLIENT_ID)
    told, last = [], None
    for days in (60, 31, 30, 20, 7, 6, 2, 1, 0):
        given = today
        while (ends_on(given.date()) - today.date()).days > days:
            given -= timedelta(days=1)
        access.store.save(replace(grant, authorized_at=given.isoformat()))
        caplog.clear()
        last = warn_of_expiry(access, last)
        told += [days] * len(caplog.records)
    assert told == [30, 7, 1]
    assert "sign in" in str(SignIn(access).do("status", {})["trouble"])


def test_root_keeps_it_for_the_daemons_user(tmp_path: object, access: SpotifyAuth) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can write for another user")
    os.chown(access.store.path.parent, 12345, 12345)
    TokenFile(access.store.path).save(Grant("refresh-x", "2026-01-01T00:00:00+00:00", "", CLIENT_ID))
    found = access.store.path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 12345, 0o600)


def test_lists_may_be_chosen_on_the_page_without_signing_in_again(tmp_path: Path) -> None:
    found = {"client_id": CLIENT_ID}
    player = build_spotify(Config.model_validate({"spotify": found, "playback": {"backend": "spotify"}}), tmp_path)
    lists = build_spotify(Config.model_validate({"spotify": found}), tmp_path)
    assert player is not None
    assert lists is not None
    assert {"playlist-read-private", "user-library-read", "user-modify-playback-state"} <= set(player.auth.scopes)
    assert set(player.auth.scopes) - set(lists.auth.scopes) == {"user-modify-playback-state"}
