"""Tests of the player's and the Pi's entities in Home Assistant: discovery, commands, and removal without a player."""

from __future__ import annotations

import http.client
import json
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

from tests.rig.checks import check
from tests.rig.ha.home import announced, entities
from tests.spotify.api_objects import track_uri
from tests.spotify.fake_spotify import CLIENT_ID, FakeSpotify, playlist_entries
from tests.system.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mqtt.conftest import Listener
    from tests.rig.ha.home import HomeAssistant

LAUNCH = """
import sys
from pathlib import Path
from musicond.runtime import health
from musicond.spotify import auth
auth.API, auth.ACCOUNTS = "{0}/v1/", "{0}"
health.temperature_c.__defaults__, health.throttled.__defaults__ = (Path("{1}/temp"),), (Path("{1}/throttled"),)
from musicond.cli import main
sys.exit(main(sys.argv[1:]))
"""
SUNNY, LIST = [f"Sunny {number}" for number in range(12)], "1" * 22
SPOTIFY = f"""
music: {{refresh: never, moods: {{happy: {{lists: ["spotify:sunny days"]}}}}}}
playback: {{backend: spotify, device: Kitchen, volume_max: 60}}
spotify: {{client_id: {CLIENT_ID}}}
"""
MPD = "playback: {backend: mpd}\nmpd: {port: 1}\n"
"""A port without an mpd."""
ALL_CAPABILITIES = {"playback", "account", "temperature", "throttled"}
"""All capabilities."""
ENDS_IN_DAYS = range(170, 200)
"""Days until a sign-in of today ends: six months."""


class WithSpotify(Daemon):
    """The daemon with FakeSpotify and the kernel files of a Pi."""

    def __init__(self, folder: Path, spotify: FakeSpotify, config: str, web: str = "listen: '127.0.0.1:0'") -> None:
        super().__init__(folder, "--source", "demo", config=config, web=web)
        (folder / "temp").write_text("48312\n")
        (folder / "throttled").write_text("50005\n")
        self._launch = LAUNCH.format(spotify.address, folder)

    def program(self) -> list[str]:
        return [sys.executable, "-c", self._launch]

    def sign_in(self, spotify: FakeSpotify) -> bool:
        """Sign in on the page."""
        url = self._post("/api/v1/spotify/begin", {})["url"]
        return bool(self._post("/api/v1/spotify/finish", {"redirect": spotify.authorize(url)})["signed_in"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=10)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


def player(ha: HomeAssistant, folder: Path, listener: Listener, config: str) -> None:
    """Check a Spotify player, then an mpd that is not there, then none, with one state folder."""
    with FakeSpotify() as spotify:
        spotify.playlists[LIST] = ("Sunny Days", playlist_entries(*SUNNY))
        spotify.add_device("Kitchen")
        with WithSpotify(folder, spotify, config + SPOTIFY) as daemon:
            daemon.ready()
            with_spotify(ha, daemon, spotify, listener)
        check(not spotify.violations, f"all requests fit the description of Spotify's API {spotify.violations or ''}")
    with Daemon(folder, "--source", "demo", config=config + MPD) as daemon:
        daemon.ready()
        announced(ha, {"playback"})
        ha.becomes("sensor.musicond_playback", "with a player that is not there it is unavailable", "unavailable", 20)
        ha.becomes("sensor.musicond_playback_trouble", "and the trouble is shown", "!unknown")
    with Daemon(folder, "--source", "demo", config=config) as daemon:
        daemon.ready()
        announced(ha)


def with_spotify(ha: HomeAssistant, daemon: WithSpotify, spotify: FakeSpotify, listener: Listener) -> None:
    """Check the account, then each entity of the player."""
    ha.becomes("binary_sensor.musicond_sign_in", "a sign-in is needed", "on", 20)
    ha.becomes("sensor.musicond_sign_in_ends", "and none has an end", "unknown")
    check(daemon.sign_in(spotify), "a person signs in")
    ha.becomes("binary_sensor.musicond_sign_in", "no sign-in is needed any more", "off")
    refreshed = daemon.command("catalogue", "refresh")
    check(refreshed.returncode == 0, f"the playlist is read {refreshed.stderr}")
    ha.call("select.select_option", "select.musicond_manual_mood", option="happy")
    ha.becomes("sensor.musicond_mood", "a happy mood", "happy", 20)
    ha.call("button.press", "button.musicond_other_songs")
    check(listener.until(lambda: _playlist(listener) == f"spotify:playlist:{LIST}", 10), "songs of the playlist come")
    plays(ha, spotify, listener)
    states = entities(ha, ALL_CAPABILITIES)["entities"]
    machine = [
        states[f"{kind}.musicond_{key}"]["state"]
        for kind, key in (("sensor", "temperature"), ("binary_sensor", "throttled"))
    ]
    check(machine == ["48.312", "on"], f"temperature and voltage from the kernel {machine}")
    ends, days = (states[f"sensor.musicond_sign_in_{key}"]["state"] for key in ("ends", "days"))
    left = (date.fromisoformat(ends) - date.today()).days  # noqa: DTZ011 - as a person counts
    check(left in ENDS_IN_DAYS and abs(left - float(days)) <= 1, f"the sign-in ends on {ends}, in {days} days")
    attributes = states["sensor.musicond_recommendation"]["attributes"]
    check(attributes["playlist"] == f"spotify:playlist:{LIST}", f"the attributes name it {attributes['playlist']}")
    spotify.revoke_sign_ins()
    ha.call("button.press", "button.musicond_play")
    ha.becomes("binary_sensor.musicond_sign_in", "Spotify ends the sign-in: one is needed", "on", 40)
    ha.becomes("sensor.musicond_playback_trouble", "and the trouble is shown", "!unknown")
    ha.call("select.select_option", "select.musicond_manual_mood", option="auto")
    ha.becomes("select.musicond_manual_mood", "the manual mood ends", "auto")


def plays(ha: HomeAssistant, spotify: FakeSpotify, listener: Listener) -> None:
    """Check play, next, volume, autoplay and stop, as far as the speaker."""
    ha.call("button.press", "button.musicond_play")
    check(spotify.wait_until(lambda: spotify.player.playing, 10), "the speaker plays")
    check(set(spotify.player.uris) <= {track_uri(name) for name in SUNNY}, "what is recommended")
    ha.becomes("sensor.musicond_playback", "Home Assistant shows it", "playing", 20)
    for button, method, path, text in (
        ("next", "POST", "me/player/next", "next plays the next track"),
        ("other_songs", "PUT", "me/player/play", "other songs are played"),
    ):
        count = spotify.count(method, path)
        ha.call("button.press", f"button.musicond_{button}")
        came = spotify.wait_until(lambda count=count, method=method, path=path: spotify.count(method, path) > count, 10)  # type: ignore[misc]
        check(came, text)
    for requested, actual in ((30, 30), (90, 60)):
        ha.call("number.set_value", "number.musicond_volume", value=requested)
        right = spotify.wait_until(lambda actual=actual: spotify.player.devices[0]["volume_percent"] == actual, 10)  # type: ignore[misc]
        check(right, f"volume {requested}: the speaker is at {actual}")
        ha.becomes("number.musicond_volume", "and Home Assistant shows it", str(actual), 20)
    for switched in ("on", "off"):
        ha.call(f"switch.turn_{switched}", "switch.musicond_autoplay")
        ha.becomes("switch.musicond_autoplay", f"autoplay {switched}", switched)
        right = listener.until(lambda on=switched == "on": _playback(listener)["autoplay"] is on, 5)  # type: ignore[misc]
        check(right, "the daemon publishes it")
    ha.call("button.press", "button.musicond_stop")
    check(spotify.wait_until(lambda: not spotify.player.playing, 10), "stop stops it")
    ha.becomes("sensor.musicond_playback", "Home Assistant shows it", "paused", 20)


def _playback(listener: Listener) -> dict[str, Any]:
    return dict(json.loads(listener.retained["musicond/rig/playback/attributes"]))


def _playlist(listener: Listener) -> str | None:
    playlist: str | None = json.loads(listener.retained["musicond/rig/recommendation/attributes"])["playlist"]
    return playlist
