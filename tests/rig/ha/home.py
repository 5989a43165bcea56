"""Home Assistant as a process that answers requests, and checks of its entities."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicond.core.models import Mood
from musicond.mqtt.entities import ENTITIES, available_entities
from musicond.runtime import health
from tests.rig.checks import check

if TYPE_CHECKING:
    from collections.abc import Collection

    from musicond.mqtt.entities import EntityDescription

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
MAY_BE_UNKNOWN = ("paused_until", "playback_trouble")


class HomeAssistant:
    """The process in its system; `ask` sends a request and returns the answer."""

    def __init__(self, system: Path, config: Path, port: int) -> None:
        places = (system, Path(__file__).resolve().parent, config, port)
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER, "sh", *map(str, places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(config / "stderr").open("w"),
            text=True,
        )

    def ask(self, do: str, **parameters: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **parameters}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("Home Assistant ended; see the file stderr in its configuration folder")
        return dict(json.loads(line))

    def becomes(self, entity: str, text: str, state: str, seconds: float = 10) -> None:
        """Check that an entity gets a state, or with a leading ! any other one."""
        condition = {"not": state[1:]} if state.startswith("!") else {"state": state}
        answer = self.ask("wait", entity=entity, seconds=seconds, **condition)
        check("error" not in answer, f"{text}{': ' + answer['error'] if 'error' in answer else ''}")

    def attribute(self, entity: str, name: str, seconds: float = 5) -> Any:
        """Return an attribute, waiting until it is not None."""
        end = time.monotonic() + seconds
        while (value := self.ask("states")["entities"][entity]["attributes"].get(name)) is None:
            if time.monotonic() > end:
                break
            self.ask("wait", entity="none", state="none", seconds=0.1)
        return value

    def call(self, service: str, entity: str, **data: Any) -> None:
        answer = self.ask("call", service=service, data={"entity_id": entity, **data})
        check("error" not in answer, f"{service} {entity}{': ' + answer['error'] if 'error' in answer else ''}")

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write('{"do": "stop"}\n')
        self._process.stdin.close()
        self._process.wait(60)


def announced(
    ha: HomeAssistant, capabilities: Collection[str] = ()
) -> tuple[dict[str, EntityDescription], dict[str, Any]]:
    """Check that exactly the entities of these capabilities are there; return descriptions and registry."""
    machine = {name: getattr(health, name)() for name in ("throttled", "undervoltage")}
    machine["temperature"] = health.temperature_c()
    available = {*capabilities, *(name for name, value in machine.items() if value is not None)}
    expected = {f"{entity.platform}.musicond_{entity.key}": entity for entity in available_entities(available)}
    end = time.monotonic() + 15
    while (registry := ha.ask("states"))["entities"].keys() != expected.keys() and time.monotonic() < end:
        ha.ask("wait", entity="none", state="none", seconds=0.2)
    check(registry["entities"].keys() == expected.keys(), f"{len(expected)} of {len(ENTITIES)} entities are there")
    check(not registry["issues"], f"nothing to repair {registry['issues']}")
    return expected, registry


def entities(ha: HomeAssistant, capabilities: Collection[str] = ()) -> dict[str, Any]:
    """Check that each entity is announced and has a state; return the registry."""
    expected, registry = announced(ha, capabilities)
    for entity_id, entity in sorted(registry["entities"].items()):
        description, state = expected.get(entity_id), entity["state"]
        score = entity_id.startswith("sensor.musicond_score_")
        # Without a press, an event, a pause or a problem these have no state.
        may_be_unknown = (
            description is None or description.platform in ("button", "event") or description.key in MAY_BE_UNKNOWN
        )
        good = (
            entity["disabled"]
            if score
            else state not in (None, "unavailable") and (state != "unknown" or may_be_unknown)
        )
        check(
            good and not entity["dropped"], f"{entity_id}: {'disabled' if score else state} {entity['dropped'] or ''}"
        )
    options = registry["entities"]["sensor.musicond_mood"]["attributes"].get("options")
    check(options == [*Mood], "the mood's options are the contract's words")
    return registry
