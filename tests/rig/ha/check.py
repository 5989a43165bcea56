"""Holds discovery, states and commands against a real Home Assistant: python -m tests.rig.ha.check SYSTEM_FOLDER

Starts mosquitto, the daemon on its demo and Home Assistant, each with folders of its own, prints what was found and ends
with 1 where something is not as it should be. Needs root, for the mounts of the system that ha/make made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from musicond import __version__
from musicond.core.messages import Mood
from musicond.music.lists import Lists
from musicond.music.schema import FILE_NAME
from musicond.outputs.things import THINGS, present
from musicond.runtime import health
from tests.outputs.conftest import Broker, Listener
from tests.outputs.relay import Relay
from tests.system.daemon import Daemon

ROOT = Path(__file__).resolve().parents[3]

ENTER = """
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
mkdir "$1/tmp/config" "$1/tmp/rig"
mount --bind "$3" "$1/tmp/config"
mount --bind "$2" "$1/tmp/rig"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8 TZ=UTC \\
  chroot "$1" /opt/ha/bin/python /tmp/rig/inside.py /tmp/config "$4"
"""
CONFIGURATION = """
homeassistant: {name: Rig, unit_system: metric, time_zone: UTC}
logger: {default: warning, logs: {homeassistant.components.mqtt: info}}
automation: !include automations.yaml
"""
AUTOMATIONS: dict[str, dict[str, object]] = {
    "lights-by-mood": {"mood": "sensor.musicond_mood", "lights": {"entity_id": "light.lamp"}, "only_lit": False},
    "play-the-recommendation": {
        "recommendation": "sensor.musicond_recommendation",
        "player": {"entity_id": "media_player.box"},
    },
    "notify-the-recommendation": {
        "recommendation": "sensor.musicond_recommendation",
        "notifier": {"entity_id": "notify.phone"},
    },
}
"""The blueprints of examples/ with what a person would choose; the rig notes what they do to lamp, box and phone."""
faults: list[str] = []


def check(true: object, what: str) -> None:
    """Note a fault and go on."""
    print(f"{'ok  ' if true else 'FAIL'} {what}", flush=True)
    if not true:
        faults.append(what)


class HomeAssistant:
    """The process in its system; `ask` sends one request and returns the answer."""

    def __init__(self, system: Path, config: Path, port: int) -> None:
        places = (system, Path(__file__).resolve().parent, config, port)
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER, "sh", *map(str, places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(config / "stderr").open("w"),
            text=True,
        )

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("Home Assistant ended; what it said stands in its configuration's file stderr")
        return dict(json.loads(line))

    def becomes(self, entity: str, what: str, state: str, seconds: float = 10) -> None:
        """Check that an entity gets a state, or with a ! before it loses it."""
        wish = {"not": state[1:]} if state.startswith("!") else {"state": state}
        answer = self.ask("wait", entity=entity, seconds=seconds, **wish)
        check("error" not in answer, f"{what}{': ' + answer['error'] if 'error' in answer else ''}")

    def call(self, service: str, entity: str, **data: Any) -> None:
        answer = self.ask("call", service=service, data={"entity_id": entity, **data})
        check("error" not in answer, f"{service} {entity}{': ' + answer['error'] if 'error' in answer else ''}")

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write('{"do": "stop"}\n')
        self._process.stdin.close()
        self._process.wait(60)


def entities(ha: HomeAssistant) -> dict[str, Any]:
    """Check that every thing of the table is there with a state, and nothing besides."""
    facts = {
        name
        for name, value in (("temperature", health.temperature_c()), ("throttled", health.throttled()))
        if value is not None
    }
    wanted = {f"{thing.kind}.musicond_{thing.key}": thing for thing in present(facts)}
    end = time.monotonic() + 15
    while len((found := ha.ask("states"))["entities"]) < len(wanted) and time.monotonic() < end:
        ha.ask("wait", entity="none", state="none", seconds=0.2)
    check(found["entities"].keys() == wanted.keys(), f"{len(wanted)} of {len(THINGS)} things are announced and there")
    check(not found["issues"], f"nothing to repair {found['issues']}")
    for entity_id, entity in sorted(found["entities"].items()):
        thing, state = wanted.get(entity_id), entity["state"]
        score = entity_id.startswith("sensor.musicond_score_")
        # A button and an event have no state before they are first used, a pause no end before there is one.
        may_be_unknown = thing is None or thing.kind in ("button", "event") or thing.key == "paused_until"
        good = (
            entity["disabled"]
            if score
            else state not in (None, "unavailable") and (state != "unknown" or may_be_unknown)
        )
        check(
            good and not entity["dropped"], f"{entity_id}: {'disabled' if score else state} {entity['dropped'] or ''}"
        )
    options = found["entities"]["sensor.musicond_mood"]["attributes"].get("options")
    check(options == [*Mood], "the mood's options are the contract's words")
    return found


def commands(ha: HomeAssistant, daemon: Daemon) -> None:
    """Check that what is done in Home Assistant reaches the daemon, and its answer Home Assistant."""
    ha.call("select.select_option", "select.musicond_manual_mood", option="happy")
    ha.becomes("sensor.musicond_mood", "the manual mood is announced", "happy")
    ha.call("button.press", "button.musicond_like")
    before = ha.ask("states")["entities"]["sensor.musicond_recommendation"]["state"]
    ha.call("button.press", "button.musicond_next")
    ha.becomes("sensor.musicond_recommendation", "next brings other songs", "!" + before)
    ha.call("button.press", "button.musicond_wrong_mood")
    ha.becomes("select.musicond_manual_mood", "wrong mood ends the manual mood", "auto")
    with Lists.open(daemon.folder / "state" / FILE_NAME, read_only=True) as lists:
        check([each["likes"] for each in lists.feedback()] == [1], "the like is in the catalogue, once")
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
    """Check what the examples have done by now."""
    done = ha.ask("done")["calls"]
    for service, key in (
        ("light.turn_on", "rgb_color"),
        ("media_player.play_media", "media_content_id"),
        ("notify.send_message", "message"),
    ):
        values = [call["data"].get(key) for call in done if call["service"] == service]
        check(values and all(values), f"a blueprint calls {service} with {key} {values[:1]}")


def first_life(ha: HomeAssistant, daemon: Daemon) -> None:
    """Check all that one run of either side shows."""
    version = ha.ask("version")
    print(f"     Home Assistant {version['home_assistant']}, Python {version['python']}, {mosquitto_version()}")
    ha.becomes("sensor.musicond_recommendation", "a song is recommended", "!unknown", 60)
    found = entities(ha)
    check(found["devices"] == [["musicond", "musicond", "Speaker companion", __version__]], "the device")
    for name in AUTOMATIONS:
        ha.becomes(f"automation.{name.replace('-', '_')}", f"the blueprint {name} is taken", "on")
    commands(ha, daemon)
    blueprints(ha)
    daemon.process.terminate()
    daemon.process.wait(10)
    ha.becomes("sensor.musicond_watching", "unavailable after a clean stop", "unavailable")


def announce_more(ha: HomeAssistant, listener: Listener) -> None:
    """Announce what a version before might have, in the daemon's name and while it is stopped."""
    topic = "homeassistant/device/rig/config"
    message = json.loads(listener.retained[topic])
    old = {"platform": "sensor", "name": "Old", "unique_id": "musicond_rig_old", "state_topic": "musicond/rig/mood"}
    message["components"]["old"] = old | {"default_entity_id": "sensor.musicond_old"}
    listener.send(topic, json.dumps(message), retain=True)
    ha.becomes("sensor.musicond_old", "a thing of an earlier version is there", "unavailable")


def half_open(ha: HomeAssistant, daemon: Daemon, relay: Relay) -> None:
    """Check, with the daemon's own timing, that a link which is dead but open is noticed, and mended."""
    relay.deaf_up = relay.deaf_down = True
    started = time.monotonic()
    noticed = daemon.until(lambda: any("silent for" in line for line in daemon.lines), 60)
    seconds = time.monotonic() - started
    check(noticed and seconds <= 45, f"the daemon notices a half-open link after {seconds:.1f} s")
    ha.becomes("sensor.musicond_watching", "Home Assistant sees it unavailable", "unavailable", 30)
    relay.deaf_up = relay.deaf_down = False
    started = time.monotonic()
    ha.becomes("sensor.musicond_watching", "it comes back", "yes", 17)
    check(time.monotonic() - started <= 12 + 5, f"within back-off and 5 s: {time.monotonic() - started:.1f} s")


def prepared(folder: Path) -> Path:
    """Make Home Assistant's configuration folder, with the blueprints in use."""
    config = folder / "ha"
    (config / "blueprints/automation").mkdir(parents=True)
    (config / "configuration.yaml").write_text(CONFIGURATION)
    shutil.copytree(ROOT / "examples/homeassistant", config / "blueprints/automation/musicond")
    used = [
        {"alias": name, "use_blueprint": {"path": f"musicond/{name}.yaml", "input": inputs}}
        for name, inputs in AUTOMATIONS.items()
    ]
    (config / "automations.yaml").write_text(json.dumps(used))
    return config


def run(system: Path, folder: Path) -> None:
    """Start broker, daemon and Home Assistant, and restart the latter two."""
    config, broker = prepared(folder), Broker(folder).start()
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
            ha.becomes("switch.musicond_privacy", "a reset reaches Home Assistant", "off")
            ha.becomes("number.musicond_sensitivity", "likewise", "50")
            half_open(ha, daemon, relay)
            lines += ha.ask("log")["lines"]
            ha.stop()
            check(not lines, "Home Assistant has logged no warning" + "".join(f"\n     {line}" for line in lines))
    finally:
        listener.close()
        relay.cut()
        broker.stop()


def main() -> int:
    """Run the whole check; return 1 after a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", type=Path, help="what ha/make made")
    system, folder = parser.parse_args().system, Path(tempfile.mkdtemp(prefix="musicond-ha-"))
    started = time.monotonic()
    run(system, folder)
    seconds = time.monotonic() - started
    if faults:
        print(f"{len(faults)} faults in {seconds:.0f} s; the files are in {folder}")
        return 1
    shutil.rmtree(folder)
    print(f"all is well, in {seconds:.0f} s")
    return 0


def mosquitto_version() -> str:
    """Return what the broker calls itself."""
    text = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout
    return text.partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
