"""Tests discovery, states and commands with a real Home Assistant: python -m tests.rig.ha.check SYSTEM_FOLDER [--music]

Starts mosquitto, the daemon on its demo and Home Assistant, each with its own folders, prints each check and ends with 1
after a failure. Needs root, for the mounts of the system that ha/make made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from musicond import __version__
from musicond.library.database import FILE_NAME
from musicond.library.editor import CatalogueEditor
from tests.mqtt.conftest import Broker, Listener
from tests.mqtt.relay import Relay
from tests.rig.checks import check, failures, mosquitto_version
from tests.rig.ha.home import HomeAssistant, entities
from tests.rig.ha.music_assistant import music_assistant
from tests.rig.ha.player import player
from tests.system.daemon import Daemon

ROOT = Path(__file__).resolve().parents[3]

CONFIGURATION = """
homeassistant: {name: Rig, unit_system: metric, time_zone: UTC}
logger: {default: warning, logs: {homeassistant.components.mqtt: info}}
automation: !include automations.yaml
"""
SONGS, LIGHTS = "sensor.musicond_recommendation", "lights-by-mood"
AUTOMATIONS: dict[str, tuple[str, dict[str, object]]] = {
    "lamp": (LIGHTS, {"mood": "sensor.musicond_mood", "lights": {"entity_id": "light.lamp"}, "only_lit": False}),
    "lit": (LIGHTS, {"mood": "sensor.musicond_mood", "lights": {"entity_id": ["light.desk", "light.dark"]}}),
    "box": ("play-the-recommendation", {"recommendation": SONGS, "player": {"entity_id": "media_player.box"}}),
    "words": (
        "play-the-recommendation",
        {"recommendation": SONGS, "player": {"entity_id": "media_player.words"}, "content": "words"},
    ),
    "busy": (
        "play-the-recommendation",
        {
            "recommendation": SONGS,
            "player": {"entity_id": "media_player.busy"},
            "busy": ["media_player.busy"],
        },
    ),
    "phone": ("notify-the-recommendation", {"recommendation": SONGS, "notifier": {"entity_id": "notify.phone"}}),
}
"""The blueprints of examples/ with their inputs; the rig records the services that they call."""


def commands(ha: HomeAssistant, daemon: Daemon) -> None:
    """Check that an action in Home Assistant reaches the daemon, and the new state Home Assistant."""
    ha.call("select.select_option", "select.musicond_manual_mood", option="surprise")
    ha.becomes("sensor.musicond_mood", "the manual mood is announced", "surprise")
    until = ha.attribute("sensor.musicond_mood", "manual_until")
    left = (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds() / 60 if until else 0.0
    check(55 <= left <= 60, f"for {left:.1f} minutes more")
    ha.call("button.press", "button.musicond_like")
    before = ha.ask("states")["entities"]["sensor.musicond_recommendation"]["state"]
    ha.call("button.press", "button.musicond_other_songs")
    ha.becomes("sensor.musicond_recommendation", "other songs come", "!" + before)
    ha.call("button.press", "button.musicond_wrong_mood")
    ha.becomes("select.musicond_manual_mood", "wrong mood ends the manual mood", "auto")
    with CatalogueEditor(daemon.folder / "state" / FILE_NAME, read_only=True) as lists:
        check([row["likes"] for row in lists.feedback()] == [1], "the like is in the catalogue, once")
    ha.call("button.press", "button.musicond_dislike")
    ha.call("number.set_value", "number.musicond_sensitivity", value=70)
    ha.becomes("number.musicond_sensitivity", "sensitivity", "70")
    ha.call("select.select_option", "select.musicond_policy", option="lift")
    ha.becomes("select.musicond_policy", "policy", "lift")
    ha.call("number.set_value", "number.musicond_pause_minutes", value=30)
    ha.becomes("switch.musicond_pause", "a pause of some minutes", "on")
    ha.becomes("sensor.musicond_paused_until", "the end of the pause", "!unknown")
    ha.becomes("binary_sensor.musicond_presence", "presence is unknown while not watching", "unknown")
    ha.call("switch.turn_off", "switch.musicond_pause")
    ha.becomes("sensor.musicond_watching", "watching again", "yes")
    ha.call("button.press", "button.musicond_pause_until_tomorrow")
    ha.becomes("switch.musicond_pause", "a pause until tomorrow", "on")
    ha.call("switch.turn_on", "switch.musicond_privacy")
    ha.becomes("sensor.musicond_watching", "private", "private")
    check(daemon.state()["controls"]["private"], "the daemon itself says private")


def blueprints(ha: HomeAssistant) -> None:
    """Check the services that the examples have called by now."""
    recorded = ha.ask("done")["calls"]

    def called(service: str, entity: str, key: str) -> list[object]:
        calls = [
            call["data"] for call in recorded if call["service"] == service and entity in call["data"]["entity_id"]
        ]
        return [call[key] for call in calls]

    colours = called("light.turn_on", "light.lamp", "rgb_color")
    check([255, 120, 200] in colours, f"lights by mood: a lamp gets the colour of the mood {colours[:1]}")
    check(called("light.turn_on", "light.desk", "transition"), "lights by mood: so does a lamp that is on")
    check(not called("light.turn_on", "light.dark", "transition"), "lights by mood: one that is off stays off")
    songs = called("media_player.play_media", "media_player.box", "media_content_id")
    check(songs and all(str(song).startswith("spotify:track:") for song in songs), f"play: by identifier {songs[:1]}")
    kinds = called("media_player.play_media", "media_player.box", "enqueue")
    check(kinds[:5] == ["replace", *["add"] * 4], f"play: the first now, the rest after it {kinds[:5]}")
    words = called("media_player.play_media", "media_player.words", "media_content_id")
    check(words and all(" - " in str(song) for song in words), f"play: by artist and title {words[:1]}")
    check(not called("media_player.play_media", "media_player.busy", "enqueue"), "play: who plays is not interrupted")
    messages = called("notify.send_message", "notify.phone", "message")
    check(len(messages) == 1 and "https://" in str(messages[0]), f"notify: the songs, once in a while {messages}")


def first_life(ha: HomeAssistant, daemon: Daemon) -> None:
    """Check everything that needs no restart."""
    version = ha.ask("version")
    print(f"     Home Assistant {version['home_assistant']}, Python {version['python']}, {mosquitto_version()}")
    ha.becomes("sensor.musicond_recommendation", "a song is recommended", "!unknown", 60)
    registry = entities(ha)
    check(registry["devices"] == [["musicond", "musicond", "Speaker companion", __version__]], "the device")
    for name in AUTOMATIONS:
        ha.becomes(f"automation.{name}", f"the blueprint {AUTOMATIONS[name][0]} is taken", "on")
    commands(ha, daemon)
    blueprints(ha)
    daemon.process.terminate()
    daemon.process.wait(10)
    ha.becomes("sensor.musicond_watching", "unavailable after a clean stop", "unavailable")


def announce_more(ha: HomeAssistant, listener: Listener) -> None:
    """Add an entity of an earlier version to the daemon's discovery message while it is stopped."""
    topic = "homeassistant/device/rig/config"
    message = json.loads(listener.retained[topic])
    old = {"platform": "sensor", "name": "Old", "unique_id": "musicond_rig_old", "state_topic": "musicond/rig/mood"}
    message["components"]["old"] = old | {"default_entity_id": "sensor.musicond_old"}
    listener.send(topic, json.dumps(message), retain=True)
    ha.becomes("sensor.musicond_old", "an entity of an earlier version is there", "unavailable")


def half_open(ha: HomeAssistant, daemon: Daemon, relay: Relay) -> None:
    """Check with the daemon's own timing that a half-open connection is noticed and replaced."""
    relay.deaf_up = relay.deaf_down = True
    started = time.monotonic()
    noticed = daemon.until(lambda: any("silent for" in line for line in daemon.lines), 60)
    seconds = time.monotonic() - started
    check(noticed and seconds <= 45, f"the daemon notices a half-open connection after {seconds:.1f} s")
    ha.becomes("sensor.musicond_watching", "Home Assistant sees it unavailable", "unavailable", 30)
    relay.deaf_up = relay.deaf_down = False
    started = time.monotonic()
    ha.becomes("sensor.musicond_watching", "it comes back", "yes", 17)
    check(time.monotonic() - started <= 12 + 5, f"within back-off and 5 s: {time.monotonic() - started:.1f} s")


def prepare(folder: Path) -> Path:
    """Create Home Assistant's configuration folder with automations of the blueprints."""
    config = folder / "ha"
    (config / "blueprints/automation").mkdir(parents=True)
    (config / "configuration.yaml").write_text(CONFIGURATION)
    shutil.copytree(ROOT / "examples/homeassistant", config / "blueprints/automation/musicond")
    automations = [
        {"alias": name, "use_blueprint": {"path": f"musicond/{blueprint}.yaml", "input": inputs}}
        for name, (blueprint, inputs) in AUTOMATIONS.items()
    ]
    (config / "automations.yaml").write_text(json.dumps(automations))
    return config


def run(system: Path, folder: Path) -> None:
    """Start broker, daemon and Home Assistant, check, and restart the latter two."""
    config, broker = prepare(folder), Broker(folder).start()
    listener, relay = Listener(broker.port), Relay(broker.port)
    mqtt = f"device: {{node: rig}}\nmqtt: {{host: 127.0.0.1, port: {relay.port}}}\n"
    try:
        with Daemon(folder, "--source", "demo", config=mqtt) as daemon:
            daemon.ready()
            check(listener.wait_for("musicond/rig/availability", "online", 20), "the daemon is on the broker")
            ha = HomeAssistant(system, config, broker.port)
            check(listener.wait_for("homeassistant/status", "online", 30), "Home Assistant says that it is born")
            first_life(ha, daemon)
            announce_more(ha, listener)
        with Daemon(folder, "--source", "demo", config=mqtt) as daemon:
            daemon.ready()
            ha.becomes("switch.musicond_privacy", "still private after the daemon's restart", "on", 20)
            ha.becomes("number.musicond_sensitivity", "the sensitivity is kept", "70")
            check("sensor.musicond_old" not in ha.ask("states")["entities"], "what was removed has disappeared")
            lines = ha.ask("log")["lines"]
            ha.stop()
            ha = HomeAssistant(system, config, broker.port)
            ha.becomes("switch.musicond_privacy", "still private after Home Assistant's restart", "on", 30)
            ha.becomes("sensor.musicond_watching", "and says so", "private")
            check(daemon.command("settings", "reset").returncode == 0, "settings reset")
            ha.becomes("number.musicond_sensitivity", "a reset reaches Home Assistant", "50")
            ha.becomes("switch.musicond_privacy", "and leaves privacy on", "on")
            check(daemon.command("privacy", "off").returncode == 0, "privacy off")
            ha.becomes("sensor.musicond_watching", "watching again", "yes")
            half_open(ha, daemon, relay)
        player(ha, folder, listener, mqtt)
        lines += ha.ask("log")["lines"]
        music_assistant(ha, folder, mqtt)
        ha.stop()
        check(not lines, "Home Assistant has logged no warning" + "".join(f"\n     {line}" for line in lines))
    finally:
        listener.close()
        relay.cut()
        broker.stop()


def run_music(system: Path, folder: Path) -> None:
    """Check only the integration of Music Assistant."""
    config, broker = prepare(folder), Broker(folder).start()
    try:
        ha = HomeAssistant(system, config, broker.port)
        mqtt = f"device: {{node: rig}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
        music_assistant(ha, folder, mqtt)
        ha.stop()
    finally:
        broker.stop()


def main() -> int:
    """Run all checks; return 1 after a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", type=Path, help="what ha/make made")
    parser.add_argument("--music", action="store_true", help="only the integration of Music Assistant")
    args, folder = parser.parse_args(), Path(tempfile.mkdtemp(prefix="musicond-ha-"))
    started = time.monotonic()
    (run_music if args.music else run)(args.system, folder)
    seconds = time.monotonic() - started
    if failures:
        print(f"{len(failures)} failures in {seconds:.0f} s; the files are in {folder}")
        return 1
    shutil.rmtree(folder)
    print(f"all is well, in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
