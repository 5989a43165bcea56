"""The sign-in at Music Assistant: with a password that is kept nowhere, a token for a year, and what is printed."""

from __future__ import annotations

import base64
import io
import json
import logging
import stat
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from musicond.app.music_assistant import MusicAssistant
from musicond.cli import main
from musicond.commands.checks import Check, check_music_assistant
from musicond.config.schema import Config
from musicond.config.user_settings import to_json
from musicond.core.settings import Settings
from musicond.errors import ListError, PlaybackError
from musicond.music_assistant.auth import MusicAssistantAuth, ServerToken, ServerTokenFile
from musicond.music_assistant.discovery import find_servers, parse_services
from musicond.music_assistant.sign_in import MusicAssistantSignIn, parse_address
from musicond.runtime.json_file import JsonFile
from tests.music_assistant.conftest import TOKEN
from tests.music_assistant.double import PASSWORD, USER, Fault, MusicAssistantDouble

if TYPE_CHECKING:
    from pathlib import Path


def jwt(expires: datetime) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires.timestamp()}).encode()).decode().rstrip("=")
    return f"header.{claims}.signature"


@pytest.fixture
def sign_in(tmp_path: Path) -> MusicAssistantSignIn:
    return MusicAssistantSignIn(MusicAssistantAuth(ServerTokenFile(tmp_path / "token.json"), None), lambda: "Kitchen")


def test_a_password_gives_a_token_for_a_year(
    server: MusicAssistantDouble, sign_in: MusicAssistantSignIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert "nobody is signed in" in str(sign_in.status()["trouble"]) or "no Music" in str(sign_in.status()["trouble"])
    status = sign_in.run_action("login", {"url": server.url, "user": USER, "password": PASSWORD})
    assert (status["signed_in"], status["user"], status["url"]) == (True, USER, server.url)
    assert status["days_left"] == 365
    file = tmp_path / "token.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = json.loads(file.read_text())["token"]
    assert server.tokens == {TOKEN, token}, "no token of the sign-in itself is left there"
    assert PASSWORD not in file.read_text() + caplog.text
    assert token not in caplog.text + str(status)
    player = {"name": "Kitchen", "type": "player", "available": True, "powered": True, "configured": True}
    assert sign_in.run_action("players", {}) == {"players": [player]}
    status = sign_in.run_action("logout", {})
    assert (status["signed_in"], status["revoked"]) == (False, True)
    assert not file.exists()
    assert server.tokens == {TOKEN}


def test_a_sign_out_without_the_server_says_that_the_token_is_left(
    server: MusicAssistantDouble, sign_in: MusicAssistantSignIn
) -> None:
    sign_in.run_action("login", {"url": server.url, "user": USER, "password": PASSWORD})
    server.faults.append(Fault("auth/logout"))
    status = sign_in.run_action("logout", {})
    assert (status["signed_in"], status["revoked"]) == (False, False)
    assert sign_in.run_action("logout", {})["revoked"] is True, "nobody was signed in"


def test_a_sign_in_at_another_server_than_the_configured_one_is_refused(
    server: MusicAssistantDouble, tmp_path: Path
) -> None:
    file = ServerTokenFile(tmp_path / "token.json")
    arguments = {"url": server.url, "user": USER, "password": PASSWORD}
    sign_in = MusicAssistantSignIn(MusicAssistantAuth(file, "http://127.0.0.1:9"), lambda: None)
    with pytest.raises(ListError, match="names another server, http://127.0.0.1:9"):
        sign_in.run_action("login", arguments)
    assert not server.calls
    assert file.load() is None
    sign_in = MusicAssistantSignIn(MusicAssistantAuth(file, server.url + "/"), lambda: None)
    assert sign_in.run_action("login", arguments)["signed_in"] is True
    assert sign_in.run_action("login", {**arguments, "url": ""})["signed_in"] is True


def test_the_speaker_that_a_person_has_chosen_is_the_player(server: MusicAssistantDouble, tmp_path: Path) -> None:
    server.add_player("den", "Den")
    config = Config.model_validate({"playback": {"backend": "music-assistant"}, "music_assistant": {"url": server.url}})
    ServerTokenFile(tmp_path / "music-assistant.json").save(ServerToken(TOKEN, server.url))
    assert "choose the speaker on the page" in check_music_assistant(config, tmp_path).remedy
    JsonFile(tmp_path / "settings.json").save(to_json(Settings(speaker="Den")))
    assert "the player Den is there" in check_music_assistant(config, tmp_path).found
    sign_in = MusicAssistant(config, tmp_path).sign_in
    assert sign_in.status()["player"] == "Den"
    players = sign_in.players()["players"]
    assert isinstance(players, list)
    assert [player["configured"] for player in players] == [False, True]


def test_the_doctor_checks_the_server_the_sign_in_and_the_player(
    server: MusicAssistantDouble, sign_in: MusicAssistantSignIn, tmp_path: Path
) -> None:
    def check(player: str | None = "kitchen", url: str = server.url) -> Check:
        section = {"player": player, "url": url}
        config = {"playback": {"backend": "music-assistant"}, "music_assistant": section}
        return check_music_assistant(Config.model_validate(config), tmp_path)

    assert (check().state, "nobody is signed in" in check().found) == ("failed", True)
    file = ServerTokenFile(tmp_path / "music-assistant.json")
    file.save(ServerToken("token-of-the-test", server.url, created_at=datetime.now(UTC).isoformat()))
    assert check().state == "ok"
    assert f"at {server.url}: the player kitchen is there" in check().found
    assert (check("Den").state, check("Den").found.endswith("has no player Den")) == ("failed", True)
    assert "music-assistant players" in check(None).remedy
    server.players["kitchen"]["available"] = False
    assert "does not reach the player" in check().found
    server.players["kitchen"]["available"] = True
    file.save(ServerToken("token-of-the-test", server.url, created_at=(datetime.now(UTC) - timedelta(360)).isoformat()))
    assert (check().state, "sign-in at Music Assistant ends on" in check().remedy) == ("warning", True)
    server.tokens.clear()
    assert "no longer takes the sign-in" in check().found
    assert "can't be reached" in check(url="http://127.0.0.1:9").found


def test_what_goes_wrong_is_said(server: MusicAssistantDouble, sign_in: MusicAssistantSignIn) -> None:
    with pytest.raises(PlaybackError, match="does not know this user"):
        sign_in.run_action("login", {"url": server.url, "user": USER, "password": "wrong"})
    with pytest.raises(ListError, match="give the user"):
        sign_in.run_action("login", {"url": server.url})
    server.set_up = False
    with pytest.raises(PlaybackError, match=r"does not allow|set up"):
        sign_in.run_action("login", {"url": server.url, "user": USER, "password": PASSWORD})
    with pytest.raises(ListError, match="no action"):
        sign_in.run_action("dance", {})
    with pytest.raises(ListError, match="no address"):
        sign_in.run_action("login", {"url": "what is this", "user": USER, "password": PASSWORD})
    with pytest.raises(ListError, match="no address"):
        sign_in.run_action("login", {"user": USER, "password": PASSWORD})


def test_the_end_of_a_token_is_its_own_or_a_year_later(tmp_path: Path) -> None:
    assert ServerToken("x", created_at="2026-11-30T10:00:00+00:00").expires_on == date(2027, 11, 30)
    assert ServerToken(jwt(datetime(2027, 3, 4, 12, tzinfo=UTC))).expires_on == date(2027, 3, 4)
    assert ServerToken("a.b.c").expires_on is None
    file = ServerTokenFile(tmp_path / "token")
    auth = MusicAssistantAuth(file, "http://ma:8095")
    due = []
    for days in (31, 30, 7, 1, -1):
        file.save(ServerToken(jwt(datetime.now(UTC) + timedelta(days=days))))
        account = auth.get_account()
        due.append((account.days_left, account.warning is not None))
    assert due == [(31, False), (30, True), (7, True), (1, True), (-1, True)]
    file.path.write_text("pasted-token\n")
    assert auth.get_token() == "pasted-token"
    assert auth.get_account().days_left is None
    file.path.write_text('{"token": 1')
    assert not auth.get_account().signed_in


def test_addresses_as_people_type_them() -> None:
    assert parse_address("homeassistant.local") == "http://homeassistant.local:8095"
    assert parse_address(" http://192.168.1.5:8095/ ") == "http://192.168.1.5:8095"
    assert parse_address("https://music.example.org") == "https://music.example.org"
    assert parse_address("[fd00::5]") == "http://[fd00::5]:8095"
    for wrong in ("", "ftp://x", "http://user:secret@host", "a b"):
        with pytest.raises(ListError):
            parse_address(wrong)


def test_servers_are_read_from_avahi_browse() -> None:
    output = (
        "+;eth0;IPv4;Music\\032Assistant;_mass._tcp;local\n"
        '=;eth0;IPv6;Music\\032Assistant;_mass._tcp;local;ma.local;fd00::5;8095;"server_id=1"\n'
        '=;eth0;IPv4;Music\\032Assistant;_mass._tcp;local;ma.local;192.168.1.5;8095;"server_id=1"\n'
        '=;eth0;IPv6;Music\\032Assistant;_mass._tcp;local;ma.local;fe80::5;8095;"server_id=1"\n'
        "=;eth0;IPv4;Other;_http._tcp;local;x.local;192.168.1.6;80;\n"
    )
    assert parse_services(output) == ["http://192.168.1.5:8095", "http://[fd00::5]:8095"]


def test_that_the_network_cannot_be_searched_is_no_empty_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_servers() is None, "avahi-utils is not installed"
    program = tmp_path / "avahi-browse"
    for text, found in (("exit 1", None), ("exit 0", [])):  # it ends with 1 where avahi-daemon does not run
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        assert find_servers() == found


def test_the_command_signs_in_and_lists(
    server: MusicAssistantDouble,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "musicon.yaml"
    config.write_text(
        f"state_dir: {tmp_path}/state\nplayback: {{backend: music-assistant}}\nmusic_assistant: {{player: Kitchen}}\n"
    )
    options = ["--config", str(config)]
    assert main(["music-assistant", "status", *options]) == 0
    assert "musicond music-assistant login" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{USER}\n{PASSWORD}\n"))
    assert main(["music-assistant", "login", server.url, *options]) == 0
    assert f"signed in at {server.url} as {USER}" in capsys.readouterr().out
    assert main(["music-assistant", "players", *options]) == 0
    assert capsys.readouterr().out == "Kitchen  (player, configured)\n"
    server.tokens.clear()
    assert main(["music-assistant", "players", *options]) == 69
    assert "no longer takes the sign-in" in capsys.readouterr().err
