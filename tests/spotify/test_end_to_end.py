"""Sign-in, playback and errors, with the real daemon, broker and client, and the fake Spotify."""

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
from tests.spotify.spotify_daemon import LISTS, SpotifyDaemon, with_lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.spotify.fake_spotify import FakeSpotify

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def fake_spotify() -> Iterator[FakeSpotify]:
    with with_lists() as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, fake_spotify: FakeSpotify, broker: Broker) -> Iterator[SpotifyDaemon]:
    playback = "device: Kitchen, autoplay: true, when: now, volume: 40"
    more = f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}\ndevice: {{node: den}}\n"
    with SpotifyDaemon(tmp_path, fake_spotify, playback, more) as process:
        yield process.ready()


def player_attributes(listener: Listener) -> dict[str, Any]:
    """Return the player's attributes on MQTT."""
    attributes: dict[str, Any] = json.loads(listener.retained.get("musicond/den/playback/attributes", "{}"))
    return attributes


def wait_for_attribute(listener: Listener, key: str, holds: str, seconds: float = 40.0) -> None:
    assert listener.until(lambda: holds in str(player_attributes(listener).get(key)), seconds), player_attributes(
        listener
    )


def change_moods(
    daemon: SpotifyDaemon, listener: Listener, fake_spotify: FakeSpotify, until: str, seconds: float = 60.0
) -> None:
    """Set one mood after the other until the speaker gets a request; in an empty room nothing starts."""
    before, end = fake_spotify.count("PUT", until), time.monotonic() + seconds
    while fake_spotify.count("PUT", until) == before:
        assert time.monotonic() < end, (player_attributes(listener), daemon.lines[-20:])
        for mood in ("happy", "sad"):
            listener.send("musicond/den/mood/set", mood)
            assert listener.wait_for("musicond/den/mood/state", mood)
            if fake_spotify.wait_until(lambda: fake_spotify.count("PUT", until) > before, 3):
                return


def sign_in_at_a_terminal(daemon: SpotifyDaemon, fake_spotify: FakeSpotify) -> None:
    asking = subprocess.Popen(
        [*daemon.program(), "spotify", "login", "--config", str(daemon.config)],
        env=daemon.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert asking.stdin is not None
    assert asking.stdout is not None
    url = next(line.strip() for line in asking.stdout if line.startswith("http"))
    asking.stdin.write(fake_spotify.authorize(url) + "\n")
    asking.stdin.flush()
    assert asking.wait(30) == 0
    assert "signed in as Ann" in asking.stdout.read()
    asking.stdin.close()
    asking.stdout.close()


def test_sign_in_playback_takeover_and_expiry_end_to_end(
    daemon: SpotifyDaemon, fake_spotify: FakeSpotify, broker: Broker
) -> None:
    kitchen = fake_spotify.add_device("Kitchen")
    fake_spotify.add_device("Bedroom", active=True)
    listener = Listener(broker.port)
    wait_for_attribute(listener, "signed_in", "False")
    wait_for_attribute(listener, "trouble", "musicond spotify login")

    # Sign in by a pasted address, at a terminal.
    sign_in_at_a_terminal(daemon, fake_spotify)
    wait_for_attribute(listener, "signed_in", "True")

    # Three lists are refreshed, the mood changes, and music starts on the named device.
    refreshed = daemon.command("catalogue", "refresh")
    assert refreshed.returncode == 0, refreshed.stderr
    change_moods(daemon, listener, fake_spotify, "me/player/play")
    sent = fake_spotify.last_request("PUT", "me/player/play")
    assert sent.query == {"device_id": kitchen}
    theirs = {track_uri(name) for _, names in LISTS.values() for name in names}
    assert set(sent.body["uris"]) <= theirs
    wait_for_attribute(listener, "ours", "True")
    assert fake_spotify.wait_until(lambda: fake_spotify.count("PUT", "me/player/volume") > 0)

    # After a user's intervention the daemon starts nothing, in any mood.
    with fake_spotify.lock:
        fake_spotify.player.play([track_uri("Theirs")], kitchen, "spotify:album:1")
    plays, halts = fake_spotify.count("PUT", "me/player/play"), fake_spotify.count("PUT", "me/player/pause")
    for mood in ("angry", "happy", "sad"):
        looks = fake_spotify.count("GET", "me/player")
        listener.send("musicond/den/mood/set", mood)
        assert fake_spotify.wait_until(lambda before=looks: fake_spotify.count("GET", "me/player") > before, 40)  # type: ignore[misc]
    wait_for_attribute(listener, "holding", "somebody else's music")
    assert (fake_spotify.count("PUT", "me/player/play"), fake_spotify.count("PUT", "me/player/pause")) == (plays, halts)

    # The token becomes invalid; page and MQTT show that a sign-in is needed.
    fake_spotify.revoke_sign_ins()
    listener.send("musicond/den/mood/set", "angry")
    wait_for_attribute(listener, "trouble", "sign in again")
    wait_for_attribute(listener, "signed_in", "False")
    shown = daemon.wait_state(lambda state: not state["playback"]["account"]["signed_in"])["playback"]
    assert (shown["state"], "sign in again" in shown["trouble"]) == ("unavailable", True), shown
    status = daemon.post("/api/v1/spotify/status", {})
    assert (status[0], status[1]["signed_in"]) == (200, False)

    # After a new sign-in on the page it plays again.
    url = daemon.post("/api/v1/spotify/begin", {})[1]["url"]
    assert daemon.post("/api/v1/spotify/finish", {"redirect": "http://127.0.0.1:8888/"})[0] == 400
    finished = daemon.post("/api/v1/spotify/finish", {"redirect": fake_spotify.authorize(url)})
    assert (finished[0], finished[1]["signed_in"]) == (200, True), finished
    with fake_spotify.lock:
        fake_spotify.player.pause()
    change_moods(daemon, listener, fake_spotify, "me/player/play")
    wait_for_attribute(listener, "ours", "True")
    shown = daemon.wait_state(lambda state: state["playback"]["ours"])["playback"]
    assert (shown["account"]["signed_in"], shown["trouble"], shown["device"]) == (True, None, "Kitchen"), shown

    # A user's command is carried out at once.
    listener.send("musicond/den/stop/set", "PRESS")
    assert fake_spotify.wait_until(lambda: not fake_spotify.player.playing)
    wait_for_attribute(listener, "holding", "play ends it")
    listener.close()
    assert fake_spotify.violations == []
    no_secret(daemon, fake_spotify, listener)


def no_secret(daemon: SpotifyDaemon, fake_spotify: FakeSpotify, listener: Listener) -> None:
    """Look for codes and tokens where they must not be."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            processes.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    messages = "\n".join(text for _, text, _ in listener.messages)
    everything = "\n".join([*daemon.lines, messages, *processes])
    assert len(fake_spotify.secrets) > 4
    assert not [secret for secret in fake_spotify.secrets if secret in everything]


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
def test_whatever_spotify_does_no_turn_and_no_page_waits(
    daemon: SpotifyDaemon, fake_spotify: FakeSpotify, broker: Broker, name: str
) -> None:
    fake_spotify.add_device("Kitchen")
    daemon.sign_in(fake_spotify)
    with fake_spotify.lock:
        fake_spotify.faults.append(FAULTS[name])
    listener = Listener(broker.port)
    end, slowest = time.monotonic() + 6, 0.0
    seen = len(fake_spotify.requests)
    moods = 0
    while time.monotonic() < end:
        listener.send("musicond/den/mood/set", ("happy", "sad")[moods % 2])
        listener.send("musicond/den/play/set", "PRESS")
        moods += 1
        for path in ("/api/v1/state", "/", "/healthz"):
            started = time.monotonic()
            assert daemon.get(path)[0] in (200, 503)
            slowest = max(slowest, time.monotonic() - started)
        started = time.monotonic()
        daemon.post("/api/v1/spotify/status", {})
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 1.5
    assert daemon.state()["health"]["frames_per_s"] > 2
    assert len(fake_spotify.requests) - seen < 25, "it is not asked again and again"
    assert listener.until(lambda: bool(player_attributes(listener).get("trouble")), 20)
    listener.close()
