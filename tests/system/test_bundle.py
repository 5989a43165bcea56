"""The support bundle holds nothing that is private: planted moods, songs, passwords and tokens are not in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from musicond.cli import main
from musicond.commands.bundle import scrubber
from musicond.core.models import Emotion
from musicond.web.client import ControlClient
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PASSWORD, TOKEN, REFRESH = "pl4nted-password", "pl4nted-token-of-the-page", "pl4nted-refresh-token"
TITLE, ARTIST, FOREIGN = "Plantedtitle Öne", "Plantedartist", "Plantedfile"


def test_a_bundle_has_no_mood_song_picture_password_or_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("password", PASSWORD), ("token", TOKEN)):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "list.m3u").write_text(f"/srv/Some Folder/{ARTIST} - {FOREIGN}.mp3\n")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/spotify.json").write_text(json.dumps({"refresh_token": REFRESH, "user": "pl4nted-user"}))
    config = (
        "camera: {source: demo}\nmqtt: {host: 127.0.0.1, port: 1, username: me, password_file: password}\n"
        f"music: {{moods: {{sad: {{lists: [{tmp_path}/list.m3u]}}}}}}\n"
    )
    web = "listen: '127.0.0.1:0', token_file: token"
    with Daemon(tmp_path, config=config, web=web) as daemon:
        daemon.ready()
        client = ControlClient(tmp_path / "run/control.sock")
        client.run_action("catalogue", "add", {"rows": [{"emotion": "sad", "title": TITLE, "artist": ARTIST}]})
        client.send("mood", mood="sad", minutes=60)
        client.run_action("catalogue", "refresh")
        assert daemon.until(lambda: any("refreshed: " in line for line in daemon.lines), 30)
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
        main(["doctor", "--config", str(daemon.config), "--bundle", str(tmp_path / "bundle.txt")])
    assert "bundle.txt written; read it before you send it" in capsys.readouterr().err
    text = (tmp_path / "bundle.txt").read_text()
    for heading in ("## Versions", "## Checks", "## Configuration", "## States", "## Log"):
        assert heading in text
    assert "watching: " in text
    assert "health.frames_per_s: " in text
    assert "ready; the page is" in text
    for planted in (PASSWORD, TOKEN, REFRESH, "pl4nted", TITLE, ARTIST, FOREIGN):
        assert planted not in text, f"{planted} is in the bundle"
    parts = text.split("## ")
    [configuration] = [part for part in parts if part.startswith("Configuration")]
    assert "# mood" not in configuration
    for part in parts:
        if part is not configuration:
            words = [emotion for emotion in Emotion if emotion in part.lower()]
            assert not words, f"{words} in {part[:20]}"
    assert "\x89PNG" not in text
    assert "JFIF" not in text


def test_what_is_private_in_a_line_is_replaced() -> None:
    scrub = scrubber({"s3cret", "ab"}, {"Yellow", "Ab", "Hello (Live)"}, moods=True)
    assert scrub("mood happy, then SAD; angry birds") == "mood <mood>, then <mood>; <mood> birds"
    assert (
        scrub("password s3cret, ab: Yellow by Hello (Live), Yellowstone")
        == "password ********, ab: <song> by <song>, Yellowstone"
    )
    assert (
        scrub("list.m3u: line 3: /srv/My Music/Ann - Song.mp3: No such file") == "<file>: line 3: <path>: No such file"
    )
    assert (
        scrub("/etc/musicond/musicon.yaml:3:1: x; see http://den.local:8080/")
        == "/etc/musicond/musicon.yaml:3:1: x; see http://den.local:8080/"
    )
    assert scrub("Ann - Song.FLAC can't be read") == "<file> can't be read"
