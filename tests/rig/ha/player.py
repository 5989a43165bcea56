"""The player and a Pi's own health in Home Assistant: announced where they are, steered from there, gone without."""

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
"""Where no mpd is."""
ALL = {"playback", "account", "temperature", "throttled"}
"""Every fact that a thing may need."""
ENDS_IN_DAYS = range(170, 200)
"""Of a sign-in of today: six months."""


class WithSpotify(Daemon):
    """The daemon, whose Spotify is the double, on a machine with the files of a Pi's kernel."""

    def __init__(self, folder: Path, double: FakeSpotify, config: str) -> None:
        super().__init__(folder, "--source", "demo", config=config)
        (folder / "temp").write_text("48312\n")
        (folder / "throttled").write_text("50005\n")
        self._launch = LAUNCH.format(double.address, folder)

    def program(self) -> list[str]:
        return [sys.executable, "-c", self._launch]

    def sign_in(self, double: FakeSpotify) -> bool:
        """Sign in on the page."""
        url = self._post("/api/v1/spotify/begin", {})["url"]
        return bool(self._post("/api/v1/spotify/finish", {"redirect": double.authorize(url)})["signed_in"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port(), timeout=10)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


def player(ha: HomeAssistant, folder: Path, listener: Listener, config: str) -> None:
    """Check all of it, with daemons of one state folder; before, none had a player."""
    with FakeSpotify() as double:
        double.playlists[LIST] = ("Sunny Days", playlist_entries(*SUNNY))
        double.add_device("Kitchen")
        with WithSpotify(folder, double, config + SPOTIFY) as daemon:
            daemon.ready()
            with_spotify(ha, daemon, double, listener)
        check(not double.violations, f"what Spotify was asked stands in its description {double.violations or ''}")
    with Daemon(folder, "--source", "demo", config=config + MPD) as daemon:
        daemon.ready()
        announced(ha, {"playback"})
        ha.becomes("sensor.musicond_playback", "with a player that is not there it is unavailable", "unavailable", 20)
        ha.becomes("sensor.musicond_playback_trouble", "and the trouble is told", "!unknown")
    with Daemon(folder, "--source", "demo", config=config) as daemon:
        daemon.ready()
        announced(ha)


def with_spotify(ha: HomeAssistant, daemon: WithSpotify, double: FakeSpotify, listener: Listener) -> None:
    """Check the account, then that each thing of the player does as it says."""
    ha.becomes("binary_sensor.musicond_sign_in", "a sign-in is needed", "on", 20)
    ha.becomes("sensor.musicond_sign_in_ends", "and none has an end", "unknown")
    check(daemon.sign_in(double), "a person signs in")
    ha.becomes("binary_sensor.musicond_sign_in", "no sign-in is needed any more", "off")
    refreshed = daemon.command("catalogue", "refresh")
    check(refreshed.returncode == 0, f"the playlist is read {refreshed.stderr}")
    ha.call("select.select_option", "select.musicond_manual_mood", option="happy")
    ha.becomes("sensor.musicond_mood", "a happy mood", "happy", 20)
    ha.call("button.press", "button.musicond_next")
    check(listener.until(lambda: _playlist(listener) == f"spotify:playlist:{LIST}", 10), "songs of the playlist come")
    plays(ha, double, listener)
    found = entities(ha, ALL)["entities"]
    hot = [
        found[f"{kind}.musicond_{key}"]["state"]
        for kind, key in (("sensor", "temperature"), ("binary_sensor", "throttled"))
    ]
    check(hot == ["48.312", "on"], f"what the kernel tells of heat and voltage {hot}")
    ends, days = (found[f"sensor.musicond_sign_in_{each}"]["state"] for each in ("ends", "days"))
    left = (date.fromisoformat(ends) - date.today()).days  # noqa: DTZ011 - as a person counts
    check(left in ENDS_IN_DAYS and abs(left - float(days)) <= 1, f"the sign-in ends on {ends}, in {days} days")
    attributes = found["sensor.musicond_recommendation"]["attributes"]
    check(attributes["playlist"] == f"spotify:playlist:{LIST}", f"the attributes name it {attributes['playlist']}")
    double.revoke_sign_ins()
    ha.call("button.press", "button.musicond_play")
    ha.becomes("binary_sensor.musicond_sign_in", "Spotify ends the sign-in: one is needed", "on", 40)
    ha.becomes("sensor.musicond_playback_trouble", "and the trouble is told", "!unknown")
    ha.call("select.select_option", "select.musicond_manual_mood", option="auto")
    ha.becomes("select.musicond_manual_mood", "the manual mood ends", "auto")


def plays(ha: HomeAssistant, double: FakeSpotify, listener: Listener) -> None:
    """Check play, next, volume, autoplay and stop, as far as the speaker."""
    ha.call("button.press", "button.musicond_play")
    check(double.wait_until(lambda: double.player.playing, 10), "the speaker plays")
    check(set(double.player.uris) <= {track_uri(name) for name in SUNNY}, "what is recommended")
    ha.becomes("sensor.musicond_playback", "Home Assistant shows it", "playing", 20)
    count = double.count("PUT", "me/player/play")
    ha.call("button.press", "button.musicond_next")
    check(double.wait_until(lambda: double.count("PUT", "me/player/play") > count, 10), "next plays other songs")
    for asked, heard in ((30, 30), (90, 60)):
        ha.call("number.set_value", "number.musicond_volume", value=asked)
        right = double.wait_until(lambda heard=heard: double.player.devices[0]["volume_percent"] == heard, 10)  # type: ignore[misc]
        check(right, f"volume {asked}: the speaker is at {heard}")
        ha.becomes("number.musicond_volume", "and Home Assistant shows it", str(heard), 20)
    for switched in ("on", "off"):
        ha.call(f"switch.turn_{switched}", "switch.musicond_autoplay")
        ha.becomes("switch.musicond_autoplay", f"autoplay {switched}", switched)
        right = listener.until(lambda on=switched == "on": _playback(listener)["autoplay"] is on, 5)  # type: ignore[misc]
        check(right, "so says the daemon")
    ha.call("button.press", "button.musicond_stop")
    check(double.wait_until(lambda: not double.player.playing, 10), "stop stops it")
    ha.becomes("sensor.musicond_playback", "Home Assistant shows it", "paused", 20)


def _playback(listener: Listener) -> dict[str, Any]:
    return dict(json.loads(listener.retained["musicond/rig/playback/attributes"]))


def _playlist(listener: Listener) -> str | None:
    found: str | None = json.loads(listener.retained["musicond/rig/recommendation/attributes"])["playlist"]
    return found
