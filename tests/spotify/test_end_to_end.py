"""The whole story, told by the real daemon, a real broker, the real client and the double of Spotify."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.mqtt.conftest import Broker, Listener
from tests.spotify.api_objects import track_uri
from tests.spotify.fake_server import Fault
from tests.spotify.spotify_daemon import LISTS, Home, with_lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.spotify.fake_spotify import Double

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def double() -> Iterator[Double]:
    with with_lists() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, double: Double, broker: Broker) -> Iterator[Home]:
    playback = "device: Kitchen, autoplay: true, when: now, volume: 40"
    more = f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}\ndevice: {{node: den}}\n"
    with Home(tmp_path, double, playback, more) as made:
        yield made.ready()


def told(listener: Listener) -> dict[str, Any]:
    """Return what MQTT tells of the player."""
    found: dict[str, Any] = json.loads(listener.retained.get("musicond/den/playback/attributes", "{}"))
    return found


def wait_told(listener: Listener, key: str, holds: str, seconds: float = 40.0) -> None:
    assert listener.until(lambda: holds in str(told(listener).get(key)), seconds), told(listener)


def change_moods(home: Home, listener: Listener, double: Double, until: str, seconds: float = 60.0) -> None:
    """Set one mood after the other until something is asked of the speaker; in an empty room nothing starts."""
    before, end = double.count("PUT", until), time.monotonic() + seconds
    while double.count("PUT", until) == before:
        assert time.monotonic() < end, (told(listener), home.lines[-20:])
        for mood in ("happy", "sad"):
            listener.send("musicond/den/mood/set", mood)
            assert listener.wait_for("musicond/den/mood/state", mood)
            if double.until(lambda: double.count("PUT", until) > before, 3):
                return


def sign_in_at_a_terminal(home: Home, double: Double) -> None:
    asking = subprocess.Popen(
        [*home.program(), "spotify", "login", "--config", str(home.config)],
        env=home.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert asking.stdin is not None
    assert asking.stdout is not None
    url = next(line.strip() for line in asking.stdout if line.startswith("http"))
    asking.stdin.write(double.agree(url) + "\n")
    asking.stdin.flush()
    assert asking.wait(30) == 0
    assert "signed in as Ann" in asking.stdout.read()
    asking.stdin.close()
    asking.stdout.close()


def test_the_whole_story(home: Home, double: Double, broker: Broker) -> None:
    kitchen = double.add_device("Kitchen")
    double.add_device("Bedroom", active=True)
    listener = Listener(broker.port)
    wait_told(listener, "signed_in", "False")
    wait_told(listener, "trouble", "musicond spotify login")

    # Sign in by a pasted address, at a terminal.
    sign_in_at_a_terminal(home, double)
    wait_told(listener, "signed_in", "True")

    # Three lists are refreshed, the mood changes, and music starts on the named device.
    refreshed = home.command("catalogue", "refresh")
    assert refreshed.returncode == 0, refreshed.stderr
    change_moods(home, listener, double, "me/player/play")
    sent = double.last("PUT", "me/player/play")
    assert sent.query == {"device_id": kitchen}
    theirs = {track_uri(name) for _, names in LISTS.values() for name in names}
    assert set(sent.body["uris"]) <= theirs
    wait_told(listener, "ours", "True")
    assert double.until(lambda: double.count("PUT", "me/player/volume") > 0)

    # A person takes over, and the daemon holds back, whatever the mood.
    with double.lock:
        double.player.play([track_uri("Theirs")], kitchen, "spotify:album:1")
    plays, halts = double.count("PUT", "me/player/play"), double.count("PUT", "me/player/pause")
    for mood in ("angry", "happy", "sad"):
        looks = double.count("GET", "me/player")
        listener.send("musicond/den/mood/set", mood)
        assert double.until(lambda before=looks: double.count("GET", "me/player") > before, 40)  # type: ignore[misc]
    wait_told(listener, "holding", "somebody else's music")
    assert (double.count("PUT", "me/player/play"), double.count("PUT", "me/player/pause")) == (plays, halts)

    # The token dies; page and MQTT ask for a sign-in.
    double.kill_tokens()
    listener.send("musicond/den/mood/set", "angry")
    wait_told(listener, "trouble", "sign in again")
    wait_told(listener, "signed_in", "False")
    shown = home.wait_state(lambda state: not state["playback"]["account"]["signed_in"])["playback"]
    assert (shown["state"], "sign in again" in shown["trouble"]) == ("unavailable", True), shown
    status = home.post("/api/v1/spotify/status", {})
    assert (status[0], status[1]["signed_in"]) == (200, False)

    # Signed in again, on the page, it goes on.
    url = home.post("/api/v1/spotify/begin", {})[1]["url"]
    assert home.post("/api/v1/spotify/finish", {"redirect": "http://127.0.0.1:8888/"})[0] == 400
    finished = home.post("/api/v1/spotify/finish", {"redirect": double.agree(url)})
    assert (finished[0], finished[1]["signed_in"]) == (200, True), finished
    with double.lock:
        double.player.pause()
    change_moods(home, listener, double, "me/player/play")
    wait_told(listener, "ours", "True")
    shown = home.wait_state(lambda state: state["playback"]["ours"])["playback"]
    assert (shown["account"]["signed_in"], shown["trouble"], shown["device"]) == (True, None, "Kitchen"), shown

    # A person's order goes through at once.
    listener.send("musicond/den/stop/set", "PRESS")
    assert double.until(lambda: not double.player.playing)
    wait_told(listener, "holding", "play ends it")
    listener.close()
    assert double.violations == []
    no_secret(home, double, listener)


def no_secret(home: Home, double: Double, listener: Listener) -> None:
    """Look for codes and tokens where they must not be."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            processes.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    heard = "\n".join(text for _, text, _ in listener.heard)
    everything = "\n".join([*home.lines, heard, *processes])
    assert len(double.secrets) > 4
    assert not [secret for secret in double.secrets if secret in everything]


FAULTS = {
    "hang": Fault("me/player", how="hang"),
    "drip": Fault("me/player", how="drip"),
    "cut": Fault("me/player", how="cut"),
    "close": Fault("me/player", how="close"),
    "429": Fault(
        "me/player", 429, {"error": {"status": 429, "message": "API rate limit exceeded"}}, {"Retry-After": "3600"}
    ),
    "503": Fault("me/player", 503),
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_spotify_does_no_turn_and_no_page_waits(home: Home, double: Double, broker: Broker, name: str) -> None:
    double.add_device("Kitchen")
    home.sign_in(double)
    with double.lock:
        double.faults.append(FAULTS[name])
    listener = Listener(broker.port)
    end, slowest = time.monotonic() + 6, 0.0
    seen = len(double.seen)
    moods = 0
    while time.monotonic() < end:
        listener.send("musicond/den/mood/set", ("happy", "sad")[moods % 2])
        listener.send("musicond/den/play/set", "PRESS")
        moods += 1
        for path in ("/api/v1/state", "/", "/healthz"):
            started = time.monotonic()
            assert home.get(path)[0] in (200, 503)
            slowest = max(slowest, time.monotonic() - started)
        started = time.monotonic()
        home.post("/api/v1/spotify/status", {})
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 1.5
    assert home.state()["health"]["frames_per_s"] > 2
    assert len(double.seen) - seen < 25, "it is not asked again and again"
    assert listener.until(lambda: bool(told(listener).get("trouble")), 20)
    listener.close()
